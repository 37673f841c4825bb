//! Appends groups of frames to the newest segment.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::Position;
use super::segment::{self, HEADER_LENGTH, Header};
use crate::store::ahead::{Ahead, Room};
use crate::store::files;

/// The end of the journal, open for appending.
pub(crate) struct JournalWriter {
    dir: PathBuf,
    rotate_bytes: u64,
    at: Position,
    seed: u32,
    file: Option<File>,
    /// Up to where the file was zeroed ahead; 0 if it grows.
    zeroed_until: u64,
    ahead: Ahead,
}

impl JournalWriter {
    /// Opens the journal at its end, which recovery has found and cut.
    /// Segments are full at `rotate_bytes`; a busy journal has them made ahead
    /// where there is `room`.
    pub(crate) fn open(
        dir: &Path,
        at: Position,
        seed: u32,
        rotate_bytes: u64,
        room: Option<Room>,
    ) -> io::Result<Self> {
        let file = match at.segment {
            0 => None,
            number => Some(OpenOptions::new().write(true).open(segment::path(dir, number))?),
        };
        let ahead = Ahead::new(dir, rotate_bytes, room);
        let dir = dir.to_owned();
        Ok(Self { dir, rotate_bytes, at, seed, file, zeroed_until: 0, ahead })
    }

    /// Writes a group of frames, without syncing it; answers where it begins
    /// and where the journal ends now.
    pub(crate) fn append(
        &mut self,
        first_commit: u64,
        frames: &[u8],
    ) -> io::Result<(Position, Position)> {
        let length = frames.len() as u64;
        let end = self.at.offset + length;
        let is_full = end > self.rotate_bytes && self.at.offset > HEADER_LENGTH as u64;
        if self.file.is_none() || is_full || (end > self.zeroed_until && self.ahead.is_ready()) {
            self.rotate(first_commit)?;
        }
        let start = self.at;
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.write_all_at(frames, start.offset)?;
        self.at.offset += length;
        self.ahead.note_written(length);
        Ok((start, self.at))
    }

    /// Makes everything that was appended durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// Begins the next segment; the one before is cut at its end and synced, so
    /// that only the newest can ever be torn.
    fn rotate(&mut self, first_commit: u64) -> io::Result<()> {
        if let Some(file) = &self.file {
            if self.zeroed_until > self.at.offset {
                file.set_len(self.at.offset)?;
            }
            file.sync_data()?;
        }
        let number = self.at.segment + 1;
        let path = segment::path(&self.dir, number);
        let header = Header { number, first_commit, seed: self.seed }.encode();
        let file = match self.ahead.take() {
            Some(spare) => {
                self.zeroed_until = spare.bytes;
                spare.place(&path, &header)?
            }
            None => {
                self.zeroed_until = 0;
                let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
                file.write_all_at(&header, 0)?;
                file.sync_data()?;
                files::sync_dir(&self.dir)?;
                file
            }
        };
        self.at = Position { segment: number, offset: HEADER_LENGTH as u64 };
        self.file = Some(file);
        Ok(())
    }
}
