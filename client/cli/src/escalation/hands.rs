//! From hand to hand: claim, the next one, hand off, assign, take over, snooze.

use std::time::Duration;

use clap::Args;
use pointsman_api::v1;
use pointsman_client::{Next, Reviewer};

use super::{OneArguments, claim_epoch, open};
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;
use crate::output::time;
use crate::span::parse_span;
use crate::{briefing, drill, id};

/// Which escalation, and how long to hold it.
#[derive(Debug, Args)]
pub(crate) struct ClaimArguments {
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// How long, from 10s to 30m; left out: 5m
    #[arg(long, value_parser = parse_span, value_name = "SPAN")]
    pub(crate) lease: Option<Duration>,
}

/// Among which escalations, and how long to hold one.
#[derive(Debug, Args)]
pub(crate) struct NextArguments {
    /// Only in this lane; may be given several times
    #[arg(long, value_name = "LANE")]
    lane: Vec<String>,
    /// How long, from 10s to 30m; left out: 5m
    #[arg(long, value_parser = parse_span, value_name = "SPAN")]
    lease: Option<Duration>,
}

/// Which escalation, and who gets it.
#[derive(Debug, Args)]
pub(crate) struct PassArguments {
    #[command(flatten)]
    one: OneArguments,
    /// Who gets it
    #[arg(long, value_name = "PRINCIPAL")]
    to: String,
    /// What they should know
    #[arg(long, default_value = "")]
    note: String,
}

/// Which escalation, and why.
#[derive(Debug, Args)]
pub(crate) struct TakeOverArguments {
    #[command(flatten)]
    one: OneArguments,
    /// Why you take it
    #[arg(long)]
    reason: String,
}

/// Which escalation, and for how long.
#[derive(Debug, Args)]
pub(crate) struct SnoozeArguments {
    #[command(flatten)]
    one: OneArguments,
    /// For how long; it must end before the escalation expires
    #[arg(long = "for", value_parser = parse_span, value_name = "SPAN")]
    span: Duration,
}

pub(super) async fn claim(context: &Context, claim: ClaimArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let id = id::escalation_id(&reviewer, &claim.one.id, context.may_ask()).await?;
    let held = reviewer.claim(&id, claim.lease).await?;
    show_hold(context, &held);
    Ok(Exit::Ok)
}

/// Claims the next one and shows its briefing; says why there is none.
pub(super) async fn next(context: &Context, next: NextArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    // A script would take a drill for a question.
    let claimed = match context.may_ask() {
        true => reviewer.claim_next_or_drill(next.lane, next.lease).await?,
        false => reviewer.claim_next(next.lane, next.lease).await?,
    };
    match claimed {
        Next::Claimed(held, why) => {
            let now = time::local_now();
            let node = node_of("Escalation", &*held);
            context.output.one(&node, || briefing::briefing(&held, &now, &context.output));
            if !why.is_empty() {
                context.output.say(format!("Why this one: {}", inline(&why)));
            }
            say_answers(context, &held);
        }
        Next::Drill(card) => drill::show(context, &card),
        Next::Nothing(nothing) => {
            let node = node_of("NothingToClaim", &nothing);
            context.output.one(&node, || why_nothing(&nothing));
        }
    }
    Ok(Exit::Ok)
}

fn why_nothing(nothing: &v1::NothingToClaim) -> String {
    if nothing.open_count == 0 {
        return "Nothing waits.".to_owned();
    }
    if nothing.at_capacity {
        return "You hold as much as you have capacity for. Answer or release something first."
            .to_owned();
    }
    format!(
        "Nothing for you now: {} open, {} in somebody's hands, {} put aside, {} not for you.",
        nothing.open_count, nothing.held_count, nothing.snoozed_count, nothing.not_yours_count
    )
}

pub(super) async fn renew(context: &Context, claim: ClaimArguments) -> Result<Exit, Failure> {
    let (reviewer, shown) = open(context, &claim.one).await?;
    let epoch = claim_epoch(&shown.escalation)?;
    let held = reviewer.renew(&shown.escalation.escalation_id, epoch, claim.lease).await?;
    show_hold(context, &held);
    Ok(Exit::Ok)
}

pub(super) async fn release(context: &Context, one: OneArguments) -> Result<Exit, Failure> {
    let (reviewer, shown) = open(context, &one).await?;
    let epoch = claim_epoch(&shown.escalation)?;
    let released = reviewer.release(&shown.escalation.escalation_id, epoch).await?;
    show(context, &released, "is free for others");
    Ok(Exit::Ok)
}

pub(super) async fn snooze(context: &Context, snooze: SnoozeArguments) -> Result<Exit, Failure> {
    let (reviewer, shown) = open(context, &snooze.one).await?;
    let epoch = claim_epoch(&shown.escalation)?;
    let now = shown.server_time.unwrap_or_else(time::local_now);
    let until = time::after(&now, snooze.span);
    let aside = reviewer.snooze(&shown.escalation.escalation_id, epoch, until).await?;
    let until = aside.snooze_until_time.map(|until| time::clock(&until, Some(&now)));
    show(context, &aside, &format!("is put aside until {}", until.unwrap_or_default()));
    Ok(Exit::Ok)
}

pub(super) async fn hand_off(context: &Context, pass: PassArguments) -> Result<Exit, Failure> {
    let (reviewer, shown) = open(context, &pass.one).await?;
    let epoch = claim_epoch(&shown.escalation)?;
    let id = shown.escalation.escalation_id;
    let passed = reviewer.hand_off(id, epoch, pass.to, pass.note).await?;
    show_passed(context, &passed);
    Ok(Exit::Ok)
}

pub(super) async fn assign(context: &Context, pass: PassArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Supervisor).await?);
    let id = id::escalation_id(&reviewer, &pass.one.id, context.may_ask()).await?;
    let passed = reviewer.assign(id, pass.to, pass.note).await?;
    show_passed(context, &passed);
    Ok(Exit::Ok)
}

pub(super) async fn take_over(context: &Context, it: TakeOverArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Supervisor).await?);
    let id = id::escalation_id(&reviewer, &it.one.id, context.may_ask()).await?;
    let held = reviewer.take_over(id, it.reason).await?;
    show_hold(context, &held);
    Ok(Exit::Ok)
}

fn show(context: &Context, escalation: &v1::Escalation, what: &str) {
    let id = inline(&escalation.escalation_id);
    context.output.one(&node_of("Escalation", escalation), || format!("{id} {what}."));
}

fn show_passed(context: &Context, escalation: &v1::Escalation) {
    let holder = escalation.claim.as_ref().map(|claim| claim.holder.as_str());
    show(context, escalation, &format!("is with {} now", inline(holder.unwrap_or_default())));
}

fn show_hold(context: &Context, held: &v1::Escalation) {
    let node = node_of("Escalation", held);
    context.output.one(&node, || {
        let until = held.claim.as_ref().and_then(|claim| claim.expire_time);
        let until = until.map(|until| time::clock(&until, Some(&time::local_now())));
        let id = inline(&held.escalation_id);
        format!("You hold {id} until {}.", until.unwrap_or_default())
    });
    say_answers(context, held);
}

fn say_answers(context: &Context, held: &v1::Escalation) {
    let id = inline(&held.escalation_id);
    context
        .output
        .say(format!("Answer: pointsman esc approve|reject|modify|respond|instruct {id}"));
}
