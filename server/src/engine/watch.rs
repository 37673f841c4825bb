//! Watching the queue: a snapshot, its end, then every change in order.
//!
//! A watch holds a position in the journal and no copy of events. A slow reader
//! is served from the journal; nothing is skipped.

use std::collections::{HashMap, VecDeque};

use tokio::sync::watch::Receiver;

use super::cursor::Binding;
use super::escalations::Filter;
use super::list::{Page, Walk};
use super::views::{Depth, EscalationView};
use super::{Engine, authorize, read_error, validate};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::event::EventKind;
use crate::domain::ids::EscalationId;
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::store::{CommitRecord, Direction, TailFrom, keys, records};

/// The silence that a heartbeat ends, unless the watcher asks for another.
pub const HEARTBEAT_DEFAULT: Span = Span::from_secs(10);
/// The shortest silence.
pub const HEARTBEAT_MIN: Span = Span::from_secs(1);
/// The longest silence.
pub const HEARTBEAT_MAX: Span = Span::from_secs(30);
/// How many commits a watch reads at once.
const COMMITS_PER_READ: usize = 128;
/// After how many commits that it does not show a watch sends a bookmark.
const COMMITS_PER_BOOKMARK: u64 = 1_024;

/// Where a watch starts and what it shows.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The cursor of the last message seen; empty: start with a snapshot.
    pub cursor: String,
    /// Which escalations.
    pub filter: Filter,
    /// How much of each.
    pub depth: Depth,
    /// The longest silence.
    pub heartbeat: Option<Span>,
}

/// What one commit changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The escalations as the commit left them.
    pub escalations: Vec<EscalationView>,
    /// The commit's events.
    pub events: Vec<EventKind>,
    /// Who did it.
    pub principal: String,
    /// When.
    pub commit_time: Timestamp,
}

/// What a message of a watch says.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// An open escalation, while the snapshot lasts.
    Snapshot(Box<EscalationView>),
    /// The snapshot is complete.
    SnapshotEnd {
        /// Up to which sequence.
        sequence: u64,
        /// How many items it had.
        count: u32,
    },
    /// Something changed.
    Change(Change),
    /// Nothing shown changed up to this sequence.
    Bookmark(u64),
    /// The stream is alive; the next sign of life comes by then.
    Heartbeat(Timestamp),
}

/// One message of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchItem {
    /// Continues the watch after this message.
    pub cursor: String,
    /// The server's time.
    pub time: Timestamp,
    /// What it says.
    pub event: WatchEvent,
}

/// Where a watch is.
enum Phase {
    /// Sending what is open; remembers the revisions sent.
    Snapshot(Box<Walk>),
    /// Sending what changed while the snapshot was read, up to a sequence.
    Fold(u64),
    /// Following the journal.
    Live,
}

/// A running watch; ask it for the next message.
pub struct EscalationWatch {
    engine: Engine,
    tenant: String,
    binding: Binding,
    filter: Filter,
    depth: Depth,
    silence: Span,
    doorbell: Receiver<u64>,
    phase: Phase,
    sent: HashMap<EscalationId, u64>,
    count: u32,
    /// The last sequence looked at.
    sequence: u64,
    /// The last sequence a message told of.
    told: u64,
    ready: VecDeque<WatchEvent>,
}

impl Engine {
    /// Begins to watch the queue.
    pub async fn watch_escalations(
        &self,
        caller: &Principal,
        watch: Watch,
    ) -> Result<EscalationWatch, Error> {
        authorize::overseer(caller)?;
        watch.filter.check()?;
        let bounds = HEARTBEAT_MIN..=HEARTBEAT_MAX;
        let silence = validate::span("heartbeat", watch.heartbeat, HEARTBEAT_DEFAULT, bounds)?;
        let store = &self.0.store;
        let doorbell = store.doorbell();
        let info = store.info().await.map_err(read_error)?;
        let tag = format!("{:?}", watch.filter);
        let binding = Binding::new(info.incarnation, &caller.tenant, &tag);
        let newest = store.sequence(&caller.tenant).await.map_err(read_error)?;
        let (phase, sequence) = if watch.cursor.is_empty() {
            let range = keys::queue(&caller.tenant);
            let walk = self.walk(range, Direction::Ascending, &Page::default(), "watch")?;
            (Phase::Snapshot(Box::new(walk)), newest)
        } else {
            let sequence = binding.sequence(&watch.cursor)?;
            if sequence > newest {
                return Err(Error::CursorInvalid { problem: "it is ahead of the journal" });
            }
            (Phase::Live, sequence)
        };
        Ok(EscalationWatch {
            engine: self.clone(),
            tenant: caller.tenant.clone(),
            binding,
            filter: watch.filter,
            depth: watch.depth,
            silence,
            doorbell,
            phase,
            sent: HashMap::new(),
            count: 0,
            sequence,
            told: sequence,
            ready: VecDeque::new(),
        })
    }
}

