//! The digest of a whole state, the same in every store.

use super::Version;
use crate::domain::digest::{Digest, FieldHasher};

const STATE_TAG: &str = "pointsman.state.v1";

/// SHA-256 over length-prefixed keys, versions and values, in the order of keys.
pub(crate) struct StateHasher(FieldHasher);

// === impl StateHasher ===

impl StateHasher {
    /// Takes the next record.
    pub(crate) fn record(&mut self, key: &[u8], version: Version, value: &[u8]) {
        self.0.field(key).field(&version.0.to_be_bytes()).field(value);
    }

    /// The digest of all records.
    pub(crate) fn finish(self) -> Digest {
        self.0.finish()
    }
}

impl Default for StateHasher {
    fn default() -> Self {
        Self(FieldHasher::new(STATE_TAG))
    }
}
