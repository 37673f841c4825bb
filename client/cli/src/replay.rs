//! `pointsman replay`: recorded trajectories as concurrent agents, through a real
//! server, against simulated reviewers and the labels.

mod agents;
mod ledger;
mod report;
mod reviewers;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pointsman_api::v1;
use pointsman_client::{Admin, Agent, Connection, Reviewer, Runs, Worker};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::report::Report;
use self::reviewers::Seat;
use self::stage::Stage;
use crate::bench::local::{Asking, LocalServer};
use crate::catalogue;
use crate::exit::Failure;

/// Actions read per page when the server's books are compared.
const PAGE: i32 = 500;
/// Tokens of the simulated reviewers work this long.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Many agents wait behind each other for one machine; nobody gives up early.
const CALL_LIMIT: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
What is measured, on this process's clock:
  visible    from before the proposal is sent until a reviewer's watch has the question
  resumed    from the answer to the reviewer's resolution until the waiting agent, or the
             worker that claimed the resumption, has it; 0 if it was there before
  end to end from before the proposal is sent until the outcome is reported, or the
             refusal is known
Precision and recall count a denial like an escalation and leave out calls whose label is
`unknown`; the escalation rate counts all calls. The policy sees the tool, the arguments and
what the user said first; it sees no label. Ends with 1 if anything ran twice or got lost.

Example:
  pointsman replay --trajectories calls.jsonl --policy general --tools tools.json \\
    --domain agentdojo/banking -o json";

/// What to replay, and how.
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ReplayArguments {
    /// Recorded calls, one JSON object a line; may be given again
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) trajectories: Vec<PathBuf>,
    /// The policy under test: a file, or the name of a starter policy; a server given by
    /// --address keeps its own
    #[arg(long, value_name = "FILE", default_value = "strict")]
    pub(crate) policy: String,
    /// Tool catalogues; they fill in what the policy leaves open about its tools
    #[arg(long, value_name = "FILE", requires = "domain")]
    pub(crate) tools: Option<PathBuf>,
    /// Which catalogue of the file; may be given again
    #[arg(long, value_name = "KEY", requires = "tools")]
    pub(crate) domain: Vec<String>,
    /// How many agents run at once
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) agents: usize,
    /// How many reviewers answer
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub(crate) reviewers: usize,
}

impl ReplayArguments {
    /// The policy's document, with what the catalogues know.
    pub(crate) fn document(&self) -> Result<String, Failure> {
        let document = catalogue::document(&self.policy)?;
        let Some(file) = &self.tools else { return Ok(document) };
        catalogue::merge(&document, file, &self.domain)
            .map_err(|error| Failure::usage(format!("{error:#}")))
    }
}

/// Replays and gives back the report.
///
/// `address` is a running dev server; none: one with the policy `document` is started in
/// this process, in a temporary folder on a port of its own.
pub(crate) async fn replay(
    arguments: &ReplayArguments,
    document: &str,
    address: Option<String>,
) -> anyhow::Result<Replayed> {
    let trajectories = crate::trajectory::read(&arguments.trajectories)?;
    let (server, address) = match address {
        Some(address) => (None, address),
        None => {
            let server = LocalServer::start(document, None, None, Asking::Unlimited).await?;
            let address = server.address();
            (Some(server), address)
        }
    };
    let stage = Arc::new(Stage::new(trajectories, progress()));
    stage.progress.set_length(stage.trajectories.len() as u64);
    let played = play(&stage, arguments, &address).await;
    stage.progress.finish_and_clear();
    if let Some(server) = server {
        server.stop().await?;
    }
    played?;
    let calls = stage.call_count();
    let lost = stage.ledger.lost(calls).max(stage.anomalies());
    let books = (stage.ledger.executed_twice(), lost);
    Ok(Replayed(stage.tally().report(stage.trajectories.len(), calls, books)))
}

