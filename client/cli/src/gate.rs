//! `pointsman gate`: runs a command once the policy, or a person, has allowed it.
//!
//! It makes every script, CI job and timer a citizen without a library. Nothing
//! runs after an error: an unreachable server means no.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use pointsman_client::{
    Agent, Answer, Permit, Proposal, Proposed, RunEnd, RunHandle, StartRun, Wait,
};
use serde_json::json;
use tokio::process::Command;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::{block, inline};

/// The exit code of a command that a signal ended, before the signal's number.
const SIGNAL_BASE: i32 = 128;

/// What to run, and how to ask for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: pointsman gate --tool deploy --target prod/api --timeout 30m -- ./deploy.sh v7
Exit code: the command's own once it ran; 5 denied, 7 expired, 8 nobody answered within
--timeout (still open), 10 rejected, 11 stopped")]
pub(crate) struct GateArguments {
    /// What the policy knows the command as
    #[arg(long, default_value = "command")]
    tool: String,
    /// What it acts on
    #[arg(long, default_value_t, hide_default_value = true)]
    target: String,
    /// The arguments to show and to approve: a JSON object; left out: the command
    #[arg(long, value_name = "JSON")]
    arguments: Option<String>,
    /// Why it should run
    #[arg(long, default_value_t, hide_default_value = true, value_name = "TEXT")]
    reasoning: String,
    /// Whom it is for
    #[arg(long, default_value_t, hide_default_value = true, value_name = "NAME")]
    on_behalf_of: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Asks, waits, runs, reports.
pub(crate) async fn gate(context: &Context, gate: GateArguments) -> Result<Exit, Failure> {
    let agent = Agent::new(context.connect_to_wait(Capacity::Agent).await?);
    let start = StartRun {
        goal: format!("run: {}", gate.command.join(" ")),
        on_behalf_of: gate.on_behalf_of.clone(),
        ..StartRun::default()
    };
    let run = agent.start_run(start).await?;
    let ended = ask_and_run(context, &gate, &run).await;
    let end = match &ended {
        Ok(Exit::Command(0)) => Some(RunEnd::Succeeded),
        // The question is still open: finishing the run would close it.
        Err(failure) if failure.exit == Exit::TimedOut => None,
        Ok(_) | Err(_) => Some(RunEnd::Failed),
    };
    if let Some(end) = end
        && let Err(error) = run.finish(end).await
    {
        context.output.detail(format!("the run could not be finished: {error}"));
    }
    ended
}

async fn ask_and_run(
    context: &Context,
    gate: &GateArguments,
    run: &RunHandle,
) -> Result<Exit, Failure> {
    let arguments = match &gate.arguments {
        Some(arguments) => arguments.clone(),
        None => json!({ "command": gate.command }).to_string(),
    };
    let proposal = Proposal::new(&gate.tool, arguments.clone())
        .target(&gate.target)
        .reasoning(&gate.reasoning);
    let (permit, escalation_id) = match run.propose(proposal).await? {
        Proposed::Allowed(permit) => (permit, None),
        Proposed::Denied(denial) => {
            let reason = inline(&denial.decision.reason);
            return Err(Failure::new(Exit::NotPermitted, format!("denied by policy: {reason}")));
        }
        Proposed::Waiting(wait) => {
            let id = wait.escalation_id().to_owned();
            context.output.say(format!("waiting for a person: {}", inline(&id)));
            (permitted(context, wait).await?, Some(id))
        }
    };
    if permit.arguments().as_ref() != arguments.as_bytes() {
        return Err(changed(&permit));
    }
    execute(gate, permit, escalation_id.as_deref()).await
}

/// A person's edit changes the arguments, and a command line cannot be rebuilt
/// from them; what was approved is not what would run.
fn changed(permit: &Permit) -> Failure {
    let edited = block(&String::from_utf8_lossy(permit.arguments()));
    Failure::new(Exit::Rejected, format!("a person changed the arguments to {edited}"))
        .next("Start the command with these, and ask again.")
}

async fn permitted(context: &Context, mut wait: Wait) -> Result<Permit, Failure> {
    let id = inline(wait.escalation_id());
    let answered = match context.patience() {
        None => wait.answer().await?,
        Some(patience) => match tokio::time::timeout(patience, wait.answer()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(still_open(&id, patience)),
        },
    };
    let said = |exit, what: &str, note: &str| {
        let note = if note.is_empty() { String::new() } else { format!(": {}", block(note)) };
        Failure::new(exit, format!("{id} was {what}{note}"))
    };
    match answered {
        Answer::Approved(permit) | Answer::Modified(permit) => Ok(permit),
        Answer::Rejected(resolution) => {
            let by = format!("rejected by {}", inline(&resolution.reviewer));
            Err(said(Exit::Rejected, &by, &resolution.note))
        }
        Answer::Responded(resolution) => {
            let words = String::from_utf8_lossy(&resolution.response).into_owned();
            let by = format!("answered by {} in the command's place", inline(&resolution.reviewer));
            Err(said(Exit::Rejected, &by, &words))
        }
        Answer::Expired => Err(said(Exit::Expired, "not answered in time", "")),
        Answer::Lapsed(_) => Err(said(Exit::Expired, "approved, but its grant has lapsed", "")),
        Answer::Cancelled => Err(said(Exit::Stopped, "cancelled", "")),
    }
}

fn still_open(id: &str, patience: Duration) -> Failure {
    Failure::new(Exit::TimedOut, format!("{id} is still open after {patience:?}"))
        .next("The command did not run. An answer that comes now permits it to no one.")
}

async fn execute(
    gate: &GateArguments,
    permit: Permit,
    escalation_id: Option<&str>,
) -> Result<Exit, Failure> {
    let redeemed = permit.redeem().await?;
    let action_id = redeemed.action_id().to_owned();
    let Some((program, arguments)) = gate.command.split_first() else {
        return Err(Failure::usage("no command is given"));
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit()).env("POINTSMAN_ACTION_ID", &action_id);
    if let Some(id) = escalation_id {
        command.env("POINTSMAN_ESCALATION_ID", id);
    }
    let status = match command.status().await {
        Ok(status) => status,
        Err(cause) => {
            let what = format!("{} could not be started: {cause}", inline(program));
            redeemed.failed(what.clone()).await?;
            return Err(Failure::new(Exit::Failure, what));
        }
    };
    let code = code_of(status);
    let result = json!({ "exit_code": code }).to_string();
    let reported = match status.success() {
        true => redeemed.succeeded(result).await,
        false => redeemed.failed(result).await,
    };
    if let Err(error) = reported {
        let failure = Failure::from(error);
        crate::output::write_error(&format!(
            "the command ran, but its outcome is not reported: {failure}"
        ));
    }
    Ok(Exit::Command(code))
}

fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNAL_BASE + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
