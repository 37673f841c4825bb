//! `pointsman gate`: a command behind an approval, without any SDK.
//!
//! It proposes, waits, redeems, and only then runs the command; it reports the
//! exit code and digests of what was written. Without a permit nothing runs. By
//! default the exact argv is what is proposed, and what runs is the argv that was
//! permitted, also after a person changed it.

use std::ffi::OsString;

use bytes::Bytes;
use clap::Args;
use pointsman_api::v1;
use pointsman_client::{
    Agent, Answer, Permit, Proposal, Proposed, Redeemed, RunEnd, RunHandle, StartRun, Wait,
};

use crate::context::{Capacity, Context};
use crate::escalation::text_or_file;
use crate::exit::{Exit, Failure};
use crate::output::escape::{block, inline};
use crate::output::write_error;

mod command;

use command::Program;

/// What to ask, and what to run.
#[derive(Debug, Args)]
#[command(after_help = "Example: pointsman gate --tool deploy --target prod -- ./deploy.sh --all
The command finds POINTSMAN_ACTION_ID, POINTSMAN_ESCALATION_ID and POINTSMAN_ARGUMENTS
in its environment. Exit code: the command's; 5 denied by the policy, 7 expired,
8 nobody answered within --timeout, 10 rejected or answered in the command's place,
11 cancelled; 1 to 6 as elsewhere.")]
pub(crate) struct GateArguments {
    /// What the policy knows the command as
    #[arg(long, default_value = "command", value_name = "NAME")]
    tool: String,
    /// What the command acts on
    #[arg(long, default_value_t, hide_default_value = true)]
    target: String,
    /// What is proposed, as a JSON object; left out: {"argv": [...]} of the command
    #[arg(long, value_name = "JSON|@FILE")]
    arguments: Option<String>,
    /// Why; shown to people as unverified
    #[arg(long, default_value_t, hide_default_value = true, value_name = "TEXT")]
    reasoning: String,
    /// Within this run; left out: a run of its own
    #[arg(long, value_name = "RUN_ID")]
    run: Option<String>,
    /// The branch of the run, once its path was changed (see: pointsman checkpoint branches)
    #[arg(long, requires = "run", default_value_t, hide_default_value = true, value_name = "N")]
    branch: u32,
    /// The person or system this is for
    #[arg(long, default_value_t, hide_default_value = true, value_name = "NAME")]
    on_behalf_of: String,
    /// Also run if a person changed --arguments: the command reads POINTSMAN_ARGUMENTS
    #[arg(long, requires = "arguments")]
    accept_modified: bool,
    /// The command
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What the wait for permission came to.
enum Verdict {
    /// It may run; with the escalation that was asked, if one was.
    Run(Box<Permit>, String),
    /// A person answered in its place.
    Answered(Bytes),
}

/// What is proposed and what would run.
struct Plan {
    program: Program,
    proposed: Bytes,
    /// Whether the arguments are the argv itself.
    is_argv: bool,
    accept_modified: bool,
}

/// Proposes a command, waits, runs it if it may.
pub(crate) async fn gate(context: &Context, gate: GateArguments) -> Result<Exit, Failure> {
    let program = Program::of(&gate.command)?;
    let proposed = match &gate.arguments {
        Some(arguments) => text_or_file(arguments)?,
        None => program.to_json(),
    };
    let proposal =
        Proposal::new(&gate.tool, proposed.clone()).target(&gate.target).reasoning(&gate.reasoning);
    let proposal = proposal.branch(gate.branch);
    let agent = Agent::new(context.connect_to_wait(Capacity::Agent).await?);
    let run = match &gate.run {
        Some(run_id) => agent.run(run_id),
        None => {
            let goal = format!("gate: {}", program.shown());
            let on_behalf_of = gate.on_behalf_of.clone();
            agent.start_run(StartRun { goal, on_behalf_of, ..StartRun::default() }).await?
        }
    };
    let plan = Plan {
        program,
        proposed: proposed.into(),
        is_argv: gate.arguments.is_none(),
        accept_modified: gate.accept_modified,
    };
    let ended = ask_and_run(context, &run, proposal, &plan).await;
    if gate.run.is_none() {
        finish(context, &run, &ended).await;
    }
    ended
}

/// Ends the run; a question that is still open is withdrawn with it.
async fn finish(context: &Context, run: &RunHandle, ended: &Result<Exit, Failure>) {
    let end = match ended {
        Ok(Exit::Ok) => RunEnd::Succeeded,
        Err(failure) if matches!(failure.exit, Exit::Stopped | Exit::TimedOut) => RunEnd::Cancelled,
        _ => RunEnd::Failed,
    };
    if let Err(error) = run.finish(end).await {
        context.output.detail(format!("the run could not be finished: {error}"));
    }
}

/// A policy's denial names its rule; what a person had refused before has none.
fn why_denied(decision: &v1::Decision) -> String {
    let reason = inline(&decision.reason);
    if decision.rule_id.is_empty() {
        return format!("denied: {reason}. Nothing ran");
    }
    let rule = inline(&decision.rule_id);
    format!("denied by the policy: {reason} (rule {rule}). Nothing ran")
}

async fn ask_and_run(
    context: &Context,
    run: &RunHandle,
    proposal: Proposal,
    plan: &Plan,
) -> Result<Exit, Failure> {
    let verdict = match run.propose(proposal).await? {
        Proposed::Allowed(permit) => Verdict::Run(Box::new(permit), String::new()),
        Proposed::Denied(denial) => {
            return Err(Failure::new(Exit::NotPermitted, why_denied(&denial.decision)));
        }
        Proposed::Waiting(wait) => wait_for_person(context, wait).await?,
    };
    match verdict {
        Verdict::Run(permit, escalation_id) => {
            execute(context, plan, *permit, &escalation_id).await
        }
        Verdict::Answered(response) => {
            context.output.data(&block(&String::from_utf8_lossy(&response)));
            let what = "a person answered in the command's place. Nothing ran";
            Err(Failure::new(Exit::Rejected, what))
        }
    }
}

async fn wait_for_person(context: &Context, mut wait: Wait) -> Result<Verdict, Failure> {
    let id = inline(wait.escalation_id());
    let why = wait.decision().map(|decision| inline(&decision.reason)).unwrap_or_default();
    context.output.say(format!("{id} waits for a person: {why}"));
    context.output.say(format!("Answer it: pointsman esc approve {id}"));
    let patience = async {
        match context.patience() {
            Some(patience) => tokio::time::sleep(patience).await,
            None => std::future::pending().await,
        }
    };
    let failed = |exit, what: String| Err(Failure::new(exit, format!("{what}. Nothing ran")));
    let answer = tokio::select! {
        answer = wait.answer() => answer?,
        () = patience => return failed(Exit::TimedOut, format!("nobody answered {id} in time")),
        _ = tokio::signal::ctrl_c() => {
            return failed(Exit::Stopped, format!("interrupted while {id} was open"));
        }
    };
    match answer {
        Answer::Approved(permit) | Answer::Modified(permit) => {
            let by = permit.resolution().map(said_by).unwrap_or_default();
            context.output.say(format!("{id} was permitted{by}"));
            Ok(Verdict::Run(Box::new(permit), wait.escalation_id().to_owned()))
        }
        Answer::Responded(said) => Ok(Verdict::Answered(said.response)),
        Answer::Rejected(said) => {
            failed(Exit::Rejected, format!("{id} was rejected{}", said_by(&said)))
        }
        Answer::Instructed(said) => {
            let (by, text) = (inline(&said.reviewer), inline(&said.instruction));
            failed(Exit::Rejected, format!("{id} was corrected by {by}: {text}"))
        }
        Answer::Expired(_) => failed(Exit::Expired, format!("{id} expired")),
        Answer::Cancelled => failed(Exit::Stopped, format!("{id} was cancelled")),
        Answer::Lapsed(_) => {
            failed(Exit::Expired, format!("{id} was approved, but its grant has lapsed"))
        }
    }
}

/// ` by alice [too_late]: after the freeze`
fn said_by(said: &v1::Resolution) -> String {
    let mut text = format!(" by {}", inline(&said.reviewer));
    if !said.reason_code.is_empty() {
        text += &format!(" [{}]", inline(&said.reason_code));
    }
    if !said.note.is_empty() {
        text += &format!(": {}", inline(said.note.trim_end_matches('.')));
    }
    text
}

async fn execute(
    context: &Context,
    plan: &Plan,
    permit: Permit,
    escalation_id: &str,
) -> Result<Exit, Failure> {
    // Whether the command can obey is known before the grant is used up; what runs
    // is read again from the redeemed bytes.
    plan.program_for(permit.arguments())?;
    let redeemed = permit.redeem().await?;
    let program = plan.program_for(redeemed.arguments())?;
    let ended = program.run(&environment(&redeemed, escalation_id)).await;
    let reported = match &ended {
        Ok(ended) if ended.code == 0 => redeemed.succeeded(ended.report()).await,
        Ok(ended) => redeemed.failed(ended.report()).await,
        Err(failure) => redeemed.failed(failure.to_string()).await,
    };
    if let Err(error) = reported {
        let error = Failure::from(error);
        write_error(&format!("the command ran, but its outcome is not recorded\n{error}"));
        context.output.say("The server will ask a person whether it ran.");
    }
    match ended?.code {
        0 => Ok(Exit::Ok),
        code => Ok(Exit::Command(code)),
    }
}

fn environment(redeemed: &Redeemed, escalation_id: &str) -> [(&'static str, String); 3] {
    [
        ("POINTSMAN_ACTION_ID", redeemed.action_id().to_owned()),
        ("POINTSMAN_ESCALATION_ID", escalation_id.to_owned()),
        ("POINTSMAN_ARGUMENTS", String::from_utf8_lossy(redeemed.arguments()).into_owned()),
    ]
}

// === impl Plan ===

impl Plan {
    /// What runs: the permitted argv; or the given command, if exactly the
    /// proposed arguments are permitted, or if it reads them itself.
    fn program_for(&self, permitted: &[u8]) -> Result<Program, Failure> {
        if self.is_argv {
            return Program::from_json(permitted);
        }
        if self.accept_modified || self.proposed == permitted {
            return Ok(self.program.clone());
        }
        let what = "a person changed the arguments, which the command does not read. Nothing ran";
        Err(Failure::new(Exit::Rejected, what)
            .next("If it reads POINTSMAN_ARGUMENTS, say so: --accept-modified"))
    }
}

#[cfg(test)]
mod tests;
