//! `pointsman escalation`: the verbs that read and answer questions of agents.

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_client::{Connection, Reviewer, Runs};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;
use crate::output::time;
use crate::{briefing, id};

mod bulk;
mod conversation;
mod edit;
mod follow;
mod given;
mod hands;
mod queue;
mod resolve;
mod revert;
mod settle;

pub(crate) use conversation::question_lines;
pub(crate) use edit::ModifyArguments;
pub(crate) use resolve::{
    ApproveArguments, InstructArguments, RejectArguments, RespondArguments, text_or_file,
};
pub(crate) use revert::RevertArguments;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum EscalationVerb {
    /// List escalations: open ones most urgent first
    #[command(after_help = "Example: pointsman esc list --state resolved --limit 20 -o jsonl")]
    List(ListArguments),
    /// Show one escalation with its whole briefing
    #[command(alias = "show", alias = "describe")]
    #[command(after_help = "Example: pointsman esc get esc_01kb3… -o json")]
    Get(OneArguments),
    /// Follow what happens in the queue, event by event
    #[command(after_help = "Example: pointsman esc watch -o jsonl --cursor \"$LAST_CURSOR\"")]
    Watch(follow::WatchArguments),
    /// Hold an escalation, so that nobody else answers it meanwhile
    #[command(after_help = "Example: pointsman esc claim esc_01kb3… --lease 10m")]
    Claim(hands::ClaimArguments),
    /// Hold the one that is next for you, and show it
    #[command(after_help = "Example: pointsman esc next --lane payments")]
    Next(hands::NextArguments),
    /// Prolong your hold on an escalation
    #[command(after_help = "Example: pointsman esc renew esc_01kb3… --lease 10m")]
    Renew(hands::ClaimArguments),
    /// Give an escalation back
    #[command(after_help = "Example: pointsman esc release esc_01kb3…")]
    Release(OneArguments),
    /// Put an escalation that you hold aside for a time; no clock stops
    #[command(after_help = "Example: pointsman esc snooze esc_01kb3… --for 20m")]
    Snooze(hands::SnoozeArguments),
    /// Give an escalation that you hold to somebody else
    #[command(after_help = "Example: pointsman esc hand-off esc_01kb3… --to bob --note 'yours'")]
    HandOff(hands::PassArguments),
    /// As a supervisor, give an escalation that nobody holds to somebody
    #[command(after_help = "Example: pointsman esc assign esc_01kb3… --to bob")]
    Assign(hands::PassArguments),
    /// As a supervisor, take an escalation from whoever holds it
    #[command(after_help = "Example: pointsman esc take-over esc_01kb3… --reason 'bob is ill'")]
    TakeOver(hands::TakeOverArguments),
    /// Let exactly this action run
    #[command(
        after_help = "Example: pointsman esc approve esc_01kb3… --digest 9c41e07b --no-input"
    )]
    Approve(ApproveArguments),
    /// Refuse the action
    #[command(after_help = "Example: pointsman esc reject esc_01kb3… --reason wrong_amount")]
    Reject(RejectArguments),
    /// Let an edited action run in its place
    #[command(after_help = "Example: pointsman esc modify esc_01kb3… --set amount=3900.00")]
    Modify(ModifyArguments),
    /// Answer in the tool's place; nothing runs
    #[command(after_help = "Example: pointsman esc respond esc_01kb3… --with 'use ticket 77'")]
    Respond(RespondArguments),
    /// Correct the action in words; nothing runs, and the agent proposes anew
    #[command(
        after_help = "Example: pointsman esc instruct esc_01kb3… --note 'the price is 6 EUR'"
    )]
    Instruct(InstructArguments),
    /// Show what of one kind can be answered at once, and answer it by count and digest
    #[command(
        after_help = "Example: pointsman esc bulk approve --lane refunds --expect 7 --digest 9c41e07b --note 'within budget'"
    )]
    Bulk(bulk::BulkArguments),
    /// Ask the agent something before you decide
    #[command(after_help = "Example: pointsman esc ask esc_01kb3… --question 'Which invoice?'")]
    Ask(conversation::AskArguments),
    /// List what an agent has to answer, or what was asked about one escalation
    #[command(after_help = "Example: pointsman esc questions -o jsonl")]
    Questions(conversation::QuestionsArguments),
    /// Answer a reviewer's question, as the agent
    #[command(after_help = "Example: pointsman esc answer qst_01kb3… --with 'Invoice 17'")]
    Answer(conversation::AnswerArguments),
    /// Note something for other people; agents are not shown it
    #[command(after_help = "Example: pointsman esc comment esc_01kb3… --note 'a regular'")]
    Comment(conversation::CommentArguments),
    /// List what people noted
    #[command(after_help = "Example: pointsman esc comments esc_01kb3…")]
    Comments(OneArguments),
    /// Take back what was permitted: withdrawn, or undone by the counter-action
    #[command(after_help = "Example: pointsman esc revert esc_01kb3… --reason 'paid before'")]
    Revert(RevertArguments),
    /// Wait until an escalation ends; the exit code says how
    #[command(after_help = "Example: pointsman esc wait esc_01kb3… --timeout 30m")]
    Wait(OneArguments),
}

