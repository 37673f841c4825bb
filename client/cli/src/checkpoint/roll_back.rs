//! Taking a run back: what stays behind is shown first, and confirmed.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::roll_back_run_request::Compensate;
use pointsman_client::{Checkpoints, Runs};

use super::show;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::reflect::node_of;
use crate::prompt;

/// Which run, where to, and why.
#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    run: String,
    /// The checkpoint; left out: the newest on its path that is known to be good
    #[arg(long, value_name = "CP_ID", default_value_t, hide_default_value = true)]
    to: String,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What the agent is to do otherwise
    #[arg(long, value_name = "TEXT", default_value_t, hide_default_value = true)]
    instruction: String,
    /// Ask the agent for the counter-actions of what has one
    #[arg(long)]
    compensate: bool,
    /// Only show what would stay behind
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Ask nothing; says with --expect what stays behind
    #[arg(long, requires = "expect")]
    yes: bool,
    /// How many effects stay behind; with more or fewer nothing is changed
    #[arg(long, value_name = "N")]
    expect: Option<u32>,
}

/// Shows, asks and does it.
pub(super) async fn roll_back(
    context: &Context,
    checkpoints: &Checkpoints,
    runs: &Runs,
    back: RollbackArguments,
) -> Result<Exit, Failure> {
    let run = runs.get(&back.run).await?;
    let compensate = if back.compensate { Compensate::All } else { Compensate::Unspecified };
    let request = v1::RollBackRunRequest {
        request_id: String::new(),
        run_id: back.run,
        branch: run.branch,
        checkpoint_id: back.to,
        reason: back.reason,
        instruction: back.instruction,
        compensate: compensate.into(),
        expected_effects: back.expect,
        validate_only: false,
    };
    let trial = v1::RollBackRunRequest { validate_only: true, ..request.clone() };
    if back.dry_run {
        let shown = checkpoints.roll_back(trial).await?;
        return Ok(print(context, &shown));
    }
    if back.yes {
        return Ok(print(context, &checkpoints.roll_back(request).await?));
    }
    if !context.may_ask() {
        let what = "nobody can be asked here";
        return Err(Failure::usage(what).next("Say it: --yes --expect N (see --dry-run)"));
    }
    let shown = checkpoints.roll_back(trial).await?;
    context.output.say(show::left_behind(&context.output, &shown));
    let checkpoint = shown.checkpoint.unwrap_or_default();
    let expected = shown.counts.unwrap_or_default();
    let expected = expected.reversible + expected.compensatable + expected.irreversible;
    let typed = prompt::ask(&format!("Go back, and leave them? Type {expected}: ")).await?;
    if typed != expected.to_string() {
        return Err(Failure::new(Exit::Failure, "not confirmed, nothing was sent"));
    }
    // What was shown is what is done.
    let request = v1::RollBackRunRequest {
        checkpoint_id: checkpoint.checkpoint_id,
        expected_effects: Some(expected),
        ..request
    };
    Ok(print(context, &checkpoints.roll_back(request).await?))
}

fn print(context: &Context, done: &v1::RollBackRunResponse) -> Exit {
    let node = node_of("RollBackRunResponse", done);
    context.output.one(&node, || show::left_behind(&context.output, done));
    Exit::Ok
}
