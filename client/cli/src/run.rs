//! `pointsman run`: start, list, show and finish runs of agents.

mod follow;
mod switch;
mod tail;
mod timeline;
mod tree;

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_api::v1::RunCondition;
use pointsman_api::v1::r#override::Kind;
use pointsman_api::v1::run::State;
use pointsman_client::{Agent, RunEnd, Runs, StartRun};
use prost_types::Timestamp;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::id::{shorten, shortened};
use crate::output::escape::{block, inline};
use crate::output::node::Node;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, time};
use switch::{ConfirmArguments, PauseArguments, RedirectArguments, SwitchArguments};
pub(crate) use tail::live_line;

const PAGE: u32 = 500;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunVerb {
    /// Start a run of the calling agent
    #[command(after_help = "Example: RUN=$(pointsman run start --goal 'nightly deploy')")]
    Start(StartArguments),
    /// List runs, newest first, or follow what happens to them
    #[command(
        after_help = "Example: pointsman run list --state running\n         pointsman run list --watch --agent claims --event override"
    )]
    List(ListArguments),
    /// Show a run and its actions
    #[command(after_help = "Example: pointsman run get run_01kb3… -o json")]
    Get(GetArguments),
    /// Follow what the agent of a run thinks and does
    #[command(after_help = "Example: pointsman run tail run_01kb3… --density full --word refund")]
    Tail(tail::TailArguments),
    /// Show what happened in a run, a row for each thing that did
    #[command(after_help = "Example: pointsman run timeline run_01kb3… --errors --reverse")]
    Timeline(timeline::TimelineArguments),
    /// Show a run with every run below it
    #[command(after_help = "Example: pointsman run tree run_01kb3…")]
    Tree(tree::TreeArguments),
    /// Finish a run of the calling agent; its open questions are closed
    #[command(after_help = "Example: pointsman run finish run_01kb3… --as cancelled")]
    Finish(FinishArguments),
    /// Pause a run, a tree of runs, an agent, or every run
    #[command(
        after_help = "Example: pointsman run pause run_01kb3… --after-step --reason 'look first' --wait"
    )]
    Pause(PauseArguments),
    /// Let go on what was paused, and let runs start again
    #[command(after_help = "Example: pointsman run resume run_01kb3… --reason 'looked at it'")]
    Resume(SwitchArguments),
    /// Have a run go on otherwise: what waits on its former path is withdrawn
    #[command(
        after_help = "Example: pointsman run redirect run_01kb3… --close 'claims.*' --team fraud --reason 'looks forged'"
    )]
    Redirect(RedirectArguments),
    /// Stop a run with every run below it: no grant of theirs can be redeemed any more
    #[command(
        after_help = "Example: pointsman run stop --agent claims --reason 'pays twice' --wait"
    )]
    Stop(SwitchArguments),
    /// Stop it, and tell the agent to end at once without tidying up
    #[command(after_help = "Example: pointsman run kill --fleet --reason 'breach' --yes")]
    Kill(SwitchArguments),
    /// Confirm, as the second person, what somebody asked for
    #[command(after_help = "Example: pointsman run confirm ovr_01kb3…")]
    Confirm(ConfirmArguments),
}

/// What a run is for.
#[derive(Debug, Args)]
pub(crate) struct StartArguments {
    /// What it is to reach
    #[arg(long, default_value_t, hide_default_value = true)]
    goal: String,
    /// The person or system the agent acts for
    #[arg(long, default_value_t, hide_default_value = true, value_name = "NAME")]
    on_behalf_of: String,
    /// The run that delegates to this one
    #[arg(long, default_value_t, hide_default_value = true, value_name = "RUN_ID")]
    parent: String,
}

/// Which runs.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only in this state
    #[arg(long, value_enum)]
    state: Option<StateName>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Follow what happens to them: a line each, or one JSON object per line
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    filter: FilterArguments,
}

/// What to follow of runs, and from where.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only runs of this agent; may be repeated
    #[arg(long, value_name = "AGENT", requires = "watch")]
    agent: Vec<String>,
    /// Only this run; may be repeated
    #[arg(long, value_name = "RUN_ID", requires = "watch")]
    run: Vec<String>,
    /// Only this run and those below it
    #[arg(
        long,
        default_value_t,
        hide_default_value = true,
        value_name = "RUN_ID",
        requires = "watch"
    )]
    tree: String,
    /// Only runs for this person or system
    #[arg(
        long = "on-behalf-of",
        default_value_t,
        hide_default_value = true,
        value_name = "NAME",
        requires = "watch"
    )]
    of: String,
    /// Only such events, by name or the part before the dot; may be repeated
    #[arg(long, value_name = "EVENT", requires = "watch")]
    event: Vec<String>,
    /// Go on behind this cursor, from the output of an earlier watch
    #[arg(long, default_value_t, hide_default_value = true, requires = "watch")]
    cursor: String,
}

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    id: String,
}