impl EscalationVerb {
    /// Holds a question for as long as is usual.
    pub(crate) const fn claim(one: OneArguments) -> Self {
        Self::Claim(hands::ClaimArguments { one, lease: None })
    }

    /// Approves a question once its digits were typed.
    pub(crate) fn approve(one: OneArguments) -> Self {
        let given = given::GivenArguments::default();
        Self::Approve(ApproveArguments { one, digest: None, given })
    }

    /// Rejects a question in these words.
    pub(crate) fn reject(one: OneArguments, note: String) -> Self {
        let given = given::GivenArguments { note: Some(note), ..Default::default() };
        Self::Reject(RejectArguments { one, given, digest: None })
    }
}

/// Which escalation.
#[derive(Debug, Args)]
pub(crate) struct OneArguments {
    /// The escalation's id; at a terminal any unique beginning of it
    #[arg(value_name = "ESC_ID")]
    pub(crate) id: String,
}

/// Which escalations.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FilterArguments {
    /// Only this lane
    #[arg(long)]
    pub(crate) lane: Option<String>,
    /// Only at least this grave
    #[arg(long, value_enum, value_name = "TIER")]
    pub(crate) severity: Option<Tier>,
    /// Only questions of this agent
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only questions of this run
    #[arg(long, value_name = "RUN_ID")]
    pub(crate) run: Option<String>,
}

/// What `inbox` shows.
#[derive(Debug, Args)]
pub(crate) struct InboxArguments {
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// Only what you hold
    #[arg(long)]
    pub(crate) mine: bool,
    /// Keep the list up to date until interrupted
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// What `list` shows.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) inbox: InboxArguments,
    /// In which state
    #[arg(long, value_enum, default_value_t)]
    pub(crate) state: StateName,
}

/// States by their words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// Nobody has answered
    #[default]
    Open,
    /// A person answered
    Resolved,
    /// Nobody answered in time
    Expired,
    /// The run ended first
    Cancelled,
}

