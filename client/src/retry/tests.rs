//! Waits grow, jitter stays in its band, and the time limit holds.

use std::sync::atomic::{AtomicU32, Ordering};

use tonic::Status;

use super::*;
use crate::entropy::CountingEntropy;

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(CountingEntropy::new(0))
}

/// The defaults, a hundred times faster.
fn hasty() -> RetryLimits {
    RetryLimits {
        first_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(50),
        attempt: Duration::from_millis(50),
        total: Duration::from_millis(100),
        ..RetryLimits::default()
    }
}

#[tokio::test]
async fn delays_grow_by_the_factor_within_the_jitter() {
    let mut wanted = Duration::from_millis(100);
    for delay in Delays::new(RetryLimits::default(), entropy()).take(12) {
        assert!(delay >= wanted.mul_f64(0.8) && delay <= wanted.mul_f64(1.2), "{delay:?}");
        wanted = wanted.mul_f64(1.7).min(Duration::from_secs(5));
    }
    assert_eq!(wanted, Duration::from_secs(5));
}

#[tokio::test]
async fn a_call_gives_up_when_its_time_is_up() {
    let tries = AtomicU32::new(0);
    let started = Instant::now();
    let result: Result<()> = with_retries(hasty(), entropy(), |_| {
        tries.fetch_add(1, Ordering::Relaxed);
        async { Err(Status::unavailable("away").into()) }
    })
    .await;
    assert_eq!(result.unwrap_err().message(), "away");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(tries.into_inner() >= 3);
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let started = Instant::now();
    let never = |_| std::future::pending::<Result<()>>();
    let error = with_retries(hasty(), entropy(), never).await.unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let tries = AtomicU32::new(0);
    let result: Result<()> = with_retries(RetryLimits::default(), entropy(), |_| {
        tries.fetch_add(1, Ordering::Relaxed);
        async { Err(Status::permission_denied("no").into()) }
    })
    .await;
    assert!(result.is_err());
    assert_eq!(tries.into_inner(), 1);
}
