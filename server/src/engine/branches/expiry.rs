//! Where a run goes when nobody has answered and the policy says to go back.

use super::{NewBranch, start};
use crate::domain::action::Action;
use crate::domain::branch::BranchCause;
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::event::EventKind;
use crate::domain::ids::CheckpointId;
use crate::domain::policy::OnExpiry;
use crate::domain::run::{Run, RunState};
use crate::engine::operation::Tx;
use crate::engine::{checkpoints, closing};
use crate::store::keys;

/// The way back that an expired question takes.
pub(in crate::engine) struct WayBack {
    run: Run,
    checkpoint: CheckpointId,
}

/// Finds the way back where the policy says to roll back. Without one the question
/// expires as if it said to cancel, with an event that says so: nothing runs in any case.
pub(in crate::engine) async fn way_back(
    tx: &mut Tx<'_>,
    question: &mut Escalation,
) -> Result<Option<WayBack>, Error> {
    if question.on_expiry != OnExpiry::Rollback {
        return Ok(None);
    }
    let Some(run) = abandoned_by(tx, question).await? else { return Ok(None) };
    let good = checkpoints::newest_good(tx, &run, None).await?;
    if let Some(checkpoint) = good.map(|good| good.id) {
        return Ok(Some(WayBack { run, checkpoint }));
    }
    question.on_expiry = OnExpiry::Cancel;
    tx.event(EventKind::RunNotRolledBack, closing::subjects(question));
    Ok(None)
}

/// The run of a question, if it still is on the path on which it was asked.
async fn abandoned_by(tx: &mut Tx<'_>, question: &Escalation) -> Result<Option<Run>, Error> {
    let run = tx.get::<Run>(keys::run(tx.tenant(), question.run)).await?;
    let Some(run) = run.filter(|run| run.state == RunState::Running) else { return Ok(None) };
    let Some(action) = question.action else { return Ok(None) };
    let action = tx.get::<Action>(keys::action(tx.tenant(), action)).await?;
    Ok(action.is_some_and(|action| action.branch == run.branch).then_some(run))
}

impl WayBack {
    /// Takes the run back, once the question is closed and its action withdrawn.
    pub(in crate::engine) async fn go(
        mut self,
        tx: &mut Tx<'_>,
        question: &Escalation,
    ) -> Result<(), Error> {
        let request = NewBranch {
            checkpoint: Some(self.checkpoint),
            escalation: Some(question.id),
            ..NewBranch::because(BranchCause::Expiry)
        };
        start(tx, &mut self.run, request).await.map(|_| ())
    }
}
