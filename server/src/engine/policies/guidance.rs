//! What an agent's model is told of the policy in force.

use crate::domain::error::Error;
use crate::domain::ids::{PolicyRevisionId, RunId};
use crate::domain::policy::Guidance;
use crate::domain::principal::Principal;
use crate::engine::Engine;

impl Engine {
    /// The guidance of the policy in force, for any run or for one that the caller
    /// may see.
    pub async fn guidance(
        &self,
        caller: &Principal,
        run: Option<RunId>,
    ) -> Result<(PolicyRevisionId, Guidance), Error> {
        let bound_by = match run {
            Some(id) => self.run_record(caller, id).await?.constraint_sets,
            None => Vec::new(),
        };
        let revision = self.policy(&caller.tenant)?;
        Ok((revision.id, revision.policy.guidance_for(&bound_by)))
    }
}
