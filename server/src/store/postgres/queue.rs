//! What waits to be committed, before the database.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::store::CommitError;
use crate::store::lanes::{Lanes, Room, Waiting};

#[derive(Default)]
struct Queued {
    is_closed: bool,
    lanes: Lanes,
}

/// Commits in their [lanes](crate::store::lanes).
#[derive(Default)]
pub(super) struct Queue {
    queued: Mutex<Queued>,
    ready: Notify,
}

// === impl Queue ===

impl Queue {
    /// Queues a transaction, or says why not.
    pub(super) fn push(&self, waiting: Waiting) -> Result<(), CommitError> {
        let mut queued = self.lock();
        if queued.is_closed {
            return Err(CommitError::Stopped);
        }
        queued.lanes.push(waiting)?;
        drop(queued);
        self.ready.notify_one();
        Ok(())
    }

    /// Waits for work and takes as much as makes a group; none at the end.
    pub(super) async fn take(&self) -> Option<Vec<Waiting>> {
        loop {
            {
                let mut queued = self.lock();
                if queued.lanes.has_any(Room::ALL) {
                    return Some(queued.lanes.take(Room::ALL));
                }
                if queued.is_closed {
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
        let lanes = std::mem::take(&mut self.lock().lanes);
        lanes.refuse_all();
    }

    /// How many commits wait.
    pub(super) fn depth(&self) -> usize {
        self.lock().lanes.depth()
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
