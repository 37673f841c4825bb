//! Reading branches, and putting two paths side by side.

use futures::future::try_join_all;

use crate::domain::action::Action;
use crate::domain::branch::{Branch, ORIGINAL, Parting, Path};
use crate::domain::effects::{EffectCounts, happened_since};
use crate::domain::error::{Error, PathError, Resource};
use crate::domain::ids::{ActionId, CheckpointId, RunId};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::engine::effects::{Effect, EffectView, MAX_LOOKED_AT, MAX_SHOWN};
use crate::engine::list::{Listed, Page};
use crate::engine::views::{CheckpointView, missing};
use crate::engine::{Engine, authorize, limits, read_error};
use crate::store::{Direction, keys, records};

/// How many checkpoints are looked at for the newest common one.
const CHECKPOINTS_LOOKED_AT: usize = 1_024;

/// A branch with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct BranchView {
    /// The branch.
    pub branch: Branch,
    /// What the agent is to do otherwise.
    pub instruction: String,
    /// Why; empty for agents.
    pub reason: String,
}

/// What was done on one of two paths since they parted.
#[derive(Clone, Debug, PartialEq)]
pub struct PathView {
    /// The branch at whose end it is.
    pub number: u32,
    /// What was proposed on it, oldest first.
    pub steps: Vec<EffectView>,
    /// How many of them left something behind.
    pub counts: EffectCounts,
    /// Whether there are more than are shown.
    pub is_truncated: bool,
}

/// Two paths side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The newest branch that both go back to.
    pub common_branch: u32,
    /// The newest checkpoint that both go back to.
    pub common_checkpoint: Option<CheckpointView>,
    /// One path.
    pub left: PathView,
    /// The other.
    pub right: PathView,
}

impl Engine {
    /// A branch that another record names.
    pub(super) async fn existing_branch(
        &self,
        tenant: &str,
        run: RunId,
        number: u32,
    ) -> Result<Branch, Error> {
        let found = self.read(&keys::branch(tenant, run, number)).await?;
        found.ok_or_else(|| missing(Resource::Run, &run))
    }

    /// A branch as the caller is shown it.
    pub(in crate::engine) async fn branch_view(
        &self,
        caller: &Principal,
        branch: Branch,
    ) -> Result<BranchView, Error> {
        let mut view = self.branch_for_agents(branch).await?;
        if authorize::overseer(caller).is_ok() {
            view.reason = self.text(view.branch.reason.as_ref()).await?;
        }
        Ok(view)
    }

    /// A branch as its agent is shown it: people's reasons are for people.
    pub(in crate::engine) async fn branch_for_agents(
        &self,
        branch: Branch,
    ) -> Result<BranchView, Error> {
        let instruction = self.text(branch.instruction.as_ref()).await?;
        Ok(BranchView { branch, instruction, reason: String::new() })
    }

    /// Where an agent goes on that waited for an action of a path that its run has left.
    pub(in crate::engine) async fn left_for(
        &self,
        tenant: &str,
        run: &Run,
        action: ActionId,
    ) -> Result<Option<BranchView>, Error> {
        if run.branch == ORIGINAL {
            return Ok(None);
        }
        let action = self.existing_action(tenant, action).await?;
        if action.branch == run.branch || action.compensates.is_some() {
            return Ok(None);
        }
        let branch = self.existing_branch(tenant, run.id, run.branch).await?;
        self.branch_for_agents(branch).await.map(Some)
    }

    /// Returns one branch of a run; number 0 is the newest.
    pub async fn get_branch(
        &self,
        caller: &Principal,
        run: RunId,
        number: u32,
    ) -> Result<BranchView, Error> {
        let run = self.run_record(caller, run).await?;
        let number = if number == ORIGINAL { run.branch } else { number };
        let found = self.read::<Branch>(&keys::branch(&caller.tenant, run.id, number)).await?;
        let branch = found.ok_or_else(|| unknown(&run, number))?;
        self.branch_view(caller, branch).await
    }

