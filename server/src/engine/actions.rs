//! Listing the actions of a run.

use super::list::{Listed, Page};
use super::views::ActionView;
use super::{Engine, limits, read_error};
use crate::domain::error::{Error, Resource};
use crate::domain::ids::RunId;
use crate::domain::principal::Principal;
use crate::store::{Direction, keys};

impl Engine {
    /// Lists the actions of one run, oldest first.
    pub async fn list_actions(
        &self,
        caller: &Principal,
        run: RunId,
        page: Page,
    ) -> Result<Listed<ActionView>, Error> {
        self.run_record(caller, run).await?;
        let range = keys::run_actions(&caller.tenant, run);
        let mut walk = self.walk(range, Direction::Ascending, &page, "actions")?;
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, _)) = walk.next(self).await? else { break };
            let id = keys::listed_action(&key).ok_or_else(|| {
                read_error(crate::store::ReadError::Damaged {
                    what: "a run's list of actions".to_owned(),
                })
            })?;
            let action = self.existing_action(&caller.tenant, id).await?;
            let view = self.action_view(action).await?;
            bytes += view.size();
            items.push(view);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }
}

/// The refusal for an action that is not there, or another agent's.
pub(super) fn not_found(id: impl ToString) -> Error {
    Error::not_found(Resource::Action, id)
}
