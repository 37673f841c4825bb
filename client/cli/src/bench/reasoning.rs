//! Many agents that think aloud, and people who watch some of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use pointsman_api::v1;
use pointsman_api::v1::watch_reasoning_request::Density;
use pointsman_api::v1::watch_reasoning_response::Event;
use pointsman_client::{Agent, Connection, ReasoningEvent, ReasoningWatch, Session, StartRun};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::apart::Apart;
use super::latency::{Latency, Spread};

/// Streams that one connection takes, with some to spare for calls.
const STREAMS_PER_CONNECTION: usize = 100;
/// Every so many pieces the agent measures how long one takes to be durable.
const SAMPLED: u64 = 10;
/// How long all that was sent may take to be durable at the end.
const LONGEST: Duration = Duration::from_secs(60);
/// What a piece begins with: when it was sent, by the clock of the bench.
const STAMP: &str = "@";
/// What a piece says beside its stamp.
const WORDS: &str = " and so the amount on the invoice may differ from the order;";

/// How much there is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How many agents.
    pub(super) agents: usize,
    /// How many pieces of reasoning each sends a second.
    pub(super) rate: u32,
    /// How many people watch, each another agent.
    pub(super) watchers: usize,
    /// For how long.
    pub(super) span: Duration,
}

/// What streaming costs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Streamed {
    agents: usize,
    watchers: usize,
    /// Pieces sent, all of which are durable.
    sent: u64,
    /// Pieces durable per second.
    per_second: f64,
    /// From a piece's being said until its agent is told that it is durable.
    durable_ms: Spread,
    /// From a piece's being said until a watcher of everything has it.
    shown_ms: Spread,
    /// Pieces that watchers have seen.
    shown: u64,
    /// Pieces stored with each commit.
    per_commit: f64,
    /// Memory of the server, in MiB: after the sessions are open, in the middle, and at
    /// the end.
    resident_mib: [f64; 3],
}

/// Measures it.
pub(super) async fn measure(server: &Apart, load: Load) -> anyhow::Result<Streamed> {
    let addresses = server.addresses();
    let address = addresses.at(0);
    let connection = connect(address, "dev-agent", load.agents).await?;
    let reviewer = connect(address, "dev-reviewer", load.watchers).await?;
    let sessions = open(&connection, load.agents).await?;
    let (commits, opened_mib) = (addresses.commits().await?, server.resident_mib());
    let (began, seen) = (Instant::now(), Arc::new(Mutex::new(Latency::default())));
    let mut watching = JoinSet::new();
    for session in sessions.iter().take(load.watchers) {
        let watch = watch(reviewer.clone(), session.run_id());
        watching.spawn(follow(watch, began, Arc::clone(&seen)));
    }
    let mut talking = JoinSet::new();
    for (place, session) in sessions.into_iter().enumerate() {
        talking.spawn(talk(session, began, place, load));
    }
    tokio::time::sleep(load.span / 2).await;
    let middle_mib = server.resident_mib();
    let (mut durable, mut sent) = (Latency::default(), 0);
    while let Some(said) = talking.join_next().await {
        let (latency, count) = said??;
        durable.add(&latency);
        sent += count;
    }
    let seconds = began.elapsed().as_secs_f64();
    let commits = addresses.commits().await? - commits;
    let closing_mib = server.resident_mib();
    watching.shutdown().await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Streamed {
        agents: load.agents,
        watchers: load.watchers,
        sent,
        per_second: sent as f64 / seconds,
        durable_ms: durable.spread(),
        shown_ms: seen.spread(),
        shown: seen.count(),
        per_commit: sent as f64 / commits.max(1.0),
        resident_mib: [opened_mib, middle_mib, closing_mib],
    })
}

impl Streamed {
    /// The figures for people.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let Self { agents, watchers, .. } = self;
        let spread = |it: &Spread| format!("p50 {:.1} ms, p99 {:.1} ms", it.p50, it.p99);
        let [before, middle, after] = self.resident_mib;
        let row = |name: &str, value: String| (name.to_owned(), value);
        vec![
            row(
                &format!("reasoning, {agents} agents, {watchers} watch"),
                format!(
                    "{:.0} pieces/s durable, {:.1} per commit",
                    self.per_second, self.per_commit
                ),
            ),
            row("  said until durable", spread(&self.durable_ms)),
            row("  said until shown", format!("{}, {} seen", spread(&self.shown_ms), self.shown)),
            row(
                "  memory of the server",
                format!("{before:.0} MiB, then {middle:.0} MiB, at the end {after:.0} MiB"),
            ),
        ]
    }
}

/// Connects with as many connections as so many streams need.
async fn connect(address: &str, token: &str, streams: usize) -> anyhow::Result<Connection> {
    let channels = streams / STREAMS_PER_CONNECTION + 1;
    let builder = Connection::builder(address).token(token).channels(channels);
    Ok(builder.call_limit(LONGEST).connect().await?)
}

/// Starts the runs and opens their sessions.
async fn open(connection: &Connection, count: usize) -> anyhow::Result<Vec<Session>> {
    let agent = Agent::new(connection.clone());
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        let run = agent.start_run(StartRun::default()).await?;
        sessions.push(run.open_session().await?);
    }
    Ok(sessions)
}

fn watch(connection: Connection, run_id: &str) -> ReasoningWatch {
    let run_id = run_id.to_owned();
    let density = Density::Full.into();
    let request = v1::WatchReasoningRequest { run_id, density, ..Default::default() };
    ReasoningWatch::new(connection, request)
}

/// Says pieces at the rate until the time is up; answers how long some took to be
/// durable, and how many there were. All are durable then.
async fn talk(
    session: Session,
    began: Instant,
    place: usize,
    load: Load,
) -> anyhow::Result<(Latency, u64)> {
    let between = Duration::from_secs(1) / load.rate.max(1);
    let first = began + between.mul_f64(place as f64 / load.agents.max(1) as f64);
    let mut ticks = tokio::time::interval_at(first, between);
    let (mut latency, mut sent) = (Latency::default(), 0);
    while began.elapsed() < load.span {
        ticks.tick().await;
        let now = Instant::now();
        let stamp = now.duration_since(began).as_micros();
        let number = session.reasoning(format!("{STAMP}{stamp}{WORDS}"))?;
        sent += 1;
        if sent % SAMPLED == 0 {
            session.wait_durable(number).await?;
            latency.record(now.elapsed());
        }
    }
    tokio::time::timeout(LONGEST, session.close()).await.context("not durable in time")??;
    Ok((latency, sent))
}

/// Notes how old each piece is when it is shown.
async fn follow(mut watch: ReasoningWatch, began: Instant, seen: Arc<Mutex<Latency>>) {
    while let Some(Ok(event)) = watch.next().await {
        let ReasoningEvent::Shown(Event::Text(text)) = event else { continue };
        let now = began.elapsed();
        for piece in text.text.split(STAMP).skip(1) {
            let stamp = piece.split(' ').next().and_then(|stamp| stamp.parse().ok());
            let Some(said) = stamp.map(Duration::from_micros) else { continue };
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.record(now.saturating_sub(said));
        }
    }
}
