//! Reads the whole journal at start: checks every frame, folds what it needs.
//!
//! Nothing is changed here. A tail that was being written when the power went
//! is told from damage by the groups: what is in the newest group may be torn
//! anywhere, because its sync never came back and nobody was answered. A frame
//! of an earlier group was durable once, and if it cannot be read now, that is
//! damage.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Position;
use super::frame::{self, Frame, FrameError};
use super::index::JournalIndex;
use super::segment::{self, HEADER_LENGTH, Header};
use super::survey::{self, Broken};
use crate::domain::digest::Digest;
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::merkle::Frontier;

/// How many commits pass between two reports of progress.
const PROGRESS_STEP: u64 = 50_000;

/// A commit of the newest group, which may not have been answered.
#[derive(Clone, Debug)]
pub(crate) struct TailCommit {
    /// Its number.
    pub(crate) commit: u64,
    /// Where its frame begins.
    pub(crate) at: Position,
    /// The payloads it needs.
    pub(crate) payloads: Vec<PayloadRef>,
}

/// The tree at one of the sizes that were asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RootAt {
    /// The size.
    pub(crate) size: u64,
    /// The root at that size.
    pub(crate) root: Digest,
}

/// What the journal says, folded.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// The tree over all leaves.
    pub(crate) frontier: Frontier,
    /// Where commits and sequences are.
    pub(crate) index: JournalIndex,
    /// Every tenant's newest sequence.
    pub(crate) tenants: HashMap<String, u64>,
    /// The newest commit.
    pub(crate) last_commit: u64,
    /// Its time.
    pub(crate) last_time: Timestamp,
    /// Where the sound part of the journal ends.
    pub(crate) end: Position,
    /// The seed of the newest segment's checksums.
    pub(crate) seed: u32,
    /// Whether zeros that were made ahead lie beyond `end`.
    pub(crate) has_zeros: bool,
    /// Why there are other bytes beyond `end`, if there are.
    pub(crate) torn: Option<FrameError>,
    /// The commits of the newest group.
    pub(crate) tail: Vec<TailCommit>,
    /// The roots at the sizes that were asked for.
    pub(crate) roots: Vec<RootAt>,
}

/// What the caller of a scan wants besides.
pub(crate) struct Wishes<'a> {
    /// Sizes of the tree at which to note the root.
    pub(crate) sizes: &'a [u64],
    /// Sees every sound frame.
    pub(crate) visit: &'a mut dyn FnMut(&Frame) -> Result<(), OpenError>,
    /// Hears how many commits were read.
    pub(crate) progress: &'a dyn Fn(u64),
}

/// Reads and checks every segment in a directory.
pub(crate) fn scan(dir: &Path, wishes: Wishes<'_>) -> Result<Scanned, OpenError> {
    let segments = segment::list(dir).map_err(OpenError::medium("list", dir))?;
    let mut scan =
        Scan { wishes, segments, state: Scanned::default(), group: 0, buffer: Vec::new() };
    scan.note_roots();
    for place in 0..scan.segments.len() {
        if scan.segment(place)? {
            break;
        }
    }
    Ok(scan.state)
}

struct Scan<'a> {
    wishes: Wishes<'a>,
    segments: Vec<(u64, PathBuf)>,
    state: Scanned,
    group: u64,
    /// Where segments are read to, one after another.
    buffer: Vec<u8>,
}

