//! Payload packs: what people and agents wrote, outside the journal.
//!
//! `packs/NNNN.pack`, numbered from 1, append-only: records ([`record`]) one
//! after another. A full pack is sealed with a sorted index beside it
//! ([`sealed`]), which is rebuilt from the pack when it is missing or damaged.
//! The newest pack's index is in memory. Large payloads are cut into chunks,
//! and a chunk that the same run has stored lately is referred to instead of
//! stored again ([`chunks`]).

pub(crate) mod chunks;
pub(crate) mod locate;
pub(crate) mod record;
pub(crate) mod recover;
pub(crate) mod sealed;
pub(crate) mod writer;

use std::io;
use std::path::{Path, PathBuf};

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// The number of the pack.
    pub(crate) pack: u32,
    /// The byte at which its header begins.
    pub(crate) offset: u64,
    /// The length of its body.
    pub(crate) length: u32,
}

/// A place in the packs: everything before it is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackEnd {
    /// The newest pack; 0 before the first.
    pub(crate) pack: u32,
    /// Its length.
    pub(crate) offset: u64,
}

/// The path of a pack.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:04}.pack"))
}

/// The packs in a directory, in order.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".pack"));
        if let Some(Ok(number)) = number.map(str::parse) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}
