//! Commits group after group, through failovers.
//!
//! A group whose commit had no answer is in doubt. The next attempt locks the
//! head, which waits for the end of whatever that group's transaction still does,
//! and then the journal says whether it is there. It is answered only after the
//! asking transaction is durable too, and so everything that it has seen.

use std::sync::Arc;

use backon::BackoffBuilder as _;
use ring::rand::SystemRandom;
use tokio::time::{sleep, timeout};

use super::database::{ATTEMPT_TIMEOUT, pauses};
use super::group::{Fate, Group, Questions};
use super::queue::Queue;
use super::rows::Head;
use super::session::Session;
use super::shared::Shared;
use super::trouble::Trouble;
use crate::store::CommitError;
use crate::store::lanes::Waiting;

/// Commits what is queued.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) random: SystemRandom,
    /// Whether the last group found no database: the next is tried once only, so
    /// that a queue does not wait for its whole length.
    pub(super) is_down: bool,
}

// === impl Committer ===

impl Committer {
    /// Commits until the queue is closed and empty, or the store has failed.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.queue.take().await {
            self.settle(batch).await;
            if self.shared.failure.borrow().is_some() {
                self.queue.stop();
            }
        }
    }

    async fn settle(&mut self, batch: Vec<Waiting>) {
        let mut doubt = None;
        let mut pauses = pauses().build();
        let started = (self.shared.clock)();
        loop {
            let attempt = timeout(ATTEMPT_TIMEOUT, self.attempt(&batch, &mut doubt)).await;
            let trouble = match attempt.unwrap_or_else(|_| Err(Trouble::timeout())) {
                Ok(group) => {
                    self.is_down = false;
                    let micros = (self.shared.clock)().since(started).as_micros();
                    return self.publish(batch, &group, u64::try_from(micros).unwrap_or(0));
                }
                Err(trouble) => trouble,
            };
            self.shared.heed(&trouble);
            let pause = pauses.next().filter(|_| trouble.is_passing() && !self.is_down);
            let Some(pause) = pause else {
                tracing::warn!(%trouble, commits = batch.len(), "a group was not committed");
                self.is_down = trouble.is_passing();
                return refuse(batch, doubt.is_some(), &trouble);
            };
            sleep(pause).await;
        }
    }

    /// Tries once. Afterwards `doubt` is the group that may be durable.
    async fn attempt(
        &self,
        batch: &[Waiting],
        doubt: &mut Option<Arc<Group>>,
    ) -> Result<Arc<Group>, Trouble> {
        let questions = Questions::of(batch);
        let session = Session::open(&self.shared.database).await?;
        let known = self.shared.known();
        let doubted = doubt.as_ref().map(|group| group.after + 1);
        let (base, found) = session.begin(&questions, doubted).await?;
        self.shared.check(&base.head, known)?;
        if let Some(group) = doubt.take_if(|group| found == Some(group.id)) {
            *doubt = Some(Arc::clone(&group));
            session.confirm().await?;
            return Ok(group);
        }
        *doubt = None;
        let now = (self.shared.clock)();
        let group = Group::form(batch, base, now, &self.random)
            .map_err(|error| Trouble::Refused(error.to_string()))?;
        let group = Arc::new(group);
        if group.entries.is_empty() {
            session.forget().await?;
            return Ok(group);
        }
        *doubt = Some(Arc::clone(&group));
        session.commit(&group).await?;
        Ok(group)
    }

    /// Makes a durable group known, and answers its callers.
    fn publish(&self, batch: Vec<Waiting>, group: &Group, micros: u64) {
        let counters = &self.shared.counters;
        if !group.entries.is_empty() {
            counters.group(group.entries.len() as u64, micros);
            for entry in &group.entries {
                counters.journal_bytes.add(entry.frame.len() as u64);
            }
            for payload in &group.payloads {
                counters.payload_bytes.add(payload.bytes.len() as u64);
                let kept = (payload.reference, payload.bytes.clone());
                self.shared.payloads.insert(payload.reference.id, kept);
            }
            self.shared.note(group.ledger.commit);
            self.shared.heads.learn(Head::of(&group.ledger, self.shared.incarnation));
            self.shared.extend(group.entries.iter().map(|entry| Arc::clone(&entry.record)));
            self.shared.bell.ring();
        }
        for (waiting, fate) in batch.into_iter().zip(&group.fates) {
            let answer = match fate {
                Fate::Committed(committed) => Ok(*committed),
                Fate::Refused(error) => {
                    counters.conflicts.add(u64::from(*error == CommitError::Conflict));
                    Err(error.clone())
                }
            };
            // Whoever asked may have gone.
            let _ = waiting.answer.send(answer);
        }
    }
}

/// Answers a group that was given up.
fn refuse(batch: Vec<Waiting>, is_doubted: bool, trouble: &Trouble) {
    for waiting in batch {
        let error =
            if is_doubted { CommitError::Unknown } else { CommitError::from(trouble.clone()) };
        let _ = waiting.answer.send(Err(error));
    }
}
