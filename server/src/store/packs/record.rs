//! One record of a pack, byte by byte.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `PMP1` |
//! | 4 | 1 | kind: 0 a payload as a whole, 1 a list of chunks, 2 a chunk |
//! | 5 | 3 | zero |
//! | 8 | 4 | length of the body, big-endian |
//! | 12 | 4 | CRC-32C of the body, big-endian |
//! | 16 | 16 | id: the payload's, or the chunk's |
//! | 32 | 16 | salt of the payload's commitment; zero for a chunk |
//! | 48 | 4 | length of the whole payload, big-endian |
//! | 52 | 8 | zero |
//! | 60 | 4 | CRC-32C of the sixty bytes before, big-endian |
//! | 64 | .. | the body |
//!
//! The header has a checksum of its own, so that a damaged body can be stepped
//! over. A list of chunks is entries of 32 bytes: chunk id (16), pack (4),
//! offset (8), length (4). The place is where the chunk was when the list was
//! written; whoever does not find it there looks the id up.

use uuid::Uuid;

use super::Location;
use crate::domain::payload::SALT_LENGTH;

/// The length of a record's header.
pub(crate) const HEADER_LENGTH: usize = 64;
/// The length of one entry of a list of chunks.
pub(crate) const ENTRY_LENGTH: usize = 32;

/// The first bytes of a record.
pub(crate) const MAGIC: [u8; 4] = *b"PMP1";
const CHECKED: usize = HEADER_LENGTH - 4;

/// What a record's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A payload as a whole.
    Whole,
    /// The chunks of a payload.
    List,
    /// A chunk.
    Chunk,
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// What the body is.
    pub(crate) kind: Kind,
    /// The length of the body.
    pub(crate) length: u32,
    /// The checksum of the body.
    pub(crate) body_crc: u32,
    /// The payload's id, or the chunk's.
    pub(crate) id: Uuid,
    /// The salt of the payload's commitment.
    pub(crate) salt: [u8; SALT_LENGTH],
    /// The length of the whole payload.
    pub(crate) size: u32,
}

impl Header {
    /// The bytes of the header.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        let kind = match self.kind {
            Kind::Whole => 0,
            Kind::List => 1,
            Kind::Chunk => 2,
        };
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[kind, 0, 0, 0]);
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(&self.body_crc.to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// Reads a header; `None` if it is not one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let checked = bytes.get(..CHECKED)?;
        let crc = number(bytes, CHECKED)?;
        if !checked.starts_with(&MAGIC) || crc32c::crc32c(checked) != crc {
            return None;
        }
        let kind = match checked.get(4)? {
            0 => Kind::Whole,
            1 => Kind::List,
            2 => Kind::Chunk,
            _ => return None,
        };
        Some(Self {
            kind,
            length: number(checked, 8)?,
            body_crc: number(checked, 12)?,
            id: Uuid::from_slice(checked.get(16..32)?).ok()?,
            salt: checked.get(32..48)?.try_into().ok()?,
            size: number(checked, 48)?,
        })
    }
}

/// One entry of a list of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkEntry {
    /// The chunk.
    pub(crate) id: Uuid,
    /// Where it was when the list was written.
    pub(crate) at: Location,
}

impl ChunkEntry {
    /// Appends the entry to a body.
    pub(crate) fn encode(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(self.id.as_bytes());
        body.extend_from_slice(&self.at.pack.to_be_bytes());
        body.extend_from_slice(&self.at.offset.to_be_bytes());
        body.extend_from_slice(&self.at.length.to_be_bytes());
    }

    /// Reads the entries of a body; `None` if it is not a list.
    pub(crate) fn decode_all(body: &[u8]) -> Option<Vec<Self>> {
        let entries = body.chunks_exact(ENTRY_LENGTH);
        if !entries.remainder().is_empty() {
            return None;
        }
        entries
            .map(|entry| {
                let offset = u64::from_be_bytes(entry.get(20..28)?.try_into().ok()?);
                let at = Location { pack: number(entry, 16)?, offset, length: number(entry, 28)? };
                Some(Self { id: Uuid::from_slice(entry.get(..16)?).ok()?, at })
            })
            .collect()
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
