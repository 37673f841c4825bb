//! Golden bytes of every record: what a released version wrote stays readable.
//!
//! A new format version gets a file of its own beside the old ones, which stay.
//! `GOLDEN_WRITE=1` writes a file that is missing, and only then.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use super::*;
use crate::domain::action::{ActionState, Decision, DecisionEffect, Grant, Outcome, OutcomeStatus};
use crate::domain::activation::{ActivationKind, ActivationState};
use crate::domain::checkpoint::CredentialRef;
use crate::domain::digest::sha256;
use crate::domain::escalation::{
    Claim, EscalationState, Question, Resolution, ResolutionKind, ResumeMode, SeverityTier,
};
use crate::domain::ids::{ActionId, CheckpointId, EscalationId, GrantId, RunId, WaitId};
use crate::domain::policy::OnExpiry;
use crate::domain::principal::Role;
use crate::domain::run::RunState;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
}

fn payload(number: u128) -> PayloadRef {
    PayloadRef { id: id(number), commitment: sha256(b"payload"), size: 7 }
}

fn run() -> Run {
    Run {
        id: RunId::new(id(1)),
        agent: "claims".to_owned(),
        on_behalf_of: Some("anna".to_owned()),
        parent: Some(RunId::new(id(2))),
        hop_count: 1,
        ancestors: Vec::new(),
        constraint_sets: Vec::new(),
        state: RunState::Succeeded,
        goal: Some(payload(3)),
        create_time: time(0),
        overdue_time: None,
        clock_start: None,
        unexpected_results: 0,
        finish_time: Some(time(1)),
        revision: 2,
    }
}

fn action() -> Action {
    Action {
        id: ActionId::new(id(4)),
        run: RunId::new(id(1)),
        agent: "claims".to_owned(),
        state: ActionState::ExecutionUnknown,
        tool: "refund".to_owned(),
        digest: sha256(b"action"),
        content: payload(5),
        decision: Decision {
            effect: DecisionEffect::Escalate,
            rule: Some("refund-over-500".to_owned()),
            policy_revision: PolicyRevisionId::new(id(6)),
            matched: vec!["refund-over-500".to_owned()],
            failed: Vec::new(),
            is_sampled: false,
        },
        confidence: Some(0.5),
        escalation: Some(EscalationId::new(id(7))),
        modified_from: Some(ActionId::new(id(8))),
        grant: Some(Grant {
            id: GrantId::new(id(9)),
            expire_time: time(2),
            approval_valid_until: time(3),
            epoch: 1,
            redeem_time: Some(time(4)),
            outcome_due_time: Some(time(5)),
        }),
        revoked_grants: vec![GrantId::new(id(10))],
        is_counted: false,
        outcome: Some(Outcome {
            status: OutcomeStatus::Failed,
            result: Some(payload(11)),
            report_time: time(6),
        }),
        create_time: time(7),
        update_time: time(8),
    }
}

fn escalation() -> Escalation {
    Escalation {
        id: EscalationId::new(id(7)),
        state: EscalationState::Resolved,
        question: Question::ApproveAction,
        run: RunId::new(id(1)),
        action: Some(ActionId::new(id(4))),
        tool: "refund".to_owned(),
        checkpoint: Some(CheckpointId::new(id(12))),
        wait: WaitId::new(id(13)),
        resume_mode: ResumeMode::Detached,
        agent: "claims".to_owned(),
        on_behalf_of: None,
        lane: "money".to_owned(),
        severity: SeverityTier::Critical,
        rule: None,
        policy_revision: PolicyRevisionId::new(id(6)),
        briefing: payload(14),
        action_digest: sha256(b"action"),
        claim: Some(Claim {
            holder: "alice".to_owned(),
            epoch: 3,
            expire_time: time(9),
            claim_time: None,
        }),
        resolution: Some(Resolution {
            kind: ResolutionKind::Modified,
            reviewer: "alice".to_owned(),
            resolve_time: time(10),
            reason_code: Some("wrong_amount".to_owned()),
            content: Some(payload(15)),
            action: Some(ActionId::new(id(8))),
        }),
        due_time: time(11),
        expire_time: time(12),
        on_expiry: OnExpiry::Cancel,
        create_time: time(13),
        update_time: time(14),
        is_overdue: true,
        close_time: Some(time(15)),
        revision: 4,
    }
}

