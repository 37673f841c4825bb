//! Watching: a snapshot, its end, then every change in order.
//!
//! A watch holds a position in the journal and no copy of what it has shown. A slow reader
//! is served from the journal, and nothing is skipped; one that falls ever further behind
//! is cut, with the cursor to go on with. What is watched is a [`Subject`]; the phases, the
//! cursors, bookmarks and heartbeats are the same for all.

mod queue;
mod run_filter;
mod runs;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch::Receiver;

pub use self::queue::{EscalationWatch, Queue, QueueChange, Watch};
pub use self::run_filter::{RunFilter, RunOrigin};
pub use self::runs::{RunChange, RunEvent, RunWatch, Runs, WatchRuns};

use super::cursor::Binding;
use super::list::{Page, Walk};
use super::{Engine, read_error, validate};
use crate::domain::error::Error;
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::store::{CommitRecord, Direction, KeyRange, TailFrom, Version};

/// The silence that a heartbeat ends, unless the watcher asks for another.
pub const HEARTBEAT_DEFAULT: Span = Span::from_secs(10);
/// The shortest silence.
pub const HEARTBEAT_MIN: Span = Span::from_secs(1);
/// The longest silence.
pub const HEARTBEAT_MAX: Span = Span::from_secs(30);
/// How far a reader may fall behind, beyond what it was behind when it began.
pub const MAX_BEHIND: Span = Span::from_secs(300);
/// How many commits a watch reads at once, and so has in memory at most.
const COMMITS_PER_READ: usize = 32;
/// After how many commits that it does not show a watch sends a bookmark.
const COMMITS_PER_BOOKMARK: u64 = 1_024;

/// What a message of a watch says.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent<I, C> {
    /// Something as it is, while the snapshot lasts.
    Snapshot(Box<I>),
    /// The snapshot is complete.
    SnapshotEnd {
        /// Up to which sequence.
        sequence: u64,
        /// How many items it had.
        count: u32,
    },
    /// Something changed.
    Change(C),
    /// Nothing shown changed up to this sequence.
    Bookmark(u64),
    /// The stream is alive; the next sign of life comes by then.
    Heartbeat(Timestamp),
}

/// One message of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchItem<I, C> {
    /// Continues the watch after this message; empty: after the next one that has one.
    pub cursor: String,
    /// The server's time.
    pub time: Timestamp,
    /// What it says.
    pub event: WatchEvent<I, C>,
}

/// The message of a watch of a subject.
pub type ItemOf<S> = WatchItem<<S as Subject>::Item, <S as Subject>::Change>;

/// What is watched: where its snapshot is, and what of a commit it shows.
pub trait Subject: Send + Sync + Sized + 'static {
    /// One thing of the snapshot.
    type Item: Send;
    /// What one commit changed.
    type Change: Send;

    /// The lists that the snapshot goes through.
    fn lists(&self, tenant: &str) -> Vec<KeyRange>;

    /// What the snapshot shows for an entry of a list, if anything.
    fn item(
        &self,
        place: &Place<'_>,
        entry: &[u8],
    ) -> impl Future<Output = Result<Option<Found<Self::Item>>, Error>> + Send;

    /// What the watch shows of a commit, if anything.
    fn change(
        &self,
        place: &Place<'_>,
        commit: &CommitRecord,
        shown: &Shown,
    ) -> impl Future<Output = Result<Option<Self::Change>, Error>> + Send;
}

/// Where a watch looks.
pub struct Place<'a> {
    /// The engine.
    pub(super) engine: &'a Engine,
    /// The tenant.
    pub(super) tenant: &'a str,
}

/// A record of the snapshot, and what is shown of it.
pub struct Found<T> {
    /// The record's key.
    pub(super) key: Bytes,
    /// As of which commit it was read.
    pub(super) version: Version,
    /// What is shown.
    pub(super) item: T,
}

/// What the snapshot has shown of that which changed while it was read: what was shown is
/// not told again. So its size is that of the changes, not of the backlog.
#[derive(Default)]
pub struct Shown {
    versions: HashMap<Bytes, u64>,
    /// What is no newer than this needs no note: the journal is followed from here on.
    since: u64,
}

