//! Free disk space, and who is refused when there is little.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::store::{CommitError, CommitLane};

/// Measures the disk that holds a path.
pub type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<Space> + Send + Sync>;

const MIB: u64 = 1024 * 1024;
/// The first watermark is at most one part in so many of the disk.
const INTAKE_SHARE: u64 = 4;
/// The ballast is at most one part in so many of the disk: half the first
/// watermark, so that giving it up lets nothing new in, and twice the second,
/// so that people's answers pass on a disk that was full to the last byte.
pub(super) const BALLAST_SHARE: u64 = 8;
/// The second watermark is at most one part in so many of the disk.
const NORMAL_SHARE: u64 = 16;

/// How full a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// When commits are refused for want of space. On a small disk the bytes count
/// for less, or nothing would ever be taken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// Below this many free bytes nothing new is taken in; at most a quarter of
    /// the disk.
    pub intake_bytes: u64,
    /// The same as a percentage of the disk; the greater of both counts.
    pub intake_percent: u64,
    /// Below this many free bytes only stops and pauses are taken; at most a
    /// sixteenth of the disk.
    pub normal_bytes: u64,
}

impl Default for Watermarks {
    fn default() -> Self {
        Self { intake_bytes: 512 * MIB, intake_percent: 10, normal_bytes: 32 * MIB }
    }
}

impl Watermarks {
    /// Whether a lane is taken at this much space.
    pub(super) fn check(&self, lane: CommitLane, space: Space) -> Result<(), CommitError> {
        let watermark_bytes = match lane {
            CommitLane::Intake => {
                let percent = space.total / 100 * self.intake_percent;
                self.intake_bytes.min(space.total / INTAKE_SHARE).max(percent)
            }
            CommitLane::Normal => self.normal_bytes.min(space.total / NORMAL_SHARE),
            CommitLane::Exempt => 0,
        };
        if space.free < watermark_bytes {
            return Err(CommitError::DiskFull { free_bytes: space.free, watermark_bytes });
        }
        Ok(())
    }
}

/// Measures the disk that holds a path.
pub(super) fn of_disk(path: &Path) -> io::Result<Space> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(Space {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}
