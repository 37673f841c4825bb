//! How an embedded store is opened, and what opening it found.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::projection::ProjectionError;
use super::space::{self, FreeSpace, Watermarks};
use crate::store::damage::is_full;
use crate::store::{Clock, StoreFailure};

/// Makes an operation of the journal thread fail; for tests.
pub type Faults = Arc<dyn Fn(FaultPoint) -> io::Result<()> + Send + Sync>;

/// A journal segment is full at this size.
pub(super) const DEFAULT_SEGMENT_BYTES: u64 = 32 * 1024 * 1024;
/// A payload pack is full at this size.
pub(super) const DEFAULT_PACK_BYTES: u64 = 32 * 1024 * 1024;
/// Records kept in memory for readers.
const DEFAULT_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Payloads kept in memory for readers.
const DEFAULT_PAYLOAD_CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// What sled may cache. Its resident size can be several times this.
const DEFAULT_SLED_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// A file to give up, so that a start on a full disk succeeds.
const DEFAULT_BALLAST_BYTES: u64 = 64 * 1024 * 1024;

/// Where the journal thread may be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// Before payloads are written.
    WritePayloads,
    /// Before payloads are synced.
    SyncPayloads,
    /// Before frames are written.
    WriteFrames,
    /// Before frames are synced.
    SyncFrames,
}

/// How to open a store.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// The directory of the store; made if it is absent.
    pub data_dir: PathBuf,
    /// Where the signed head is kept outside the data directory; by default
    /// `<data_dir>.head`.
    pub head_file: Option<PathBuf>,
    /// The clock that commits are timed by.
    pub clock: Clock,
    /// The size at which a journal segment is full.
    pub segment_bytes: u64,
    /// The size at which a payload pack is full.
    pub pack_bytes: u64,
    /// How many bytes of records are kept in memory.
    pub cache_bytes: u64,
    /// How many bytes of payloads are kept in memory.
    pub payload_cache_bytes: u64,
    /// The cache setting of sled.
    pub sled_cache_bytes: u64,
    /// When commits are refused because the disk is nearly full.
    pub watermarks: Watermarks,
    /// How free space is measured.
    pub free_space: FreeSpace,
    /// The size of the file that is given up to start on a full disk, at most an
    /// eighth of the disk; 0: none.
    pub ballast_bytes: u64,
    /// Whether a busy store makes its next segment and pack ahead, as files of
    /// zeros: faster syncs, for as much disk space as one of each.
    pub makes_ahead: bool,
    /// Makes writes and syncs fail; for tests.
    pub faults: Option<Faults>,
}

impl EmbeddedOptions {
    /// The defaults for a directory, with a clock.
    pub fn new(data_dir: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            data_dir: data_dir.into(),
            head_file: None,
            clock,
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            pack_bytes: DEFAULT_PACK_BYTES,
            cache_bytes: DEFAULT_CACHE_BYTES,
            payload_cache_bytes: DEFAULT_PAYLOAD_CACHE_BYTES,
            sled_cache_bytes: DEFAULT_SLED_CACHE_BYTES,
            watermarks: Watermarks::default(),
            free_space: Arc::new(space::of_disk),
            ballast_bytes: DEFAULT_BALLAST_BYTES,
            makes_ahead: true,
            faults: None,
        }
    }

    /// Where the signed head is kept outside the data directory.
    pub(super) fn outer_head(&self) -> PathBuf {
        self.head_file.clone().unwrap_or_else(|| {
            let mut path = self.data_dir.clone().into_os_string();
            path.push(".head");
            path.into()
        })
    }
}

/// What opening a store found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The newest commit.
    pub commit: u64,
    /// The entries in the journal.
    pub entries: u64,
    /// Commits applied to the projection from the journal.
    pub replayed: u64,
    /// Where the former projection was set aside, if it could not be used.
    pub quarantined: Option<PathBuf>,
    /// Why it could not be used.
    pub quarantine_reason: Option<String>,
    /// Commits at the tail that were cut because they were never answered.
    pub cut_commits: u64,
    /// Bytes cut from the end of the journal.
    pub cut_bytes: u64,
    /// Unfinished sled snapshots that were deleted.
    pub deleted_snapshots: u64,
    /// Whether the ballast was given up because the disk is full.
    pub ballast_released: bool,
}

impl From<io::Error> for StoreFailure {
    fn from(error: io::Error) -> Self {
        let message = error.to_string();
        if is_full(&error) { Self::DiskFull { message } } else { Self::Journal { message } }
    }
}

impl From<ProjectionError> for StoreFailure {
    fn from(error: ProjectionError) -> Self {
        match error {
            ProjectionError::NoSpace(message) => Self::DiskFull { message },
            error => Self::Projection { message: error.to_string() },
        }
    }
}
