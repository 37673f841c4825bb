//! `pointsman run pause|resume|redirect|stop|kill|confirm`: people's hands on the switch.

use std::time::Duration;

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::r#override::{AtEnd, Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_client::{Connection, Intent, OverrideWatch, Overrides};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::time;
use crate::prompt;
use crate::span::parse_span;

/// What a person types to do something to every run.
const FLEET_WORD: &str = "fleet";
/// The most overrides of a run that are shown.
const CHAIN_LENGTH: i32 = 20;

/// To whom, why, and whether to wait.
#[derive(Debug, Args)]
pub(crate) struct SwitchArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Why; the agent is told as well
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Show how far the agent is until it has done it
    #[arg(long)]
    wait: bool,
    /// How long the agent has to acknowledge it [default: 10m]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,
    /// Do not ask before something is done to the whole fleet
    #[arg(long)]
    yes: bool,
}

/// To whom: exactly one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct TargetArguments {
    /// The run
    #[arg(value_name = "RUN_ID")]
    id: Option<String>,
    /// This run and every run below it; stop and kill always take those as well
    #[arg(long, value_name = "RUN_ID")]
    tree: Option<String>,
    /// Every run of this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Every run of every agent
    #[arg(long)]
    fleet: bool,
}

/// How to pause.
#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    #[command(flatten)]
    switch: SwitchArguments,
    /// Let it finish what was granted; nothing new is proposed
    #[arg(long)]
    after_step: bool,
    /// Go on by itself when --ttl is over
    #[arg(long, requires = "ttl")]
    then_resume: bool,
}

/// Which run, and how it is to go on.
#[derive(Debug, Args)]
pub(crate) struct RedirectArguments {
    /// The run
    #[arg(value_name = "RUN_ID")]
    id: String,
    /// What it is to do, in words
    #[arg(long, value_name = "TEXT", default_value_t, hide_default_value = true)]
    instruct: String,
    /// A tool that it may not call any more, with what to use in its place
    #[arg(long, value_name = "TOOL[=INSTEAD]")]
    close: Vec<String>,
    /// A closed tool that it may call again
    #[arg(long, value_name = "TOOL")]
    open: Vec<String>,
    /// The checkpoint to go back to
    #[arg(long, value_name = "CHECKPOINT_ID", default_value_t, hide_default_value = true)]
    checkpoint: String,
    /// The team that has to let it go on; until then it is paused
    #[arg(long, value_name = "TEAM", default_value_t, hide_default_value = true)]
    team: String,
    /// Why; the agent is told as well
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Show how far the agent is until it has done it
    #[arg(long)]
    wait: bool,
    /// How long the agent has to acknowledge it [default: 10m]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,
}

/// Which override.
#[derive(Debug, Args)]
pub(crate) struct ConfirmArguments {
    /// The override's id
    #[arg(value_name = "OVR_ID")]
    id: String,
}

/// Pauses.
pub(crate) async fn pause(context: &Context, pause: PauseArguments) -> Result<Exit, Failure> {
    let kind = if pause.after_step { Kind::PauseAfterStep } else { Kind::PauseNow };
    let at_end = if pause.then_resume { AtEnd::Resume } else { AtEnd::Stay };
    request(context, pause.switch, kind, at_end).await
}

/// Resumes, stops or kills.
pub(crate) async fn switch(
    context: &Context,
    switch: SwitchArguments,
    kind: Kind,
) -> Result<Exit, Failure> {
    request(context, switch, kind, AtEnd::Unspecified).await
}

/// Has a run go on otherwise.
pub(crate) async fn redirect(
    context: &Context,
    arguments: RedirectArguments,
) -> Result<Exit, Failure> {
    let close = arguments.close.iter().map(|it| {
        let (tool, instead) = it.split_once('=').unwrap_or((it, ""));
        v1::ToolClosing { tool: tool.to_owned(), instead: instead.to_owned() }
    });
    let redirect = v1::Redirect {
        instruction: arguments.instruct,
        close: close.collect(),
        open: arguments.open,
        checkpoint_id: arguments.checkpoint,
        team: arguments.team,
    };
    let intent = Intent {
        kind: Kind::Redirect,
        scope: Some(Scope::RunId(arguments.id)),
        reason: arguments.reason,
        ttl: arguments.ttl,
        redirect: Some(redirect),
        ..Intent::default()
    };
    send(context, intent, arguments.wait).await
}

/// Confirms what another person asked for.
pub(crate) async fn confirm(context: &Context, confirm: ConfirmArguments) -> Result<Exit, Failure> {
    let overrides = Overrides::new(context.connect(Capacity::Supervisor).await?);
    let confirmed = overrides.confirm(confirm.id).await?;
    show(context, &confirmed);
    Ok(Exit::Ok)
}

async fn request(
    context: &Context,
    switch: SwitchArguments,
    kind: Kind,
    at_end: AtEnd,
) -> Result<Exit, Failure> {
    if switch.target.fleet && !switch.yes {
        confirm_fleet(context, kind).await?;
    }
    let (reason, ttl, scope) = (switch.reason, switch.ttl, Some(switch.target.scope()));
    let intent = Intent { kind, scope, reason, ttl, at_end, redirect: None };
    send(context, intent, switch.wait).await
}

