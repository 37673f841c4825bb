//! The table of errors as clients see it, and its completeness.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use uuid::Uuid;

use super::*;
use crate::domain::error::{AnswerError, HeldBy, OverrideError, PathError, TranscriptError};
use crate::domain::flood::Scope;
use crate::domain::ids::{EscalationId, OverrideId, RunId};
use crate::domain::overrides::OverrideState;
use crate::domain::policy::{BoundKind, BoundState, JudgedBound};

fn missed(kind: BoundKind) -> JudgedBound {
    let state = BoundState::Missed;
    JudgedBound { kind, limit: 0.5, min_labels: 20, gated: 3, labels: 24, state }
}

/// What may not be found.
const RESOURCES: [Resource; 18] = [
    Resource::Run,
    Resource::Action,
    Resource::Escalation,
    Resource::Checkpoint,
    Resource::Grant,
    Resource::Token,
    Resource::Policy,
    Resource::PolicyActivation,
    Resource::QueueSettings,
    Resource::Review,
    Resource::Incident,
    Resource::Drill,
    Resource::Override,
    Resource::Authority,
    Resource::Principal,
    Resource::Question,
    Resource::Notice,
    Resource::NoticeChannel,
];

fn run() -> RunId {
    RunId::new(Uuid::from_u128(7))
}

fn overriding() -> OverrideId {
    OverrideId::new(Uuid::from_u128(8))
}

fn held(at: Timestamp) -> HeldBy {
    let (by, why) = ("sam".to_owned(), "text".to_owned());
    HeldBy { id: overriding(), kind: "stop", by, at, why }
}

/// One value of every kind, `Resource` and optional part included.
fn every_error() -> Vec<Error> {
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    let text = || "text".to_owned();
    let mut errors = vec![
        Error::field("run_id", "want `run_` and 26 characters"),
        Error::ArgumentsMalformed { field: "arguments".into(), problem: text(), position: 7 },
        Error::SecretFound { place: "arguments.key".into(), pattern: "github_token" },
        Error::PageTokenInvalid,
        Error::CursorInvalid { problem: "it belongs to another store" },
        Error::RolesConflict,
        Error::RequestIdReused { request_id: text() },
        Error::TokenInvalid,
        Error::NoRole(text()),
        Error::RoleRequired { role: "reviewer" },
        Error::RunNotRunning { run: text(), state: "succeeded" },
        Error::MessagesFull { run: text(), messages: 400, bytes: 49_152 },
        Error::Transcript(TranscriptError::Gap { run: text(), expected: 7 }),
        Error::Transcript(TranscriptError::Superseded { run: text(), attempt: 3 }),
        Error::DelegationTooDeep { hops: 4, limit: 3 },
        Error::DigestMismatch { action: text(), escalation: None, what: "the arguments" },
        Error::DigestMismatch { action: text(), escalation: Some(text()), what: "the arguments" },
        Error::GrantRedeemed { grant: text(), at },
        Error::GrantExpired { grant: text(), at },
        Error::GrantRevoked { grant: text() },
        Error::ResumptionLost { escalation: text(), epoch: 2 },
        Error::ResumptionClosed { escalation: text() },
        Error::DeniedByPolicy { rule: text(), reason: text() },
        Error::ActionNotRedeemed { action: text(), state: "granted" },
        Error::OutcomeAlreadyReported { action: text() },
        Error::NoticeClosed { notice: text(), state: "delivered", at },
        Error::ReviewClosed { review: text(), state: "done", at },
        Error::AlreadyReviewed { review: text(), by: text(), at },
        Error::ReviewClaimLost { review: text(), epoch: 2 },
        Error::IncidentClosed { incident: text(), state: "closed", by: text(), at },
        Error::FeedbackNotConsented { setting: "feedback.export" },
        Error::BackupExists { name: text() },
        Error::BackupFailed { cause: text() },
        Error::WatchCompacted { oldest: 9 },
        Error::SlowConsumer { behind: Span::from_secs(61), cursor: text() },
        Error::TooManyOpen { scope: "run", limit: 5 },
        Error::Override(OverrideError::RunPaused { run: run(), held: held(at) }),
        Error::Override(OverrideError::RunStopped { run: run(), held: held(at) }),
        Error::Override(OverrideError::StartsHeld { held: held(at) }),
        Error::Override(OverrideError::ToolClosed {
            run: run(),
            tool: text(),
            instead: text(),
            held: Box::new(held(at)),
        }),
        OverrideError::closed(overriding(), OverrideState::Superseded),
        Error::Override(OverrideError::NotHeld { scope: text(), by: None }),
        Error::Override(OverrideError::NotHeld { scope: text(), by: Some(overriding()) }),
        Error::Override(OverrideError::NeedsSecond { id: overriding() }),
        Error::TooManyWatches { limit: 5 },
        Error::DiskFull { free_bytes: 5 },
        Error::Overloaded { retry_after: Span::from_secs(1) },
        Error::Stopping { effect: Effect::None },
        Error::Stopping { effect: Effect::Unknown },
        Error::StoreUnavailable { cause: "a secret cause".into() },
        Error::DataDamaged { cause: "segment 3".into() },
        Error::Internal { cause: "a secret cause".into() },
    ];
    errors.extend(of_questions(at));
    errors.extend(of_answers(at));
    errors.extend(of_paths());
    errors.extend(of_floods());
    errors.extend(of_policies(at));
    errors.extend(RESOURCES.map(|resource| Error::NotFound { resource, id: "text".into() }));
    errors
}

