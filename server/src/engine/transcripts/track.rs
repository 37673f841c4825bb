//! One run's transcript in memory: what was taken and is not stored yet, and how far it
//! is durable.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

use super::{gap, superseded};
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::time::Timestamp;
use crate::domain::transcript::{Allowance, Entry, Place, Spent, TranscriptLimits};
use crate::engine::Authorized;
use crate::store::Version;
use crate::store::records::TranscriptRecord;

/// What an entry takes in memory beside its text, in bytes.
const ENTRY_BYTES: usize = 256;

/// How much room an entry takes while it waits.
pub(super) fn room_of(entry: &Entry) -> usize {
    ENTRY_BYTES + entry.content.bytes()
}

/// How far a transcript is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Durable {
    /// The last entry.
    pub(super) through: u64,
    /// The tenant's sequence of the commit that stored it; 0: an earlier one.
    pub(super) sequence: u64,
    /// Why nothing is taken any more.
    pub(super) ended: Option<Error>,
}

/// What came of offering entries.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Offered {
    /// They are there, or will be when the transcript is durable through this number.
    Taken {
        /// The last of them.
        through: u64,
        /// Whether the track has to be stored, and nobody has said so.
        must_enqueue: bool,
    },
    /// Others are missing before them.
    Gap {
        /// The next number.
        expected: u64,
    },
}

/// A run's transcript, as far as it is going on here.
pub(super) struct Track {
    /// Who writes it.
    pub(super) by: Authorized,
    /// The run.
    pub(super) run: RunId,
    /// Room for what waits, which whoever offers has taken.
    room: Arc<Semaphore>,
    state: Mutex<State>,
    durable: watch::Sender<Durable>,
    /// When its agent was last heard of, in microseconds.
    heard: AtomicI64,
}

struct State {
    /// As it is stored, and by which commit.
    head: TranscriptRecord,
    version: Option<Version>,
    /// The next number.
    next: u64,
    allowance: Allowance,
    /// What is to be stored.
    pending: Vec<Entry>,
    is_waiting: bool,
}

/// What a commit is to store of a track.
pub(super) struct Taken {
    /// How far the transcript is by it.
    pub(super) head: TranscriptRecord,
    /// What it follows.
    pub(super) version: Option<Version>,
    /// The entries.
    pub(super) entries: Vec<Entry>,
    /// Whether there is more.
    pub(super) has_more: bool,
}

impl Taken {
    /// How much room its entries take.
    pub(super) fn room(&self) -> usize {
        self.entries.iter().map(room_of).sum()
    }
}

fn follow(head: TranscriptRecord, entries: &[Entry]) -> TranscriptRecord {
    let mut spent = head.spent;
    for entry in entries {
        spent.bytes += entry.content.bytes() as u64;
        spent.cut_entries += entry.left_out();
    }
    let last = entries.last().map_or(head.last, Entry::through);
    TranscriptRecord { last, spent, ..head }
}

