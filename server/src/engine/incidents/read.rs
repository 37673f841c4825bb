//! What callers are shown of incidents.

use super::not_found;
use crate::domain::error::Error;
use crate::domain::ids::IncidentId;
use crate::domain::incident::{Incident, IncidentState};
use crate::domain::principal::Principal;
use crate::engine::list::{Listed, Page};
use crate::engine::{Engine, authorize, limits, validate};
use crate::store::{Direction, keys};

/// Which incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<IncidentState>,
    /// Only about actions of this agent; empty: every agent.
    pub agent: String,
    /// Only about what this rule decided; empty: any.
    pub rule: String,
}

/// An incident with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentView {
    /// The incident.
    pub incident: Incident,
    /// Why it was opened.
    pub reason: String,
    /// What was done about it.
    pub resolution: String,
}

impl Filter {
    fn check(&self) -> Result<(), Error> {
        validate::length("agent", self.agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)?;
        validate::length("rule_id", self.rule.as_bytes(), limits::MAX_TOOL_BYTES)
    }

    fn shows(&self, incident: &Incident) -> bool {
        self.state.is_none_or(|state| state == incident.state)
            && (self.agent.is_empty() || self.agent == incident.agent)
            && (self.rule.is_empty() || incident.rule.as_ref() == Some(&self.rule))
    }
}

impl Engine {
    /// Returns one incident.
    pub async fn get_incident(
        &self,
        caller: &Principal,
        id: IncidentId,
    ) -> Result<IncidentView, Error> {
        authorize::overseer(caller)?;
        let found = self.read(&keys::incident(&caller.tenant, id)).await?;
        self.incident_view(found.ok_or_else(|| not_found(id))?).await
    }

    /// Lists incidents, the newest first; of one state, or of all.
    pub async fn list_incidents(
        &self,
        caller: &Principal,
        page: Page,
        filter: &Filter,
    ) -> Result<Listed<IncidentView>, Error> {
        authorize::overseer(caller)?;
        filter.check()?;
        let tenant = &caller.tenant;
        let range = match filter.state {
            Some(state) => keys::incidents_in(tenant, state),
            None => keys::incidents(tenant),
        };
        let tag = format!("incidents {filter:?}");
        let mut walk = self.walk(range, Direction::Descending, &page, &tag)?;
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, _)) = walk.next(self).await? else { break };
            let Some(id) = keys::listed_incident(&key) else { continue };
            let incident = self.existing_incident(tenant, id).await?;
            if filter.shows(&incident) {
                let view = self.incident_view(incident).await?;
                bytes += view.reason.len() + view.resolution.len();
                items.push(view);
                walk.took(&key);
            }
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    pub(super) async fn incident_view(&self, incident: Incident) -> Result<IncidentView, Error> {
        let reason = self.text(incident.reason.as_ref()).await?;
        let resolution = self.text(incident.resolution.as_ref()).await?;
        Ok(IncidentView { incident, reason, resolution })
    }
}
