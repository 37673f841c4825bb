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

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::io::ReadWriteFlags;

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

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as it takes.
    Wait,
    /// Not at all: what the system does not have at hand is an error.
    None,
}

impl Patience {
    /// Fills a buffer from a place in a file.
    pub(crate) fn read_exact_at(self, file: &File, into: &mut [u8], at: u64) -> io::Result<()> {
        if self == Self::Wait {
            return file.read_exact_at(into, at);
        }
        let wanted = into.len();
        let mut into = [IoSliceMut::new(into)];
        let read = rustix::io::preadv2(file, &mut into, at, ReadWriteFlags::NOWAIT)?;
        if read == wanted { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
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
