//! Every reason has its code, and the words say what, why and next.

use std::collections::HashMap;
use std::fmt::Write as _;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::*;

fn refusal(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Error {
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "pointsman", metadata);
    Status::with_error_details(code, "refused", details).into()
}

#[test]
fn every_reason_has_its_exit_code() {
    let mut table = String::new();
    for reason in (0..1_000).filter_map(|number| ErrorReason::try_from(number).ok()) {
        let code = Exit::of_reason(reason).code();
        writeln!(table, "{code:>2} {}", reason.wire_name()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn who_was_faster_is_said() {
    let metadata = [
        ("effect", "none"),
        ("escalation_id", "esc_1"),
        ("state", "approved"),
        ("by", "al\u{1b}ice"),
        ("at", "2023-11-14T22:13:20Z"),
    ];
    let failure = Failure::from(refusal(Code::FailedPrecondition, "ESCALATION_CLOSED", &metadata));
    assert_eq!(failure.exit, Exit::Conflict);
    let want = "error: esc_1 was approved by al‹U+001B›ice 2023-11-14 22:13 UTC. Yours was not \
                recorded\n       See: pointsman esc get esc_1";
    assert_eq!(failure.to_string(), want);
}

#[test]
fn an_expired_question_is_expired() {
    let metadata = [("state", "expired"), ("escalation_id", "esc_1"), ("at", "bad")];
    let failure = Failure::from(refusal(Code::FailedPrecondition, "ESCALATION_CLOSED", &metadata));
    assert_eq!(failure.exit, Exit::Expired);
}

#[test]
fn a_missing_token_says_what_to_set() {
    let failure = Failure::from(refusal(Code::Unauthenticated, "TOKEN_INVALID", &[]));
    assert_eq!(failure.exit.code(), 4);
    assert!(failure.to_string().contains("POINTSMAN_TOKEN"), "{failure}");
}

#[test]
fn an_unknown_reason_keeps_its_code_and_name() {
    let failure = Failure::from(refusal(Code::PermissionDenied, "NEWER_THAN_US", &[]));
    assert_eq!(failure.exit, Exit::NotPermitted);
    assert!(failure.to_string().contains("NEWER_THAN_US"), "{failure}");
}
