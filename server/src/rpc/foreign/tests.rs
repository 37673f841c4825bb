//! Every refusal of the transport carries one `ErrorInfo`.

use tonic_types::StatusExt as _;

use super::*;

fn repaired(code: Code, message: &str) -> Status {
    let response: Response<Body> = Status::new(code, message).into_http();
    Status::from_header_map(repair(response, 8).headers()).unwrap()
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().expect("an ErrorInfo").reason.clone()
}

#[test]
fn oversize_messages_get_the_code_of_our_table() {
    for (code, message) in [
        (
            Code::OutOfRange,
            "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes",
        ),
        (
            Code::ResourceExhausted,
            "Error decompressing: size limit, of 8 bytes, exceeded while decompressing message",
        ),
    ] {
        let status = repaired(code, message);
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["limit_bytes"], "8");
    }
}

#[test]
fn undecodable_messages_are_the_callers_fault() {
    let status =
        repaired(Code::Internal, "failed to decode Protobuf message: invalid tag value: 0");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "INVALID_FIELD");
}

#[test]
fn unknown_methods_and_encodings_stay_unimplemented() {
    let status = repaired(Code::Unimplemented, "");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
    assert!(!status.message().is_empty());
}

#[test]
fn our_own_refusals_and_answers_pass_untouched() {
    let own = Status::from(crate::domain::error::Error::TokenInvalid);
    let response = repair(own.clone().into_http(), 8);
    assert_eq!(Status::from_header_map(response.headers()).unwrap().details(), own.details());
    assert!(repair(Response::new(Body::empty()), 8).headers().is_empty());
}
