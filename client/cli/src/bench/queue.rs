//! What reviewers wait for: the next question, and word of a new one.

use std::collections::HashSet;

use pointsman_api::v1;
use pointsman_api::v1::claim_next_escalation_response::Next;
use pointsman_api::v1::watch_escalations_response::Event as Watched;
use pointsman_client::Connection;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, MissedTickBehavior};

use super::calls;
use super::latency::{Latency, Spread};
use super::load;

/// Reviewers who ask for the next question at once.
const REVIEWERS: usize = 32;
/// How many questions each of them takes.
const TAKEN_EACH: usize = 10;
/// How often a reviewer takes one: a hundred per second of all.
const TURN: Duration = Duration::from_millis(320);
/// Watches that are told of every question.
pub(super) const WATCHES: usize = 200;
/// Questions that they are told of.
const TOLD_OF: u64 = 100;
/// How often there is one.
const PACE: Duration = Duration::from_millis(50);

/// Takes and approves questions, the reviewers one after the other: which, and how long it
/// took to get the next one.
pub(super) async fn claim_next(
    reviewers: &[Connection],
) -> anyhow::Result<(HashSet<String>, Spread)> {
    let mut tasks = JoinSet::new();
    for number in 0..REVIEWERS {
        let first = TURN.mul_f64(number as f64 / REVIEWERS as f64);
        tasks.spawn(take(load::of(reviewers, number)?, first));
    }
    let (mut taken, mut latency) = (HashSet::new(), Latency::default());
    while let Some(done) = tasks.join_next().await {
        let (ids, took) = done??;
        latency.add(&took);
        for id in ids {
            anyhow::ensure!(taken.insert(id), "a question was given to two reviewers");
        }
    }
    Ok((taken, latency.spread()))
}

async fn take(reviewer: Connection, first: Duration) -> anyhow::Result<(Vec<String>, Latency)> {
    let (mut taken, mut latency) = (Vec::new(), Latency::default());
    let mut turns = tokio::time::interval_at(Instant::now() + first, TURN);
    for _ in 0..TAKEN_EACH {
        turns.tick().await;
        let request_id = reviewer.new_request_id();
        let request = v1::ClaimNextEscalationRequest { request_id, ..Default::default() };
        let began = Instant::now();
        let answer = reviewer.escalation_service().claim_next_escalation(request).await?;
        latency.record(began.elapsed());
        let Some(Next::Escalation(held)) = answer.into_inner().next else {
            break;
        };
        taken.push(held.escalation_id.clone());
        calls::approve(&reviewer, held).await?;
    }
    Ok((taken, latency))
}

/// From before a question is sent until every one of the watches has it.
pub(super) async fn fan_out(
    reviewers: &[Connection],
    (agent, run_id): &(Connection, String),
) -> anyhow::Result<Spread> {
    let (told, mut hears) = mpsc::channel(WATCHES);
    let mut watches = JoinSet::new();
    for number in 0..WATCHES {
        let watch = calls::watch(&load::of(reviewers, number)?).await?;
        watches.spawn(tell(watch, told.clone()));
    }
    let mut latency = Latency::default();
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..TOLD_OF {
        ticks.tick().await;
        let began = Instant::now();
        // Numbers of its own: what was asked before is not asked again.
        let request = calls::asked(agent, run_id, u64::MAX - number);
        calls::propose(agent, request).await?;
        let mut last = began;
        for _ in 0..WATCHES {
            let at = hears.recv().await;
            last = last.max(at.ok_or_else(|| anyhow::anyhow!("the watches have ended"))?);
        }
        latency.record(last.duration_since(began));
    }
    watches.shutdown().await;
    Ok(latency.spread())
}

async fn tell(
    mut watch: tonic::Streaming<v1::WatchEscalationsResponse>,
    told: mpsc::Sender<Instant>,
) {
    while let Ok(Some(message)) = watch.message().await {
        let Some(Watched::Change(change)) = message.event else { continue };
        let is_opened = change.events.iter().any(|event| event == "escalation.opened");
        if is_opened && told.send(Instant::now()).await.is_err() {
            return;
        }
    }
}
