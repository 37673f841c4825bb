//! Appends groups of frames to the newest segment.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::Position;
use super::segment::{self, HEADER_LENGTH, Header};
use crate::store::files;

/// The end of the journal, open for appending.
pub(crate) struct JournalWriter {
    dir: PathBuf,
    rotate_bytes: u64,
    at: Position,
    file: Option<File>,
    seed: u32,
}

impl JournalWriter {
    /// Opens the journal at its end, which recovery has found.
    pub(crate) fn open(
        dir: PathBuf,
        at: Position,
        seed: u32,
        rotate_bytes: u64,
    ) -> io::Result<Self> {
        let file = match at.segment {
            0 => None,
            number => Some(OpenOptions::new().append(true).open(segment::path(&dir, number))?),
        };
        Ok(Self { dir, rotate_bytes, at, file, seed })
    }

    /// Writes a group of frames, without syncing it; answers where it begins
    /// and where the journal ends now.
    pub(crate) fn append(
        &mut self,
        first_commit: u64,
        frames: &[u8],
    ) -> io::Result<(Position, Position)> {
        let full = self.at.offset + frames.len() as u64 > self.rotate_bytes
            && self.at.offset > HEADER_LENGTH as u64;
        if full || self.file.is_none() {
            self.rotate(first_commit)?;
        }
        let start = self.at;
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.write_all(frames)?;
        self.at.offset += frames.len() as u64;
        Ok((start, self.at))
    }

    /// Makes everything that was appended durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// Begins the next segment; the one before is synced, so that only the
    /// newest can ever be torn.
    fn rotate(&mut self, first_commit: u64) -> io::Result<()> {
        self.sync()?;
        let number = self.at.segment + 1;
        let path = segment::path(&self.dir, number);
        let mut file = OpenOptions::new().append(true).create_new(true).open(path)?;
        file.write_all(&Header { number, first_commit, seed: self.seed }.encode())?;
        file.sync_data()?;
        files::sync_dir(&self.dir)?;
        self.at = Position { segment: number, offset: HEADER_LENGTH as u64 };
        self.file = Some(file);
        Ok(())
    }
}
