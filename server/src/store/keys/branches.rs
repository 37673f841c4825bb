//! Keys of the branches of runs, and of which checkpoint counts on them.

use bytes::Bytes;

use super::{key, prefixed};
use crate::domain::ids::{CheckpointId, RunId};
use crate::store::KeyRange;

/// A branch of a run.
pub fn branch(tenant: &str, run: RunId, number: u32) -> Bytes {
    key(tenant, "run-branch", &[run.as_bytes(), &number.to_be_bytes()])
}

/// A run's branches, the oldest first.
pub fn branches(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-branch", &[run.as_bytes()]))
}

/// The newest checkpoint of a branch.
pub fn checkpoint_head(tenant: &str, run: RunId, branch: u32) -> Bytes {
    key(tenant, "checkpoint-head", &[run.as_bytes(), &branch.to_be_bytes()])
}

/// The entry of a checkpoint among those of its run that are known to be good.
pub fn good_checkpoint(tenant: &str, run: RunId, id: CheckpointId) -> Bytes {
    key(tenant, "run-good", &[run.as_bytes(), id.as_bytes()])
}

/// A run's checkpoints that are known to be good, oldest first.
pub fn good_checkpoints(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-good", &[run.as_bytes()]))
}
