//! Reading back which record a key names, of those by which runs are watched.

use super::{ID_LENGTH, key, prefixed};
use crate::domain::ids::RunId;
use crate::store::KeyRange;

/// A record that says something of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A run.
    Run,
    /// An action.
    Action,
    /// An escalation.
    Escalation,
    /// A resumption.
    Resumption,
    /// What holds the runs of a scope.
    Hold,
    /// A checkpoint.
    Checkpoint,
    /// How far the transcript of a run is.
    Transcript(RunId),
    /// Entries of a run's transcript.
    Entries(RunId),
    /// Something that a run has heard.
    Message(RunId),
}

/// What a key names; none: it says nothing of a run.
pub fn named(tenant: &str, bytes: &[u8]) -> Option<Named> {
    let rest = bytes.strip_prefix(tenant.as_bytes())?.strip_prefix(b"/")?;
    let end = rest.iter().position(|byte| *byte == b'/')?;
    let (kind, id) = rest.split_at_checked(end)?;
    let run = || {
        let id = id.get(1..)?.first_chunk::<ID_LENGTH>()?;
        Some(RunId::from_bytes(*id))
    };
    Some(match kind {
        b"run" => Named::Run,
        b"action" => Named::Action,
        b"escalation" => Named::Escalation,
        b"resumption" => Named::Resumption,
        b"hold" => Named::Hold,
        b"checkpoint" => Named::Checkpoint,
        b"transcript" => Named::Transcript(run()?),
        b"entry" => Named::Entries(run()?),
        b"message" => Named::Message(run()?),
        _ => return None,
    })
}

/// What holds the runs of every scope.
pub fn all_holds(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "hold", &[]))
}
