//! `pointsman policy shadow`: a revision that judges beside the one in force.

use clap::{Args, Subcommand};
use pointsman_api::v1;

use super::backtest::{flips_tables, sides_table};
use super::{connect, is_revision, read_document};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;
use crate::output::time::clock;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum ShadowVerb {
    /// Begin: in place of the shadow there is, if there is one
    #[command(after_help = "Example: pointsman policy shadow start tighter.yaml")]
    Start(StartArguments),
    /// Print what it would have decided of the newest actions, and where it differs
    #[command(after_help = "Example: pointsman policy shadow show --actions 10000")]
    Show(ShowArguments),
    /// End it
    #[command(after_help = "Example: pointsman policy shadow stop")]
    Stop,
}

/// What is to judge.
#[derive(Debug, Args)]
pub(crate) struct StartArguments {
    /// A revision, or a file, which is put first; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: String,
}

/// How much is counted.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// How many of the newest actions, at most 10000; left out: 1000
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    actions: Option<i32>,
}

/// Does what a verb says.
pub(super) async fn dispatch(context: &Context, verb: ShadowVerb) -> Result<Exit, Failure> {
    match verb {
        ShadowVerb::Start(start) => begin(context, start).await,
        ShadowVerb::Show(show) => report(context, &show).await,
        ShadowVerb::Stop => end(context).await,
    }
}

async fn begin(context: &Context, start: StartArguments) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    let id = match is_revision(&start.policy) {
        true => start.policy,
        false => policies.put(read_document(&start.policy)?, "").await?.revision.revision_id,
    };
    let shadow = policies.set_shadow(id).await?.unwrap_or_default();
    let id = inline(&shadow.revision_id);
    context.output.one(&node_of("PolicyShadow", &shadow), || {
        format!("{id} judges beside the policy in force, without effect.")
    });
    context.output.say("What it would have decided: pointsman policy shadow show");
    Ok(Exit::Ok)
}

async fn end(context: &Context) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    let before = policies.shadow(1).await?.shadow;
    policies.set_shadow("").await?;
    context.output.say(match before {
        Some(shadow) => format!("{} judges no more.", inline(&shadow.revision_id)),
        None => "There was no shadow.".to_owned(),
    });
    Ok(Exit::Ok)
}

async fn report(context: &Context, show: &ShowArguments) -> Result<Exit, Failure> {
    let said = connect(context).await?.shadow(show.actions.unwrap_or_default()).await?;
    let sides = [said.recorded.unwrap_or_default(), said.decided.unwrap_or_default()];
    context.output.one(&node_of("GetPolicyShadowResponse", &said), || {
        if said.shadow.is_none() {
            return String::new();
        }
        let mut page = sides_table(&context.output, &sides, false);
        if !said.flips.is_empty() {
            page = page + "\n\n" + &flips_tables(&context.output, &said.flips);
        }
        page
    });
    context.output.say(summary(&said));
    Ok(Exit::Ok)
}

/// What was counted, in one sentence.
fn summary(said: &v1::GetPolicyShadowResponse) -> String {
    let Some(shadow) = &said.shadow else {
        return "There is no shadow: pointsman policy shadow start".to_owned();
    };
    let side = said.decided.unwrap_or_default();
    let judged = side.allow + side.deny + side.escalate;
    let differ: u32 = said.flips.iter().map(|flip| flip.action_count).sum();
    let since = shadow.start_time.as_ref().map(|at| clock(at, None)).unwrap_or_default();
    let id = inline(&shadow.revision_id);
    let mut words = format!("{id} has judged {judged} actions since {since}: {differ} otherwise.");
    if said.failed_count > 0 {
        words += &format!(" It could not be asked about {}.", said.failed_count);
    }
    words
}