impl Scan<'_> {
    /// Reads one segment; answers whether the journal ends in it.
    fn segment(&mut self, place: usize) -> Result<bool, OpenError> {
        let Some((number, path)) = self.segments.get(place).cloned() else {
            return Ok(true);
        };
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        File::open(&path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(OpenError::medium("read", &path))?;
        let expected = place as u64 + 1;
        let first_commit = self.state.last_commit + 1;
        let header = Header::decode(&bytes);
        let Some(header) = header.filter(|header| {
            (header.number, header.first_commit) == (expected, first_commit) && number == expected
        }) else {
            let is_newest = place + 1 == self.segments.len() && number == expected;
            if is_newest && header.is_none() && bytes.len() <= HEADER_LENGTH {
                self.state.torn = Some(FrameError::Short);
                self.state.end = Position { segment: number, offset: 0 };
                return Ok(true);
            }
            return Err(self.damaged(place, 0, DamageKind::Segment { expected }));
        };
        self.state.seed = header.seed;
        self.state.end = Position { segment: number, offset: HEADER_LENGTH as u64 };
        let is_end = self.frames(place, header.seed, &bytes)?;
        self.buffer = bytes;
        Ok(is_end)
    }

    fn frames(&mut self, place: usize, seed: u32, bytes: &[u8]) -> Result<bool, OpenError> {
        let mut offset = HEADER_LENGTH;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            match frame::decode(seed, rest) {
                Ok((frame, length)) => {
                    self.check_order(place, &frame)?;
                    offset += length;
                    self.take(&frame, offset as u64)?;
                }
                // What was zeroed ahead and not written yet.
                Err(_) if rest.iter().all(|byte| *byte == 0) => {
                    self.state.has_zeros = true;
                    return Ok(false);
                }
                Err(reason) => return self.broken(place, offset, reason),
            }
        }
        self.state.has_zeros = false;
        Ok(false)
    }

    /// The frame is sound: it must also be the next one.
    fn check_order(&self, place: usize, frame: &Frame) -> Result<(), OpenError> {
        let state = &self.state;
        let expected = state.last_commit + 1;
        let sequence = state.tenants.get(&frame.tenant).copied().unwrap_or(0) + 1;
        let is_next = frame.commit == expected
            && frame.first_sequence == sequence
            && frame.leaf_index == state.frontier.size()
            && frame.time >= state.last_time;
        if is_next {
            return Ok(());
        }
        let kind = DamageKind::Order { expected, found: frame.commit };
        Err(self.damaged(place, state.end.offset as usize, kind))
    }

    fn take(&mut self, frame: &Frame, end: u64) -> Result<(), OpenError> {
        let at = self.state.end;
        if frame.group != self.group {
            self.group = frame.group;
            self.state.tail.clear();
        }
        let payloads = frame.payloads.clone();
        self.state.tail.push(TailCommit { commit: frame.commit, at, payloads });
        self.state.index.note(frame, at);
        for leaf in frame.leaf_hashes() {
            self.state.frontier.append(leaf);
            self.note_roots();
        }
        if let Some(sequence) = self.state.tenants.get_mut(&frame.tenant) {
            *sequence = frame.last_sequence();
        } else {
            self.state.tenants.insert(frame.tenant.clone(), frame.last_sequence());
        }
        (self.state.last_commit, self.state.last_time) = (frame.commit, frame.time);
        self.state.end.offset = end;
        if frame.commit.is_multiple_of(PROGRESS_STEP) {
            (self.wishes.progress)(frame.commit);
        }
        (self.wishes.visit)(frame)
    }

    fn note_roots(&mut self) {
        let size = self.state.frontier.size();
        if self.wishes.sizes.contains(&size) {
            self.state.roots.push(RootAt { size, root: self.state.frontier.root() });
        }
    }

    /// A frame cannot be read: the torn end of the journal, or damage?
    fn broken(
        &mut self,
        place: usize,
        offset: usize,
        reason: FrameError,
    ) -> Result<bool, OpenError> {
        let following = self.following(place, offset)?;
        let expected = self.state.last_commit + 1;
        if following.newest_group.is_none_or(|group| group <= expected) {
            self.state.torn = Some(reason);
            return Ok(true);
        }
        let kind = DamageKind::Frame { reason: reason.to_string() };
        Err(self.damaged(place, offset, kind))
    }

    fn following(&self, place: usize, offset: usize) -> Result<Broken, OpenError> {
        survey::following(self.segments.get(place..).unwrap_or_default(), offset)
    }

    /// Where a segment must be that is not there: it is what an operator has to
    /// bring back.
    fn absent(&self, number: u64) -> Option<PathBuf> {
        let is_there = self.segments.iter().any(|(found, _)| *found == number);
        let dir = self.segments.first()?.1.parent()?;
        (!is_there).then(|| segment::path(dir, number))
    }

    fn damaged(&self, place: usize, offset: usize, kind: DamageKind) -> OpenError {
        // What can still be read tells how much is lost. If even reading
        // fails, the damage itself is the better message.
        let beyond = match kind {
            DamageKind::Segment { .. } => 0,
            _ => offset,
        };
        let following = self.following(place, beyond).unwrap_or_default();
        let first_commit = self.state.last_commit + 1;
        let file = match kind {
            DamageKind::Segment { expected } => self.absent(expected),
            _ => None,
        };
        let found = || self.segments.get(place).map(|(_, path)| path.clone());
        let file = file.or_else(found).unwrap_or_default();
        Damage {
            kind,
            file,
            offset: offset as u64,
            first_commit,
            last_commit: following.first_commit_from(first_commit),
            sequences: following.gaps(&self.state.tenants),
        }
        .into()
    }
}

#[cfg(test)]
mod tests;
