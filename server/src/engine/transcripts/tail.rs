//! The newest entries of a run that is watched: made ready once for all who watch.
//!
//! Watchers hold a position. What is in front of the tail they read from the store, so
//! that the memory of a run's watchers is bounded, however many and however slow.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use crate::domain::ids::RunId;
use crate::domain::transcript::{Entry, SafeEntry};

/// The most entries of one tail.
const MAX_ENTRIES: usize = 512;
/// The most bytes of one tail, beyond the last entry.
const MAX_BYTES: usize = 1024 * 1024;
/// How many tails there are before those that nobody watches are looked for.
const TAILS_UNSWEPT: usize = 64;

/// The tail of one run.
pub(super) struct Tail {
    last: watch::Sender<u64>,
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    entries: VecDeque<Arc<SafeEntry>>,
    bytes: usize,
}

/// The tails of the runs that are watched here.
#[derive(Default)]
pub(super) struct Tails(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    of_runs: HashMap<RunId, Weak<Tail>>,
    /// From so many on, those that nobody watches are forgotten.
    sweep_at: usize,
}

impl Tails {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tail of a run, if it is watched.
    pub(super) fn find(&self, run: RunId) -> Option<Arc<Tail>> {
        self.watched().of_runs.get(&run).and_then(Weak::upgrade)
    }

    /// Watches a run.
    pub(super) fn watch(&self, run: RunId) -> Arc<Tail> {
        let mut watched = self.watched();
        if watched.of_runs.len() >= watched.sweep_at {
            watched.of_runs.retain(|_, tail| tail.strong_count() > 0);
            watched.sweep_at = (2 * watched.of_runs.len()).max(TAILS_UNSWEPT);
        }
        if let Some(tail) = watched.of_runs.get(&run).and_then(Weak::upgrade) {
            return tail;
        }
        let tail = Arc::new(Tail { last: watch::Sender::new(0), ring: Mutex::default() });
        watched.of_runs.insert(run, Arc::downgrade(&tail));
        tail
    }
}

impl Tail {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the transcript is, as it goes on; 0 until something is stored.
    pub(super) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Notes how far the transcript is stored, by whichever server.
    pub(super) fn note(&self, last: u64) {
        self.last.send_if_modified(|known| {
            let is_news = *known < last;
            *known = last.max(*known);
            is_news
        });
    }

    /// Adds entries that are stored.
    pub(super) fn push(&self, entries: &[Entry]) {
        let mut ring = self.ring();
        for entry in entries {
            ring.push(SafeEntry::from(entry));
        }
        drop(ring);
        self.note(entries.last().map_or(0, Entry::through));
    }

    /// The entries from a number on, at most so many; none if it does not reach back so
    /// far.
    pub(super) fn from(&self, number: u64, most: usize) -> Option<Vec<Arc<SafeEntry>>> {
        let ring = self.ring();
        let reaches = ring.entries.front().is_some_and(|first| first.number <= number);
        let wanted = ring.entries.iter().filter(|entry| entry.through >= number);
        let found: Vec<_> = wanted.take(most).cloned().collect();
        (reaches && !found.is_empty()).then_some(found)
    }
}

impl Ring {
    fn push(&mut self, entry: SafeEntry) {
        // Behind what another server has stored the tail begins anew.
        let is_next = self.entries.back().is_none_or(|last| last.through + 1 == entry.number);
        if !is_next {
            *self = Self::default();
        }
        self.bytes += entry.size();
        self.entries.push_back(Arc::new(entry));
        while (self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES)
            && self.entries.len() > 1
            && let Some(first) = self.entries.pop_front()
        {
            self.bytes -= first.size();
        }
    }
}
