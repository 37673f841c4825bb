//! What waits for the storage thread.
//!
//! Commits queue in their [lanes](crate::store::lanes); questions are answered as
//! they come.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::syncer::SyncDone;
use crate::domain::digest::Digest;
use crate::store::lanes::{Lanes, Room, Waiting};
use crate::store::{CommitError, Direction, KeyRange, ReadError, Scan, Versioned};

type Answer<T> = oneshot::Sender<Result<T, ReadError>>;

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
    lanes: Lanes,
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
    pub(super) commits: Vec<Waiting>,
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
    pub(super) fn commit(&self, commit: Waiting) -> Result<(), CommitError> {
        let mut queues = self.lock();
        if queues.phase != Phase::Open {
            return Err(CommitError::Stopped);
        }
        queues.lanes.push(commit)?;
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
        queues.lanes.refuse_all();
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
        let commits = queues.lanes.take(room);
        Taken { phase: queues.phase, done, commits, asks: std::mem::take(&mut queues.asks) }
    }

    /// How many commits wait.
    pub(super) fn depth(&self) -> usize {
        self.lock().lanes.depth()
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
        has_answers || self.lanes.has_any(room)
    }
}