/// Where a watch starts.
pub(super) struct Opening {
    /// The cursor of the last message seen; empty: start with a snapshot.
    pub(super) cursor: String,
    /// The longest silence.
    pub(super) heartbeat: Option<Span>,
    /// Everything that decides what the watch shows: a cursor fits it or is refused.
    pub(super) tag: String,
}

/// Where a watch is.
enum Phase {
    /// Sending what there is: the list that is read, and the lists after it.
    Snapshot(Option<Box<Walk>>, VecDeque<KeyRange>),
    /// Sending what changed while the snapshot was read, up to a sequence.
    Fold(u64),
    /// Following the journal.
    Live,
}

/// A running watch; ask it for the next message.
pub struct Follower<S: Subject> {
    engine: Engine,
    tenant: String,
    binding: Binding,
    subject: S,
    silence: Span,
    doorbell: Receiver<u64>,
    phase: Phase,
    shown: Shown,
    count: u32,
    /// The last sequence looked at.
    sequence: u64,
    /// The last sequence a message told of.
    told: u64,
    /// How far behind it may be; none before it has read anything.
    leeway: Option<Span>,
    /// Commits that are read and not looked at.
    commits: VecDeque<Arc<CommitRecord>>,
    ready: VecDeque<WatchEvent<S::Item, S::Change>>,
}

// === impl Shown ===

impl Shown {
    fn note(&mut self, key: Bytes, Version(commit): Version) {
        if commit > self.since {
            self.versions.insert(key, commit);
        }
    }

    /// Whether a record was shown as this commit left it, or as a later one did.
    pub(super) fn has(&self, key: &[u8], commit: &CommitRecord) -> bool {
        self.versions.get(key).is_some_and(|shown| *shown >= commit.commit)
    }
}

impl Engine {
    /// Begins to watch a subject, which the caller was found to may see.
    pub(super) async fn begin_watch<S: Subject>(
        &self,
        caller: &Principal,
        subject: S,
        opening: Opening,
    ) -> Result<Follower<S>, Error> {
        let bounds = HEARTBEAT_MIN..=HEARTBEAT_MAX;
        let silence = validate::span("heartbeat", opening.heartbeat, HEARTBEAT_DEFAULT, bounds)?;
        let store = &self.0.store;
        let doorbell = store.doorbell();
        // The commit is asked for first: no older one is after the sequence.
        let info = store.info().await.map_err(read_error)?;
        let binding = Binding::new(info.incarnation, &caller.tenant, &opening.tag);
        let newest = store.sequence(&caller.tenant).await.map_err(read_error)?;
        let (phase, sequence) = if opening.cursor.is_empty() {
            (Phase::Snapshot(None, subject.lists(&caller.tenant).into()), newest)
        } else {
            let sequence = binding.sequence(&opening.cursor)?;
            if sequence > newest {
                return Err(Error::CursorInvalid { problem: "it is ahead of the journal" });
            }
            (Phase::Live, sequence)
        };
        Ok(Follower {
            engine: self.clone(),
            tenant: caller.tenant.clone(),
            binding,
            subject,
            silence,
            doorbell,
            phase,
            shown: Shown { since: info.commit, ..Shown::default() },
            count: 0,
            sequence,
            told: sequence,
            leeway: None,
            commits: VecDeque::new(),
            ready: VecDeque::new(),
        })
    }
}

// === impl Follower ===