/// Encodes a record and checks that it reads back as itself.
fn bytes_of<R: Record + PartialEq + std::fmt::Debug>(record: &R) -> (String, String) {
    let bytes = encode(record).unwrap();
    assert_eq!(decode::<R>(&bytes).unwrap(), *record);
    (R::NAME.to_owned(), hex::encode(bytes))
}

fn others() -> Vec<(String, String)> {
    vec![
        bytes_of(&ActionContent {
            tool_schema_version: "2".to_owned(),
            target: "acct-7".to_owned(),
            arguments: Bytes::from_static(br#"{"amount":600}"#),
            preconditions: Bytes::from_static(b"v7"),
            reasoning: "because".to_owned(),
            tool_call_id: "call_1".to_owned(),
            decision_reason: "over 500".to_owned(),
            ..ActionContent::default()
        }),
        bytes_of(&Checkpoint {
            id: CheckpointId::new(id(12)),
            run: RunId::new(id(1)),
            agent: "claims".to_owned(),
            parent: None,
            action: ActionId::new(id(4)),
            content: payload(16),
            create_time: time(16),
        }),
        bytes_of(&CheckpointContent {
            schema_version: "test/1".to_owned(),
            credentials: vec![CredentialRef {
                name: "api".to_owned(),
                reference: "vault:api".to_owned(),
            }],
            state: b"state".to_vec(),
        }),
        bytes_of(&Briefing {
            headline: "Refund 600".to_owned(),
            target: "acct-7".to_owned(),
            why: "over 500".to_owned(),
            if_silent: "cancelled".to_owned(),
        }),
        bytes_of(&ResolutionContent { note: "too much".to_owned(), response: b"no".to_vec() }),
        bytes_of(&Resumption {
            escalation: EscalationId::new(id(7)),
            run: RunId::new(id(1)),
            agent: "claims".to_owned(),
            proposed_action: ActionId::new(id(4)),
            action: None,
            checkpoint: None,
            epoch: 2,
            lease_expire_time: time(17),
            close_time: None,
            create_time: time(18),
        }),
        bytes_of(&Token {
            id: TokenId::new(id(17)),
            principal: "alice".to_owned(),
            roles: vec![Role::Reviewer, Role::Admin],
            secret_digest: sha256(b"secret"),
            create_time: time(19),
            expire_time: None,
            revoke_time: Some(time(20)),
        }),
        bytes_of(&SecretRecord { tenant: "default".to_owned(), token: TokenId::new(id(17)) }),
        bytes_of(&RequestRecord {
            digest: sha256(b"request"),
            results: vec![id(4)],
            time: time(22),
        }),
        bytes_of(&SweepRecord { commit: 23 }),
    ]
}

fn messages() -> Vec<(String, String)> {
    vec![
        bytes_of(&MessageRecord {
            speaker: Speaker::Tool,
            tool: Some("search".to_owned()),
            form: MessageForm::Text,
            payload: payload(25),
            time: time(26),
        }),
        bytes_of(&SaidRecord { messages: 3, bytes: 400 }),
        bytes_of(&WindowEntryRecord { amount: 12.5 }),
        bytes_of(&ActionWindowsRecord { lists: vec![sha256(b"list")], time: time(27) }),
        bytes_of(&AgentActionsRecord { count: 28 }),
    ]
}

fn profiles() -> Profiles {
    let mut profiles = Profiles::default();
    let arguments = serde_json::json!({"amount": 600, "to": "Anna"});
    profiles.learn("claims", "refund", arguments.as_object().unwrap(), "refund Anna");
    profiles
}

fn policies() -> Vec<(String, String)> {
    vec![
        bytes_of(&PolicyRecord {
            id: PolicyRevisionId::new(id(6)),
            digest: sha256(b"version: 1"),
            document: payload(18),
            create_time: time(21),
            author: "ada".to_owned(),
            note: Some(payload(19)),
            activate_time: Some(time(22)),
            name: "claims-desk".to_owned(),
        }),
        bytes_of(&PolicyDigestRecord { id: PolicyRevisionId::new(id(6)) }),
        bytes_of(&PolicyInForceRecord {
            id: PolicyRevisionId::new(id(6)),
            digest: sha256(b"version: 1"),
            activation: Some(PolicyActivationId::new(id(20))),
            pending: Some(PolicyActivationId::new(id(21))),
            shadow: None,
        }),
        bytes_of(&ProfilesRecord {
            version: 3,
            profiles: payload(29),
            learn_time: time(28),
            actions: 120,
            agents: 2,
            policy: PolicyRevisionId::new(id(6)),
            learner: "ada".to_owned(),
        }),
        bytes_of(&profiles()),
        bytes_of(&Activation {
            id: PolicyActivationId::new(id(20)),
            kind: ActivationKind::RollBack,
            state: ActivationState::Effective,
            revision: PolicyRevisionId::new(id(6)),
            replaced: Some(PolicyRevisionId::new(id(22))),
            upon: Some(PolicyActivationId::new(id(23))),
            requester: "ada".to_owned(),
            reason: Some(payload(24)),
            request_time: time(23),
            expire_time: Some(time(24)),
            closer: Some("ben".to_owned()),
            close_time: Some(time(25)),
        }),
    ]
}

#[test]
fn records_have_the_bytes_that_were_released() {
    let mut now: BTreeMap<String, String> =
        others().into_iter().chain(policies()).chain(messages()).collect();
    now.extend([bytes_of(&run()), bytes_of(&action()), bytes_of(&escalation())]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/records-v1.txt");
    let lines: String = now.iter().map(|(name, hex)| format!("{name}: {hex}\n")).collect();
    if std::env::var_os("GOLDEN_WRITE").is_some() && !path.exists() {
        std::fs::write(&path, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), lines);
}

/// A policy as servers kept it, as a revision and as the one in force, before they
/// knew of authors and activations.
const FIRST_POLICY: &str = "920184a26964c41001900000000070008000000000000006a6646967657374c4201a6ddd3533d91cae4b3742d4294fb07ee863a4d667fe598f01365bd68a18bcfda8646f63756d656e7483a26964c41001900000000070008000000000000012aa636f6d6d69746d656e74c420239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5a473697a6507ab6372656174655f74696d65cf0006651729d8ef40";

#[test]
fn a_policy_of_the_first_servers_is_read() {
    let bytes = hex::decode(FIRST_POLICY).unwrap();
    let revision: PolicyRecord = decode(&bytes).unwrap();
    let in_force: PolicyInForceRecord = decode(&bytes).unwrap();
    let (policy, digest) = (PolicyRevisionId::new(id(6)), sha256(b"version: 1"));
    assert_eq!((revision.id, revision.digest, revision.document), (policy, digest, payload(18)));
    assert_eq!((revision.author.as_str(), revision.activate_time), ("", None));
    assert_eq!((in_force.id, in_force.digest), (policy, digest));
    assert_eq!((in_force.activation, in_force.pending), (None, None));
}

#[test]
fn a_newer_format_is_refused_and_garbage_is_damage() {
    let newer = rmp_serde::to_vec_named(&(Run::VERSION + 1, run())).unwrap();
    let refused = decode::<Run>(&newer).unwrap_err().to_string();
    assert!(refused.contains("format 2 is newer than this server's 1"), "{refused}");
    assert!(decode::<Run>(b"\xff\xff").is_err());
}
