//! A pool of workers that takes up answers whose agents did not wait.
//!
//! Claim, load the checkpoint, run what is permitted, or acknowledge. A claim is
//! fenced: a worker that was too slow cannot redeem any more.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use pointsman_api::v1;

use crate::answer::{Answer, answer_of};
use crate::connect::{Connection, promised, span};
use crate::error::Result;
use crate::wait::acknowledge;

/// How long a claimed resumption is held, unless set otherwise.
const DEFAULT_LEASE: Duration = Duration::from_secs(60);
/// How long a claim waits for work, unless set otherwise.
const DEFAULT_POLL: Duration = Duration::from_secs(30);
/// How many resumptions a pool works on at once, unless set otherwise.
const DEFAULT_CONCURRENCY: usize = 16;

const MOST_PER_CLAIM: usize = 100;

/// Takes up resumptions of one agent.
#[derive(Clone, Debug)]
pub struct Worker {
    connection: Connection,
    lease: Duration,
    poll: Duration,
    concurrency: usize,
    run_id: String,
    escalation_id: String,
}

/// A resumption that this worker holds.
#[derive(Debug)]
pub struct Resumed {
    connection: Connection,
    resumption: v1::Resumption,
}

// === impl Worker ===

impl Worker {
    /// Makes a worker of a connection whose token is the agent's.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            lease: DEFAULT_LEASE,
            poll: DEFAULT_POLL,
            concurrency: DEFAULT_CONCURRENCY,
            run_id: String::new(),
            escalation_id: String::new(),
        }
    }

    /// Holds each resumption this long, from 10 s to 10 min.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Lets the server wait this long for work, at most 30 s.
    #[must_use]
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Works on this many resumptions at once.
    #[must_use]
    pub fn concurrency(mut self, count: usize) -> Self {
        self.concurrency = count.max(1);
        self
    }

    /// Takes up resumptions of this run only.
    #[must_use]
    pub fn only_run(mut self, run_id: impl Into<String>) -> Self {
        self.run_id = run_id.into();
        self
    }

    /// Takes up the resumption of this escalation only.
    #[must_use]
    pub fn only_escalation(mut self, escalation_id: impl Into<String>) -> Self {
        self.escalation_id = escalation_id.into();
        self
    }

    /// Claims up to `most` resumptions; none if there is no work.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.ClaimResumptions`.
    pub async fn claim(&self, most: usize) -> Result<Vec<Resumed>> {
        let most = most.clamp(1, MOST_PER_CLAIM);
        let request = v1::ClaimResumptionsRequest {
            request_id: self.connection.new_request_id(),
            max_items: i32::try_from(most).unwrap_or(1),
            lease: Some(span(self.lease)),
            wait: Some(span(self.poll)),
            run_id: self.run_id.clone(),
            escalation_id: self.escalation_id.clone(),
        };
        let answer = self
            .connection
            .send_and_wait(self.poll, request, |request| {
                let mut service = self.connection.checkpoint_service();
                async move { service.claim_resumptions(request).await }
            })
            .await?;
        let hold = |resumption| Resumed { connection: self.connection.clone(), resumption };
        Ok(answer.resumptions.into_iter().map(hold).collect())
    }

    async fn claim_after(&self, pause: Duration, most: usize) -> Result<Vec<Resumed>> {
        tokio::time::sleep(pause).await;
        self.claim(most).await
    }

    /// Claims and handles resumptions until `stop` is done, then finishes those
    /// under way. An unreachable server is tried again for ever.
    ///
    /// # Errors
    ///
    /// The server refuses the claim itself, such as for want of the agent role.
    pub async fn run<F, Fut>(&self, stop: impl Future<Output = ()>, handle: F) -> Result<()>
    where
        F: Fn(Resumed) -> Fut,
        Fut: Future<Output = ()>,
    {
        let mut stop = std::pin::pin!(stop);
        let mut delays = self.connection.stream_delays();
        let mut under_way = FuturesUnordered::new();
        let mut pause = Duration::ZERO;
        let outcome = loop {
            let free = self.concurrency.saturating_sub(under_way.len());
            if free == 0 {
                under_way.next().await;
                continue;
            }
            let mut claim = std::pin::pin!(self.claim_after(pause, free));
            let claimed = loop {
                tokio::select! {
                    biased;
                    () = &mut stop => break None,
                    Some(()) = under_way.next() => {}
                    claimed = &mut claim => break Some(claimed),
                }
            };
            match claimed {
                None => break Ok(()),
                Some(Ok(resumed)) => {
                    delays.reset();
                    pause = Duration::ZERO;
                    under_way.extend(resumed.into_iter().map(&handle));
                }
                Some(Err(error)) if !error.is_retryable_if_idempotent() => break Err(error),
                Some(Err(error)) => {
                    tracing::warn!(%error, "cannot claim resumptions, trying again");
                    pause = delays.next().unwrap_or(DEFAULT_POLL);
                }
            }
        };
        while under_way.next().await.is_some() {}
        outcome
    }
}

// === impl Resumed ===

impl Resumed {
    /// The resumption as the server sent it.
    pub fn details(&self) -> &v1::Resumption {
        &self.resumption
    }

    /// The question that was answered.
    pub fn escalation_id(&self) -> &str {
        &self.resumption.escalation_id
    }

    /// The run to go on with.
    pub fn run_id(&self) -> &str {
        &self.resumption.run_id
    }

    /// The agent's state at the moment of the question; none if none was saved.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.GetCheckpoint`.
    pub async fn checkpoint(&self) -> Result<Option<v1::Checkpoint>> {
        if self.resumption.checkpoint_id.is_empty() {
            return Ok(None);
        }
        let checkpoint_id = self.resumption.checkpoint_id.clone();
        checkpoint(&self.connection, checkpoint_id).await.map(Some)
    }

    /// What was said, and what may run now. Redeeming the permit closes the
    /// resumption; everything else needs [`acknowledge`](Self::acknowledge).
    ///
    /// # Errors
    ///
    /// The answer makes no sense to this client; nothing may run.
    pub fn answer(&self) -> Result<Answer> {
        answer_of(&self.connection, self.resumption.clone(), None)
    }

    /// Closes the resumption: it is never offered again.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.AcknowledgeResumption`, such as RESUMPTION_LOST.
    pub async fn acknowledge(self) -> Result<()> {
        let epoch = self.resumption.epoch;
        acknowledge(&self.connection, self.resumption.escalation_id, epoch).await
    }
}

/// Returns one checkpoint with its state.
///
/// # Errors
///
/// As `CheckpointService.GetCheckpoint`.
pub async fn checkpoint(connection: &Connection, checkpoint_id: String) -> Result<v1::Checkpoint> {
    let request = v1::GetCheckpointRequest { checkpoint_id };
    let answer = connection
        .send(request, |request| {
            let mut service = connection.checkpoint_service();
            async move { service.get_checkpoint(request).await }
        })
        .await?;
    promised(answer.checkpoint, "checkpoint")
}

#[cfg(test)]
mod tests;
