//! Golden bytes of every record: what a released version wrote stays readable.
//!
//! A new format version gets a file of its own beside the old ones, which stay.
//! `GOLDEN_WRITE=1` writes a file that is missing, and only then.

mod overrides;
mod reviews;

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use super::*;
use crate::domain::action::{ActionState, Decision, DecisionEffect, Grant, Outcome, OutcomeStatus};
use crate::domain::activation::{ActivationKind, ActivationState};
use crate::domain::branch::BranchCause;
use crate::domain::briefing::Briefing;
use crate::domain::checkpoint::CredentialRef;
use crate::domain::digest::sha256;
use crate::domain::effects::EffectCounts;
use crate::domain::escalation::{
    Claim, EscalationState, Friction, Question, Repeats, Resolution, ResolutionKind, ResumeMode,
    SeverityTier, Upkeep,
};
use crate::domain::flood::{FloodLimits, Refused};
use crate::domain::ids::{
    ActionId, CheckpointId, EscalationId, GrantId, NoticeId, OverrideId, RunId, WaitId,
};
use crate::domain::money::Stake;
use crate::domain::notice::{DeliveryProblem, NoticeKind, NoticeState, Subject};
use crate::domain::policy::OnExpiry;
use crate::domain::principal::Role;
use crate::domain::queue::{LateReason, Plan, PlannedStep, StepAction, Target};
use crate::domain::run::RunState;
use crate::domain::transcript::{Content, Cut, CutCause};

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
        lineage: Vec::new(),
        agent_stops: 0,
        fleet_stops: 0,
        constraint_sets: Vec::new(),
        state: RunState::Succeeded,
        goal: Some(payload(3)),
        create_time: time(0),
        overdue_time: None,
        clock_start: None,
        unexpected_results: 0,
        branch: 0,
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
        branch: 0,
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
        follows: None,
        compensates: None,
        answered_from: None,
        reversion: None,
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
        is_reviewed: false,
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
        ancestors: Vec::new(),
        on_behalf_of: None,
        lane: "money".to_owned(),
        severity: SeverityTier::Critical,
        required_role: None,
        quorum: 1,
        stake: Stake::Unpriced,
        delay_cost: None,
        votes: Vec::new(),
        follows: None,
        conversation: Default::default(),
        rule: None,
        policy_revision: PolicyRevisionId::new(id(6)),
        briefing: payload(14),
        action_digest: sha256(b"action"),
        claim: Some(Claim {
            holder: "alice".to_owned(),
            epoch: 3,
            expire_time: time(9),
            claim_time: None,
            assigner: None,
            stands_in_for: None,
            note: None,
            upkeep: Upkeep::Nothing,
        }),
        snooze_until: None,
        resolution: Some(Resolution {
            kind: ResolutionKind::Modified,
            reviewer: "alice".to_owned(),
            resolve_time: time(10),
            reason_code: Some("wrong_amount".to_owned()),
            content: Some(payload(15)),
            action: Some(ActionId::new(id(8))),
            approvers: Vec::new(),
        }),
        due_time: time(11),
        expire_time: time(12),
        on_expiry: OnExpiry::Cancel,
        create_time: time(13),
        update_time: time(14),
        is_overdue: true,
        late: None,
        plan: None,
        repeats: Repeats::default(),
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

fn branch() -> Branch {
    Branch {
        run: RunId::new(id(1)),
        agent: "claims".to_owned(),
        number: 2,
        parent: 1,
        checkpoint: Some(CheckpointId::new(id(12))),
        cause: BranchCause::Rollback,
        by: "alice".to_owned(),
        instruction: Some(payload(44)),
        reason: Some(payload(45)),
        override_id: Some(OverrideId::new(id(46))),
        escalation: Some(EscalationId::new(id(7))),
        effects: EffectCounts {
            reversible: 1,
            compensatable: 2,
            irreversible: 3,
            unknown: 1,
            is_partial: true,
        },
        acknowledge_time: Some(time(55)),
        settle_before: Some(ActionId::new(id(4))),
        settle_time: Some(time(56)),
        create_time: time(54),
    }
}

