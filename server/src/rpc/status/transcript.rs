//! The errors of transcripts as statuses.

use super::{Reason, Shape, failed};
use crate::domain::error::TranscriptError;

/// Which code, reason and details each of them has.
pub(super) fn shape(error: &TranscriptError) -> Shape {
    use TranscriptError as E;
    match error {
        E::Gap { run, expected } => {
            failed(Reason::EntryGap).subject("run_id", run).with("expected", expected)
        }
        E::Superseded { run, attempt } => {
            failed(Reason::SessionSuperseded).subject("run_id", run).with("attempt", attempt)
        }
    }
}
