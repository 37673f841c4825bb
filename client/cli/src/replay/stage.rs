//! What all parts of a replay share: trajectories, books, and who was asked what.
//!
//! Nothing here talks to the server. It is also the only place where labels meet
//! runs, so that the simulated reviewers know what to say.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ledger::{Fate, Ledger, Place};
use super::report::Tally;
use crate::trajectory::{Call, Expected, Trajectory};

/// Everything shared.
#[derive(Debug)]
pub(super) struct Stage {
    /// What is replayed.
    pub(super) trajectories: Vec<Trajectory>,
    /// What ran.
    pub(super) ledger: Ledger,
    /// Where it is told how far it is.
    pub(super) progress: ProgressBar,
    anomalies: AtomicU64,
    tally: Mutex<Tally>,
    /// The call that each run is asking about now.
    asking: Mutex<HashMap<String, Asked>>,
    /// Answers that only one side has told of yet.
    answers: Mutex<HashMap<String, Half>>,
    /// Rung when a trajectory has come to its end.
    ended: Vec<Notify>,
    /// The runs that were started.
    runs: Mutex<Vec<String>>,
}

/// A call that was proposed, or is about to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Which one.
    pub(super) place: Place,
    /// When.
    pub(super) at: Instant,
    /// Its label: for the reviewers alone.
    pub(super) expected: Expected,
}

#[derive(Clone, Copy, Debug)]
enum Half {
    Resolved(Instant),
    Resumed(Instant),
}

impl Stage {
    /// Sets the stage.
    pub(super) fn new(trajectories: Vec<Trajectory>, progress: ProgressBar) -> Self {
        let ended = trajectories.iter().map(|_| Notify::new()).collect();
        Self {
            trajectories,
            ledger: Ledger::default(),
            progress,
            anomalies: AtomicU64::new(0),
            tally: Mutex::default(),
            asking: Mutex::default(),
            answers: Mutex::default(),
            ended,
            runs: Mutex::default(),
        }
    }

    /// A call by its place.
    pub(super) fn call(&self, (trajectory, step): Place) -> Option<&Call> {
        self.trajectories.get(trajectory)?.calls.get(step)
    }

    /// How many calls there are.
    pub(super) fn call_count(&self) -> usize {
        self.trajectories.iter().map(|trajectory| trajectory.calls.len()).sum()
    }

    /// Notes a new run.
    pub(super) fn note_run(&self, run_id: &str) {
        lock(&self.runs).push(run_id.to_owned());
    }

    /// All runs.
    pub(super) fn runs(&self) -> Vec<String> {
        lock(&self.runs).clone()
    }

    /// Notes that a run is about to propose a call. To be called before it does:
    /// a reviewer may see the question first.
    pub(super) fn ask(&self, run_id: &str, place: Place, expected: Expected) -> Asked {
        let asked = Asked { place, at: Instant::now(), expected };
        lock(&self.asking).insert(run_id.to_owned(), asked);
        asked
    }

    /// What a run is asking about.
    pub(super) fn asked(&self, run_id: &str) -> Option<Asked> {
        lock(&self.asking).get(run_id).copied()
    }

    /// Notes that a reviewer has the answer to its resolution.
    pub(super) fn note_resolved(&self, escalation_id: &str) {
        self.meet(escalation_id, Half::Resolved(Instant::now()));
    }

    /// Notes that an agent or a worker has the person's answer, since `at`.
    pub(super) fn note_resumed(&self, escalation_id: &str, at: Instant) {
        self.meet(escalation_id, Half::Resumed(at));
    }

    /// An agent may have the answer before the reviewer knows that it counted:
    /// then no time has passed.
    fn meet(&self, escalation_id: &str, half: Half) {
        let other = {
            let mut answers = lock(&self.answers);
            let other = answers.remove(escalation_id);
            if other.is_none() {
                answers.insert(escalation_id.to_owned(), half);
            }
            other
        };
        let span = match (half, other) {
            (Half::Resolved(from), Some(Half::Resumed(to)))
            | (Half::Resumed(to), Some(Half::Resolved(from))) => to.saturating_duration_since(from),
            _ => return,
        };
        self.tally().resume(span);
    }

    /// Counts.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }

    /// Books an end without execution.
    pub(super) fn close(&self, place: Place, fate: Fate) {
        self.ledger.close(place, fate);
    }

    /// Something that must not happen; told at once, counted as lost.
    pub(super) fn anomaly(&self, what: impl std::fmt::Display) {
        self.anomalies.fetch_add(1, Ordering::Relaxed);
        self.progress.suspend(|| crate::bench::say(format!("replay: {what}")));
    }

    /// How many of them there were.
    pub(super) fn anomalies(&self) -> u64 {
        self.anomalies.load(Ordering::Relaxed)
    }

    /// Notes that a trajectory has come to its end.
    pub(super) fn end(&self, trajectory: usize) {
        self.progress.inc(1);
        if let Some(ended) = self.ended.get(trajectory) {
            ended.notify_one();
        }
    }

    /// Waits for the end of a trajectory that goes on elsewhere; false if it does
    /// not come within `limit`.
    pub(super) async fn has_ended(&self, trajectory: usize, limit: Duration) -> bool {
        let Some(ended) = self.ended.get(trajectory) else { return true };
        tokio::time::timeout(limit, ended.notified()).await.is_ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
