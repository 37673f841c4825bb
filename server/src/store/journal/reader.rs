//! Reads old commits from the segment files, up to the durable end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::Position;
use super::frame::{self, Frame, HEADER_LENGTH};
use super::segment::{self, Header};

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;

/// Why old commits could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalReadError {
    /// The medium failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A frame that was sound at start is not any more.
    #[error("segment {} at byte {}: {reason}", at.segment, at.offset)]
    Damaged {
        /// Where.
        at: Position,
        /// What is wrong.
        reason: frame::FrameError,
    },
}

/// Reads frames from a place to the durable end, until `visit` says it has
/// enough.
pub(crate) fn read_from(
    dir: &Path,
    from: Position,
    end: Position,
    visit: &mut dyn FnMut(Frame) -> bool,
) -> Result<(), JournalReadError> {
    let mut offset = from.offset;
    for number in from.segment..=end.segment {
        let file = File::open(segment::path(dir, number))?;
        let mut header = [0; segment::HEADER_LENGTH];
        file.read_exact_at(&mut header, 0)?;
        let damaged = |offset, reason| JournalReadError::Damaged {
            at: Position { segment: number, offset },
            reason,
        };
        let header = Header::decode(&header).ok_or_else(|| damaged(0, frame::FrameError::Magic))?;
        let until = if number == end.segment { end.offset } else { file.metadata()?.len() };
        let mut window = Window { file, start: 0, bytes: Vec::new() };
        while offset < until {
            let (frame, length) = match window.frame(offset, until, header.seed)? {
                Ok(found) => found,
                // A crash may leave zeros that were made ahead.
                Err(_) if number < end.segment && window.is_zero(offset) => break,
                Err(reason) => return Err(damaged(offset, reason)),
            };
            if !visit(frame) {
                return Ok(());
            }
            offset += length as u64;
        }
        offset = segment::HEADER_LENGTH as u64;
    }
    Ok(())
}

/// A part of a file in memory.
struct Window {
    file: File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn frame(
        &mut self,
        offset: u64,
        until: u64,
        seed: u32,
    ) -> io::Result<Result<(Frame, usize), frame::FrameError>> {
        self.fill(offset, until, HEADER_LENGTH)?;
        let length = match frame::announced(self.at(offset)) {
            Ok(length) => length,
            Err(reason) => return Ok(Err(reason)),
        };
        self.fill(offset, until, length)?;
        Ok(frame::decode(seed, self.at(offset)))
    }

    fn at(&self, offset: u64) -> &[u8] {
        let skipped = offset.saturating_sub(self.start) as usize;
        self.bytes.get(skipped..).unwrap_or_default()
    }

    fn is_zero(&self, offset: u64) -> bool {
        self.at(offset).iter().all(|byte| *byte == 0)
    }

    /// Makes sure that `length` bytes from `offset` are in memory, as far as
    /// the file has them.
    fn fill(&mut self, offset: u64, until: u64, length: usize) -> io::Result<()> {
        if offset >= self.start && self.at(offset).len() >= length {
            return Ok(());
        }
        let wanted = (length.max(READ_BYTES) as u64).min(until.saturating_sub(offset));
        self.bytes.clear();
        self.bytes.resize(wanted as usize, 0);
        self.start = offset;
        self.file.read_exact_at(&mut self.bytes, offset)
    }
}