/// What the people who answer are told.
fn of_questions(at: Timestamp) -> Vec<Error> {
    let text = || "text".to_owned();
    vec![
        Error::SelfReview { escalation: text() },
        Error::AlreadyVoted { escalation: text(), by: text(), at },
        Error::NotRouted { escalation: text(), why: text() },
        Error::AuthorityExceeded { subject: text(), limit: text(), stake: text(), who_can: text() },
        Error::ApprovalVoid { action: text(), approver: text(), why: text() },
        Error::AlreadyReversed { action: text(), by: text(), at },
        Error::NotReversible { action: text(), state: "denied", why: "nothing ran" },
        Error::EscalationClosed { escalation: text(), state: "approved", by: Some(text()), at },
        Error::EscalationClosed { escalation: text(), state: "expired", by: None, at },
        Error::ClaimedByOther { escalation: text(), holder: text(), until: at },
        Error::ClaimLost { escalation: text(), epoch: 2 },
        Error::DrillNotHeld { drill: text() },
        Error::EtagMismatch { resource: Resource::Escalation, id: text(), etag: text() },
    ]
}

/// What their answers may lack.
fn of_answers(at: Timestamp) -> Vec<Error> {
    let text = || "text".to_owned();
    let errors = [
        AnswerError::VotesFull { escalation: text(), limit: 16 },
        AnswerError::ReasonRequired { escalation: text(), severity: "high", answer: "approved" },
        AnswerError::EvidenceRequired { escalation: text(), missing: text() },
        AnswerError::ConfirmationRequired { escalation: text(), key: "amount", value: text() },
        AnswerError::QuestionsFull { escalation: text(), limit: 8 },
        AnswerError::CommentsFull { escalation: text(), limit: 64 },
        AnswerError::QuestionAnswered { question: text(), at },
    ];
    errors.map(Error::Answer).to_vec()
}

/// What does not fit the path of a run.
fn of_paths() -> Vec<Error> {
    let text = || "text".to_owned();
    let left = |checkpoint: Option<String>, instruction: &str| PathError::BranchAbandoned {
        run: text(),
        given: 0,
        current: 1,
        checkpoint,
        cause: "rollback",
        by: text(),
        instruction: instruction.to_owned(),
    };
    let errors = [
        left(Some(text()), "ask the fraud team"),
        left(None, ""),
        PathError::BranchUnknown { run: text(), given: 4, current: 1 },
        PathError::CheckpointForeign { checkpoint: text(), run: text() },
        PathError::StaleParent { checkpoint: text(), run: text(), newest: Some(text()) },
        PathError::StaleParent { checkpoint: text(), run: text(), newest: None },
        PathError::CheckpointTampered { checkpoint: text() },
        PathError::NoGoodCheckpoint { run: text() },
        PathError::EffectsChanged { run: text(), expected: 2, actual: 3 },
    ];
    errors.map(Error::Path).to_vec()
}

/// What agents are told that ask too much.
fn of_floods() -> Vec<Error> {
    let (text, at) = (|| "text".to_owned(), Timestamp::from_micros(1_700_000_000_000_000));
    let (scope, retry_after) = (Scope::Agent, Span::from_millis(200));
    vec![
        Error::RepeatOfOpen { escalation: EscalationId::new(Uuid::from_u128(1)), run: text() },
        Error::TooManyEscalations { scope, whose: text(), per_minute: 300, retry_after },
        Error::AgentPaused { agent: text(), by: text(), at, escalation: None },
        Error::AgentPaused { agent: text(), by: text(), at, escalation: Some(text()) },
    ]
}

