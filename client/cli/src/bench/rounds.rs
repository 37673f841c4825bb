//! Full rounds through a person: propose, watch, claim, resolve, resume, redeem,
//! report. Five unary calls and two messages of streams that stay open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use pointsman_api::v1;
use pointsman_api::v1::await_resolutions_response::Event as Answer;
use pointsman_api::v1::escalation::State;
use pointsman_api::v1::watch_escalations_response::Event as Watched;
use pointsman_client::Connection;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::calls;
use super::latency::{Latency, Spread};
use super::load::{self, Rate, Window};
use super::mailbox::Mailbox;
use super::servers::Addresses;
use super::throughput;

/// Unary calls of a round.
const UNARY: f64 = 5.0;

/// Rounds of callers in a closed loop.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rounds {
    /// Whole rounds per second.
    #[serde(flatten)]
    pub(super) rate: Rate,
    /// The empty call just before.
    pub(super) echo_per_second: f64,
    /// The share of the empty call's rate divided by the unary calls of a round.
    pub(super) of_ceiling: f64,
    /// Commits for each round.
    pub(super) commits_per_operation: f64,
    /// Rules that matched each proposal.
    pub(super) rules_matched: usize,
    /// From before the proposal is sent until a watch has the question.
    pub(super) visible_ms: Spread,
    /// From before the resolution is sent until the agent has the answer.
    pub(super) resumed_ms: Spread,
}

/// Rounds that begin at a fixed rate.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Paced {
    /// Rounds begun per second.
    pub(super) per_second: f64,
    /// As for [`Rounds`].
    pub(super) visible_ms: Spread,
    /// As for [`Rounds`].
    pub(super) resumed_ms: Spread,
}

/// What streams bring, with the moment it came.
#[derive(Debug, Default)]
struct Boxes {
    questions: Mailbox<(v1::Escalation, Instant)>,
    answers: Mailbox<(v1::Resumption, Instant)>,
}

/// Both sides of the conversation.
struct Table {
    agent: Connection,
    reviewer: Connection,
    run_id: String,
    boxes: Arc<Boxes>,
    numbers: AtomicU64,
    rules: AtomicU64,
    samples: Mutex<Samples>,
}

#[derive(Debug, Default)]
struct Samples {
    visible: Latency,
    resumed: Latency,
}

/// Measures rounds in a closed loop, with the empty call just before.
pub(super) async fn closed(
    addresses: &Addresses,
    callers: usize,
    span: Duration,
) -> anyhow::Result<Rounds> {
    let echo = throughput::echo(addresses, callers, span).await?;
    let tables = Tables::set(addresses).await?;
    let before = addresses.commits().await?;
    let window = Window::of(span);
    let rate = load::run(callers, window, |caller| {
        let table = tables.of(caller);
        async move {
            let table = table?;
            let mut latency = Latency::default();
            while window.is_open() {
                let began = Instant::now();
                round(&table, Some(window)).await?;
                if window.counts(began) {
                    latency.record(began.elapsed());
                }
            }
            Ok(latency)
        }
    })
    .await?;
    let commits = addresses.commits().await? - before;
    let Samples { visible, resumed } = tables.samples().await;
    Ok(Rounds {
        of_ceiling: rate.per_second / (echo.per_second / UNARY),
        echo_per_second: echo.per_second,
        commits_per_operation: commits / tables.count() as f64,
        rules_matched: tables.rules(),
        visible_ms: visible.spread(),
        resumed_ms: resumed.spread(),
        rate,
    })
}

/// Begins rounds at a fixed rate, whatever became of the ones before.
pub(super) async fn paced(
    addresses: &Addresses,
    per_second: f64,
    span: Duration,
) -> anyhow::Result<Paced> {
    let tables = Tables::set(addresses).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut rounds = JoinSet::new();
    let window = Window::of(span);
    for number in 0.. {
        if !window.is_open() {
            break;
        }
        ticks.tick().await;
        let table = tables.of(number)?;
        rounds.spawn(async move { round(&table, Some(window)).await });
    }
    while let Some(done) = rounds.join_next().await {
        done??;
    }
    let Samples { visible, resumed } = tables.samples().await;
    let (visible_ms, resumed_ms) = (visible.spread(), resumed.spread());
    Ok(Paced { per_second, visible_ms, resumed_ms })
}

/// A table for each server.
struct Tables {
    tables: Vec<Arc<Table>>,
    /// The streams end with them.
    _streams: Vec<JoinSet<()>>,
}