/// Which run, and how it ended.
#[derive(Debug, Args)]
pub(crate) struct FinishArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    id: String,
    /// How it ended
    #[arg(long = "as", value_enum, value_name = "END")]
    end: EndName,
}

/// States by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// The agent may propose
    Running,
    /// It reached its goal
    Succeeded,
    /// It did not
    Failed,
    /// It gave up
    Cancelled,
    /// A person paused it
    Paused,
    /// A person stopped it
    Stopped,
}

/// Ends by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EndName {
    /// It reached its goal
    Succeeded,
    /// It did not
    Failed,
    /// It gave up
    Cancelled,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: RunVerb) -> Result<Exit, Failure> {
    match verb {
        RunVerb::Start(start) => self::start(context, start).await,
        RunVerb::List(list) => self::list(context, list).await,
        RunVerb::Get(get) => self::get(context, get).await,
        RunVerb::Tail(tail) => tail::tail(context, tail).await,
        RunVerb::Timeline(it) => timeline::timeline(context, it).await,
        RunVerb::Tree(it) => tree::tree(context, it).await,
        RunVerb::Finish(finish) => self::finish(context, finish).await,
        RunVerb::Pause(pause) => switch::pause(context, pause).await,
        RunVerb::Redirect(it) => switch::redirect(context, it).await,
        RunVerb::Resume(it) => switch::switch(context, it, Kind::Resume).await,
        RunVerb::Stop(it) => switch::switch(context, it, Kind::Stop).await,
        RunVerb::Kill(it) => switch::switch(context, it, Kind::Kill).await,
        RunVerb::Confirm(it) => switch::confirm(context, it).await,
    }
}

async fn start(context: &Context, start: StartArguments) -> Result<Exit, Failure> {
    let connection = context.connect(Capacity::Agent).await?;
    let started = Agent::new(connection.clone())
        .start_run(StartRun {
            goal: start.goal,
            on_behalf_of: start.on_behalf_of,
            parent_run_id: start.parent,
            ..StartRun::default()
        })
        .await?;
    let run = Runs::new(connection).get(started.run_id()).await?;
    context.output.one(&node_of("Run", &run), || inline(&run.run_id));
    Ok(Exit::Ok)
}

