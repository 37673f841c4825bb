//! The header of a journal segment, and which segments there are.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `PMSEGM01`; the digits are the format |
//! | 8 | 8 | number of the segment, big-endian |
//! | 16 | 8 | number of its first commit, big-endian |
//! | 24 | 4 | random seed of the frames' checksums, the same in all segments, big-endian |
//! | 28 | 4 | CRC-32C over the bytes before, big-endian |

use std::io;
use std::path::{Path, PathBuf};

/// The first bytes of a segment.
const MAGIC: [u8; 8] = *b"PMSEGM01";
/// The length of the header; the first frame follows.
pub(crate) const HEADER_LENGTH: usize = 32;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The number of the segment, from 1.
    pub(crate) number: u64,
    /// The commit that its first frame must have.
    pub(crate) first_commit: u64,
    /// What the checksums of its frames begin with.
    pub(crate) seed: u32,
}

impl Header {
    /// The bytes of the header.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.first_commit.to_be_bytes());
        bytes.extend_from_slice(&self.seed.to_be_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// Reads a header; `None` if it is not one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let covered = bytes.get(..HEADER_LENGTH - 4)?;
        let crc = bytes.get(HEADER_LENGTH - 4..HEADER_LENGTH)?.try_into().ok()?;
        if !covered.starts_with(&MAGIC) || crc32c::crc32c(covered) != u32::from_be_bytes(crc) {
            return None;
        }
        let number = u64::from_be_bytes(covered.get(8..16)?.try_into().ok()?);
        let first_commit = u64::from_be_bytes(covered.get(16..24)?.try_into().ok()?);
        let seed = u32::from_be_bytes(covered.get(24..28)?.try_into().ok()?);
        Some(Self { number, first_commit, seed })
    }
}

/// The path of a segment.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}.log"))
}

/// The segments in a directory, in order; other files are left alone.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
        if let Some(number) = number.filter(|digits| digits.len() == 10)
            && let Ok(number) = number.parse()
        {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}
