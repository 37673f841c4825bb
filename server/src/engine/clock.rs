//! The only place that reads clocks and makes randomness.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use uuid::{ContextV7, Uuid};

use crate::domain::time::{Span, Timestamp};

/// After so long a sleeper looks at the clock again, which may have been set.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// The time, and waiting for it.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;
    /// Returns when `time` has come.
    async fn sleep_until(&self, time: Timestamp);
}

/// Ids and randomness.
pub trait Ids: Send + Sync + 'static {
    /// A new id: a UUIDv7 that is greater than every earlier one of this source.
    fn next(&self) -> Uuid;
    /// Fills a buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, time: Timestamp) {
        // A wall clock may be set back while sleeping: look again.
        loop {
            let left = time.since(self.now());
            if left <= Span::ZERO {
                return;
            }
            tokio::time::sleep(left.to_duration().min(LONGEST_SLEEP)).await;
        }
    }
}

/// A clock that moves only when it is told to.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(start)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Span) {
        self.0.send_modify(|now| *now = now.plus(by));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, time: Timestamp) {
        let mut now = self.0.subscribe();
        // The sender lives in self: waiting cannot fail.
        let _ = now.wait_for(|now| *now >= time).await;
    }
}

/// Random ids from the system's generator.
pub struct SystemIds {
    context: Mutex<ContextV7>,
    clock: Arc<dyn Clock>,
    random: SystemRandom,
}

impl SystemIds {
    /// Ids whose time is the clock's.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { context: Mutex::new(ContextV7::new()), clock, random: SystemRandom::new() }
    }
}

impl Ids for SystemIds {
    fn next(&self) -> Uuid {
        let (seconds, nanos) = self.clock.now().to_seconds_nanos();
        let seconds = u64::try_from(seconds).unwrap_or(0);
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos.unsigned_abs()))
    }

    #[expect(clippy::expect_used, reason = "without randomness nothing here is safe to go on")]
    fn fill(&self, buffer: &mut [u8]) {
        self.random.fill(buffer).expect("invariant: the system has a random source");
    }
}
