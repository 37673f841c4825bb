//! Keys of the transcripts of runs.

use bytes::Bytes;

use super::{ID_LENGTH, is_kind, key, prefixed};
use crate::domain::ids::RunId;
use crate::store::KeyRange;

const NUMBER_LENGTH: usize = 8;

/// How far a run's transcript is.
pub fn transcript(tenant: &str, run: RunId) -> Bytes {
    key(tenant, "transcript", &[run.as_bytes()])
}

/// Entries of a run that were stored together, by the number of the first.
pub fn entries(tenant: &str, run: RunId, first: u64) -> Bytes {
    key(tenant, "entry", &[run.as_bytes(), &first.to_be_bytes()])
}

/// The entries of a run whose first has at least this number.
pub fn entries_from(tenant: &str, run: RunId, first: u64) -> KeyRange {
    let all = prefixed(&key(tenant, "entry", &[run.as_bytes()]));
    KeyRange { start: entries(tenant, run, first), ..all }
}

/// The entries of a run whose first has at most this number.
pub fn entries_until(tenant: &str, run: RunId, first: u64) -> KeyRange {
    let all = prefixed(&key(tenant, "entry", &[run.as_bytes()]));
    match first.checked_add(1) {
        Some(end) => KeyRange { end: entries(tenant, run, end), ..all },
        None => all,
    }
}

/// Whether a key is a record of entries.
pub fn is_entries(tenant: &str, bytes: &[u8]) -> bool {
    is_kind(tenant, "entry", bytes)
}

/// The run whose entries a key names, and the number of the first.
pub fn listed_entries(key: &[u8]) -> Option<(RunId, u64)> {
    let (rest, first) = key.split_last_chunk::<NUMBER_LENGTH>()?;
    let run = rest.last_chunk::<ID_LENGTH>()?;
    Some((RunId::from_bytes(*run), u64::from_be_bytes(*first)))
}
