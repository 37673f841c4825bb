//! Listing runs: all, those of one tree, those of one agent.

use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::principal::Principal;
use crate::domain::run::{Run, RunState};
use crate::engine::list::{Listed, Page};
use crate::engine::views::RunView;
use crate::engine::{Engine, authorize, limits, read_error, validate};
use crate::store::{Direction, keys, records};

/// Which runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only in this state, as it is shown.
    pub state: Option<RunState>,
    /// Only those that this run delegated to by itself.
    pub parent: Option<RunId>,
    /// Only those below this run, of whichever generation.
    pub tree: Option<RunId>,
    /// Only of this agent; empty: of any.
    pub agent: String,
    /// Only those that act for this person or system; empty: for anybody.
    pub on_behalf_of: String,
}

impl RunFilter {
    /// Refuses names that no run can have.
    pub(in crate::engine) fn check(&self) -> Result<(), Error> {
        validate::length("agent", self.agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)?;
        let on_behalf_of = self.on_behalf_of.as_bytes();
        validate::length("on_behalf_of", on_behalf_of, limits::MAX_ON_BEHALF_OF_BYTES)
    }

    /// Whether a run is one of them, whatever its state.
    pub(in crate::engine) fn holds(&self, run: &Run) -> bool {
        (self.agent.is_empty() || self.agent == run.agent)
            && (self.on_behalf_of.is_empty()
                || run.on_behalf_of.as_ref() == Some(&self.on_behalf_of))
            && self.parent.is_none_or(|parent| run.parent == Some(parent))
            && self.tree.is_none_or(|tree| run.above().contains(&tree))
    }
}

impl Engine {
    /// Lists runs, newest first: all of the tenant for reviewers and admins, its own for
    /// an agent.
    pub async fn list_runs(
        &self,
        caller: &Principal,
        page: Page,
        filter: &RunFilter,
    ) -> Result<Listed<RunView>, Error> {
        filter.check()?;
        let tenant = &caller.tenant;
        let mut range = keys::runs(tenant);
        for top in [filter.tree, filter.parent].into_iter().flatten() {
            self.run_record(caller, top).await?;
            range = keys::runs_below(tenant, top);
        }
        let is_by_tree = filter.tree.is_some() || filter.parent.is_some();
        let tag = format!("runs {filter:?} {}", caller.name);
        let mut walk = self.walk(range, Direction::Descending, &page, &tag)?;
        let mut items = Vec::new();
        while items.len() < walk.size {
            let Some((key, value)) = walk.next(self).await? else { break };
            let run: Run = match keys::listed_run(&key) {
                Some(id) if is_by_tree => self.existing_run(tenant, id).await?,
                _ => records::decode(&value).map_err(read_error)?,
            };
            if !authorize::may_see(caller, &run.agent) || !filter.holds(&run) {
                continue;
            }
            let (state, held_by) = self.shown_state(tenant, &run).await?;
            if filter.state.is_none_or(|wanted| wanted == state) {
                let goal = self.text(run.goal.as_ref()).await?;
                items.push(RunView { run, state, held_by, goal });
                walk.took(&key);
            }
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }
}
