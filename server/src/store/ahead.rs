//! Files of zeros, made ahead of their use.
//!
//! Syncing bytes that overwrite allocated, written blocks costs about half of
//! syncing bytes that make a file grow, because the file system has nothing of
//! its own to write. So a busy journal or pack continues in a file of zeros
//! that a helper thread has written meanwhile. An idle store makes none.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use super::files;

/// How much must be written before a file is made ahead.
const BUSY_AFTER_BYTES: u64 = 512 * 1024;
/// How much is zeroed between two syncs, so that ours are not held up.
const STEP_BYTES: usize = 512 * 1024;
/// The name of a file that is not in use yet.
const SPARE_FILE: &str = "spare.tmp";

/// Tells whether the disk has room for so many bytes that nobody needs yet.
pub(crate) type Room = Arc<dyn Fn(u64) -> bool + Send + Sync>;

/// A file of zeros.
pub(crate) struct Spare {
    file: File,
    path: PathBuf,
    /// Its length.
    pub(crate) bytes: u64,
}

impl Spare {
    /// Puts the file in its place, with a first header, durably.
    pub(crate) fn place(self, at: &Path, header: &[u8]) -> io::Result<File> {
        use std::os::unix::fs::FileExt as _;
        self.file.write_all_at(header, 0)?;
        self.file.sync_data()?;
        std::fs::rename(&self.path, at)?;
        files::sync_dir(files::parent(at))?;
        Ok(self.file)
    }
}

enum State {
    Idle,
    Working(Receiver<io::Result<Spare>>),
    Ready(Spare),
    /// It failed once, perhaps for want of space; files grow as usual.
    GivenUp,
}

/// Makes spare files for one directory.
pub(crate) struct Ahead {
    dir: PathBuf,
    bytes: u64,
    written: u64,
    room: Room,
    state: State,
}

impl Ahead {
    /// Makes none yet; files will have this length. Without `room` none is
    /// ever made.
    pub(crate) fn new(dir: &Path, bytes: u64, room: Option<Room>) -> Self {
        // A file that an earlier life left behind is of no use.
        let _ = std::fs::remove_file(dir.join(SPARE_FILE));
        let state = if room.is_some() { State::Idle } else { State::GivenUp };
        let room = room.unwrap_or_else(|| Arc::new(|_| false));
        Self { dir: dir.to_owned(), bytes, written: 0, room, state }
    }

    /// Notes that so much was written, and begins a spare file if it is time.
    pub(crate) fn note_written(&mut self, bytes: u64) {
        self.written += bytes;
        if self.written < BUSY_AFTER_BYTES || !matches!(self.state, State::Idle) {
            return;
        }
        self.written = 0;
        if !(self.room)(self.bytes) {
            return;
        }
        let (sender, receiver) = sync_channel(1);
        let (path, bytes) = (self.dir.join(SPARE_FILE), self.bytes);
        let thread = std::thread::Builder::new().name("store-ahead".to_owned());
        let started = thread.spawn(move || {
            // Nobody listens after the store has stopped.
            let _ = sender.send(zeros(path, bytes));
        });
        self.state = match started {
            Ok(_) => State::Working(receiver),
            Err(_) => State::GivenUp,
        };
    }

    /// Whether a spare file is there.
    pub(crate) fn is_ready(&mut self) -> bool {
        if let State::Working(receiver) = &self.state {
            match receiver.try_recv() {
                Ok(Ok(spare)) => self.state = State::Ready(spare),
                Err(TryRecvError::Empty) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot make a file ahead");
                    self.state = State::GivenUp;
                }
                Err(TryRecvError::Disconnected) => self.state = State::GivenUp,
            }
        }
        matches!(self.state, State::Ready(_))
    }

    /// Takes the spare file, if it is there.
    pub(crate) fn take(&mut self) -> Option<Spare> {
        if !self.is_ready() {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Ready(spare) => Some(spare),
            other => {
                self.state = other;
                None
            }
        }
    }
}

fn zeros(path: PathBuf, bytes: u64) -> io::Result<Spare> {
    let mut open = OpenOptions::new();
    let mut file = open.read(true).write(true).create(true).truncate(true).open(&path)?;
    let zeros = vec![0; STEP_BYTES];
    let mut left = bytes;
    while left > 0 {
        let step = zeros.get(..STEP_BYTES.min(left as usize)).unwrap_or_default();
        file.write_all(step)?;
        file.sync_data()?;
        left -= step.len() as u64;
    }
    file.sync_all()?;
    Ok(Spare { file, path, bytes })
}