fn token() -> Token {
    Token {
        id: TokenId::new(id(17)),
        principal: "alice".to_owned(),
        roles: vec![Role::Reviewer, Role::Admin],
        secret_digest: sha256(b"secret"),
        create_time: time(19),
        expire_time: None,
        revoke_time: Some(time(20)),
    }
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
            branch: 0,
            parent: None,
            action: Some(ActionId::new(id(4))),
            escalation: None,
            content: payload(16),
            state: None,
            parent_digest: None,
            digest: None,
            known_good: None,
            create_time: time(16),
        }),
        bytes_of(&branch()),
        bytes_of(&CheckpointContent {
            schema_version: "test/1".to_owned(),
            credentials: vec![CredentialRef {
                name: "api".to_owned(),
                reference: "vault:api".to_owned(),
            }],
            state: b"state".to_vec(),
            ..CheckpointContent::default()
        }),
        bytes_of(&CheckpointHead { id: CheckpointId::new(id(12)) }),
        bytes_of(&Briefing {
            headline: "Refund 600".to_owned(),
            target: "acct-7".to_owned(),
            why: "over 500".to_owned(),
            if_silent: "cancelled".to_owned(),
            ..Briefing::default()
        }),
        bytes_of(&ResolutionContent {
            note: "too much".to_owned(),
            response: b"no".to_vec(),
            ..ResolutionContent::default()
        }),
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
        bytes_of(&token()),
        bytes_of(&SecretRecord { tenant: "default".to_owned(), token: TokenId::new(id(17)) }),
        bytes_of(&RequestRecord {
            digest: sha256(b"request"),
            results: vec![id(4)],
            time: time(22),
        }),
        bytes_of(&SweepRecord { commit: 23 }),
    ]
}

fn thought() -> TranscriptEntry {
    let content = Content::Reasoning { text: "well".to_owned() };
    TranscriptEntry { number: 7, time: time(27), agent_time: Some(time(26)), content }
}

fn cut() -> TranscriptEntry {
    let content = Content::Cut(Cut { through: 9, bytes: 40, cause: CutCause::TooFast });
    TranscriptEntry { number: 8, time: time(28), agent_time: None, content }
}