impl Track {
    pub(super) fn new(
        by: Authorized,
        run: RunId,
        head: TranscriptRecord,
        version: Option<Version>,
        room: Arc<Semaphore>,
    ) -> Self {
        let state = State {
            head,
            version,
            next: head.last + 1,
            allowance: Allowance::after(head.spent),
            pending: Vec::new(),
            is_waiting: false,
        };
        let durable = Durable { through: head.last, ..Durable::default() };
        Self {
            by,
            run,
            room,
            state: Mutex::new(state),
            durable: watch::Sender::new(durable),
            heard: AtomicI64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The attempt that writes it.
    pub(super) fn attempt(&self) -> u64 {
        self.state().head.attempt
    }

    /// Whether it still takes anything.
    pub(super) fn is_open(&self) -> bool {
        self.durable.borrow().ended.is_none()
    }

    /// How far it is stored, as it goes on.
    pub(super) fn durable(&self) -> watch::Receiver<Durable> {
        self.durable.subscribe()
    }

    /// The next number that it takes.
    pub(super) fn next(&self) -> u64 {
        self.state().next
    }

    /// Whether all that it took is stored.
    pub(super) fn is_durable(&self) -> bool {
        let state = self.state();
        state.next == state.head.last + 1
    }

    /// Notes that its agent was heard of.
    pub(super) fn touch(&self, now: Timestamp) {
        self.heard.fetch_max(now.as_micros(), Ordering::Relaxed);
    }

    /// When its agent was last heard of; none: it has no session here.
    pub(super) fn heard(&self) -> Option<Timestamp> {
        let micros = self.heard.load(Ordering::Relaxed);
        (micros > 0).then(|| Timestamp::from_micros(micros))
    }

    /// How much the run has written so far.
    pub(super) fn spent(&self) -> Spent {
        self.state().head.spent
    }

    /// Takes entries that follow each other, for which room was taken; all of them, or
    /// none. What is there is ignored.
    pub(super) fn offer(
        &self,
        entries: Vec<Entry>,
        limits: &TranscriptLimits,
    ) -> Result<Offered, Error> {
        let mut room: usize = entries.iter().map(room_of).sum();
        let mut state = self.state();
        let ended = self.durable.borrow().ended.clone();
        let offered = match ended {
            Some(error) => Err(error),
            None => Ok(state.offer(entries, limits, &mut room)),
        };
        drop(state);
        self.room.add_permits(room);
        offered
    }

    /// Takes out what is to be stored next, at most so many entries and bytes.
    pub(super) fn take(&self, entries: usize, bytes: usize) -> Option<Taken> {
        let mut state = self.state();
        state.is_waiting = false;
        if state.pending.is_empty() || !self.is_open() {
            return None;
        }
        let mut left = bytes;
        let fits = |entry: &&Entry| {
            let is_room = left > 0;
            left = left.saturating_sub(room_of(entry));
            is_room
        };
        let count = state.pending.iter().take(entries).take_while(fits).count();
        let taken: Vec<Entry> = state.pending.drain(..count).collect();
        let has_more = !state.pending.is_empty();
        state.is_waiting = has_more;
        let head = follow(state.head, &taken);
        Some(Taken { head, version: state.version, entries: taken, has_more })
    }

    /// Notes that what was taken out is stored.
    pub(super) fn stored(&self, head: TranscriptRecord, version: Version, sequence: u64) {
        let mut state = self.state();
        state.head = head;
        state.version = Some(version);
        drop(state);
        self.durable.send_modify(|durable| {
            durable.through = head.last;
            durable.sequence = sequence;
        });
    }

    /// Puts what was taken out behind what another server has stored meanwhile: drops
    /// what is there. None: it cannot go on, and has ended.
    pub(super) fn catch_up(
        &self,
        taken: Taken,
        head: TranscriptRecord,
        version: Option<Version>,
    ) -> Option<Taken> {
        let mut state = self.state();
        if head.attempt != state.head.attempt {
            drop(state);
            self.end(superseded(self.run, head.attempt));
            return None;
        }
        state.head = head;
        state.version = version;
        let has_more = taken.has_more;
        let entries: Vec<Entry> =
            taken.entries.into_iter().filter(|entry| entry.number > head.last).collect();
        drop(state);
        self.durable.send_modify(|durable| durable.through = durable.through.max(head.last));
        let is_next = entries.first().is_none_or(|first| first.number == head.last + 1);
        if !is_next {
            self.end(gap(self.run, head.last + 1));
            return None;
        }
        Some(Taken { head: follow(head, &entries), version, entries, has_more })
    }

    /// Takes nothing any more, because a later attempt does.
    pub(super) fn supersede(&self, attempt: u64) {
        self.end(superseded(self.run, attempt));
    }

    /// Takes nothing any more. What waits was never acknowledged.
    pub(super) fn end(&self, error: Error) {
        let mut state = self.state();
        let pending = std::mem::take(&mut state.pending);
        self.durable.send_modify(|durable| {
            durable.ended.get_or_insert(error);
        });
        drop(state);
        self.room.add_permits(pending.iter().map(room_of).sum());
    }
}

impl State {
    /// Takes entries; of the room that they were given, what they do not need stays.
    fn offer(
        &mut self,
        entries: Vec<Entry>,
        limits: &TranscriptLimits,
        room: &mut usize,
    ) -> Offered {
        let mut through = self.next - 1;
        for entry in entries {
            match Place::of(entry.number, self.next) {
                Place::Known => through = entry.number,
                Place::Ahead => return Offered::Gap { expected: self.next },
                Place::Next => {
                    through = entry.number;
                    *room -= self.take_in(entry, limits);
                }
            }
        }
        let must_enqueue = !self.is_waiting && !self.pending.is_empty();
        self.is_waiting |= must_enqueue;
        Offered::Taken { through, must_enqueue }
    }

    /// Takes the next entry in; answers how much room it takes.
    fn take_in(&mut self, entry: Entry, limits: &TranscriptLimits) -> usize {
        self.next = entry.number + 1;
        let admitted = self.allowance.admit(entry, limits);
        if self.pending.last_mut().is_some_and(|last| last.absorb(&admitted)) {
            return 0;
        }
        let room = room_of(&admitted);
        self.pending.push(admitted);
        room
    }
}
