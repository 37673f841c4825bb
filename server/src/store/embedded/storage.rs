//! The storage thread: owns sled and the order of commits.
//!
//! Each turn it publishes a group that has been synced, hands the next one to
//! the journal thread, answers questions, and applies a slice of what is synced
//! to sled. Slices are small, so that neither a reader nor a synced group
//! waits long for sled. Synced changes that sled does not have yet live in two
//! layers: one that is being applied, one that gathers meanwhile. A key that
//! is written often reaches sled once per layer.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::Bytes;
use ring::rand::SystemRandom;
use tokio::sync::oneshot;

use super::group::{Former, Group, Ledger, Pending};
use super::heads::HeadSignal;
use super::inbox::{Ask, Commit, Inbox, Phase, Taken};
use super::options::StoreFailure;
use super::projection::{Projection, ProjectionError};
use super::shared::{Published, PublishedCommit, Shared};
use super::space::Watermarks;
use super::syncer::{Job, SyncDone};
use super::view::{Layer, View};
use crate::domain::digest::{Digest, FieldHasher};
use crate::store::journal::Position;
use crate::store::{
    CommitError, Committed, Direction, KeyRange, MAX_SCAN, ReadError, Scan, Versioned,
};

/// How many records are applied to sled between two looks at the inbox.
const APPLY_SLICE: usize = 32;
/// The most synced records that sled may lack before new groups wait for it.
const MAX_UNAPPLIED: usize = 64 * 1024;
/// How long an idle store waits before it lets sled write what it holds back.
const IDLE_FLUSH: Duration = Duration::from_secs(1);
/// How long to wait for a message when there is nothing else to do.
const IDLE: Duration = Duration::from_secs(3_600);

const STATE_TAG: &str = "pointsman.state.v1";

/// A layer on its way into sled.
struct Applying {
    layer: Layer,
    /// The newest commit in it.
    commit: u64,
    /// The last key applied.
    cursor: Option<Bytes>,
    /// How many records are still to be applied.
    left: usize,
}

/// What the storage thread owns.
pub(super) struct Storage {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    projection: Projection,
    jobs: SyncSender<Job>,
    heads: Arc<HeadSignal>,
    watermarks: Watermarks,
    seed: u32,
    random: SystemRandom,
    ledger: Ledger,
    /// Synced, visible, not in sled.
    gathered: Layer,
    applying: Option<Applying>,
    in_flight: Option<Group>,
    spare: Vec<u8>,
    phase: Phase,
    needs_flush: bool,
}

/// What a storage thread starts with.
pub(super) struct StorageParts {
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) projection: Projection,
    pub(super) jobs: SyncSender<Job>,
    pub(super) heads: Arc<HeadSignal>,
    pub(super) watermarks: Watermarks,
    pub(super) seed: u32,
    pub(super) ledger: Ledger,
}

impl Storage {
    /// Makes the storage thread's state.
    pub(super) fn new(parts: StorageParts) -> Self {
        let StorageParts { shared, inbox, projection, jobs, heads, watermarks, seed, ledger } =
            parts;
        Self {
            shared,
            inbox,
            projection,
            jobs,
            heads,
            watermarks,
            seed,
            random: SystemRandom::new(),
            ledger,
            gathered: Layer::new(),
            applying: None,
            in_flight: None,
            spare: Vec::new(),
            phase: Phase::Open,
            needs_flush: false,
        }
    }

    /// Works until the store is closed, abandoned, or fails.
    pub(super) fn run(&mut self) -> Result<(), StoreFailure> {
        loop {
            let wants_group = self.in_flight.is_none() && !self.is_behind();
            let Taken { phase, done, commits, asks } =
                self.inbox.take(wants_group, self.phase, self.patience());
            self.phase = phase;
            let was_idle = done.is_none() && commits.is_empty() && asks.is_empty();
            if let Some(done) = done {
                self.publish(done)?;
            }
            if !commits.is_empty() {
                self.begin_group(commits)?;
            }
            for ask in asks {
                self.answer(ask)?;
            }
            match phase {
                Phase::Abandoned | Phase::Stopped => return Ok(()),
                Phase::Closing if was_idle && self.in_flight.is_none() => return self.finish(),
                Phase::Open | Phase::Closing => {}
            }
            let has_applied = self.apply_slice()?;
            if was_idle && !has_applied && self.in_flight.is_none() && self.needs_flush {
                self.projection.flush(&self.shared.places.sled)?;
                self.needs_flush = false;
            }
        }
    }

