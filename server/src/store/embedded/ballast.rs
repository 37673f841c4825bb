//! Ballast: a file whose space is given up, so that a store can be opened on a
//! full disk.
//!
//! Opening writes: sled fills up its newest segment and writes a snapshot, the
//! journal's changes since then are replayed, a signed head is replaced. The
//! ballast is laid in again as soon as there is room for it.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

use super::options::EmbeddedOptions;
use super::space::{BALLAST_SHARE, FreeSpace, Space};

const BALLAST_FILE: &str = "ballast";
/// It is laid in where so many times its size is free: on a small disk, so that
/// the rest of it is just above the first watermark.
const ROOM: u64 = 3;

/// The ballast of one store.
pub(super) struct Ballast {
    data: PathBuf,
    most_bytes: u64,
    free_space: FreeSpace,
    is_possible: bool,
}

impl Ballast {
    /// The ballast that the options ask for; none for 0 bytes.
    pub(super) fn new(options: &EmbeddedOptions) -> Self {
        Self {
            data: options.data_dir.clone(),
            most_bytes: options.ballast_bytes,
            free_space: options.free_space.clone(),
            is_possible: options.ballast_bytes > 0,
        }
    }

    /// Gives it up if less is free than it holds; answers whether it did.
    pub(super) fn release(&self) -> bool {
        let path = self.path();
        // Somebody may have been killed while laying it in.
        let _ = std::fs::remove_file(beside(&path));
        let is_full = (self.free_space)(&self.data)
            .is_ok_and(|space| path.exists() && space.free < self.bytes(space));
        is_full && std::fs::remove_file(&path).is_ok()
    }

    /// Lays it in, if it is not there and there is room for it.
    pub(super) fn lay(&mut self) {
        let path = self.path();
        if !self.is_possible || path.exists() {
            return;
        }
        let bytes = match (self.free_space)(&self.data) {
            Ok(space) if space.free > self.bytes(space).saturating_mul(ROOM) => self.bytes(space),
            _ => return,
        };
        let made = File::create(beside(&path))
            .and_then(|file| Ok(rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes)?))
            .and_then(|()| std::fs::rename(beside(&path), &path));
        if let Err(error) = made {
            // Not every file system can; and half a ballast is of no use.
            tracing::warn!(%error, "cannot lay in ballast");
            self.is_possible = false;
            let _ = std::fs::remove_file(beside(&path));
        }
    }

    fn path(&self) -> PathBuf {
        self.data.join(BALLAST_FILE)
    }

    fn bytes(&self, space: Space) -> u64 {
        self.most_bytes.min(space.total / BALLAST_SHARE)
    }
}

/// Its name until it has its size: an empty file must not pass for the ballast.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}
