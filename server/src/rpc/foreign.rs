//! Statuses that the transport makes, given the same details as our own.
//!
//! tonic refuses oversize, undecodable and unknown requests by itself, with
//! bare statuses and with codes that are not those of our table. [`repair`]
//! looks at a response's head only; a stream's own errors are made by us.

use std::time::Duration;

use http::{HeaderMap, Response};
use pointsman_api::v1::ErrorReason as Reason;
use tonic::body::Body;
use tonic::{Code, Status};

use super::status::Shape;
use crate::domain::error::Effect;
use crate::domain::time::Span;

const GRPC_STATUS: &str = "grpc-status";
const GRPC_DETAILS: &str = "grpc-status-details-bin";

/// The whole request, where no single field is wrong.
const WHOLE_MESSAGE: &str = "(message)";

/// The code in a response's head: only refusals have one there.
pub(super) fn head_code(headers: &HeaderMap) -> Option<Code> {
    headers.get(GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Gives a bare refusal its details; anything else passes untouched. The limit
/// is that of the method's requests.
pub(super) fn repair(response: Response<Body>, limit_bytes: usize) -> Response<Body> {
    let headers = response.headers();
    let bare = head_code(headers).is_some_and(|code| code != Code::Ok)
        && !headers.contains_key(GRPC_DETAILS);
    if !bare {
        return response;
    }
    match Status::from_header_map(headers) {
        Some(status) => explain(&status, limit_bytes).into_http(),
        None => response,
    }
}

/// The status of the API for one that tonic made.
pub(super) fn explain(status: &Status, limit_bytes: usize) -> Status {
    let message = status.message();
    let shape = match status.code() {
        Code::OutOfRange | Code::ResourceExhausted if is_about_size(message) => {
            return too_large(limit_bytes, Effect::None);
        }
        // Our own internal errors carry details: what is bare is a message
        // that could not be read.
        Code::Internal | Code::InvalidArgument => {
            Shape::new(Code::InvalidArgument, Reason::InvalidField).field(WHOLE_MESSAGE, message)
        }
        Code::Unimplemented => Shape::new(Code::Unimplemented, Reason::Unimplemented),
        code => Shape::new(code, Reason::Internal),
    };
    let message = if message.is_empty() { "this server has no such method" } else { message };
    shape.into_status(message, Effect::None)
}

/// A message over a limit, either way.
pub(super) fn too_large(limit_bytes: usize, effect: Effect) -> Status {
    Shape::new(Code::ResourceExhausted, Reason::MessageTooLarge)
        .quota("message", Span::ZERO)
        .with("limit_bytes", limit_bytes)
        .into_status(format!("the message is over {limit_bytes} bytes"), effect)
}

/// A path that no service here has.
pub(super) fn unimplemented(path: &str) -> Status {
    Shape::new(Code::Unimplemented, Reason::Unimplemented)
        .with("method", path)
        .into_status("this server has no such method", Effect::None)
}

/// A call that ran out of time; what it has done is not known.
pub(super) fn deadline_exceeded(limit: Duration) -> Status {
    let limit_ms = limit.as_millis();
    Shape::new(Code::DeadlineExceeded, Reason::DeadlineExceeded)
        .with("limit_ms", limit_ms)
        .into_status(format!("the call took longer than {limit_ms} ms"), Effect::Unknown)
}

fn is_about_size(message: &str) -> bool {
    message.contains("message length too large") || message.contains("size limit")
}

#[cfg(test)]
mod tests;
