//! Callers in a closed loop: each sends its next call when the last is answered.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;
use pointsman_client::Connection;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::latency::{Latency, Spread};
use super::servers::Addresses;

/// How long callers run before anything is measured.
const WARM_UP: Duration = Duration::from_millis(500);
/// Connections that callers are spread over.
pub(super) const CHANNELS: usize = 4;

/// What a closed loop reached.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Rate {
    /// Callers at once.
    pub(super) callers: usize,
    /// Operations per second.
    pub(super) per_second: f64,
    /// How long each took.
    pub(super) ms: Spread,
}

/// When to measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    from: Instant,
    to: Instant,
}

impl Window {
    /// Begins after the warm-up and lasts `duration`.
    pub(super) fn of(duration: Duration) -> Self {
        let from = Instant::now() + WARM_UP;
        Self { from, to: from + duration }
    }

    /// Whether there is time for another call.
    pub(super) fn is_open(&self) -> bool {
        Instant::now() < self.to
    }

    /// Whether an operation that began then and ends now counts.
    pub(super) fn counts(&self, began: Instant) -> bool {
        began >= self.from && Instant::now() <= self.to
    }

    /// How long it is.
    pub(super) fn seconds(&self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64()
    }
}

/// Runs `callers` tasks to their end and puts their latencies together.
pub(super) async fn run<F>(
    callers: usize,
    window: Window,
    caller: impl Fn(usize) -> F,
) -> anyhow::Result<Rate>
where
    F: Future<Output = anyhow::Result<Latency>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        tasks.spawn(caller(number));
    }
    let mut all = Latency::default();
    while let Some(done) = tasks.join_next().await {
        all.add(&done??);
    }
    let per_second = all.count() as f64 / window.seconds();
    Ok(Rate { callers, per_second, ms: all.spread() })
}

/// Connects to each server, for callers that are spread over them.
pub(super) async fn connect_each(
    addresses: &Addresses,
    token: &str,
) -> anyhow::Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for number in 0..addresses.count() {
        connections.push(connect(addresses.at(number), token).await?);
    }
    Ok(connections)
}

/// The connection of the caller with this number.
pub(super) fn of(connections: &[Connection], number: usize) -> anyhow::Result<Connection> {
    let connection = connections.get(number % connections.len().max(1));
    connection.cloned().context("no server to call")
}

/// Connects a caller or several.
pub(super) async fn connect(address: &str, token: &str) -> anyhow::Result<Connection> {
    let builder = Connection::builder(address).token(token).channels(CHANNELS);
    Ok(builder.call_limit(Duration::from_secs(30)).connect().await?)
}