impl EscalationWatch {
    /// The next message; comes at the latest when the silence is over.
    pub async fn next(&mut self) -> Result<WatchItem, Error> {
        let silent_until = self.engine.now().plus(self.silence);
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(self.message(event));
            }
            match &self.phase {
                Phase::Snapshot(_) => self.read_snapshot().await?,
                Phase::Fold(_) | Phase::Live => {
                    if !self.read_tail().await? && self.ready.is_empty() {
                        self.wait(silent_until).await;
                    }
                }
            }
        }
    }

    fn message(&mut self, event: WatchEvent) -> WatchItem {
        let is_settled = self.ready.is_empty() && !matches!(self.phase, Phase::Snapshot(_));
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
        let Phase::Snapshot(walk) = &mut self.phase else { return Ok(()) };
        let Some((key, _)) = walk.next(&self.engine).await? else {
            let newest = self.engine.0.store.sequence(&self.tenant).await.map_err(read_error)?;
            self.phase = Phase::Fold(newest);
            return self.end_fold();
        };
        let Some(id) = keys::listed_escalation(&key) else { return Ok(()) };
        let found = self.engine.read::<Escalation>(&keys::escalation(&self.tenant, id)).await?;
        let Some(escalation) = found.filter(|it| it.state == EscalationState::Open) else {
            return Ok(());
        };
        if self.filter.shows(&escalation) {
            self.sent.insert(id, escalation.revision);
            self.count += 1;
            let view = self.engine.escalation_view(&self.tenant, escalation, self.depth).await?;
            self.ready.push_back(WatchEvent::Snapshot(Box::new(view)));
        }
        Ok(())
    }

    /// Ends the snapshot once the journal is followed up to where it was read.
    fn end_fold(&mut self) -> Result<(), Error> {
        if let Phase::Fold(until) = self.phase
            && self.sequence >= until
        {
            self.phase = Phase::Live;
            self.sent = HashMap::new();
            let (sequence, count) = (self.sequence, self.count);
            self.ready.push_back(WatchEvent::SnapshotEnd { sequence, count });
        }
        Ok(())
    }

    /// Reads on in the journal; whether there was anything.
    async fn read_tail(&mut self) -> Result<bool, Error> {
        self.doorbell.borrow_and_update();
        let from = TailFrom::Sequence { tenant: self.tenant.clone(), after: self.sequence };
        let store = &self.engine.0.store;
        let mut commits = store.tail(from, COMMITS_PER_READ).await.map_err(read_error)?.into_iter();
        let mut has_read = false;
        // One commit at a time, so that every message has its own cursor.
        for commit in commits.by_ref() {
            has_read = true;
            self.sequence = commit.first_sequence + commit.events.len() as u64 - 1;
            if let Some(change) = self.change(&commit).await? {
                self.ready.push_back(WatchEvent::Change(change));
                break;
            }
            if let Phase::Fold(until) = self.phase
                && self.sequence >= until
            {
                break;
            }
        }
        self.end_fold()?;
        if self.ready.is_empty() && self.sequence >= self.told + COMMITS_PER_BOOKMARK {
            self.ready.push_back(WatchEvent::Bookmark(self.sequence));
        }
        Ok(has_read)
    }

    async fn change(&self, commit: &CommitRecord) -> Result<Option<Change>, Error> {
        let mut escalations = Vec::new();
        for write in &commit.writes {
            let Some(value) =
                write.value.as_ref().filter(|_| keys::is_escalation(&self.tenant, &write.key))
            else {
                continue;
            };
            let escalation: Escalation = records::decode(value).map_err(read_error)?;
            let is_known =
                self.sent.get(&escalation.id).is_some_and(|sent| *sent >= escalation.revision);
            if self.filter.shows(&escalation) && !is_known {
                if escalation.revision == 1 {
                    let age = self.engine.now().since(escalation.create_time);
                    self.engine.0.stats.visible.observe(age);
                }
                escalations.push(escalation);
            }
        }
        if escalations.is_empty() {
            return Ok(None);
        }
        let views = self.engine.escalation_views(&self.tenant, escalations, self.depth).await?;
        Ok(Some(Change {
            escalations: views,
            events: commit.events.iter().map(|event| event.kind).collect(),
            principal: commit.principal.clone(),
            commit_time: commit.time,
        }))
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