    /// How long to wait for messages: not at all while there is work.
    fn patience(&self) -> Duration {
        let has_work = self.applying.is_some() || !self.gathered.is_empty();
        let is_ending = self.phase != Phase::Open && self.in_flight.is_none();
        if has_work || is_ending {
            Duration::ZERO
        } else if self.needs_flush && self.in_flight.is_none() {
            IDLE_FLUSH
        } else {
            IDLE
        }
    }

    fn is_behind(&self) -> bool {
        self.unapplied() > MAX_UNAPPLIED
    }

    fn unapplied(&self) -> usize {
        self.gathered.len() + self.applying.as_ref().map_or(0, |applying| applying.left)
    }

    // === groups ===

    /// Forms a group and hands it to the journal thread.
    fn begin_group(&mut self, commits: Vec<Commit>) -> Result<(), StoreFailure> {
        let commits = self.refuse_for_space(commits);
        let mut below = vec![&self.gathered];
        below.extend(self.applying.as_ref().map(|applying| &applying.layer));
        let frames = std::mem::take(&mut self.spare);
        let first_commit = self.ledger.commit + 1;
        let mut group = Former {
            shared: &self.shared,
            ledger: &mut self.ledger,
            below: &below,
            projection: &self.projection,
            seed: self.seed,
            random: &self.random,
        }
        .form(commits, frames)?;
        let frames = std::mem::take(&mut group.frames);
        if group.commits.is_empty() {
            self.spare = frames;
            return Ok(());
        }
        let payloads = std::mem::take(&mut group.payloads);
        self.in_flight = Some(group);
        self.jobs
            .send(Job { first_commit, frames, payloads })
            .map_err(|_| StoreFailure::Journal { message: "the journal thread is gone".to_owned() })
    }

    fn refuse_for_space(&self, mut commits: Vec<Commit>) -> Vec<Commit> {
        let Some(space) = self.shared.space() else {
            return commits;
        };
        let refused = commits.extract_if(.., |commit| {
            self.watermarks.check(commit.transaction.lane, space).is_err()
        });
        for commit in refused {
            let refusal = self.watermarks.check(commit.transaction.lane, space);
            if let Err(refusal) = refusal {
                self.shared.counters.disk_refusals.add(1);
                let _ = commit.answer.send(Err(refusal));
            }
        }
        commits
    }

    /// Makes a synced group visible, then answers its callers.
    fn publish(&mut self, done: SyncDone) -> Result<(), StoreFailure> {
        let SyncDone { result, mut job, micros } = done;
        let Some(group) = self.in_flight.take() else {
            return Ok(());
        };
        let synced = result.map_err(|error| {
            for pending in &group.commits {
                tracing::error!(commit = pending.committed.commit, "a commit may not be durable");
            }
            StoreFailure::from(error)
        })?;
        let counters = &self.shared.counters;
        counters.group(group.commits.len() as u64, micros);
        counters.journal_bytes.add(job.frames.len() as u64);
        for payload in &job.payloads {
            counters.payload_bytes.add(payload.bytes.len() as u64);
            self.shared.keep_payload(payload);
        }
        self.gather(group.layer);
        let last = group.commits.last().map(|pending| pending.committed);
        let now = Published {
            commit: last.map_or(0, |last| last.commit),
            time: last.map_or_else(Default::default, |last| last.time),
            frontier: group.frontier,
            journal: synced.end,
            packs: synced.packs,
        };
        let entries = now.frontier.size();
        let (commits, answers) = split(group.commits, synced.start, job.frames.len());
        self.shared.publish(commits, now);
        for (answer, committed) in answers {
            let _ = answer.send(Ok(committed));
        }
        self.heads.entries(entries);
        job.frames.clear();
        self.spare = job.frames;
        Ok(())
    }

    /// Puts a group's changes on top of what sled lacks, and in the cache.
    fn gather(&mut self, layer: Layer) {
        for (key, slot) in layer {
            self.shared.records.insert(key.clone(), slot.to_versioned());
            self.gathered.insert(key, slot);
        }
        self.shared.counters.unapplied.set(self.unapplied() as u64);
    }

    // === sled ===

