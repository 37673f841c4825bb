//! Payloads: what people and agents wrote, kept outside the journal.
//!
//! Records and events hold a [`PayloadRef`] only. The commitment is salted and
//! the salt lives with the payload, so that erasing the payload leaves nothing
//! to guess from, while every proof over the journal still verifies.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digest::{Digest, FieldHasher};
use super::ids::RunId;

const COMMITMENT_TAG: &str = "pointsman.payload.v1";

/// The length of a payload's salt in bytes.
pub const SALT_LENGTH: usize = 16;

/// Names a stored payload and commits to its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PayloadRef {
    /// Where to find it: time-ordered, unique in the store.
    pub id: Uuid,
    /// SHA-256 over tag, salt and bytes.
    pub commitment: Digest,
    /// The payload's length in bytes.
    pub size: u32,
}

/// A payload on its way into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadDraft {
    /// The reference that records will hold.
    pub reference: PayloadRef,
    /// The salt of the commitment, stored beside the bytes.
    pub salt: [u8; SALT_LENGTH],
    /// The bytes themselves.
    pub bytes: Bytes,
    /// The run within which equal chunks may be stored once; none: never.
    pub dedup_scope: Option<RunId>,
}

impl PayloadDraft {
    /// Makes a draft and its reference; `None` if the payload is over 4 GiB.
    pub fn new(
        id: Uuid,
        salt: [u8; SALT_LENGTH],
        bytes: Bytes,
        dedup_scope: Option<RunId>,
    ) -> Option<Self> {
        let size = u32::try_from(bytes.len()).ok()?;
        let reference = PayloadRef { id, commitment: commitment(&salt, &bytes), size };
        Some(Self { reference, salt, bytes, dedup_scope })
    }
}

/// The salted commitment to some bytes.
pub fn commitment(salt: &[u8; SALT_LENGTH], bytes: &[u8]) -> Digest {
    let mut hasher = FieldHasher::new(COMMITMENT_TAG);
    hasher.field(salt).field(bytes);
    hasher.finish()
}
