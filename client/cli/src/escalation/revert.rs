//! Taking back what was permitted, before it ran or afterwards.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::reversion::State;
use pointsman_client::{Reviewer, Seen};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::id;
use crate::output::escape::inline;
use crate::output::reflect::node_of;

/// What is taken back, and why.
#[derive(Debug, Args)]
pub(crate) struct RevertArguments {
    /// The escalation that was answered, or an action that ran without one
    #[arg(value_name = "ESC_ID|ACT_ID")]
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Take the run back as well, to the newest checkpoint before the question that is known
    /// to be good
    #[arg(long)]
    roll_back: bool,
}

/// Takes it back.
pub(super) async fn revert(context: &Context, revert: RevertArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let action = if revert.id.starts_with("act_") {
        if revert.roll_back {
            let what = "--roll-back is about a question: name the escalation";
            return Err(Failure::usage(what).next("Or: pointsman checkpoint rollback RUN_ID"));
        }
        reviewer.reverse_action(revert.id, revert.reason).await?
    } else {
        let id = id::escalation_id(&reviewer, &revert.id, context.may_ask()).await?;
        let shown = reviewer.get(id).await?;
        let seen = Seen::from(&shown.escalation);
        match revert.roll_back {
            true => reviewer.revert_and_roll_back(seen, revert.reason).await?,
            false => reviewer.revert(seen, revert.reason).await?,
        }
    };
    context.output.one(&node_of("Action", &action), || {
        format!("{}  {}", inline(&action.action_id), outlook(&action))
    });
    Ok(Exit::Ok)
}

/// What becomes of it, in words.
fn outlook(action: &v1::Action) -> String {
    let reversion = action.reversion.clone().unwrap_or_default();
    let counter = inline(&reversion.compensation_action_id);
    match reversion.state() {
        State::Revoked => "is withdrawn. It has not run, and does not run.".to_owned(),
        State::AwaitingOutcome => {
            "may be running. Once its outcome says that it ran, it is undone.".to_owned()
        }
        State::NothingToUndo => "failed. There is nothing to undo.".to_owned(),
        State::Compensating => format!("ran. Its agent was asked to undo it: {counter}."),
        State::Compensated => format!("is undone by {counter}."),
        State::CompensationFailed => {
            format!("is not undone: {counter} failed. Somebody has to see to it.")
        }
        State::CompensationOverdue => format!("is not undone yet: {counter} is overdue."),
        State::Unspecified => "is taken back.".to_owned(),
    }
}