fn of_policies(at: Timestamp) -> Vec<Error> {
    let text = || "text".to_owned();
    vec![
        Error::PolicyInvalid { place: text(), problem: text() },
        Error::PolicyTestsFailed { failed: 2, case: text(), problem: text() },
        Error::PolicyOutOfBounds { missed: missed(BoundKind::Recall) },
        Error::PolicyOutOfBounds { missed: missed(BoundKind::RoutineRate) },
        Error::PolicyChanged { current: text(), by: Some(text()), at: Some(at) },
        Error::PolicyChanged { current: text(), by: None, at: None },
        Error::ProfilesChanged { current: 2 },
        Error::QueueSettingsInvalid { place: text(), problem: text() },
        Error::QueueSettingsChanged { current: Some(text()), by: Some(text()), at: Some(at) },
        Error::QueueSettingsChanged { current: None, by: None, at: None },
        Error::PolicyInForce { policy: text() },
        Error::NoFormerPolicy { policy: text() },
        Error::ActivationClosed { activation: text(), state: "withdrawn", by: Some(text()), at },
        Error::ActivationClosed { activation: text(), state: "expired", by: None, at },
        Error::SecondPersonRequired { activation: text() },
    ]
}

fn row(error: Error) -> String {
    let status = Status::from(error);
    let details = status.get_error_details();
    let info = details.error_info().expect("every status has an ErrorInfo");
    assert_eq!(info.domain, ERROR_DOMAIN);
    let metadata: BTreeMap<_, _> = info.metadata.iter().collect();
    let mut beside = String::new();
    if let Some(bad) = details.bad_request() {
        write!(beside, " BadRequest({})", bad.field_violations[0].field).unwrap();
    }
    if let Some(failure) = details.precondition_failure() {
        write!(beside, " PreconditionFailure({})", failure.violations[0].subject).unwrap();
    }
    if let Some(retry) = details.retry_info() {
        write!(beside, " RetryInfo({:?})", retry.retry_delay.unwrap()).unwrap();
    }
    if let Some(quota) = details.quota_failure() {
        write!(beside, " QuotaFailure({})", quota.violations[0].subject).unwrap();
    }
    format!(
        "{:?} {} {:?}{beside}\n    {}\n",
        status.code(),
        info.reason,
        metadata,
        status.message()
    )
}

#[test]
fn the_whole_table() {
    let table: String = every_error().into_iter().map(row).collect();
    insta::assert_snapshot!(table);
}

#[test]
fn every_reason_of_the_api_is_in_the_table_or_is_the_transports_own() {
    let from_engine: Vec<_> =
        every_error().iter().map(|error| shape(error).reason as i32).collect();
    let of_transport = [Reason::MessageTooLarge, Reason::Unimplemented, Reason::DeadlineExceeded]
        .map(|r| r as i32);
    // Numbers have gaps.
    let every = (1..1_000).filter(|value| Reason::try_from(*value).is_ok());
    let missing: Vec<_> = every
        .filter(|value| !from_engine.contains(value) && !of_transport.contains(value))
        .collect();
    assert_eq!(missing, Vec::<i32>::new(), "a new reason: extend the table");
}

#[test]
fn every_code_is_the_one_that_the_proto_comment_promises() {
    let proto = include_str!("../../../../proto/pointsman/v1/error_reason.proto");
    for error in every_error() {
        let name = shape(&error).reason.as_str_name();
        let end = proto.find(&format!("  {name} =")).expect("the reason is in the proto");
        let start = proto[..end].rfind(";\n").or_else(|| proto[..end].rfind("{\n")).unwrap() + 2;
        let comment = proto[start..end].trim_start().trim_start_matches("// ");
        let promised = comment.split('.').next().unwrap();
        let code = format!("{:?}", shape(&error).code);
        assert_eq!(promised.replace('_', "").to_lowercase(), code.to_lowercase(), "{name}");
    }
}

#[test]
fn causes_and_long_texts_stay_inside() {
    let status = Status::from(Error::Internal { cause: "a secret cause".into() });
    assert!(!status.message().contains("secret cause"));
    assert!(!String::from_utf8_lossy(status.details()).contains("secret cause"));
    let long = Status::from(Error::field("x".repeat(10_000), "y".repeat(10_000)));
    assert!(long.message().len() + long.details().len() < 4_096);
}