/// Asks for it and shows what comes of it.
async fn send(context: &Context, intent: Intent, has_to_wait: bool) -> Result<Exit, Failure> {
    let overrides = Overrides::new(context.connect_to_wait(Capacity::Supervisor).await?);
    let asked = overrides.request(intent).await?;
    show(context, &asked);
    if asked.state() == State::Pending {
        let id = inline(&asked.override_id);
        context.output.say(format!(
            "Nothing is done until somebody else confirms it: pointsman run confirm {id}"
        ));
        return Ok(Exit::Ok);
    }
    if !has_to_wait {
        return Ok(Exit::Ok);
    }
    let watch = overrides.watch(&asked.override_id);
    let patience = context.patience().unwrap_or(Duration::MAX);
    tokio::time::timeout(patience, follow(context, watch, asked)).await.unwrap_or_else(|_| {
        Err(Failure::new(
            Exit::TimedOut,
            "the agent has not done it yet; the server's part is in force",
        ))
    })
}

/// Asks before something is done to everybody.
async fn confirm_fleet(context: &Context, kind: Kind) -> Result<(), Failure> {
    let what = words(kind.as_str_name(), "KIND_");
    if !context.may_ask() {
        return Err(Failure::usage(format!("{what} of the whole fleet: say --yes")));
    }
    let question = format!("{what} every run of every agent? Type {FLEET_WORD}: ");
    if prompt::ask(&question).await? == FLEET_WORD {
        return Ok(());
    }
    Err(Failure::new(Exit::Failure, "not confirmed, nothing was sent"))
}

/// Shows each state as it comes, until the agent has done it or will not.
async fn follow(
    context: &Context,
    mut watch: OverrideWatch,
    asked: v1::Override,
) -> Result<Exit, Failure> {
    let mut shown = asked.steps.len();
    loop {
        let now = watch.next().await?;
        for step in now.steps.iter().skip(shown) {
            context.output.say(step_line(step));
        }
        shown = now.steps.len();
        if !now.still_running.is_empty() {
            context.output.say(format!("still running: {}", inline(&now.still_running.join(", "))));
        }
        match now.state() {
            State::Effective => return Ok(Exit::Ok),
            State::Refused => {
                let what = format!("the agent will not: {}", inline(&now.agent_words));
                return Err(Failure::new(Exit::Failure, what)
                    .next("What the server forbids stays forbidden. Harder: pointsman run kill"));
            }
            State::TimedOut => {
                let what =
                    "the agent has not acknowledged it in time; the server's part is in force";
                return Err(Failure::new(Exit::TimedOut, what));
            }
            State::Superseded | State::Lapsed => {
                return Err(Failure::new(Exit::Conflict, "another override took its place"));
            }
            _ => {}
        }
    }
}

fn show(context: &Context, it: &v1::Override) {
    context.output.one(&node_of("Override", it), || line(it));
}

/// The overrides that concern a run, the newest first; none for a caller who may not see
/// them.
pub(super) async fn chain_of(connection: Connection, run_id: &str) -> Vec<v1::Override> {
    let request = v1::ListOverridesRequest {
        page_size: CHAIN_LENGTH,
        run_id: run_id.to_owned(),
        ..v1::ListOverridesRequest::default()
    };
    let listed = Overrides::new(connection).list(request).await;
    listed.map(|listed| listed.overrides).unwrap_or_default()
}

/// One override with what became of it, for people.
pub(super) fn line(it: &v1::Override) -> String {
    let kind = words(it.kind().as_str_name(), "KIND_");
    let state = words(it.state().as_str_name(), "STATE_");
    let mut line = format!(
        "{}  {kind}  {state}  by {}: {}",
        inline(&it.override_id),
        inline(&it.requester),
        inline(&it.reason)
    );
    if let Some(redirect) = &it.redirect {
        line += &redirect_lines(redirect, it.branch);
    }
    if !it.escalation_id.is_empty() {
        line += &format!("\n  question: {}", inline(&it.escalation_id));
    }
    for step in &it.steps {
        line += &format!("\n  {}", step_line(step));
    }
    if !it.agent_words.is_empty() {
        line += &format!("\n  agent: {}", inline(&it.agent_words));
    }
    if !it.still_running.is_empty() {
        line += &format!("\n  still running: {}", inline(&it.still_running.join(", ")));
    }
    if let Some(done) = &it.settlement {
        line += &format!(
            "\n  ended: {} runs, {} questions, {} grants",
            done.runs, done.questions, done.grants
        );
    }
    line
}

/// What the run is told.
fn redirect_lines(redirect: &v1::Redirect, branch: u32) -> String {
    let mut lines = format!("\n  goes on as branch {branch}");
    if !redirect.checkpoint_id.is_empty() {
        lines += &format!(" from {}", inline(&redirect.checkpoint_id));
    }
    if !redirect.instruction.is_empty() {
        lines += &format!("\n  told: {}", inline(&redirect.instruction));
    }
    for closed in &redirect.close {
        lines += &format!("\n  closed: {}", inline(&closed.tool));
        if !closed.instead.is_empty() {
            lines += &format!(", instead {}", inline(&closed.instead));
        }
    }
    for tool in &redirect.open {
        lines += &format!("\n  open again: {}", inline(tool));
    }
    if !redirect.team.is_empty() {
        lines += &format!("\n  paused until {} lets it go on", inline(&redirect.team));
    }
    lines
}

fn step_line(step: &v1::OverrideStep) -> String {
    let at = step.time.map(|at| time::clock(&at, Some(&time::local_now()))).unwrap_or_default();
    format!("{at}  {}  {}", words(step.state().as_str_name(), "STATE_"), inline(&step.by))
}

fn words(name: &str, prefix: &str) -> String {
    short_name(name, prefix).replace('_', " ")
}

impl TargetArguments {
    fn scope(self) -> Scope {
        match (self.id, self.tree, self.agent) {
            (Some(run), _, _) => Scope::RunId(run),
            (None, Some(run), _) => Scope::TreeRunId(run),
            (None, None, Some(agent)) => Scope::Agent(agent),
            (None, None, None) => Scope::Fleet(v1::OverrideFleet {}),
        }
    }
}
