//! What can still be read behind a place that cannot.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::frame::{self, Frame};
use super::segment::{HEADER_LENGTH, Header};
use crate::store::damage::{OpenError, SequenceGap};

/// The sound frames behind a broken place.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// The greatest group among them.
    pub(super) newest_group: Option<u64>,
    /// Their commits.
    commits: Vec<u64>,
    /// Every tenant's first sequence among them.
    sequences: BTreeMap<String, u64>,
}

impl Broken {
    /// The last commit before the first sound one that is newer than what
    /// was read already.
    pub(super) fn first_commit_from(&self, expected: u64) -> Option<u64> {
        let next = self.commits.iter().copied().filter(|commit| *commit > expected).min()?;
        Some(next - 1)
    }

    /// The sequences that lie between what was read and what follows.
    pub(super) fn gaps(&self, read: &HashMap<String, u64>) -> Vec<SequenceGap> {
        self.sequences
            .iter()
            .filter_map(|(tenant, next)| {
                let first = read.get(tenant).copied().unwrap_or(0) + 1;
                let tenant = tenant.clone();
                (*next > first).then(|| SequenceGap { tenant, first, last: next - 1 })
            })
            .collect()
    }

    fn note(&mut self, frame: Frame) {
        self.newest_group = self.newest_group.max(Some(frame.group));
        self.commits.push(frame.commit);
        let sequence = self.sequences.entry(frame.tenant).or_insert(frame.first_sequence);
        *sequence = frame.first_sequence.min(*sequence);
    }
}

/// Finds every sound frame after `offset` of the first segment and in the
/// segments after it.
pub(super) fn following(segments: &[(u64, PathBuf)], offset: usize) -> Result<Broken, OpenError> {
    let mut broken = Broken::default();
    let mut from = (offset + 1).max(HEADER_LENGTH);
    for (_, path) in segments {
        let bytes = std::fs::read(path).map_err(OpenError::medium("read", path))?;
        if let Some(header) = Header::decode(&bytes) {
            sound_frames(header.seed, &bytes, from, &mut broken);
        }
        from = HEADER_LENGTH;
    }
    Ok(broken)
}

fn sound_frames(seed: u32, bytes: &[u8], from: usize, broken: &mut Broken) {
    let mut offset = from;
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        match frame::decode(seed, rest) {
            Ok((frame, length)) => {
                broken.note(frame);
                offset += length;
            }
            Err(_) => match next_magic(rest) {
                Some(distance) => offset += distance,
                None => return,
            },
        }
    }
}

/// How far the next bytes are that could begin a frame.
fn next_magic(bytes: &[u8]) -> Option<usize> {
    let later = bytes.get(1..)?;
    later.windows(frame::MAGIC.len()).position(|window| window == frame::MAGIC).map(|at| at + 1)
}