impl<S: Subject> Follower<S> {
    /// The next message; comes at the latest when the silence is over.
    pub async fn next(&mut self) -> Result<ItemOf<S>, Error> {
        let silent_until = self.engine.now().plus(self.silence);
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(self.message(event));
            }
            match &self.phase {
                Phase::Snapshot(..) => self.read_snapshot().await?,
                Phase::Fold(_) | Phase::Live => {
                    if !self.read_tail().await? && self.ready.is_empty() {
                        self.wait(silent_until).await;
                    }
                }
            }
        }
    }

    fn message(&mut self, event: WatchEvent<S::Item, S::Change>) -> ItemOf<S> {
        let is_settled = self.ready.is_empty() && !matches!(self.phase, Phase::Snapshot(..));
        if is_settled {
            self.told = self.sequence;
        }
        // Until the snapshot is complete there is nothing to go on from.
        let cursor = match (&self.phase, &event) {
            (Phase::Live, _) if is_settled => self.binding.cursor(self.sequence),
            _ => String::new(),
        };
        WatchItem { cursor, time: self.engine.now(), event }
    }

    async fn read_snapshot(&mut self) -> Result<(), Error> {
        let Phase::Snapshot(walk, lists) = &mut self.phase else { return Ok(()) };
        if walk.is_none() {
            let Some(list) = lists.pop_front() else { return self.begin_fold().await };
            let (first, page) = (Direction::Ascending, Page::default());
            *walk = Some(Box::new(self.engine.walk(list, first, &page, "watch")?));
        }
        let Some(list) = walk else { return Ok(()) };
        let Some((entry, _)) = list.next(&self.engine).await? else {
            *walk = None;
            return Ok(());
        };
        let place = Place { engine: &self.engine, tenant: &self.tenant };
        if let Some(found) = self.subject.item(&place, &entry).await? {
            self.shown.note(found.key, found.version);
            self.count += 1;
            self.ready.push_back(WatchEvent::Snapshot(Box::new(found.item)));
        }
        Ok(())
    }

    async fn begin_fold(&mut self) -> Result<(), Error> {
        let newest = self.engine.0.store.sequence(&self.tenant).await.map_err(read_error)?;
        self.phase = Phase::Fold(newest);
        self.end_fold();
        Ok(())
    }

    /// Ends the snapshot once the journal is followed up to where it was read.
    fn end_fold(&mut self) {
        if let Phase::Fold(until) = self.phase
            && self.sequence >= until
        {
            self.phase = Phase::Live;
            self.shown = Shown::default();
            let (sequence, count) = (self.sequence, self.count);
            self.ready.push_back(WatchEvent::SnapshotEnd { sequence, count });
        }
    }

    /// Reads on in the journal; whether there was anything.
    async fn read_tail(&mut self) -> Result<bool, Error> {
        if self.commits.is_empty() {
            self.doorbell.borrow_and_update();
            let from = TailFrom::Sequence { tenant: self.tenant.clone(), after: self.sequence };
            let commits = self.engine.0.store.tail(from, COMMITS_PER_READ).await;
            self.commits = commits.map_err(read_error)?.into();
        }
        let mut has_read = false;
        // One commit at a time, so that every message has its own cursor.
        while let Some(commit) = self.commits.pop_front() {
            self.keep_pace(&commit)?;
            has_read = true;
            let place = Place { engine: &self.engine, tenant: &self.tenant };
            let change = self.subject.change(&place, &commit, &self.shown).await?;
            self.sequence = last_sequence(&commit);
            if let Some(change) = change {
                self.ready.push_back(WatchEvent::Change(change));
                break;
            }
            if let Phase::Fold(until) = self.phase
                && self.sequence >= until
            {
                break;
            }
        }
        self.end_fold();
        if self.ready.is_empty() && self.sequence >= self.told + COMMITS_PER_BOOKMARK {
            self.ready.push_back(WatchEvent::Bookmark(self.sequence));
        }
        Ok(has_read)
    }

    /// Refuses to go on for a reader that falls ever further behind: who goes on from an
    /// old cursor may be as far behind as that is, and from where it has caught up to only
    /// so much.
    fn keep_pace(&mut self, commit: &CommitRecord) -> Result<(), Error> {
        let behind = self.engine.now().since(commit.time);
        let leeway = self.leeway.unwrap_or(behind).max(MAX_BEHIND);
        if behind > leeway {
            return Err(Error::SlowConsumer { behind, cursor: self.binding.cursor(self.told) });
        }
        self.leeway = Some(leeway.min(behind.max(MAX_BEHIND)));
        Ok(())
    }

    async fn wait(&mut self, silent_until: Timestamp) {
        let clock = &self.engine.0.clock;
        tokio::select! {
            // A closed doorbell means a stopped store: the next read says so.
            changed = self.doorbell.changed() => {
                if changed.is_err() {
                    tokio::task::yield_now().await;
                }
            }
            () = clock.sleep_until(silent_until) => {
                let event = if self.sequence > self.told {
                    WatchEvent::Bookmark(self.sequence)
                } else {
                    WatchEvent::Heartbeat(clock.now().plus(self.silence))
                };
                self.ready.push_back(event);
            }
        }
    }
}

/// The sequence of a commit's last event.
const fn last_sequence(commit: &CommitRecord) -> u64 {
    commit.first_sequence + commit.events.len() as u64 - 1
}
