//! Keys of what operators put: policies, and the settings of the queue.

use bytes::Bytes;

use super::{key, prefixed};
use crate::domain::digest::Digest;
use crate::domain::ids::{PolicyActivationId, PolicyRevisionId, QueueSettingsId};
use crate::store::KeyRange;

/// A policy revision.
pub fn policy(tenant: &str, id: PolicyRevisionId) -> Bytes {
    key(tenant, "policy", &[id.as_bytes()])
}

/// All policy revisions, oldest first.
pub fn policies(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "policy", &[]))
}

/// The way from a document's digest to its revision.
pub fn policy_digest(tenant: &str, digest: &Digest) -> Bytes {
    key(tenant, "policy-digest", &[digest.as_bytes()])
}

/// The putting in force of a policy revision.
pub fn policy_activation(tenant: &str, id: PolicyActivationId) -> Bytes {
    key(tenant, "policy-activation", &[id.as_bytes()])
}

/// Every putting in force, oldest first.
pub fn policy_activations(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "policy-activation", &[]))
}

/// The policy revision in force.
pub fn policy_current(tenant: &str) -> Bytes {
    key(tenant, "policy-current", &[])
}

/// The novelty profiles in force.
pub fn policy_profiles(tenant: &str) -> Bytes {
    key(tenant, "policy-profiles", &[])
}

/// A revision of the queue's settings.
pub fn queue_settings(tenant: &str, id: QueueSettingsId) -> Bytes {
    key(tenant, "queue-settings", &[id.as_bytes()])
}

/// All revisions of the queue's settings, oldest first.
pub fn all_queue_settings(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "queue-settings", &[]))
}

/// The queue's settings in force.
pub fn queue_current(tenant: &str) -> Bytes {
    key(tenant, "queue-current", &[])
}
