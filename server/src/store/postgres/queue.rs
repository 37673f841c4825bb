//! What waits to be committed: stops and pauses first, and never too much.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::store::{CommitError, CommitLane, Committed, Transaction};

/// The most commits that wait in the normal lane.
const MAX_QUEUED: usize = 8_192;
/// The most bytes that wait in the normal lane.
const MAX_QUEUED_BYTES: usize = 128 * 1024 * 1024;
/// The most commits that wait in the exempt lane.
const MAX_QUEUED_EXEMPT: usize = 65_536;
/// The most commits in one group.
const MAX_GROUP: usize = 512;
/// The most bytes in one group, beyond its last commit.
const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// A transaction and who waits for it.
pub(super) struct Waiting {
    pub(super) transaction: Transaction,
    /// Its bytes, as far as they count.
    pub(super) weight: usize,
    pub(super) answer: oneshot::Sender<Result<Committed, CommitError>>,
}

#[derive(Default)]
struct Queues {
    is_closed: bool,
    exempt: VecDeque<Waiting>,
    normal: VecDeque<Waiting>,
    normal_bytes: usize,
}

/// The queues before the database.
#[derive(Default)]
pub(super) struct Queue {
    queues: Mutex<Queues>,
    ready: Notify,
}

// === impl Queue ===

impl Queue {
    /// Queues a transaction, or says why not.
    pub(super) fn push(&self, waiting: Waiting) -> Result<(), CommitError> {
        let mut queues = self.lock();
        if queues.is_closed {
            return Err(CommitError::Stopped);
        }
        if waiting.transaction.lane == CommitLane::Exempt {
            if queues.exempt.len() >= MAX_QUEUED_EXEMPT {
                return Err(CommitError::Busy);
            }
            queues.exempt.push_back(waiting);
        } else {
            let bytes = queues.normal_bytes + waiting.weight;
            if queues.normal.len() >= MAX_QUEUED || bytes > MAX_QUEUED_BYTES {
                return Err(CommitError::Busy);
            }
            queues.normal_bytes = bytes;
            queues.normal.push_back(waiting);
        }
        drop(queues);
        self.ready.notify_one();
        Ok(())
    }

    /// Waits for work and takes as much as makes a group; none at the end.
    pub(super) async fn take(&self) -> Option<Vec<Waiting>> {
        loop {
            {
                let mut queues = self.lock();
                let group = queues.take();
                if !group.is_empty() {
                    return Some(group);
                }
                if queues.is_closed {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    /// Takes nothing new; what waits is still taken.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.ready.notify_one();
    }

    /// Takes nothing new, and refuses what waits.
    pub(super) fn stop(&self) {
        self.close();
        let waiting = self.lock().drain();
        for waiting in waiting {
            let _ = waiting.answer.send(Err(CommitError::Stopped));
        }
    }

    /// How many commits wait.
    pub(super) fn depth(&self) -> usize {
        let queues = self.lock();
        queues.exempt.len() + queues.normal.len()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn take(&mut self) -> Vec<Waiting> {
        let mut taken = Vec::from(std::mem::take(&mut self.exempt));
        let mut bytes = 0;
        while taken.len() < MAX_GROUP
            && bytes < MAX_GROUP_BYTES
            && let Some(waiting) = self.normal.pop_front()
        {
            self.normal_bytes = self.normal_bytes.saturating_sub(waiting.weight);
            bytes += waiting.weight;
            taken.push(waiting);
        }
        taken
    }

    fn drain(&mut self) -> Vec<Waiting> {
        self.normal_bytes = 0;
        let exempt = std::mem::take(&mut self.exempt);
        exempt.into_iter().chain(std::mem::take(&mut self.normal)).collect()
    }
}
