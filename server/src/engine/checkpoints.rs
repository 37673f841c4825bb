//! Reading checkpoints.

use super::views::CheckpointView;
use super::{Engine, authorize};
use crate::domain::checkpoint::{Checkpoint, CheckpointContent};
use crate::domain::error::{Error, Resource};
use crate::domain::ids::CheckpointId;
use crate::domain::principal::Principal;
use crate::store::keys;

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
            .ok_or_else(|| Error::NotFound {
                resource: Resource::Checkpoint,
                id: id.to_string(),
            })?;
        let mut content = self.payload::<CheckpointContent>(&checkpoint.content).await?;
        if checkpoint.agent != caller.name {
            content.state.clear();
        }
        Ok(CheckpointView { checkpoint, content })
    }
}