impl Tables {
    /// Agents sit at one server, and their reviewers at the next.
    async fn set(addresses: &Addresses) -> anyhow::Result<Self> {
        let (mut tables, mut streams) = (Vec::new(), Vec::new());
        for number in 0..addresses.count() {
            let sides = (addresses.at(number), addresses.at(number + 1));
            let (table, of_table) = set_table(sides).await?;
            tables.push(table);
            streams.push(of_table);
        }
        Ok(Self { tables, _streams: streams })
    }

    fn of(&self, number: usize) -> anyhow::Result<Arc<Table>> {
        let table = self.tables.get(number % self.tables.len().max(1));
        table.cloned().context("there is no table")
    }

    fn count(&self) -> u64 {
        self.tables.iter().map(|table| table.numbers.load(Ordering::Relaxed)).sum()
    }

    fn rules(&self) -> usize {
        let rules = self.tables.iter().map(|table| table.rules.load(Ordering::Relaxed));
        rules.max().and_then(|rules| usize::try_from(rules).ok()).unwrap_or(0)
    }

    async fn samples(&self) -> Samples {
        let mut all = Samples::default();
        for table in &self.tables {
            let samples = table.samples.lock().await;
            all.visible.add(&samples.visible);
            all.resumed.add(&samples.resumed);
        }
        all
    }
}

async fn set_table(
    (of_agent, of_reviewer): (&str, &str),
) -> anyhow::Result<(Arc<Table>, JoinSet<()>)> {
    let agent = load::connect(of_agent, "dev-agent").await?;
    let reviewer = load::connect(of_reviewer, "dev-reviewer").await?;
    let run_id = calls::start_run(&agent).await?;
    let boxes = Arc::new(Boxes::default());
    let mut streams = JoinSet::new();
    let mut watch = calls::watch(&reviewer).await?;
    // The snapshot must be over before the first question.
    while let Some(message) = watch.message().await? {
        if matches!(message.event, Some(Watched::SnapshotEnd(_))) {
            break;
        }
    }
    let mut answers = calls::answers(&agent).await?;
    let (kept, own) = (Arc::clone(&boxes), run_id.clone());
    streams.spawn(async move {
        while let Ok(Some(message)) = watch.message().await {
            if let Some(Watched::Change(change)) = message.event {
                keep_questions(&kept, &own, change);
            }
        }
    });
    let (kept, own) = (Arc::clone(&boxes), run_id.clone());
    streams.spawn(async move {
        while let Ok(Some(message)) = answers.message().await {
            if let Some(Answer::Resumption(resumption)) = message.event
                && resumption.run_id == own
            {
                let at = Instant::now();
                kept.answers.put(resumption.escalation_id.clone(), (resumption, at));
            }
        }
    });
    let table = Table {
        agent,
        reviewer,
        run_id,
        boxes,
        numbers: AtomicU64::new(0),
        rules: AtomicU64::new(0),
        samples: Mutex::default(),
    };
    Ok((Arc::new(table), streams))
}

/// Keeps what is new and of the own run; later changes of the same question are not waited for.
fn keep_questions(boxes: &Boxes, run_id: &str, change: v1::EscalationChange) {
    let at = Instant::now();
    if !change.events.iter().any(|event| event == "escalation.opened") {
        return;
    }
    for escalation in change.escalations {
        if escalation.state() == State::Open && escalation.run_id == run_id {
            boxes.questions.put(escalation.escalation_id.clone(), (escalation, at));
        }
    }
}

async fn round(table: &Table, window: Option<Window>) -> anyhow::Result<()> {
    let number = table.numbers.fetch_add(1, Ordering::Relaxed);
    let request = calls::asked(&table.agent, &table.run_id, number);
    let proposed = Instant::now();
    let answer = calls::propose(&table.agent, request).await?;
    let rules = answer.decision.map_or(0, |it| it.matched_rule_ids.len());
    table.rules.store(rules as u64, Ordering::Relaxed);
    let id = calls::whole(answer.wait)?.escalation_id;
    let (question, shown) = table.boxes.questions.take(&id).await?;
    let claimed = calls::claim(&table.reviewer, question.escalation_id).await?;
    let decided = Instant::now();
    // The answer may reach the agent before the reviewer learns that it counted.
    let (approved, answered) =
        tokio::join!(calls::approve(&table.reviewer, claimed), table.boxes.answers.take(&id));
    approved?;
    let (resumption, resumed) = answered?;
    let action_id = calls::redeem(&table.agent, resumption).await?;
    calls::report(&table.agent, vec![action_id]).await?;
    if window.is_none_or(|window| window.counts(proposed)) {
        let mut samples = table.samples.lock().await;
        samples.visible.record(shown.saturating_duration_since(proposed));
        samples.resumed.record(resumed.saturating_duration_since(decided));
    }
    Ok(())
}
