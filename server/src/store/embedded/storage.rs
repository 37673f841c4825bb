//! The storage thread: owns sled and the order of commits.
//!
//! One group forms while the one before is synced. Each turn the thread hands
//! the formed group to the journal thread if that is free, publishes the one
//! that has been synced, lets more commits into the next, answers questions,
//! and applies a slice of what is synced to sled, if it is time. Slices are
//! small, so that neither a reader nor a synced group waits long for sled.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::Bytes;
use ring::rand::SystemRandom;

use super::group::{Former, Group, Pending};
use super::heads::HeadSignal;
use super::inbox::{Ask, Inbox, Phase, Taken};
use super::projection::{Projection, ProjectionError};
use super::shared::{Published, PublishedCommit, Shared};
use super::space::Watermarks;
use super::syncer::{Job, SyncDone, Synced};
use super::unapplied::Unapplied;
use super::view::{Layer, View};
use crate::domain::digest::Digest;
use crate::store::journal::Position;
use crate::store::lanes::{Answer, Room, Waiting};
use crate::store::ledger::Ledger;
use crate::store::state::StateHasher;
use crate::store::{
    CommitError, Committed, Direction, KeyRange, MAX_SCAN, ReadError, Scan, StoreFailure, Versioned,
};

/// How long nothing may come before gathered changes are applied to sled.
const QUIET: Duration = Duration::from_millis(50);
/// How long an idle store waits before it lets sled write what it holds back.
const IDLE_FLUSH: Duration = Duration::from_secs(1);
/// How long to wait for a message when there is nothing else to do.
const IDLE: Duration = Duration::from_secs(3_600);

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
    unapplied: Unapplied,
    forming: Group,
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
            unapplied: Unapplied::default(),
            forming: Group::default(),
            in_flight: None,
            spare: Vec::new(),
            phase: Phase::Open,
            needs_flush: false,
        }
    }

    /// Works until the store is closed, abandoned, or fails.
    pub(super) fn run(&mut self) -> Result<(), StoreFailure> {
        loop {
            let Taken { phase, done, commits, asks } =
                self.inbox.take(self.room(), self.phase, self.patience());
            self.phase = phase;
            let was_idle = done.is_none() && commits.is_empty() && asks.is_empty();
            if let Some(done) = done {
                self.synced(done)?;
            }
            self.form(commits)?;
            for ask in asks {
                self.answer(ask)?;
            }
            match phase {
                Phase::Abandoned | Phase::Stopped => return Ok(()),
                Phase::Closing if was_idle && self.in_flight.is_none() => return self.finish(),
                Phase::Open | Phase::Closing => {}
            }
            self.catch_up(was_idle && self.in_flight.is_none())?;
        }
    }

    /// How long to wait for messages: not at all while there is work.
    fn patience(&self) -> Duration {
        if self.unapplied.is_due((self.shared.clock)()) {
            Duration::ZERO
        } else if self.in_flight.is_some() {
            IDLE
        } else if self.phase != Phase::Open {
            Duration::ZERO
        } else if !self.unapplied.is_empty() {
            QUIET
        } else if self.needs_flush {
            IDLE_FLUSH
        } else {
            IDLE
        }
    }

    // === groups ===

    /// What the forming group may still take.
    fn room(&self) -> Room {
        if self.unapplied.is_too_much() { Room::NONE } else { self.forming.room }
    }

    /// Lets commits into the forming group, and sends it off if it can go.
    fn form(&mut self, commits: Vec<Waiting>) -> Result<(), StoreFailure> {
        if commits.is_empty() {
            return Ok(());
        }
        let commits = self.refuse_for_space(commits);
        let mut below = Vec::from_iter(self.in_flight.as_ref().map(|group| &group.layer));
        below.extend(self.unapplied.layers());
        Former {
            shared: &self.shared,
            ledger: &mut self.ledger,
            below: &below,
            projection: &self.projection,
            seed: self.seed,
            random: &self.random,
        }
        .form(commits, &mut self.forming)?;
        self.send_off()
    }

    /// Hands the formed group to the journal thread, unless that has one.
    fn send_off(&mut self) -> Result<(), StoreFailure> {
        if self.forming.commits.is_empty() {
            let conflicted = std::mem::take(&mut self.forming.conflicted);
            match &mut self.in_flight {
                Some(group) => group.conflicted.extend(conflicted),
                None => refuse(conflicted, &CommitError::Conflict),
            }
        }
        let Some(first_commit) = self.forming.first_commit().filter(|_| self.in_flight.is_none())
        else {
            return Ok(());
        };
        let next = Group { frames: std::mem::take(&mut self.spare), ..Group::default() };
        let mut group = std::mem::replace(&mut self.forming, next);
        let frames = std::mem::take(&mut group.frames);
        let payloads = std::mem::take(&mut group.payloads);
        self.in_flight = Some(group);
        self.jobs
            .send(Job { first_commit, frames, payloads })
            .map_err(|_| StoreFailure::Journal { message: "the journal thread is gone".to_owned() })
    }

    fn refuse_for_space(&self, mut commits: Vec<Waiting>) -> Vec<Waiting> {
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

    /// Sends the next group off, then makes the synced one visible and answers
    /// its callers.
    fn synced(&mut self, done: SyncDone) -> Result<(), StoreFailure> {
        let SyncDone { result, job, micros } = done;
        let Some(group) = self.in_flight.take() else {
            return Ok(());
        };
        let synced = result.map_err(|error| {
            for pending in &group.commits {
                tracing::error!(commit = pending.committed.commit, "a commit may not be durable");
            }
            StoreFailure::from(error)
        })?;
        self.send_off()?;
        self.publish(group, synced, job, micros);
        Ok(())
    }

    fn publish(&mut self, group: Group, synced: Synced, mut job: Job, micros: u64) {
        let counters = &self.shared.counters;
        counters.group(group.commits.len() as u64, micros);
        counters.journal_bytes.add(job.frames.len() as u64);
        for payload in &job.payloads {
            counters.payload_bytes.add(payload.bytes.len() as u64);
            self.shared.keep_payload(&payload.reference, &payload.bytes);
        }
        let last = group.commits.last().map(|pending| pending.committed);
        let now = Published {
            commit: last.map_or(0, |last| last.commit),
            time: last.map_or_else(Default::default, |last| last.time),
            frontier: group.frontier,
            journal: synced.end,
            packs: synced.packs,
        };
        self.gather(group.layer, &now);
        let entries = now.frontier.size();
        let (commits, answers) = split(group.commits, synced.start, job.frames.len());
        self.shared.publish(commits, now);
        for (answer, committed) in answers {
            let _ = answer.send(Ok(committed));
        }
        refuse(group.conflicted, &CommitError::Conflict);
        self.heads.entries(entries);
        job.frames.clear();
        self.spare = job.frames;
    }

    /// Puts a group's changes on top of what sled lacks, and in the cache.
    fn gather(&mut self, layer: Layer, now: &Published) {
        for (key, slot) in &layer {
            // Index entries are found by scans, and would crowd records out.
            if slot.value.as_ref().is_some_and(Bytes::is_empty) {
                self.shared.records.remove(key);
            } else {
                self.shared.records.insert(key.clone(), slot.to_versioned());
            }
        }
        self.unapplied.gather(layer, now.commit, now.time);
        self.shared.counters.unapplied.set(self.unapplied.len() as u64);
    }

    // === sled ===

    /// Applies a slice if it is time or nothing else is to be done; after that
    /// lets sled write what it holds back.
    fn catch_up(&mut self, is_idle: bool) -> Result<(), StoreFailure> {
        if !self.unapplied.is_empty() && (is_idle || self.unapplied.is_due((self.shared.clock)())) {
            self.apply_slice()?;
        } else if is_idle && self.needs_flush {
            self.projection.flush(&self.shared.places.sled)?;
            self.needs_flush = false;
        }
        Ok(())
    }

    fn apply_slice(&mut self) -> Result<(), StoreFailure> {
        self.unapplied.apply_slice(&self.projection)?;
        self.needs_flush = true;
        self.shared.counters.unapplied.set(self.unapplied.len() as u64);
        Ok(())
    }

    /// Leaves the group in flight without an answer: its callers hear that
    /// nothing is known of it. The forming one was never written.
    pub(super) fn give_up(&mut self) {
        let forming = std::mem::take(&mut self.forming);
        let conflicted = self.in_flight.take().map(|group| group.conflicted);
        let unwritten = forming.commits.into_iter().map(|pending| pending.answer);
        let others = forming.conflicted.into_iter().chain(conflicted.into_iter().flatten());
        refuse(unwritten.chain(others), &CommitError::Stopped);
    }

    /// Whether everything synced is in sled, as after an orderly end.
    pub(super) fn is_finished(&self) -> bool {
        self.phase == Phase::Closing && self.in_flight.is_none() && self.unapplied.is_empty()
    }

    /// The orderly end: sled catches up and is flushed.
    fn finish(&mut self) -> Result<(), StoreFailure> {
        while !self.unapplied.is_empty() {
            self.apply_slice()?;
        }
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

    fn read(&self, key: Bytes) -> Result<Option<Versioned>, StoreFailure> {
        let layers = self.unapplied.layers();
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
        let layers = self.unapplied.layers();
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
        let layers = self.unapplied.layers();
        let view = View { layers: &layers, projection: &self.projection };
        let mut hasher = StateHasher::default();
        for row in view.all() {
            let (key, found) = row?;
            hasher.record(&key, found.version, &found.value);
        }
        Ok(hasher.finish())
    }
}

fn refuse(callers: impl IntoIterator<Item = Answer>, error: &CommitError) {
    for caller in callers {
        let _ = caller.send(Err(error.clone()));
    }
}

type Answers = Vec<(Answer, Committed)>;

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
