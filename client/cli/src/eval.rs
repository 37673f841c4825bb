//! `pointsman eval`: how well a policy tells labelled calls apart.
//!
//! Everything is judged in this process, by the very code that judges in the
//! server: no server, no clock, no network. A policy sees the call, what the user
//! had said and what tools had answered by then, and never a label.

mod compare;
mod curve;
mod html;
mod judge;
mod report;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pointsman_server::domain::policy::{Policy, Profiles};

pub(crate) use self::compare::{Recordings, compare};
use self::judge::{Bench, learn};
use self::report::Report;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::node::Node;
use crate::{catalogue, trajectory};

const AFTER_HELP: &str = "\
A denial counts as gated, like an escalation. Calls whose label is `unknown` are left out of
precision and recall and stay in the escalation rate. Earlier results and what the user said
stand in the run's message log, as a server would have it; windows are counted per run; what
providers say is what a line records in `facts`, and missing where it records nothing. Nobody answers: a call is judged as if nothing had
been decided before it.

Example:
  pointsman eval run --trajectories calls.jsonl --policy general --tools tools.json \\
    --domain agentdojo/banking --html report.html";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalVerb {
    /// Judge every call of recorded trajectories and compare with their labels
    #[command(after_help = AFTER_HELP)]
    Run(RunArguments),
}

/// What to judge, and by what.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Recorded calls, one JSON object a line; may be given again
    #[arg(long, required = true, value_name = "FILE")]
    trajectories: Vec<PathBuf>,
    /// The policy: a file, or the name of a starter policy
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// Tool catalogues; they fill in what the policy leaves open about its tools
    #[arg(long, value_name = "FILE", requires = "domain")]
    tools: Option<PathBuf>,
    /// Which catalogue, such as agentdojo/banking; calls of agents of other domains are
    /// left out; may be given again
    #[arg(long, value_name = "KEY")]
    domain: Vec<String>,
    /// Recorded calls from which novelty profiles are learnt, those labelled `allow`; left
    /// out: every call is new, and no agent is profiled; may be given again
    #[arg(long, value_name = "FILE")]
    profile_from: Vec<PathBuf>,
    /// Write a report with the curve to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Does what a verb says.
pub(crate) fn dispatch(context: &Context, verb: &EvalVerb) -> Result<Exit, Failure> {
    let EvalVerb::Run(arguments) = verb;
    let failed = |error: anyhow::Error| Failure::new(Exit::Failure, format!("{error:#}"));
    let document = catalogue::document(&arguments.policy)?;
    let report = evaluate(arguments, &document).map_err(failed)?;
    if let Some(file) = &arguments.html {
        std::fs::write(file, html::page(&report))
            .map_err(|error| failed(anyhow::anyhow!("{}: {error}", file.display())))?;
        context.output.say(format!("Report: {}", file.display()));
    }
    let json = serde_json::to_string_pretty(&report).map_err(|error| failed(error.into()))?;
    context.output.one(&Node::Raw(json), || report.to_text(&context.output));
    Ok(Exit::Ok)
}

fn evaluate(arguments: &RunArguments, document: &str) -> anyhow::Result<Report> {
    let document = match &arguments.tools {
        Some(file) => catalogue::merge(document, file, &arguments.domain)?,
        None => document.to_owned(),
    };
    let policy = Policy::parse(&document)?;
    let mut trajectories = trajectory::read(&arguments.trajectories)?;
    keep_domains(&mut trajectories, &arguments.domain)?;
    let mut bench = Bench::new(&policy, profiles(&arguments.profile_from)?);
    let judged = trajectories.iter().flat_map(|trajectory| bench.judge(trajectory)).collect();
    Ok(Report::of(&arguments.policy, &arguments.domain, trajectories.len(), judged))
}

/// What the calls of the files teach; without a file nothing is known.
fn profiles(files: &[PathBuf]) -> anyhow::Result<Profiles> {
    if files.is_empty() {
        return Ok(Profiles::default());
    }
    Ok(learn(&trajectory::read(files)?))
}

/// Leaves out the trajectories of agents that belong to none of the domains.
fn keep_domains(
    trajectories: &mut Vec<trajectory::Trajectory>,
    domains: &[String],
) -> anyhow::Result<()> {
    if domains.is_empty() {
        return Ok(());
    }
    let agents: std::collections::BTreeSet<_> =
        trajectories.iter().map(|trajectory| trajectory.agent.clone()).collect();
    trajectories.retain(|it| domains.iter().any(|domain| belongs(&it.agent, domain)));
    anyhow::ensure!(
        !trajectories.is_empty(),
        "no call belongs to {}; the agents of the files are {}",
        domains.join(", "),
        agents.into_iter().collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

/// Whether an agent works in a domain: `banking` and `banking-agent` in
/// `agentdojo/banking`. An agent without a name may work in any.
fn belongs(agent: &str, domain: &str) -> bool {
    let name = domain.rsplit('/').next().unwrap_or(domain);
    agent.is_empty()
        || agent == domain
        || agent == name
        || agent.strip_suffix("-agent") == Some(name)
}

#[cfg(test)]
mod tests;
