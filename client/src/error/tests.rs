//! Every reason is read back; what is unknown is never taken for harmless.

use std::collections::HashMap;

use pointsman_api::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::*;
use crate::testing::refusal;

#[test]
fn every_reason_is_read_back() {
    let known = (1..).map_while(|number| ErrorReason::try_from(number).ok());
    let mut count = 0;
    for reason in known {
        let error = Error::from(refusal(Code::Internal, reason.wire_name(), &[]));
        assert_eq!(error.reason(), Some(reason));
        count += 1;
    }
    assert!(count >= 43, "{count}");
}

#[test]
fn details_are_kept() {
    let mut details = ErrorDetails::new();
    let metadata = HashMap::from([("effect".into(), "none".into()), ("by".into(), "bob".into())]);
    details.set_error_info("ESCALATION_CLOSED", "pointsman", metadata);
    details.add_bad_request_violation("note", "at most 8 KiB");
    details.set_retry_info(Some(Duration::from_secs(2)));
    let error =
        Error::from(Status::with_error_details(Code::FailedPrecondition, "closed", details));
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.effect(), Effect::None);
    assert_eq!(error.metadata("by"), Some("bob"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
    assert_eq!(error.to_string(), "closed (ESCALATION_CLOSED); `note`: at most 8 KiB");
}

#[test]
fn what_may_be_sent_again() {
    let cases = [
        (refusal(Code::Unavailable, "OVERLOADED", &[("effect", "none")]), true, true),
        (refusal(Code::Unavailable, "STOPPING", &[("effect", "unknown")]), false, true),
        (refusal(Code::Internal, "INTERNAL", &[("effect", "unknown")]), false, true),
        (refusal(Code::Internal, "INTERNAL", &[("effect", "none")]), false, false),
        (refusal(Code::Aborted, "ETAG_MISMATCH", &[("effect", "none")]), false, false),
        (refusal(Code::FailedPrecondition, "A_NEW_ONE", &[]), false, true),
        (Status::unknown("h2 protocol error"), false, true),
        (Status::permission_denied("says a proxy"), false, false),
        (Status::unimplemented("no such method"), false, false),
    ];
    for (status, plainly, with_request_id) in cases {
        let error = Error::from(status);
        assert_eq!(error.is_retryable(), plainly, "{error:?}");
        assert_eq!(error.is_retryable_if_idempotent(), with_request_id, "{error:?}");
    }
}
