//! The table of errors as clients see it, and its completeness.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::domain::policy::{BoundKind, BoundState, JudgedBound};

fn missed(kind: BoundKind) -> JudgedBound {
    let state = BoundState::Missed;
    JudgedBound { kind, limit: 0.5, min_labels: 20, gated: 3, labels: 24, state }
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
        Error::RoleRequired { role: "reviewer" },
        Error::SelfReview { escalation: text() },
        Error::RunNotRunning { run: text(), state: "succeeded" },
        Error::MessagesFull { run: text(), messages: 400, bytes: 49_152 },
        Error::DelegationTooDeep { hops: 4, limit: 3 },
        Error::EscalationClosed { escalation: text(), state: "approved", by: Some(text()), at },
        Error::EscalationClosed { escalation: text(), state: "expired", by: None, at },
        Error::ClaimedByOther { escalation: text(), holder: text(), until: at },
        Error::ClaimLost { escalation: text(), epoch: 2 },
        Error::EtagMismatch { escalation: text(), etag: text() },
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
        Error::PolicyInvalid { place: text(), problem: text() },
        Error::PolicyTestsFailed { failed: 2, case: text(), problem: text() },
        Error::PolicyOutOfBounds { missed: missed(BoundKind::Recall) },
        Error::PolicyOutOfBounds { missed: missed(BoundKind::RoutineRate) },
        Error::PolicyChanged { current: text(), by: Some(text()), at: Some(at) },
        Error::PolicyChanged { current: text(), by: None, at: None },
        Error::ProfilesChanged { current: 2 },
        Error::PolicyInForce { policy: text() },
        Error::NoFormerPolicy { policy: text() },
        Error::ActivationClosed { activation: text(), state: "withdrawn", by: Some(text()), at },
        Error::ActivationClosed { activation: text(), state: "expired", by: None, at },
        Error::SecondPersonRequired { activation: text() },
        Error::BackupExists { name: text() },
        Error::BackupFailed { cause: text() },
        Error::WatchCompacted { oldest: 9 },
        Error::TooManyOpen { scope: "run", limit: 5 },
        Error::TooManyWatches { limit: 5 },
        Error::DiskFull { free_bytes: 5 },
        Error::Overloaded { retry_after: Span::from_secs(1) },
        Error::Stopping { effect: Effect::None },
        Error::Stopping { effect: Effect::Unknown },
        Error::StoreUnavailable { cause: "a secret cause".into() },
        Error::DataDamaged { cause: "segment 3".into() },
        Error::Internal { cause: "a secret cause".into() },
    ];
    errors.extend(
        [
            Resource::Run,
            Resource::Action,
            Resource::Escalation,
            Resource::Checkpoint,
            Resource::Grant,
            Resource::Token,
            Resource::Policy,
            Resource::PolicyActivation,
        ]
        .map(|resource| Error::NotFound { resource, id: "text".into() }),
    );
    errors
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
    let missing: Vec<_> = (1..=57)
        .filter(|value| !from_engine.contains(value) && !of_transport.contains(value))
        .collect();
    assert_eq!(missing, Vec::<i32>::new());
    assert!(Reason::try_from(58).is_err(), "a new reason: extend the table and this test");
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