/// A replay's result.
#[derive(Debug)]
pub(crate) struct Replayed(Report);

impl Replayed {
    /// Whether nothing ran twice and nothing got lost.
    pub(crate) fn is_clean(&self) -> bool {
        self.0.is_clean()
    }

    /// As data.
    pub(crate) fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(&self.0)?)
    }

    /// For people.
    pub(crate) fn to_text(&self) -> String {
        self.0.to_text()
    }
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} trajectories  {elapsed}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Lets everybody work until the last trajectory has ended.
async fn play(
    stage: &Arc<Stage>,
    arguments: &ReplayArguments,
    address: &str,
) -> anyhow::Result<()> {
    let admin = Admin::new(connect(address, "dev-admin").await?);
    let mut reviewers = JoinSet::new();
    for seat in seats(&admin, address, arguments.reviewers.max(1)).await? {
        reviewers.spawn(reviewers::review(Arc::clone(stage), seat));
    }
    let agents = Agent::new(connect(address, "dev-agent").await?);
    let (stop, stopped) = oneshot::channel::<()>();
    let pool = tokio::spawn(work(
        Arc::clone(stage),
        Agent::new(connect(address, "dev-agent").await?),
        arguments.agents.max(1),
        stopped,
    ));
    let next = Arc::new(AtomicUsize::new(0));
    let mut lives = JoinSet::new();
    for _ in 0..arguments.agents.max(1) {
        let (stage, agent, next) = (Arc::clone(stage), agents.clone(), Arc::clone(&next));
        lives.spawn(async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= stage.trajectories.len() {
                    return;
                }
                agents::live(&stage, &agent, index).await;
            }
        });
    }
    while lives.join_next().await.is_some() {}
    drop(stop);
    pool.await.context("the worker pool")??;
    reviewers.shutdown().await;
    compare_books(stage, agents.connection()).await
}

/// The pool that goes on where agents have ended.
async fn work(
    stage: Arc<Stage>,
    agent: Agent,
    concurrency: usize,
    stop: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let worker = Worker::new(agent.connection().clone()).concurrency(concurrency);
    let stop = async {
        let _ = stop.await;
    };
    let take_up = |resumed| {
        let (stage, agent) = (Arc::clone(&stage), agent.clone());
        async move { agents::take_up(stage, agent, resumed).await }
    };
    Ok(worker.run(stop, take_up).await?)
}

async fn seats(admin: &Admin, address: &str, count: usize) -> anyhow::Result<Vec<Seat>> {
    let mut seats = Vec::with_capacity(count);
    for number in 0..count {
        let name = format!("replay-reviewer-{number}");
        let token = admin.create_token(name, &[v1::Role::Reviewer], Some(TOKEN_LIFE)).await?;
        let reviewer = Reviewer::new(connect(address, &token.secret).await?);
        seats.push(Seat { reviewer, number: number as u64, count: count as u64 });
    }
    Ok(seats)
}

async fn connect(address: &str, token: &str) -> anyhow::Result<Connection> {
    let builder = Connection::builder(address).token(token).call_limit(CALL_LIMIT);
    builder.connect().await.with_context(|| format!("cannot connect to {address}"))
}

/// The server's own books must say the same: executed is what ran here.
async fn compare_books(stage: &Stage, connection: &Connection) -> anyhow::Result<()> {
    let runs = Runs::new(connection.clone());
    for run_id in stage.runs() {
        let mut page_token = String::new();
        loop {
            let page_size = PAGE;
            let run_id = run_id.clone();
            let request = v1::ListActionsRequest { run_id, page_size, page_token };
            let page = runs.actions(request).await?;
            for action in page.actions {
                let is_executed = action.state() == v1::action::State::Executed;
                if is_executed != stage.ledger.has_executed(&action.action_id) {
                    let state = action.state().as_str_name();
                    stage.anomaly(format!("{} is {state} on the server", action.action_id));
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    Ok(())
}
