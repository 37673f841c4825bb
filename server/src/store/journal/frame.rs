//! One commit as the journal holds it.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `PMF1`; the digit is the version of the frame's form |
//! | 4 | 4 | length of the body, big-endian |
//! | 8 | 4 | CRC-32C over the segment's seed, the length and the body, big-endian |
//! | 12 | .. | the body: a MessagePack map with the one-letter names below |
//!
//! The seed is random and only in the segment's header, so that nobody who can
//! put bytes into a record can make them look like a frame.
//!
//! A reader skips names it does not know, and a name that is added has a
//! default, so that either side may be newer.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::event::Event;
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;
use crate::store::leaf::{self, LeafContext, WRITES_SALT_LENGTH};
use crate::store::merkle::leaf_hash;
use crate::store::{CommitRecord, Write};

/// The first bytes of a frame.
pub(crate) const MAGIC: [u8; 4] = *b"PMF1";
/// The bytes before the body.
pub(crate) const HEADER_LENGTH: usize = 12;
/// The most bytes a body may have; a longer one is damage.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// The commit's number, from 1.
    #[serde(rename = "c")]
    pub(crate) commit: u64,
    /// The first commit of the group that was synced together. A frame is
    /// known to be durable as soon as a later group exists.
    #[serde(rename = "g")]
    pub(crate) group: u64,
    /// The commit's time.
    #[serde(rename = "t")]
    pub(crate) time: Timestamp,
    /// The tenant.
    #[serde(rename = "n")]
    pub(crate) tenant: String,
    /// Who did it.
    #[serde(rename = "p")]
    pub(crate) principal: String,
    /// The client's request id.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// The tenant's sequence of the first event.
    #[serde(rename = "s")]
    pub(crate) first_sequence: u64,
    /// The leaf index of the first event, from 0.
    #[serde(rename = "l")]
    pub(crate) leaf_index: u64,
    /// The audit events.
    #[serde(rename = "e", default)]
    pub(crate) events: Vec<Event>,
    /// The state changes: key, and value or nil.
    #[serde(rename = "w", default, with = "writes_form")]
    pub(crate) writes: Vec<Write>,
    /// The salt of the digest of the writes.
    #[serde(rename = "x", with = "serde_bytes")]
    pub(crate) salt: [u8; WRITES_SALT_LENGTH],
    /// The payloads that were stored with the commit.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) payloads: Vec<PayloadRef>,
}

/// Why some bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// The bytes end before the frame does.
    #[error("the frame is cut short")]
    Short,
    /// There is no frame here.
    #[error("there is no frame where one must begin")]
    Magic,
    /// The length is beyond reason.
    #[error("the frame's length is beyond the limit")]
    Length,
    /// The checksum is wrong.
    #[error("the frame's checksum is wrong")]
    Checksum,
    /// The body is not what a body must be.
    #[error("the frame's body cannot be read")]
    Body,
}

impl Frame {
    /// Appends the frame to `out`.
    pub(crate) fn encode(&self, seed: u32, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; HEADER_LENGTH - 4]);
        rmp_serde::encode::write_named(out, self).map_err(|_| FrameError::Body)?;
        let length = out.len() - start - HEADER_LENGTH;
        if length > MAX_BODY_BYTES {
            return Err(FrameError::Length);
        }
        let length = (length as u32).to_be_bytes();
        let body = out.get(start + HEADER_LENGTH..).unwrap_or_default();
        let crc = checksum(seed, length, body).to_be_bytes();
        for (place, byte) in out.iter_mut().skip(start + 4).zip(length.iter().chain(&crc)) {
            *place = *byte;
        }
        Ok(())
    }

    /// The hashes of the frame's leaves, in order.
    pub(crate) fn leaf_hashes(&self) -> impl Iterator<Item = Digest> + '_ {
        self.leaf_hashes_as(self.commit)
    }

    /// The hashes of the frame's leaves, had it another commit number.
    pub(crate) fn leaf_hashes_as(&self, commit: u64) -> impl Iterator<Item = Digest> + '_ {
        let writes = leaf::writes_digest(&self.salt, &self.writes);
        let mut bytes = Vec::with_capacity(512);
        (self.first_sequence..).zip(&self.events).map(move |(sequence, event)| {
            let context = LeafContext {
                tenant: &self.tenant,
                sequence,
                commit,
                time: self.time,
                principal: &self.principal,
                writes,
            };
            bytes.clear();
            leaf::encode(&context, event, &mut bytes);
            leaf_hash(&bytes)
        })
    }

    /// The tenant's sequence after the frame.
    pub(crate) fn last_sequence(&self) -> u64 {
        (self.first_sequence + self.events.len() as u64).saturating_sub(1)
    }

    /// The frame as the tail replays it.
    pub(crate) fn into_record(self) -> CommitRecord {
        CommitRecord {
            commit: self.commit,
            time: self.time,
            tenant: self.tenant,
            principal: self.principal,
            request_id: self.request_id,
            first_sequence: self.first_sequence,
            events: self.events,
            writes: self.writes,
        }
    }
}