/// Severities by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tier {
    /// Cheap and reversible
    Low,
    /// Costs something to undo
    Medium,
    /// Hard to undo or expensive
    High,
    /// Cannot be undone
    Critical,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: EscalationVerb) -> Result<Exit, Failure> {
    match verb {
        EscalationVerb::List(list) => queue::list(context, list).await,
        EscalationVerb::Get(one) => get(context, one).await,
        EscalationVerb::Watch(watch) => follow::watch(context, watch).await,
        EscalationVerb::Claim(claim) => hands::claim(context, claim).await,
        EscalationVerb::Next(next) => hands::next(context, next).await,
        EscalationVerb::Renew(claim) => hands::renew(context, claim).await,
        EscalationVerb::Release(one) => hands::release(context, one).await,
        EscalationVerb::Snooze(snooze) => hands::snooze(context, snooze).await,
        EscalationVerb::HandOff(pass) => hands::hand_off(context, pass).await,
        EscalationVerb::Assign(pass) => hands::assign(context, pass).await,
        EscalationVerb::TakeOver(it) => hands::take_over(context, it).await,
        EscalationVerb::Approve(approve) => resolve::approve(context, approve).await,
        EscalationVerb::Reject(reject) => resolve::reject(context, reject).await,
        EscalationVerb::Modify(modify) => edit::modify(context, modify).await,
        EscalationVerb::Respond(respond) => resolve::respond(context, respond).await,
        EscalationVerb::Instruct(instruct) => resolve::instruct(context, instruct).await,
        EscalationVerb::Bulk(it) => bulk::bulk(context, it).await,
        EscalationVerb::Ask(it) => conversation::ask(context, it).await,
        EscalationVerb::Questions(it) => conversation::questions(context, it).await,
        EscalationVerb::Answer(it) => conversation::answer(context, it).await,
        EscalationVerb::Comment(it) => conversation::comment(context, it).await,
        EscalationVerb::Comments(one) => conversation::comments(context, one).await,
        EscalationVerb::Revert(it) => revert::revert(context, it).await,
        EscalationVerb::Wait(one) => settle::wait(context, one).await,
    }
}

/// Shows what waits for a person.
pub(crate) async fn inbox(context: &Context, inbox: InboxArguments) -> Result<Exit, Failure> {
    queue::list(context, ListArguments { inbox, state: StateName::Open }).await
}

async fn get(context: &Context, one: OneArguments) -> Result<Exit, Failure> {
    let (_, shown) = open(context, &one).await?;
    let now = shown.server_time.unwrap_or_else(time::local_now);
    let node = node_of("Escalation", &shown.escalation);
    context.output.one(&node, || briefing::briefing(&shown.escalation, &now, &context.output));
    Ok(Exit::Ok)
}

/// Connects, and reads the escalation that a person or a script named.
async fn open(
    context: &Context,
    one: &OneArguments,
) -> Result<(Reviewer, pointsman_client::Shown), Failure> {
    let connection = context.connect(Capacity::Reviewer).await?;
    let reviewer = Reviewer::new(connection.clone());
    let id = id::escalation_id(&reviewer, &one.id, context.may_ask()).await?;
    let mut shown = reviewer.get(id).await?;
    complete(&connection, &mut shown.escalation).await?;
    Ok((reviewer, shown))
}

/// A briefing always has its arguments; where it does not, the action has them.
async fn complete(connection: &Connection, escalation: &mut v1::Escalation) -> Result<(), Failure> {
    let brief = escalation.briefing.get_or_insert_default();
    if brief.arguments.is_empty() {
        let action = Runs::new(connection.clone()).action(&escalation.action_id).await?;
        brief.arguments = action.arguments;
    }
    Ok(())
}

fn claim_epoch(escalation: &v1::Escalation) -> Result<u64, Failure> {
    let id = inline(&escalation.escalation_id);
    match &escalation.claim {
        Some(claim) => Ok(claim.claim_epoch),
        None => Err(Failure::new(Exit::Conflict, format!("nobody holds {id}"))
            .next(format!("Hold it: pointsman esc claim {id}"))),
    }
}

// === impl FilterArguments ===

impl From<&FilterArguments> for v1::EscalationFilter {
    fn from(filter: &FilterArguments) -> Self {
        Self {
            lane: filter.lane.clone().unwrap_or_default(),
            min_severity: filter.severity.map_or(0, |tier| v1::SeverityTier::from(tier).into()),
            agent: filter.agent.clone().unwrap_or_default(),
            run_id: filter.run.clone().unwrap_or_default(),
        }
    }
}

impl From<Tier> for v1::SeverityTier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Low => Self::Low,
            Tier::Medium => Self::Medium,
            Tier::High => Self::High,
            Tier::Critical => Self::Critical,
        }
    }
}

impl From<StateName> for v1::escalation::State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Open => Self::Open,
            StateName::Resolved => Self::Resolved,
            StateName::Expired => Self::Expired,
            StateName::Cancelled => Self::Cancelled,
        }
    }
}
