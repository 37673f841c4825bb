//! Writes the signed head, beside the journal and outside the data directory.
//!
//! On a thread of its own, because it syncs files and must not hold up a
//! group. Under load it skips sizes: at most [`MAX_PER_SECOND`] heads a second
//! are written, however many entries arrive.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::ballast::Ballast;
use super::shared::Shared;
use crate::store::head;
use crate::store::{SignedTreeHead, files};

/// A head is written after this many entries.
const EVERY_ENTRIES: u64 = 1_000;
/// A head is written after this long, if there is anything new.
const EVERY: Duration = Duration::from_secs(10);
/// The most heads written in a second.
const MAX_PER_SECOND: u32 = 4;
/// Without anything new, a head is signed again after this many waits, so
/// that a gap in the heads is evidence of a server that was down.
const IDLE_WAITS: u32 = 60;

#[derive(Default)]
struct Wish {
    is_due: bool,
    is_over: bool,
}

/// How the storage thread tells the head thread that a head is due.
#[derive(Default)]
pub(super) struct HeadSignal {
    written: AtomicU64,
    wish: Mutex<Wish>,
    due: Condvar,
}

impl HeadSignal {
    /// Notes how many entries are durable.
    pub(super) fn entries(&self, entries: u64) {
        if entries.saturating_sub(self.written.load(Ordering::Relaxed)) >= EVERY_ENTRIES {
            self.wish.lock().unwrap_or_else(PoisonError::into_inner).is_due = true;
            self.due.notify_one();
        }
    }

    /// Ends the head thread.
    pub(super) fn end(&self) {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.due.notify_one();
    }

    /// Waits until a head is due by count, by time, or never again; answers
    /// whether it is over, and whether it was the count.
    fn wait(&self) -> (bool, bool) {
        let wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .due
            .wait_timeout_while(wish, EVERY, |wish| !wish.is_due && !wish.is_over)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut wish, _) = waited;
        (wish.is_over, std::mem::take(&mut wish.is_due))
    }

    /// Lets some time pass between two heads, unless it is over.
    fn rest(&self) {
        let wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = Duration::from_secs(1) / MAX_PER_SECOND;
        drop(self.due.wait_timeout_while(wish, pause, |wish| !wish.is_over));
    }
}

/// Writes heads until it is over. It is the thread with time to spare, so it
/// also sees to the ballast.
pub(super) fn run(shared: &Shared, signal: &HeadSignal, ballast: &mut Ballast) {
    let mut idle_waits = 0;
    loop {
        let (is_over, is_due) = signal.wait();
        if is_over {
            return;
        }
        ballast.lay();
        let head = shared.tree_head();
        let is_new = head.size != signal.written.load(Ordering::Relaxed);
        idle_waits += 1;
        if !is_due && !is_new && idle_waits < IDLE_WAITS {
            continue;
        }
        idle_waits = 0;
        write_counted(shared, signal, &head);
        signal.rest();
    }
}

/// Writes a head and counts how it went. A head that cannot be written is no
/// reason to stop: the next one covers it.
pub(super) fn write_counted(shared: &Shared, signal: &HeadSignal, head: &SignedTreeHead) {
    match write(shared, head) {
        Ok(()) => {
            signal.written.store(head.size, Ordering::Relaxed);
            shared.counters.heads.add(1);
        }
        Err(error) => {
            shared.counters.head_failures.add(1);
            tracing::warn!(%error, size = head.size, "cannot write the signed head");
        }
    }
}

/// Starts the signal with what recovery has found.
pub(super) fn signal(entries: u64) -> Arc<HeadSignal> {
    Arc::new(HeadSignal { written: AtomicU64::new(entries), ..HeadSignal::default() })
}

fn write(shared: &Shared, head: &SignedTreeHead) -> io::Result<()> {
    let note = head::to_note(head);
    files::replace(&shared.places.head, note.as_bytes(), files::SHARED)?;
    files::replace(&shared.places.outer_head, note.as_bytes(), files::SHARED)
}
