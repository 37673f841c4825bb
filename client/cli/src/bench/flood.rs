//! One agent that asks people as fast as it can, beside many that ask at their pace.
//!
//! On a server of its own, with the limits that a server has without being told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::escalation::Question;
use pointsman_api::v1::watch_escalations_response::Event as Watched;
use pointsman_client::{Admin, Connection, Error};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::calls;
use super::latency::{Latency, Spread};
use super::load;
use super::local::{Asking, LocalServer};
use super::mailbox::Mailbox;

/// Agents that ask at their pace.
const OTHERS: usize = 49;
/// How often each of them asks.
const PACE: Duration = Duration::from_millis(500);
/// What the one agent tries per second.
const TRIED: u64 = 5_000;
/// In how many calls at once.
const AT_ONCE: usize = 64;
/// How long the token of an agent works.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a flood costs.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Flooded {
    /// How long it lasted, in seconds.
    seconds: f64,
    /// What the one agent asked per second.
    tried_per_second: f64,
    /// How many of its questions became cards.
    cards: u64,
    /// How many cards there are about it.
    incidents: u64,
    /// How many of its questions were refused.
    refused: u64,
    /// How many questions of the others became cards, all of them.
    others: u64,
    /// From before a question of the others is sent until a watch has it.
    visible_ms: Spread,
    /// What the watch was told per second.
    watched_per_second: f64,
    /// Memory of this process, server and callers, before and after.
    memory_mib: [f64; 2],
}

/// What is counted while it lasts.
#[derive(Debug, Default)]
struct Counted {
    tried: AtomicU64,
    cards: AtomicU64,
    incidents: AtomicU64,
    refused: AtomicU64,
    watched: AtomicU64,
    questions: Mailbox<Instant>,
}

/// Measures for so long.
pub(super) async fn measure(policy: &str, place: &Path, span: Duration) -> anyhow::Result<Flooded> {
    let place = place.join("flood");
    let server = LocalServer::start(policy, Some(place), None, Asking::Usual).await?;
    let flooded = flood(&server.address(), span).await;
    server.stop().await?;
    flooded
}

async fn flood(address: &str, span: Duration) -> anyhow::Result<Flooded> {
    let counted = Arc::new(Counted::default());
    let admin = Admin::new(load::connect(address, "dev-admin").await?);
    let reviewer = load::connect(address, "dev-reviewer").await?;
    let mut streams = JoinSet::new();
    streams.spawn(watch(calls::watch(&reviewer).await?, Arc::clone(&counted)));
    let mut others = Vec::new();
    for number in 0..OTHERS {
        let name = format!("bench-other-{number}");
        let token = admin.create_token(name, &[v1::Role::Agent], Some(TOKEN_LIFE)).await?;
        others.push(load::connect(address, &token.secret).await?);
    }
    let memory_before = memory_mib();
    let until = Instant::now() + span;
    let mut tasks = JoinSet::new();
    for (number, other) in others.into_iter().enumerate() {
        let first = Instant::now() + PACE.mul_f64(number as f64 / OTHERS as f64);
        tasks.spawn(ask_at_its_pace(other, (first, until), Arc::clone(&counted)));
    }
    let agent = load::connect(address, "dev-agent").await?;
    let run_id = calls::start_run(&agent).await?;
    let mut flooding = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (agent, run_id) = (agent.clone(), run_id.clone());
        flooding.spawn(ask_too_much(agent, run_id, until, Arc::clone(&counted)));
    }
    while let Some(done) = flooding.join_next().await {
        done??;
    }
    let mut visible = Latency::default();
    while let Some(done) = tasks.join_next().await {
        visible.add(&done??);
    }
    let memory_mib = [memory_before, memory_mib()];
    streams.shutdown().await;
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let seconds = span.as_secs_f64();
    Ok(Flooded {
        seconds,
        tried_per_second: of(&counted.tried) as f64 / seconds,
        cards: of(&counted.cards),
        incidents: of(&counted.incidents),
        refused: of(&counted.refused),
        others: visible.count(),
        visible_ms: visible.spread(),
        watched_per_second: of(&counted.watched) as f64 / seconds,
        memory_mib,
    })
}

/// One of the others: every question of it must become a card.
async fn ask_at_its_pace(
    agent: Connection,
    (first, until): (Instant, Instant),
    counted: Arc<Counted>,
) -> anyhow::Result<Latency> {
    let run_id = calls::start_run(&agent).await?;
    let mut ticks = tokio::time::interval_at(first, PACE);
    let mut latency = Latency::default();
    for number in 0.. {
        ticks.tick().await;
        if Instant::now() >= until {
            break;
        }
        let began = Instant::now();
        let answer = calls::propose(&agent, calls::asked(&agent, &run_id, number)).await?;
        let shown = counted.questions.take(&calls::whole(answer.wait)?.escalation_id).await?;
        latency.record(shown.saturating_duration_since(began));
    }
    Ok(latency)
}

/// One call at a time of the agent that floods, as often as it was meant to.
async fn ask_too_much(
    agent: Connection,
    run_id: String,
    until: Instant,
    counted: Arc<Counted>,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(AT_ONCE as f64 / TRIED as f64));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while Instant::now() < until {
        ticks.tick().await;
        let number = counted.tried.fetch_add(1, Ordering::Relaxed);
        let request = calls::asked(&agent, &run_id, number);
        match agent.action_service().propose_action(request).await {
            Ok(_) => counted.cards.fetch_add(1, Ordering::Relaxed),
            Err(status) => {
                let error = Error::from(status);
                let expected = [ErrorReason::TooManyEscalations, ErrorReason::TooManyOpen];
                if !error.reason().is_some_and(|reason| expected.contains(&reason)) {
                    return Err(error.into());
                }
                counted.refused.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
    Ok(())
}

async fn watch(mut watch: tonic::Streaming<v1::WatchEscalationsResponse>, counted: Arc<Counted>) {
    while let Ok(Some(message)) = watch.message().await {
        let at = Instant::now();
        let Some(Watched::Change(change)) = message.event else { continue };
        counted.watched.fetch_add(1, Ordering::Relaxed);
        if !change.events.iter().any(|event| event == "escalation.opened") {
            continue;
        }
        for escalation in change.escalations {
            if escalation.question() == Question::AgentFlood {
                counted.incidents.fetch_add(1, Ordering::Relaxed);
            } else if escalation.agent.starts_with("bench-other-") {
                counted.questions.put(escalation.escalation_id, at);
            }
        }
    }
}

/// What this process holds in memory; 0 where the system does not say.
fn memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}

impl Flooded {
    /// For people.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let Spread { p50, p99, max } = self.visible_ms;
        let (tried, watched) = (self.tried_per_second, self.watched_per_second);
        let [before, after] = self.memory_mib;
        let row = |name: &str, value: String| (name.to_owned(), value);
        vec![
            row("flood of one agent", format!("{tried:>8.0} /s, for {} s", self.seconds)),
            row("  became cards", format!("{} and {} about it", self.cards, self.incidents)),
            row("  refused", self.refused.to_string()),
            row("  questions of 49 others", self.others.to_string()),
            row("  of those, visible", format!("p50 {p50:.2}  p99 {p99:.2}  max {max:.2} ms")),
            row("  told to a watch", format!("{watched:>8.0} /s")),
            row("  memory", format!("{before:.0} MiB before, {after:.0} MiB after")),
        ]
    }
}
