//! Many agents that wait at once: opened, listed, claimed, resolved and resumed.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use pointsman_api::v1;
use pointsman_api::v1::await_resolutions_response::Event as Answer;
use pointsman_api::v1::escalation::State;
use pointsman_api::v1::watch_escalations_response::Event as Watched;
use pointsman_client::{Admin, Connection};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::calls;
use super::latency::{Latency, Spread};
use super::load;
use super::queue;
use super::servers::Addresses;

/// Questions that one agent may have open, with some to spare.
const PER_AGENT: u64 = 9_000;
/// How often the first page is listed.
const LISTINGS: usize = 200;
/// How long the last answers may take to arrive.
const LONGEST: Duration = Duration::from_secs(120);
/// How long the token of an agent works.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What many waits cost.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Waits {
    /// How many were open at once.
    pub(super) count: u64,
    /// Callers that opened and resolved them.
    pub(super) callers: usize,
    /// Opened per second, each with a checkpoint of 1 KiB.
    pub(super) opened_per_second: f64,
    /// Listing the first page of 50 while all are open.
    pub(super) first_page_ms: Spread,
    /// Getting the next question while all are open, 32 reviewers and 100 per second.
    pub(super) claim_next_ms: Spread,
    /// From before a question is sent until 200 watches have it, when all are closed.
    pub(super) fan_out_ms: Spread,
    /// Resolved, and the answer with its grant at the waiting agent, per second.
    pub(super) resumed_per_second: f64,
    /// Commits for each wait, from opening to resolution.
    pub(super) commits_per_operation: f64,
}

/// Questions as the watch told of them.
#[derive(Debug, Default)]
struct Queue {
    questions: Mutex<VecDeque<v1::Escalation>>,
    opened: AtomicU64,
    resumed: AtomicU64,
    moved: Notify,
}

impl Queue {
    fn next(&self) -> Option<v1::Escalation> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, question: v1::Escalation) {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).push_back(question);
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.moved.notify_one();
    }

    async fn reach(&self, counter: &AtomicU64, count: u64) -> anyhow::Result<()> {
        let reached = async {
            while counter.load(Ordering::Relaxed) < count {
                self.moved.notified().await;
            }
        };
        let within = tokio::time::timeout(LONGEST, reached).await;
        within.with_context(|| format!("{} of {count}", counter.load(Ordering::Relaxed)))
    }
}

/// Opens `count` waits, lists, resolves them all and waits for every answer.
pub(super) async fn measure(
    addresses: &Addresses,
    callers: usize,
    count: u64,
) -> anyhow::Result<Waits> {
    let reviewers = load::connect_each(addresses, "dev-reviewer").await?;
    let reviewer = load::of(&reviewers, 0)?;
    let least = addresses.count() as u64;
    let agents = agents(addresses, count.div_ceil(PER_AGENT).max(least)).await?;
    let waiting = Arc::new(Queue::default());
    let mut streams = JoinSet::new();
    streams.spawn(collect(calls::watch(&reviewer).await?, Arc::clone(&waiting)));
    for (agent, _) in &agents {
        streams.spawn(count_answers(calls::answers(agent).await?, Arc::clone(&waiting)));
    }
    let before = addresses.commits().await?;
    let began = Instant::now();
    open(&agents, callers, count).await?;
    let opened_per_second = count as f64 / began.elapsed().as_secs_f64();
    waiting.reach(&waiting.opened, count).await.context("questions on the watch")?;
    let first_page_ms = list(&reviewer).await?;
    let (taken, claim_next_ms) = queue::claim_next(&reviewers).await?;
    let left = count.saturating_sub(taken.len() as u64);
    let began = Instant::now();
    resolve(&reviewers, callers, &waiting, &Arc::new(taken)).await?;
    waiting.reach(&waiting.resumed, count).await.context("answers at the agents")?;
    let resumed_per_second = left as f64 / began.elapsed().as_secs_f64();
    let commits = addresses.commits().await? - before;
    streams.shutdown().await;
    let fan_out_ms = queue::fan_out(&reviewers, calls::whole(agents.first())?).await?;
    Ok(Waits {
        count,
        callers,
        opened_per_second,
        first_page_ms,
        claim_next_ms,
        fan_out_ms,
        resumed_per_second,
        commits_per_operation: commits / count as f64,
    })
}

/// Agents with a run each: the open questions of one are limited.
async fn agents(addresses: &Addresses, count: u64) -> anyhow::Result<Vec<(Connection, String)>> {
    let admin = Admin::new(load::connect(addresses.at(0), "dev-admin").await?);
    let mut agents = Vec::new();
    for number in 0..count {
        let name = format!("bench-agent-{number}");
        let token = admin.create_token(name, &[v1::Role::Agent], Some(TOKEN_LIFE)).await?;
        let agent = load::connect(addresses.at(usize::try_from(number)?), &token.secret).await?;
        let run_id = calls::start_run(&agent).await?;
        agents.push((agent, run_id));
    }
    Ok(agents)
}

async fn open(agents: &[(Connection, String)], callers: usize, count: u64) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let agents: Arc<[(Connection, String)]> = agents.into();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (agents, next) = (Arc::clone(&agents), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                let place = usize::try_from(number)? % agents.len().max(1);
                let (agent, run_id) = calls::whole(agents.get(place))?;
                calls::propose(agent, calls::asked(agent, run_id, number)).await?;
            }
        });
    }
    all(tasks).await
}

async fn resolve(
    reviewers: &[Connection],
    callers: usize,
    queue: &Arc<Queue>,
    taken: &Arc<HashSet<String>>,
) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (reviewer, queue) = (load::of(reviewers, caller)?, Arc::clone(queue));
        let taken = Arc::clone(taken);
        tasks.spawn(async move {
            while let Some(question) = queue.next() {
                if taken.contains(&question.escalation_id) {
                    continue;
                }
                calls::approve(&reviewer, question).await?;
            }
            anyhow::Ok(())
        });
    }
    all(tasks).await
}

async fn all(mut tasks: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn list(reviewer: &Connection) -> anyhow::Result<Spread> {
    let mut latency = Latency::default();
    for _ in 0..LISTINGS {
        let began = Instant::now();
        let request = v1::ListEscalationsRequest { page_size: 50, ..Default::default() };
        let page = reviewer.escalation_service().list_escalations(request).await?.into_inner();
        latency.record(began.elapsed());
        anyhow::ensure!(!page.escalations.is_empty(), "the queue is empty");
    }
    Ok(latency.spread())
}

async fn collect(mut watch: tonic::Streaming<v1::WatchEscalationsResponse>, queue: Arc<Queue>) {
    while let Ok(Some(message)) = watch.message().await {
        let Some(Watched::Change(change)) = message.event else { continue };
        let is_opened = change.events.iter().any(|event| event == "escalation.opened");
        for escalation in change.escalations {
            if is_opened && escalation.state() == State::Open {
                queue.push(escalation);
            }
        }
    }
}

async fn count_answers(
    mut answers: tonic::Streaming<v1::AwaitResolutionsResponse>,
    queue: Arc<Queue>,
) {
    // A stream that fell behind begins again with everything not taken up.
    let mut known = HashSet::new();
    while let Ok(Some(message)) = answers.message().await {
        if let Some(Answer::Resumption(resumption)) = message.event
            && resumption.grant.is_some()
            && known.insert(resumption.escalation_id)
        {
            queue.resumed.fetch_add(1, Ordering::Relaxed);
            queue.moved.notify_one();
        }
    }
}
