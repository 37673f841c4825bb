//! Saving checkpoints with what they belong to, and reading them.

use super::operation::Tx;
use super::views::CheckpointView;
use super::{Engine, authorize, read_error};
use crate::domain::action::Action;
use crate::domain::checkpoint::{Checkpoint, CheckpointContent};
use crate::domain::error::{Error, PathError, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{CheckpointId, RunId};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::store::{Direction, keys};

/// Saves the agent's state with an action, behind the newest one of its run.
pub(super) async fn save(
    tx: &mut Tx<'_>,
    run: &Run,
    action: Option<&Action>,
    content: &CheckpointContent,
) -> Result<CheckpointId, Error> {
    let tenant = tx.tenant();
    let id = CheckpointId::new(tx.next_id());
    let range = keys::run_checkpoints(tenant, run.id);
    let store = &tx.engine.0.store;
    let newest = store.scan(range, Direction::Descending, 1).await.map_err(read_error)?;
    let parent = newest.rows.first().and_then(|(key, _)| keys::listed_checkpoint(key));
    let checkpoint = Checkpoint {
        id,
        run: run.id,
        agent: run.agent.clone(),
        branch: run.branch,
        parent,
        action: action.map(|action| action.id),
        content: tx.payload(content, Some(run.id))?,
        create_time: tx.now,
    };
    tx.put(keys::checkpoint(tenant, id), &checkpoint)?;
    tx.mark(keys::run_checkpoint(tenant, run.id, id));
    let subjects = Subjects {
        run: Some(run.id),
        action: checkpoint.action,
        checkpoint: Some(id),
        ..Subjects::default()
    };
    tx.event_about(EventKind::CheckpointSaved, subjects, None, &[checkpoint.content]);
    Ok(id)
}

/// A checkpoint of the run; another run's is refused.
pub(super) async fn of_run(
    tx: &mut Tx<'_>,
    run: RunId,
    id: CheckpointId,
) -> Result<Checkpoint, Error> {
    let found = tx.get::<Checkpoint>(keys::checkpoint(tx.tenant(), id)).await?;
    let checkpoint = found.ok_or_else(|| Error::not_found(Resource::Checkpoint, id))?;
    if checkpoint.run != run {
        let (checkpoint, run) = (id.to_string(), run.to_string());
        return Err(Error::Path(PathError::CheckpointForeign { checkpoint, run }));
    }
    Ok(checkpoint)
}

impl Engine {
    /// Returns one checkpoint: with its state to the agent of its run, without
    /// it to reviewers and admins.
    pub async fn get_checkpoint(
        &self,
        caller: &Principal,
        id: CheckpointId,
    ) -> Result<CheckpointView, Error> {
        let checkpoint = self
            .read::<Checkpoint>(&keys::checkpoint(&caller.tenant, id))
            .await?
            .filter(|checkpoint| authorize::may_see(caller, &checkpoint.agent))
            .ok_or_else(|| Error::not_found(Resource::Checkpoint, id))?;
        let mut content = self.payload::<CheckpointContent>(&checkpoint.content).await?;
        if checkpoint.agent != caller.name {
            content.state.clear();
        }
        Ok(CheckpointView { checkpoint, content })
    }
}