    /// Lists the branches of one run, oldest first.
    pub async fn list_branches(
        &self,
        caller: &Principal,
        page: Page,
        run: RunId,
    ) -> Result<Listed<BranchView>, Error> {
        let run = self.run_record(caller, run).await?.id;
        let range = keys::branches(&caller.tenant, run);
        let mut walk = self.walk(range, Direction::Ascending, &page, "branches")?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, value)) = walk.next(self).await? else { break };
            walk.took(&key);
            let branch = records::decode(&value).map_err(read_error)?;
            let view = self.branch_view(caller, branch).await?;
            bytes += view.instruction.len() + view.reason.len();
            items.push(view);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    /// Puts two paths of a run side by side.
    pub async fn compare_branches(
        &self,
        caller: &Principal,
        run: RunId,
        (left, right): (u32, u32),
    ) -> Result<Compared, Error> {
        let run = self.run_record(caller, run).await?;
        if let Some(number) = [left, right].into_iter().find(|number| *number > run.branch) {
            return Err(unknown(&run, number));
        }
        if left == right {
            return Err(Error::field("right", "want another branch than `left`"));
        }
        let tenant = &caller.tenant;
        let one = self.path_of(tenant, run.id, left).await?;
        let other = self.path_of(tenant, run.id, right).await?;
        let parting = one.parting(&other);
        let (actions, has_more) = self.newest_actions(tenant, run.id).await?;
        let left = self.path_view(tenant, left, &one, parting, (&actions, has_more)).await?;
        let right = self.path_view(tenant, right, &other, parting, (&actions, has_more)).await?;
        let common = self.newest_common(tenant, run.id, &one, parting).await?;
        let common_checkpoint = match common {
            Some(id) => {
                let checkpoint = self.existing_checkpoint(tenant, id).await?;
                Some(self.checkpoint_view(caller, checkpoint).await?)
            }
            None => None,
        };
        Ok(Compared { common_branch: parting.branch, common_checkpoint, left, right })
    }

    /// The newest actions of a run, oldest first, and whether there are more.
    async fn newest_actions(&self, tenant: &str, run: RunId) -> Result<(Vec<Action>, bool), Error> {
        let range = keys::run_actions(tenant, run);
        let found = self.0.store.scan(range, Direction::Descending, MAX_LOOKED_AT).await;
        let found = found.map_err(read_error)?;
        let ids = found.rows.iter().rev().filter_map(|(key, _)| keys::listed_action(key));
        let ids: Vec<ActionId> = ids.collect();
        let read = ids.iter().map(|id| self.existing_action(tenant, *id));
        Ok((try_join_all(read).await?, found.has_more))
    }

    async fn path_view(
        &self,
        tenant: &str,
        number: u32,
        path: &Path,
        parting: Parting,
        (actions, has_more): (&[Action], bool),
    ) -> Result<PathView, Error> {
        let policy = self.policy(tenant)?;
        let mut counts = EffectCounts { is_partial: has_more, ..EffectCounts::default() };
        let mut steps = Vec::new();
        let is_step = |it: &&Action| path.is_after(parting, it.branch, it.create_time);
        for action in actions.iter().filter(is_step) {
            let effect = Effect::of(action, &policy.policy, happened_since(action, None));
            if let Some(undoing) = effect.undoing {
                counts.add(undoing, effect.is_certain);
            }
            steps.push(effect);
        }
        let is_truncated = has_more || steps.len() > MAX_SHOWN;
        let steps = self.effect_views(steps.into_iter().take(MAX_SHOWN)).await?;
        Ok(PathView { number, steps, counts, is_truncated })
    }

    /// The newest checkpoint of a path until it parts from another.
    async fn newest_common(
        &self,
        tenant: &str,
        run: RunId,
        path: &Path,
        parting: Parting,
    ) -> Result<Option<CheckpointId>, Error> {
        let range = keys::run_checkpoints(tenant, run);
        let found = self.0.store.scan(range, Direction::Descending, CHECKPOINTS_LOOKED_AT).await;
        for (key, _) in found.map_err(read_error)?.rows {
            let Some(id) = keys::listed_checkpoint(&key) else { continue };
            let checkpoint = self.existing_checkpoint(tenant, id).await?;
            let (branch, time) = (checkpoint.branch, checkpoint.create_time);
            let is_common = branch <= parting.branch && !path.is_after(parting, branch, time);
            if is_common && path.holds(branch, time) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

fn unknown(run: &Run, given: u32) -> Error {
    let (run, current) = (run.id.to_string(), run.branch);
    Error::Path(PathError::BranchUnknown { run, given, current })
}
