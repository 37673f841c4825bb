//! Bounded waits for conditions: the only place of the tests that sleeps.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a condition may take unless the test has a bar of its own.
pub const PATIENCE: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Tries until there is a value; fails after `limit` with what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut attempt: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Awaits something that must happen within `limit`.
pub async fn within<T>(what: &str, limit: Duration, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {limit:?}: {what}"),
    }
}

/// Lets a fault come at a drawn moment: the wait is the test's input, not a guess
/// at how long something takes.
pub async fn at_moment(moment: Duration) {
    tokio::time::sleep(moment).await;
}
