//! What waits for the storage thread.
//!
//! Commits queue in two lanes, the exempt one first; questions are answered as
//! they come. Bounded: a full queue answers `Busy`, except to the exempt lane,
//! whose own bound is far beyond what stops and pauses can reach.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::group::Room;
use super::syncer::SyncDone;
use crate::domain::digest::Digest;
use crate::store::{
    CommitError, CommitLane, Committed, Direction, KeyRange, ReadError, Scan, Transaction,
    Versioned,
};

/// The most commits that wait in the normal lane.
const MAX_QUEUED: usize = 8_192;
/// The most bytes that wait in the normal lane.
const MAX_QUEUED_BYTES: usize = 128 * 1024 * 1024;
/// The most commits that wait in the exempt lane.
const MAX_QUEUED_EXEMPT: usize = 65_536;
type Answer<T> = oneshot::Sender<Result<T, ReadError>>;

/// A transaction and who waits for it.
pub(super) struct Commit {
    pub(super) transaction: Transaction,
    /// Its bytes, as far as they count.
    pub(super) weight: usize,
    pub(super) answer: oneshot::Sender<Result<Committed, CommitError>>,
}

/// A question that only the storage thread can answer.
pub(super) enum Ask {
    /// Reads a key.
    Read { key: Bytes, answer: Answer<Option<Versioned>> },
    /// Reads a range.
    Scan { range: KeyRange, direction: Direction, limit: usize, answer: Answer<Scan> },
    /// Digests the whole state.
    StateDigest { answer: Answer<Digest> },
}

/// How far the store is from its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Everything is taken.
    #[default]
    Open,
    /// No new commits; the ones in hand are finished.
    Closing,
    /// The handle is gone: stop at once.
    Abandoned,
    /// Nothing is taken any more.
    Stopped,
}

#[derive(Default)]
struct Queues {
    phase: Phase,
    exempt: VecDeque<Commit>,
    normal: VecDeque<Commit>,
    normal_bytes: usize,
    asks: Vec<Ask>,
    done: Option<SyncDone>,
    closers: Vec<oneshot::Sender<()>>,
    is_waiting: bool,
}

/// What the storage thread takes at once.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) phase: Phase,
    pub(super) done: Option<SyncDone>,
    pub(super) commits: Vec<Commit>,
    pub(super) asks: Vec<Ask>,
}

/// The queues before the storage thread.
#[derive(Default)]
pub(super) struct Inbox {
    queues: Mutex<Queues>,
    ready: Condvar,
}

impl Inbox {
    /// Queues a commit, or says why not.
    pub(super) fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let mut queues = self.lock();
        if queues.phase != Phase::Open {
            return Err(CommitError::Stopped);
        }
        if commit.transaction.lane == CommitLane::Exempt {
            if queues.exempt.len() >= MAX_QUEUED_EXEMPT {
                return Err(CommitError::Busy);
            }
            queues.exempt.push_back(commit);
        } else {
            let bytes = queues.normal_bytes + commit.weight;
            if queues.normal.len() >= MAX_QUEUED || bytes > MAX_QUEUED_BYTES {
                return Err(CommitError::Busy);
            }
            queues.normal_bytes = bytes;
            queues.normal.push_back(commit);
        }
        self.wake(&queues);
        Ok(())
    }

    /// Queues a question; dropped, and so answered `Stopped`, after the end.
    pub(super) fn ask(&self, ask: Ask) {
        let mut queues = self.lock();
        if queues.phase != Phase::Stopped {
            queues.asks.push(ask);
            self.wake(&queues);
        }
    }

    /// Reports that a group is synced, or is not.
    pub(super) fn done(&self, done: SyncDone) {
        let mut queues = self.lock();
        queues.done = Some(done);
        self.wake(&queues);
    }

    /// Takes no new commits; `closed` hears when all is finished.
    pub(super) fn close(&self, closed: oneshot::Sender<()>) {
        let mut queues = self.lock();
        if queues.phase == Phase::Open {
            queues.phase = Phase::Closing;
        }
        if queues.phase == Phase::Closing {
            queues.closers.push(closed);
        }
        self.wake(&queues);
    }

    /// Asks the storage thread to stop without finishing.
    pub(super) fn abandon(&self) {
        let mut queues = self.lock();
        if queues.phase != Phase::Stopped {
            queues.phase = Phase::Abandoned;
        }
        self.wake(&queues);
    }

    /// Ends it: whatever waits is answered, and nothing is taken any more.
    pub(super) fn stop(&self) {
        let mut queues = self.lock();
        queues.phase = Phase::Stopped;
        let queues =
            std::mem::replace(&mut *queues, Queues { phase: Phase::Stopped, ..Queues::default() });
        for commit in queues.exempt.into_iter().chain(queues.normal) {
            let _ = commit.answer.send(Err(CommitError::Stopped));
        }
        for closer in queues.closers {
            let _ = closer.send(());
        }
    }

    /// Takes what there is: stops and pauses, and as many other commits as there
    /// is room for. Waits up to
    /// `patience` if there is nothing and the phase is still the one that was
    /// `seen`.
    pub(super) fn take(&self, room: Room, seen: Phase, patience: Duration) -> Taken {
        let mut queues = self.lock();
        if !patience.is_zero() && !queues.has_work(room) {
            queues.is_waiting = true;
            let waited = self.ready.wait_timeout_while(queues, patience, |queues| {
                !queues.has_work(room) && queues.phase == seen
            });
            queues = waited.unwrap_or_else(PoisonError::into_inner).0;
            queues.is_waiting = false;
        }
        let done = queues.done.take();
        let commits = queues.take_commits(room);
        Taken { phase: queues.phase, done, commits, asks: std::mem::take(&mut queues.asks) }
    }

    /// How many commits wait.
    pub(super) fn depth(&self) -> usize {
        let queues = self.lock();
        queues.exempt.len() + queues.normal.len()
    }

    fn wake(&self, queues: &Queues) {
        if queues.is_waiting {
            self.ready.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn has_work(&self, room: Room) -> bool {
        let has_answers = self.done.is_some() || !self.asks.is_empty();
        has_answers || !self.exempt.is_empty() || !(self.normal.is_empty() || room.is_full())
    }

    fn take_commits(&mut self, mut room: Room) -> Vec<Commit> {
        let mut taken = Vec::from(std::mem::take(&mut self.exempt));
        while !room.is_full()
            && let Some(commit) = self.normal.pop_front()
        {
            self.normal_bytes = self.normal_bytes.saturating_sub(commit.weight);
            room.enter(commit.weight);
            taken.push(commit);
        }
        taken
    }
}