async fn list(context: &Context, list: ListArguments) -> Result<Exit, Failure> {
    if list.watch {
        let states = list.state.map(|state| State::from(state).into());
        return follow::follow(context, &list.filter, states.into_iter().collect()).await;
    }
    let runs = Runs::new(context.connect(Capacity::Admin).await?);
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let mut request = v1::ListRunsRequest {
        page_size: i32::try_from(list.limit.min(PAGE)).unwrap_or_default(),
        page_token: String::new(),
        state: list.state.map_or(State::Unspecified, State::from).into(),
        ..Default::default()
    };
    let mut found = Vec::new();
    while found.len() < limit {
        let page = runs.list(request.clone()).await?;
        found.extend(page.runs);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(limit);
    let nodes = found.iter().map(|run| node_of("Run", run)).collect();
    context.output.many(nodes, || {
        if found.is_empty() {
            return String::new();
        }
        runs_table(&context.output, &found, &time::local_now())
    });
    if found.is_empty() && context.output.is_for_people() {
        context.output.say("No runs. Start one: pointsman run start --goal '…'");
    }
    Ok(Exit::Ok)
}

async fn get(context: &Context, get: GetArguments) -> Result<Exit, Failure> {
    let connection = context.connect(Capacity::Admin).await?;
    let runs = Runs::new(connection.clone());
    let run = runs.get(&get.id).await?;
    let chain = switch::chain_of(connection, &get.id).await;
    let mut request = v1::ListActionsRequest {
        run_id: get.id,
        page_size: i32::try_from(PAGE).unwrap_or_default(),
        page_token: String::new(),
    };
    let mut actions = Vec::new();
    loop {
        let page = runs.actions(request.clone()).await?;
        actions.extend(page.actions);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let node = Node::map([
        ("run", node_of("Run", &run)),
        ("overrides", Node::List(chain.iter().map(|one| node_of("Override", one)).collect())),
        ("actions", Node::List(actions.iter().map(|one| node_of("Action", one)).collect())),
    ]);
    context.output.one(&node, || {
        let chain: String = chain.iter().map(|it| switch::line(it) + "\n\n").collect();
        run_page(&run, &time::local_now()) + &chain + &actions_table(&context.output, &actions)
    });
    Ok(Exit::Ok)
}

async fn finish(context: &Context, finish: FinishArguments) -> Result<Exit, Failure> {
    let end = match finish.end {
        EndName::Succeeded => RunEnd::Succeeded,
        EndName::Failed => RunEnd::Failed,
        EndName::Cancelled => RunEnd::Cancelled,
    };
    let agent = Agent::new(context.connect(Capacity::Agent).await?);
    let run = agent.run(finish.id).finish(end).await?;
    context
        .output
        .one(&node_of("Run", &run), || format!("{}  {}", inline(&run.run_id), state_of(&run)));
    Ok(Exit::Ok)
}

fn state_of(run: &v1::Run) -> String {
    short_name(run.state().as_str_name(), "STATE_")
}

/// How a run does, where the server says it, else where it is in its life; and whether
/// that is well.
fn condition_of(run: &v1::Run) -> (String, Tone) {
    let Some(standing) = &run.standing else {
        let tone = match run.state() {
            State::Running => Tone::Good,
            State::Failed | State::Paused | State::Stopped => Tone::Warning,
            _ => Tone::Faint,
        };
        return (state_of(run), tone);
    };
    let condition = standing.condition();
    let tone = match condition {
        RunCondition::NeedsYou | RunCondition::NeedsOther => Tone::Warning,
        RunCondition::Stalled | RunCondition::Retrying | RunCondition::OverBudget => Tone::Alarm,
        RunCondition::Failed | RunCondition::Paused | RunCondition::Stopped => Tone::Warning,
        RunCondition::Working => Tone::Good,
        _ => Tone::Faint,
    };
    (short_name(condition.as_str_name(), "RUN_CONDITION_"), tone)
}

fn runs_table(output: &Output, runs: &[v1::Run], now: &Timestamp) -> String {
    // In full: of a run no unique beginning is taken.
    let rows = runs.iter().map(|run| {
        let (condition, tone) = condition_of(run);
        let started = if output.is_terminal {
            time::since(run.create_time.as_ref(), now)
        } else {
            run.create_time.and_then(|at| time::rfc3339(&at)).unwrap_or_default()
        };
        [
            Field::new(&run.run_id),
            Field::toned(&condition, tone),
            Field::new(&started),
            Field::new(&run.agent),
            Field::new(if run.on_behalf_of.is_empty() { "–" } else { &run.on_behalf_of }),
            Field::new(&run.goal),
        ]
    });
    table(output, ["ID", "STATE", "STARTED", "AGENT", "FOR", "GOAL"], rows.collect())
}

fn run_page(run: &v1::Run, now: &Timestamp) -> String {
    let (condition, _) = condition_of(run);
    let why = run.standing.as_ref().map(|it| inline(&it.why)).filter(|why| !why.is_empty());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let mut page = format!("{}  {condition}{why}\n", inline(&run.run_id));
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            page += &format!("{label:<11}{}\n", block(value).replace('\n', "\n           "));
        }
    };
    fact("Goal", &run.goal);
    fact("Agent", &run.agent);
    fact("For", &run.on_behalf_of);
    fact("Parent", &run.parent_run_id);
    fact("Started", &time::since(run.create_time.as_ref(), now));
    if run.finish_time.is_some() {
        fact("Finished", &time::since(run.finish_time.as_ref(), now));
    }
    page + "\n"
}

fn actions_table(output: &Output, actions: &[v1::Action]) -> String {
    if actions.is_empty() {
        return "No actions yet.".into();
    }
    let length = shorten(actions.iter().map(|one| one.action_id.as_str()), output);
    let rows = actions.iter().map(|one| {
        let decision = one.decision.clone().unwrap_or_default();
        let effect = short_name(decision.effect().as_str_name(), "DECISION_EFFECT_");
        let escalation = if one.escalation_id.is_empty() { "–" } else { &one.escalation_id };
        [
            Field::new(shortened(&one.action_id, length)),
            Field::new(&one.tool),
            Field::new(&one.target),
            Field::new(&effect),
            Field::new(&short_name(one.state().as_str_name(), "STATE_")),
            Field::new(escalation),
        ]
    });
    table(output, ["ACTION", "TOOL", "TARGET", "POLICY", "STATE", "ESCALATION"], rows.collect())
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Running => Self::Running,
            StateName::Succeeded => Self::Succeeded,
            StateName::Failed => Self::Failed,
            StateName::Cancelled => Self::Cancelled,
            StateName::Paused => Self::Paused,
            StateName::Stopped => Self::Stopped,
        }
    }
}