    /// Applies a slice to sled; answers whether there was anything to apply.
    fn apply_slice(&mut self) -> Result<bool, StoreFailure> {
        if self.applying.is_none() && !self.gathered.is_empty() {
            let layer = std::mem::take(&mut self.gathered);
            let (left, commit) = (layer.len(), self.shared.now().commit);
            self.applying = Some(Applying { layer, commit, cursor: None, left });
        }
        let Some(applying) = &mut self.applying else {
            return Ok(false);
        };
        let from = match &applying.cursor {
            Some(cursor) => Bound::Excluded(cursor.clone()),
            None => Bound::Unbounded,
        };
        let mut rest = applying.layer.range((from, Bound::Unbounded));
        let slice: Vec<_> = rest.by_ref().take(APPLY_SLICE).collect();
        let last = slice.last().map(|(key, _)| (*key).clone());
        applying.left = applying.left.saturating_sub(slice.len());
        let is_complete = rest.next().is_none();
        let applied = is_complete.then_some(applying.commit);
        self.projection.apply(slice.into_iter(), applied)?;
        self.needs_flush = true;
        applying.cursor = last;
        if is_complete {
            self.applying = None;
        }
        self.shared.counters.unapplied.set(self.unapplied() as u64);
        Ok(true)
    }

    /// Leaves the group in flight without an answer: its callers hear that
    /// nothing is known of it.
    pub(super) fn give_up(&mut self) {
        self.in_flight = None;
    }

    /// Whether everything synced is in sled, as after an orderly end.
    pub(super) fn is_finished(&self) -> bool {
        self.phase == Phase::Closing
            && self.in_flight.is_none()
            && self.applying.is_none()
            && self.gathered.is_empty()
    }

    /// The orderly end: sled catches up and is flushed.
    fn finish(&mut self) -> Result<(), StoreFailure> {
        while self.apply_slice()? {}
        Ok(self.projection.flush(&self.shared.places.sled)?)
    }

    // === questions ===

    fn answer(&self, ask: Ask) -> Result<(), StoreFailure> {
        // Whoever asked may have gone; then nobody misses the answer.
        match ask {
            Ask::Read { key, answer } => {
                let found = self.read(key)?;
                let _ = answer.send(Ok(found));
            }
            Ask::Scan { range, direction, limit, answer } => {
                let found = self.scan(&range, direction, limit)?;
                let _ = answer.send(Ok(found));
            }
            Ask::StateDigest { answer } => {
                let _ = answer.send(self.state_digest().map_err(damaged));
            }
        }
        Ok(())
    }

    fn layers(&self) -> Vec<&Layer> {
        let mut layers = vec![&self.gathered];
        layers.extend(self.applying.as_ref().map(|applying| &applying.layer));
        layers
    }

    fn read(&self, key: Bytes) -> Result<Option<Versioned>, StoreFailure> {
        let layers = self.layers();
        let view = View { layers: &layers, projection: &self.projection };
        let found = view.get(&key)?;
        self.shared.records.insert(key, found.clone());
        Ok(found)
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Scan, StoreFailure> {
        let layers = self.layers();
        let view = View { layers: &layers, projection: &self.projection };
        let mut found = view.range(range, direction);
        let mut rows = Vec::new();
        for row in found.by_ref().take(limit.min(MAX_SCAN)) {
            rows.push(row?);
        }
        let has_more = found.next().transpose()?.is_some();
        Ok(Scan { rows, has_more, commit: self.shared.now().commit })
    }

    fn state_digest(&self) -> Result<Digest, ProjectionError> {
        let layers = self.layers();
        let view = View { layers: &layers, projection: &self.projection };
        let mut hasher = FieldHasher::new(STATE_TAG);
        for row in view.all() {
            let (key, found) = row?;
            hasher.field(&key).field(&found.version.0.to_be_bytes()).field(&found.value);
        }
        Ok(hasher.finish())
    }
}

type Answers = Vec<(oneshot::Sender<Result<Committed, CommitError>>, Committed)>;

/// Parts what is published from who is answered.
fn split(commits: Vec<Pending>, start: Position, total: usize) -> (Vec<PublishedCommit>, Answers) {
    let ends: Vec<usize> =
        commits.iter().skip(1).map(|pending| pending.offset).chain([total]).collect();
    commits
        .into_iter()
        .zip(ends)
        .map(|(pending, end)| {
            let Pending { record, committed, answer, offset } = pending;
            let at = Position { offset: start.offset + offset as u64, ..start };
            let published = PublishedCommit { record: Arc::new(record), at, bytes: end - offset };
            (published, (answer, committed))
        })
        .unzip()
}

fn damaged(error: ProjectionError) -> ReadError {
    ReadError::Damaged { what: error.to_string() }
}
