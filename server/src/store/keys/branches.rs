//! Keys of the branches of runs.

use bytes::Bytes;

use super::{key, prefixed};
use crate::domain::ids::RunId;
use crate::store::KeyRange;

/// A branch of a run.
pub fn branch(tenant: &str, run: RunId, number: u32) -> Bytes {
    key(tenant, "run-branch", &[run.as_bytes(), &number.to_be_bytes()])
}

/// A run's branches, the oldest first.
pub fn branches(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-branch", &[run.as_bytes()]))
}
