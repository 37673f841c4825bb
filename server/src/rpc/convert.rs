//! Between messages and the engine's words: ids, times, enums, oneofs.
//!
//! Only the form is judged here; what a value means is the engine's to say.

pub(super) mod actions;
pub(super) mod backtests;
pub(super) mod branches;
mod briefings;
pub(super) mod checkpoints;
pub(super) mod claims;
pub(super) mod conversation;
pub(super) mod drills;
pub(super) mod escalations;
pub(super) mod explanations;
pub(super) mod feedback;
pub(super) mod figures;
pub(super) mod incidents;
pub(super) mod notices;
pub(super) mod overrides;
pub(super) mod people;
pub(super) mod policies;
pub(super) mod profiles;
pub(super) mod queue;
pub(super) mod resumptions;
pub(super) mod reviews;
pub(super) mod run_watches;
pub(super) mod runs;
pub(super) mod timeline;
pub(super) mod transcripts;
pub(super) mod wall;
pub(super) mod watches;

use std::str::FromStr;

use pointsman_api::v1;
use tonic::Status;

use crate::domain::error::Error;
use crate::domain::ids::InvalidId;
use crate::domain::time::{Span, Timestamp};
use crate::engine::Answer;
use crate::engine::list::Page;

const NANOS_PER_MICRO: i64 = 1_000;

/// Reads an id that must be there.
pub(super) fn id<T: FromStr<Err = InvalidId>>(field: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|error| Error::id(field, &error))
}

/// Reads an id that may be absent.
pub(super) fn optional_id<T: FromStr<Err = InvalidId>>(
    field: &str,
    text: &str,
) -> Result<Option<T>, Error> {
    if text.is_empty() { Ok(None) } else { id(field, text).map(Some) }
}

/// The text of an id that may be absent.
pub(super) fn text_of(id: Option<impl ToString>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// A point in time for the wire.
pub(super) fn time(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.to_seconds_nanos();
    prost_types::Timestamp { seconds, nanos }
}

/// Reads a point in time; what lies beyond the range saturates.
pub(super) fn point(time: prost_types::Timestamp) -> Timestamp {
    let micros = time.seconds.saturating_mul(1_000_000);
    Timestamp::from_micros(micros.saturating_add(i64::from(time.nanos) / NANOS_PER_MICRO))
}

/// A span for the wire.
pub(super) const fn duration(span: Span) -> prost_types::Duration {
    let micros = span.as_micros();
    let nanos = (micros % 1_000_000 * NANOS_PER_MICRO) as i32;
    prost_types::Duration { seconds: micros / 1_000_000, nanos }
}

/// Reads a span; what lies beyond the range saturates and is the engine's to
/// refuse.
pub(super) fn span(span: Option<prost_types::Duration>) -> Option<Span> {
    span.map(|span| {
        let micros = span.seconds.saturating_mul(1_000_000);
        Span::from_micros(micros.saturating_add(i64::from(span.nanos) / NANOS_PER_MICRO))
    })
}

/// Reads an enum whose zero means "not said".
pub(super) fn known<E: TryFrom<i32>>(field: &str, value: i32) -> Result<E, Error> {
    E::try_from(value).map_err(|_| Error::field(field, format!("no such value as {value}")))
}

/// The refusal of an enum that must be said.
pub(super) fn unspecified(field: &str) -> Error {
    Error::field(field, "required")
}

/// Which page is asked for.
pub(super) fn page(size: i32, token: String) -> Page {
    Page { size, token }
}

/// What every answer to a mutation says beside its result.
pub(super) fn header<T>(answer: &Answer<T>) -> Option<v1::ResponseHeader> {
    Some(v1::ResponseHeader {
        sequence: answer.sequence,
        server_time: Some(time(answer.time)),
        replayed: answer.is_replayed,
    })
}

/// Gives an error its field's place in a list.
pub(super) fn at(list: &str, place: usize, field: &str) -> String {
    format!("{list}[{place}].{field}")
}

/// An answer, as tonic wants it.
pub(super) fn answer<T>(message: T) -> Result<tonic::Response<T>, Status> {
    Ok(tonic::Response::new(message))
}

#[cfg(test)]
mod tests;
