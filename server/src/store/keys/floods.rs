//! Keys of what keeps agents from asking too much.

use bytes::Bytes;

use super::key;
use crate::domain::digest::Digest;

/// What is known of an agent that asks too much.
pub fn flood(tenant: &str, agent: &str) -> Bytes {
    key(tenant, "flood", &[agent.as_bytes()])
}

/// Where calls of the same meaning were last asked about.
pub fn repeat(tenant: &str, meaning: &Digest) -> Bytes {
    key(tenant, "repeat", &[meaning.as_bytes()])
}
