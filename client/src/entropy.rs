//! Where request ids and jitter come from.
//!
//! Nothing else in the crate draws random numbers, so that a test can repeat a
//! run exactly.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Makes the ids of requests; jitter is drawn from their random bits.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// A UUID that was never returned before.
    fn uuid(&self) -> Uuid;

    /// A number from 0 to 1, for jitter only.
    fn unit(&self) -> f64 {
        let (_, low) = self.uuid().as_u64_pair();
        f64::from((low & u64::from(u32::MAX)) as u32) / f64::from(u32::MAX)
    }
}

/// Time-ordered random UUIDs of the operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one source of ids that others are injected in place of"
    )]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Counts up from a seed: for tests that need the same ids again.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl CountingEntropy {
    /// Starts at a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for CountingEntropy {
    fn uuid(&self) -> Uuid {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 | count)
    }
}
