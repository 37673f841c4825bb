//! The lanes that commits wait in, in every store: stops and pauses first, and
//! never too much.
//!
//! Bounded: a full lane answers `Busy`. The exempt one's own bound is far beyond
//! what stops and pauses can reach.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::{CommitError, CommitLane, Committed, Transaction};

/// The most commits that wait in the normal lane.
const MAX_QUEUED: usize = 8_192;
/// The most bytes that wait in the normal lane.
const MAX_QUEUED_BYTES: usize = 128 * 1024 * 1024;
/// The most commits that wait in the exempt lane.
const MAX_QUEUED_EXEMPT: usize = 65_536;
/// The most commits in one group.
pub(crate) const MAX_GROUP: usize = 512;
/// The most bytes in one group, beyond its last commit.
const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Where the answer to a transaction goes.
pub(crate) type Answer = oneshot::Sender<Result<Committed, CommitError>>;

/// A transaction and who waits for it.
pub(crate) struct Waiting {
    /// The transaction.
    pub(crate) transaction: Transaction,
    /// Its bytes, as far as they count.
    pub(crate) weight: usize,
    /// Who waits.
    pub(crate) answer: Answer,
}

/// What a group still has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    commits: usize,
    bytes: usize,
}

impl Room {
    /// For nothing.
    pub(crate) const NONE: Self = Self { commits: 0, bytes: 0 };
    /// For a whole group.
    pub(crate) const ALL: Self = Self { commits: MAX_GROUP, bytes: MAX_GROUP_BYTES };

    /// Whether nothing more fits.
    pub(crate) const fn is_full(self) -> bool {
        self.commits == 0 || self.bytes == 0
    }

    /// Takes room for a commit.
    pub(crate) const fn enter(&mut self, bytes: usize) {
        self.commits = self.commits.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::ALL
    }
}

/// Commits that wait.
#[derive(Default)]
pub(crate) struct Lanes {
    exempt: VecDeque<Waiting>,
    normal: VecDeque<Waiting>,
    normal_bytes: usize,
}

impl Lanes {
    /// Queues a transaction, or says why not.
    pub(crate) fn push(&mut self, waiting: Waiting) -> Result<(), CommitError> {
        if waiting.transaction.lane == CommitLane::Exempt {
            if self.exempt.len() >= MAX_QUEUED_EXEMPT {
                return Err(CommitError::Busy);
            }
            self.exempt.push_back(waiting);
        } else {
            let bytes = self.normal_bytes + waiting.weight;
            if self.normal.len() >= MAX_QUEUED || bytes > MAX_QUEUED_BYTES {
                return Err(CommitError::Busy);
            }
            self.normal_bytes = bytes;
            self.normal.push_back(waiting);
        }
        Ok(())
    }

    /// Whether there is anything that [`Lanes::take`] would take.
    pub(crate) fn has_any(&self, room: Room) -> bool {
        !self.exempt.is_empty() || !(self.normal.is_empty() || room.is_full())
    }

    /// Takes all stops and pauses, and as many others as there is room for.
    pub(crate) fn take(&mut self, mut room: Room) -> Vec<Waiting> {
        let mut taken = Vec::from(std::mem::take(&mut self.exempt));
        while !room.is_full()
            && let Some(waiting) = self.normal.pop_front()
        {
            self.normal_bytes = self.normal_bytes.saturating_sub(waiting.weight);
            room.enter(waiting.weight);
            taken.push(waiting);
        }
        taken
    }

    /// How many commits wait.
    pub(crate) fn depth(&self) -> usize {
        self.exempt.len() + self.normal.len()
    }

    /// Answers everybody that nothing was taken.
    pub(crate) fn refuse_all(self) {
        for waiting in self.exempt.into_iter().chain(self.normal) {
            // Whoever asked may have gone.
            let _ = waiting.answer.send(Err(CommitError::Stopped));
        }
    }
}
