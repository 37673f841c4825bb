//! Agents that try another way.

use uuid::Uuid;

use super::{BranchView, NewBranch, number_of, require_current, start};
use crate::domain::branch::{Branch, BranchCause};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::ids::{CheckpointId, RunId};
use crate::domain::overrides::Doing;
use crate::domain::principal::Principal;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::runs::own;
use crate::engine::{Engine, authorize, validate};

/// Puts the calling agent's own run on a new branch.
#[derive(Clone, Debug)]
pub struct BranchRun {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The run.
    pub run: RunId,
    /// The branch that the caller is on.
    pub branch: u32,
    /// The checkpoint to go on from.
    pub checkpoint: CheckpointId,
    /// Why; may be empty.
    pub reason: String,
}

struct Branching<'a>(&'a BranchRun);

impl Operation for Branching<'_> {
    type Output = Branch;
    const METHOD: &'static str = "BranchRun";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.0;
        hasher
            .field(it.run.as_bytes())
            .field(&it.branch.to_be_bytes())
            .field(it.checkpoint.as_bytes())
            .field(it.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Branch, Vec<Uuid>), Error> {
        let mut run = own(tx, self.0.run).await?;
        tx.require_free(&run, Doing::Propose).await?;
        require_current(tx, &run, self.0.branch).await?;
        let request = NewBranch {
            checkpoint: Some(self.0.checkpoint),
            reason: tx.said(&self.0.reason)?,
            // Who changes the path itself has been told.
            is_acknowledged: true,
            ..NewBranch::because(BranchCause::Agent)
        };
        let branch = start(tx, &mut run, request).await?;
        let results = vec![Uuid::from_u128(branch.number.into())];
        Ok((branch, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Branch, Error> {
        engine.existing_branch(tenant, self.0.run, number_of(results, 0)?).await
    }
}

impl Engine {
    /// Puts the calling agent's own run on a new branch, from one of its checkpoints.
    pub async fn branch_run(
        &self,
        caller: &Principal,
        command: BranchRun,
    ) -> Result<Answer<BranchView>, Error> {
        let by = authorize::agent(caller)?;
        validate::note("reason", &command.reason)?;
        let answer = self.transact(&by, &command.request_id, &Branching(&command)).await?;
        let view = self.branch_view(caller, answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
