//! Sweeping out request ids that are kept no longer.
//!
//! The journal has every request id in order of time, so no index of them is
//! needed and none is written with a call: the sweep walks the journal a day
//! behind its end and removes what it passes. Its work is proportional to what
//! expires. How far it has come is stored with the removals, so that a restart
//! goes on from there.

use super::operation::commit_error;
use super::{DEFAULT_TENANT, Engine, limits, read_error};
use crate::domain::error::Error;
use crate::domain::time::{Span, Timestamp};
use crate::store::records::{SweepRecord, decode, encode};
use crate::store::{
    CommitError, CommitLane, CommitRecord, Expectation, ReadError, TailFrom, Transaction, Version,
    Write, keys,
};

/// How often the sweep looks for what has expired.
const SWEEP_EVERY: Span = Span::from_secs(60);
/// How many commits one step walks: what it reads and removes at most.
const COMMITS_PER_STEP: usize = 256;
/// After how many commits without a removal the place is stored all the same.
/// Not at once: storing it is a commit, and a sweep that stored its place for
/// its own commits would never rest.
const COMMITS_PER_MARK: u64 = 4_096;

/// How far the sweep has come.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The last commit that was walked.
    pub(super) walked: u64,
    /// The last one that is stored, and the version of what says so.
    stored: u64,
    version: Option<Version>,
}

/// What one step did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Swept {
    /// How many request ids it removed.
    pub(super) removed: usize,
    /// Whether the rest of the journal is kept still.
    pub(super) is_over: bool,
}

impl Engine {
    /// Sweeps from time to time, until the store stops.
    pub(super) async fn run_sweeper(&self) -> Result<(), Error> {
        let mut sweep = self.last_sweep().await?;
        loop {
            self.sweep(&mut sweep).await?;
            let next = self.now().plus(SWEEP_EVERY);
            self.0.clock.sleep_until(next).await;
        }
    }

    /// Goes on from where the stored sweep has come to.
    pub(super) async fn last_sweep(&self) -> Result<Sweep, Error> {
        let found = self.0.store.read(&keys::swept_requests()).await.map_err(read_error)?;
        let Some(found) = found else { return Ok(Sweep { walked: 0, stored: 0, version: None }) };
        let commit = decode::<SweepRecord>(&found.value).map_err(read_error)?.commit;
        Ok(Sweep { walked: commit, stored: commit, version: Some(found.version) })
    }

    /// Removes every request id whose time is over; returns how many.
    pub(super) async fn sweep(&self, sweep: &mut Sweep) -> Result<usize, Error> {
        let mut removed = 0;
        loop {
            let step = self.sweep_step(sweep).await?;
            removed += step.removed;
            if step.is_over {
                return Ok(removed);
            }
        }
    }

    /// Walks a bounded part of the journal.
    pub(super) async fn sweep_step(&self, sweep: &mut Sweep) -> Result<Swept, Error> {
        let kept = Span::from_secs(limits::REQUEST_ID_HOURS * 60 * 60);
        let from = TailFrom::Commit(sweep.walked);
        let commits = match self.0.store.tail(from, COMMITS_PER_STEP).await {
            Err(ReadError::Compacted { oldest }) => {
                tracing::warn!(oldest, "the journal was compacted before old request ids were");
                sweep.walked = oldest.saturating_sub(1);
                return Ok(Swept { removed: 0, is_over: false });
            }
            commits => commits.map_err(read_error)?,
        };
        let is_expired = |time: Timestamp| self.now().since(time) >= kept;
        let mut writes = Vec::new();
        let mut walked = 0;
        for commit in commits.iter().take_while(|commit| is_expired(commit.time)) {
            self.collect_requests(commit, &mut writes).await?;
            sweep.walked = commit.commit;
            walked += 1;
        }
        let removed = writes.len();
        if removed > 0 || sweep.walked - sweep.stored >= COMMITS_PER_MARK {
            self.remove_swept(sweep, writes).await?;
        }
        Ok(Swept { removed, is_over: walked < COMMITS_PER_STEP })
    }

    /// Adds the removal of the request ids that a commit kept. One that was
    /// removed and used again since belongs to a later commit.
    async fn collect_requests(
        &self,
        commit: &CommitRecord,
        writes: &mut Vec<Write>,
    ) -> Result<(), Error> {
        for write in &commit.writes {
            if write.value.is_none() || !keys::is_request(&commit.tenant, &write.key) {
                continue;
            }
            let found = self.0.store.read(&write.key).await.map_err(read_error)?;
            if found.is_some_and(|found| found.version == Version(commit.commit)) {
                writes.push(Write { key: write.key.clone(), value: None });
            }
        }
        Ok(())
    }

    /// Commits removals, which nobody audits, and how far they have come. Of two
    /// servers that sweep at once, one does; the other goes on behind it.
    async fn remove_swept(&self, sweep: &mut Sweep, mut writes: Vec<Write>) -> Result<(), Error> {
        let key = keys::swept_requests();
        let value = encode(&SweepRecord { commit: sweep.walked });
        writes.push(Write { key: key.clone(), value });
        let transaction = Transaction {
            tenant: DEFAULT_TENANT.to_owned(),
            principal: "system/sweeper".to_owned(),
            lane: CommitLane::Normal,
            expectations: vec![Expectation::Key { key, version: sweep.version }],
            writes,
            ..Transaction::default()
        };
        match self.0.store.commit(transaction).await {
            Ok(committed) => {
                (sweep.stored, sweep.version) = (sweep.walked, Some(Version(committed.commit)));
                Ok(())
            }
            Err(CommitError::Conflict) => {
                *sweep = self.last_sweep().await?;
                Ok(())
            }
            Err(error) => Err(commit_error(&error)),
        }
    }
}
