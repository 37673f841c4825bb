//! What callers are shown of drills.

use crate::domain::drill::{Drill, DrillContent, DrillResults, Practice};
use crate::domain::error::Error;
use crate::domain::principal::{Principal, Role};
use crate::engine::list::{Listed, Page};
use crate::engine::{Engine, authorize, limits, read_error};
use crate::store::records::decode;
use crate::store::{Direction, MAX_SCAN, keys};

/// A drill with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillView {
    /// The drill.
    pub drill: Drill,
    /// What it shows, and what is wrong with it.
    pub content: DrillContent,
}

impl DrillView {
    fn size(&self) -> usize {
        let DrillContent { target, arguments, reasoning, goal, why, .. } = &self.content;
        target.len() + arguments.len() + reasoning.len() + goal.len() + why.len()
    }
}

impl Engine {
    /// Lists drills with what is wrong with them, the newest first.
    pub async fn list_drills(
        &self,
        caller: &Principal,
        page: Page,
    ) -> Result<Listed<DrillView>, Error> {
        authorize::supervisor(caller)?;
        let range = keys::drills(&caller.tenant);
        let mut walk = self.walk(range, Direction::Descending, &page, "drills")?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, value)) = walk.next(self).await? else { break };
            let view = self.drill_view(decode(&value).map_err(read_error)?).await?;
            bytes += view.size();
            items.push(view);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    /// Counts what came of drills, as far as the caller may see it.
    pub async fn drill_stats(&self, caller: &Principal) -> Result<DrillResults, Error> {
        authorize::overseer(caller)?;
        let tenant = &caller.tenant;
        let people = self.people(tenant).await?;
        let mut all: Vec<Practice> = Vec::new();
        let mut range = keys::practices(tenant);
        loop {
            let store = &self.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for (_, row) in &found.rows {
                all.push(decode(&row.value).map_err(read_error)?);
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => break,
            }
        }
        let leads = caller.has(Role::Supervisor) || caller.has(Role::Admin);
        Ok(DrillResults::for_person(people.person_of(&caller.name), leads, &all))
    }

    pub(in crate::engine) async fn drill_view(&self, drill: Drill) -> Result<DrillView, Error> {
        let content = self.payload(&drill.content).await?;
        Ok(DrillView { drill, content })
    }
}