fn messages() -> Vec<(String, String)> {
    vec![
        bytes_of(&MessageRecord {
            speaker: Speaker::Tool,
            tool: Some("search".to_owned()),
            form: MessageForm::Text,
            payload: payload(25),
            part: None,
            time: time(26),
        }),
        bytes_of(&TranscriptRecord {
            attempt: 2,
            last: 9,
            spent: Spent { bytes: 70, cut_entries: 1 },
        }),
        bytes_of(&EntriesRecord {
            first: 7,
            last: 9,
            kinds: vec![Kind::Reasoning, Kind::Cut],
            bytes: 4,
            from: time(27),
            until: time(28),
            payload: payload(29),
        }),
        bytes_of(&EntriesContent { entries: vec![thought(), cut()] }),
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

fn notice() -> Notice {
    Notice {
        id: NoticeId::new(id(30)),
        kind: NoticeKind::EscalationExpired,
        state: NoticeState::Failed,
        channel: "ops".to_owned(),
        subject: Some(Subject {
            on_behalf_of: Some("anna".to_owned()),
            ..Subject::of(&escalation())
        }),
        incident: None,
        attempts: 10,
        epoch: 12,
        next_time: time(30),
        attempt_time: Some(time(29)),
        problem: Some(DeliveryProblem::Status(503)),
        create_time: time(28),
        close_time: Some(time(30)),
    }
}

fn flood() -> Flood {
    let mut refused = Refused::new(RunId::new(id(1)), time(36));
    refused.add(RunId::new(id(1)), "refund", "refund-over-500", time(37));
    let mut flood = Flood::new("claims", &refused);
    flood.add(&refused, &FloodLimits::default());
    Flood { escalation: Some(EscalationId::new(id(7))), told: 1, is_let_go: true, ..flood }
}

fn queue() -> Vec<(String, String)> {
    vec![
        bytes_of(&QueueSettingsRecord {
            id: QueueSettingsId::new(id(30)),
            digest: sha256(b"version: 1"),
            document: payload(31),
            name: "desk".to_owned(),
            create_time: time(32),
            author: "ada".to_owned(),
            reason: payload(33),
            replaced: Some(QueueSettingsId::new(id(34))),
        }),
        bytes_of(&QueueInForceRecord { id: QueueSettingsId::new(id(30)) }),
        bytes_of(&RepeatRecord { escalation: EscalationId::new(id(7)) }),
        bytes_of(&flood()),
    ]
}

/// A question that waits by a plan, with all that a plan may hold.
fn planned() -> Escalation {
    let step = |action, take_time| PlannedStep { time: time(40), action, take_time };
    let team = Target::Team("claims".to_owned());
    let plan = Plan {
        revision: Some(QueueSettingsId::new(id(30))),
        chain: "money".to_owned(),
        teams: vec!["claims".to_owned()],
        skills: vec!["refunds".to_owned()],
        wants_supervisor: true,
        friction: Friction::Off,
        duty_time: Some(time(41)),
        steps: vec![
            step(StepAction::Notify { to: vec![team] }, Some(time(42))),
            step(StepAction::Widen { team: Some("seniors".to_owned()), skills: vec![] }, None),
            step(StepAction::OnCall { to: vec![Target::Channel("pager".to_owned())] }, None),
            step(StepAction::Supervisor, None),
            step(StepAction::Fallback, None),
        ],
        told: vec![NoticeId::new(id(35))],
    };
    let mut planned =
        Escalation { plan: Some(plan), late: Some(LateReason::OffDuty), ..escalation() };
    if let Some(claim) = &mut planned.claim {
        claim.upkeep = Upkeep::Lapse;
    }
    planned
}

/// The bytes of [`planned`], as the first servers that know plans write them.
const FIRST_PLAN: &str = "9201de001ca26964c41001900000000070008000000000000007a57374617465a87265736f6c766564a87175657374696f6eae617070726f76655f616374696f6ea372756ec41001900000000070008000000000000001a6616374696f6ec41001900000000070008000000000000004a4746f6f6ca6726566756e64aa636865636b706f696e74c4100190000000007000800000000000000ca477616974c4100190000000007000800000000000000dab726573756d655f6d6f6465a86465746163686564a56167656e74a6636c61696d73ac6f6e5f626568616c665f6f66c0a46c616e65a56d6f6e6579a87365766572697479a8637269746963616ca472756c65c0af706f6c6963795f7265766973696f6ec41001900000000070008000000000000006a86272696566696e6783a26964c4100190000000007000800000000000000eaa636f6d6d69746d656e74c420239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5a473697a6507ad616374696f6e5f646967657374c420bd938c688f49b77c7fc537c6b9222e2c97ebddd63076b87f2feaec66fb9c05d0a5636c61696d84a6686f6c646572a5616c696365a565706f636803ab6578706972655f74696d65cf000665172921d440a675706b656570a56c61707365aa7265736f6c7574696f6e86a46b696e64a86d6f646966696564a87265766965776572a5616c696365ac7265736f6c76655f74696d65cf0006651729311680ab726561736f6e5f636f6465ac77726f6e675f616d6f756e74a7636f6e74656e7483a26964c4100190000000007000800000000000000faa636f6d6d69746d656e74c420239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5a473697a6507a6616374696f6ec41001900000000070008000000000000008a86475655f74696d65cf00066517294058c0ab6578706972655f74696d65cf00066517294f9b00ab6372656174655f74696d65cf00066517295edd40ab7570646174655f74696d65cf00066517296e1f80aa69735f6f766572647565c3a46c617465a86f66665f64757479a4706c616e88a87265766973696f6ec4100190000000007000800000000000001ea5636861696ea56d6f6e6579a57465616d7391a6636c61696d73a6736b696c6c7391a7726566756e6473b077616e74735f73757065727669736f72c3a9647574795f74696d65cf000665172b0a1c40a573746570739583a474696d65cf000665172afada00a6616374696f6e81a66e6f7469667981a2746f9181a47465616da6636c61696d73a974616b655f74696d65cf000665172b195e8082a474696d65cf000665172afada00a6616374696f6e81a5776964656e81a47465616da773656e696f727382a474696d65cf000665172afada00a6616374696f6e81a76f6e5f63616c6c81a2746f9181a76368616e6e656ca5706167657282a474696d65cf000665172afada00a6616374696f6eaa73757065727669736f7282a474696d65cf000665172afada00a6616374696f6ea866616c6c6261636ba4746f6c6491c41001900000000070008000000000000023aa636c6f73655f74696d65cf00066517297d61c0a87265766973696f6e04";

#[test]
fn a_plan_has_the_bytes_that_were_released() {
    assert_eq!(bytes_of(&planned()).1, FIRST_PLAN);
}

#[test]
fn the_largest_plan_leaves_room_for_the_rest_of_a_record() {
    let name = |length: usize| "n".repeat(length);
    let text = name(32);
    let steps = (0..8).map(|number| PlannedStep {
        time: time(40),
        action: StepAction::Notify { to: vec![Target::Channel(name(12)); 4] },
        take_time: Some(time(number)),
    });
    let plan = Plan {
        revision: Some(QueueSettingsId::new(id(30))),
        chain: text.clone(),
        teams: vec![text.clone(); 9],
        skills: vec![text; 4],
        wants_supervisor: true,
        friction: Friction::ByTier,
        duty_time: Some(time(41)),
        steps: steps.collect(),
        told: vec![NoticeId::new(id(35)); 8],
    };
    let with = encode(&Escalation { plan: Some(plan), ..escalation() }).unwrap().len();
    let without = encode(&escalation()).unwrap().len();
    assert!(with - without < 2_048, "{}", with - without);
}

#[test]
fn records_have_the_bytes_that_were_released() {
    let mut now: BTreeMap<String, String> =
        others().into_iter().chain(policies()).chain(messages()).chain(queue()).collect();
    now.extend([bytes_of(&run()), bytes_of(&action()), bytes_of(&escalation())]);
    now.extend([bytes_of(&notice())]);
    now.extend(overrides::overrides());
    now.extend(reviews::reviews().into_iter().chain(reviews::drills()));
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