/// Reads the frame at the start of `bytes`; answers it and its length.
pub(crate) fn decode(seed: u32, bytes: &[u8]) -> Result<(Frame, usize), FrameError> {
    let end = whole(seed, bytes)?;
    let body = bytes.get(HEADER_LENGTH..end).ok_or(FrameError::Short)?;
    let frame = rmp_serde::from_slice(body).map_err(|_| FrameError::Body)?;
    Ok((frame, end))
}

/// Checks the frame at the start of `bytes`; answers its length.
pub(crate) fn whole(seed: u32, bytes: &[u8]) -> Result<usize, FrameError> {
    let end = announced(bytes)?;
    let length = word(bytes, 4..8).ok_or(FrameError::Short)?;
    let crc = word(bytes, 8..12).ok_or(FrameError::Short)?;
    let body = bytes.get(HEADER_LENGTH..end).ok_or(FrameError::Short)?;
    if checksum(seed, length, body) != u32::from_be_bytes(crc) {
        return Err(FrameError::Checksum);
    }
    Ok(end)
}

/// The length that the frame at the start of `bytes` claims to have.
pub(crate) fn announced(bytes: &[u8]) -> Result<usize, FrameError> {
    let magic = word(bytes, 0..4).ok_or(FrameError::Short)?;
    if magic != MAGIC {
        return Err(FrameError::Magic);
    }
    let length = word(bytes, 4..8).ok_or(FrameError::Short)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_BODY_BYTES {
        return Err(FrameError::Length);
    }
    Ok(HEADER_LENGTH + length)
}

fn word(bytes: &[u8], range: Range<usize>) -> Option<[u8; 4]> {
    bytes.get(range)?.try_into().ok()
}

fn checksum(seed: u32, length: [u8; 4], body: &[u8]) -> u32 {
    let seeded = crc32c::crc32c_append(crc32c::crc32c(&seed.to_be_bytes()), &length);
    crc32c::crc32c_append(seeded, body)
}

/// Writes as pairs of byte strings: key, and value or nil.
mod writes_form {
    use serde::de::Deserializer;
    use serde::ser::{SerializeSeq, Serializer};
    use serde_bytes::ByteBuf;

    use super::{Bytes, Deserialize, Write};

    pub(super) fn serialize<S: Serializer>(writes: &[Write], to: S) -> Result<S::Ok, S::Error> {
        let mut sequence = to.serialize_seq(Some(writes.len()))?;
        for write in writes {
            let key = serde_bytes::Bytes::new(&write.key);
            let value = write.value.as_deref().map(serde_bytes::Bytes::new);
            sequence.serialize_element(&(key, value))?;
        }
        sequence.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Write>, D::Error> {
        let pairs = Vec::<(ByteBuf, Option<ByteBuf>)>::deserialize(from)?;
        let bytes = |buffer: ByteBuf| Bytes::from(buffer.into_vec());
        Ok(pairs
            .into_iter()
            .map(|(key, value)| Write { key: bytes(key), value: value.map(bytes) })
            .collect())
    }
}

#[cfg(test)]
mod tests;
