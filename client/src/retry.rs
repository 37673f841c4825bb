//! When and how often a call is sent again.
//!
//! Only calls that read, or that carry a request_id, get here: sending them
//! twice does what sending them once does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable as _;
use tokio::time::Instant;

use crate::entropy::Entropy;
use crate::error::{Error, Result};

/// How long to wait before the first repetition.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// How much longer each further wait is.
const DELAY_FACTOR: f64 = 1.7;
/// How far a wait may be off, to both sides, so that clients do not march in step.
const DELAY_JITTER: f64 = 0.2;
/// The longest wait between two tries.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// How long one try may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);
/// How long a call may take, all tries and waits together.
const TOTAL_LIMIT: Duration = Duration::from_secs(10);

/// The limits of repetition. By default 100 ms, growing 1.7 times to 5 s, 10 s in
/// all.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryLimits {
    /// How long to wait before the first repetition.
    pub first_delay: Duration,
    /// How much longer each further wait is.
    pub delay_factor: f64,
    /// The longest wait between two tries.
    pub longest_delay: Duration,
    /// How long one try may take.
    pub attempt: Duration,
    /// How long a call may take, all tries and waits together.
    pub total: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            first_delay: FIRST_DELAY,
            delay_factor: DELAY_FACTOR,
            longest_delay: LONGEST_DELAY,
            attempt: ATTEMPT_LIMIT,
            total: TOTAL_LIMIT,
        }
    }
}

impl RetryLimits {
    /// Long polls and streams start over for ever: 200 ms, doubled, to 10 s.
    pub(crate) fn for_streams() -> Self {
        Self {
            first_delay: Duration::from_millis(200),
            delay_factor: 2.0,
            longest_delay: Duration::from_secs(10),
            attempt: Duration::MAX,
            total: Duration::MAX,
        }
    }

    /// The same limits for a call that the server may answer late on purpose.
    pub(crate) fn prolonged_by(mut self, wait: Duration) -> Self {
        self.attempt = self.attempt.saturating_add(wait);
        self.total = self.total.saturating_add(wait);
        self
    }
}

/// The waits between tries, until the time is up.
#[derive(Debug)]
pub(crate) struct Delays {
    limits: RetryLimits,
    entropy: Arc<dyn Entropy>,
    next: Duration,
    started: Instant,
}

impl Delays {
    pub(crate) fn new(limits: RetryLimits, entropy: Arc<dyn Entropy>) -> Self {
        let next = limits.first_delay;
        Self { limits, entropy, next, started: Instant::now() }
    }

    /// Begins again at the first delay, after something went well.
    pub(crate) fn reset(&mut self) {
        self.next = self.limits.first_delay;
        self.started = Instant::now();
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let factor = 1.0 - DELAY_JITTER + 2.0 * DELAY_JITTER * self.entropy.unit();
        let delay = self.next.mul_f64(factor);
        self.next = self.next.mul_f64(self.limits.delay_factor).min(self.limits.longest_delay);
        (self.started.elapsed().saturating_add(delay) < self.limits.total).then_some(delay)
    }
}

/// Runs a call until it succeeds, must not be repeated, or its time is up. The call
/// is told how long it is waited for.
pub(crate) async fn with_retries<T, F, Fut>(
    limits: RetryLimits,
    entropy: Arc<dyn Entropy>,
    mut call: F,
) -> Result<T>
where
    F: FnMut(Duration) -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let (attempt_limit, total) = (limits.attempt, limits.total);
    let delays = Delays::new(limits, entropy);
    let started = delays.started;
    let attempt = move || {
        let limit = attempt_limit.min(total.saturating_sub(started.elapsed()));
        let answer = call(limit);
        async move {
            match tokio::time::timeout(limit, answer).await {
                Ok(result) => result,
                Err(_) => Err(Error::timeout(limit)),
            }
        }
    };
    attempt
        .retry(delays)
        .when(Error::is_retryable_if_idempotent)
        .notify(|error, delay| tracing::debug!(%error, ?delay, "call failed, trying again"))
        .adjust(move |error, delay| {
            let delay = delay?.max(error.retry_after().unwrap_or_default());
            (started.elapsed().saturating_add(delay) < total).then_some(delay)
        })
        .await
}

#[cfg(test)]
mod tests;
