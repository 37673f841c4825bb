//! Reading revisions and the history of what was in force.

use super::activate::ActivationView;
use super::not_found;
use crate::domain::activation::Activation;
use crate::domain::error::{Error, Resource};
use crate::domain::ids::PolicyRevisionId;
use crate::domain::principal::Principal;
use crate::engine::list::{Listed, Page};
use crate::engine::{Engine, authorize, limits, read_error, views};
use crate::store::records::{PolicyInForceRecord, PolicyRecord, decode};
use crate::store::{Direction, keys};

/// Where a revision is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionState {
    /// It was put and never in force.
    Put,
    /// It waits for a second person.
    Pending,
    /// It decides.
    InForce,
    /// It judges beside the one in force, without effect.
    Shadow,
    /// It was in force.
    Former,
}

/// A revision with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionView {
    /// The revision.
    pub record: PolicyRecord,
    /// Where it is in its life.
    pub state: RevisionState,
    /// What the author said of it.
    pub note: String,
}

/// What is in force and what waits, to tell the states of revisions.
struct Standing {
    in_force: Option<PolicyRevisionId>,
    pending: Option<PolicyRevisionId>,
    shadow: Option<PolicyRevisionId>,
}

impl Standing {
    fn state_of(&self, record: &PolicyRecord) -> RevisionState {
        if self.in_force == Some(record.id) {
            RevisionState::InForce
        } else if self.pending == Some(record.id) {
            RevisionState::Pending
        } else if self.shadow == Some(record.id) {
            RevisionState::Shadow
        } else if record.activate_time.is_some() {
            RevisionState::Former
        } else {
            RevisionState::Put
        }
    }
}

impl Engine {
    /// Returns a revision with its document; without an id the one in force.
    pub async fn get_policy(
        &self,
        caller: &Principal,
        id: Option<PolicyRevisionId>,
    ) -> Result<(RevisionView, String), Error> {
        authorize::overseer(caller)?;
        let tenant = &caller.tenant;
        let id = match id {
            Some(id) => id,
            None => self.in_force(tenant).await?.ok_or_else(super::no_policy)?.id,
        };
        let record = self.read::<PolicyRecord>(&keys::policy(tenant, id)).await?;
        let record = record.ok_or_else(|| not_found(id))?;
        let document = self.text(Some(&record.document)).await?;
        Ok((self.revision_view(tenant, record).await?, document))
    }

    /// Lists revisions, newest first, without their documents.
    pub async fn list_policies(
        &self,
        caller: &Principal,
        page: Page,
    ) -> Result<Listed<RevisionView>, Error> {
        authorize::overseer(caller)?;
        let range = keys::policies(&caller.tenant);
        let mut walk = self.walk(range, Direction::Descending, &page, "policies")?;
        let standing = self.standing(&caller.tenant).await?;
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, value)) = walk.next(self).await? else { break };
            let record = decode(&value).map_err(read_error)?;
            let view = self.viewed(&standing, record).await?;
            bytes += view.note.len();
            items.push(view);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    /// Lists what was put in force, or asked to be, newest first.
    pub async fn list_policy_activations(
        &self,
        caller: &Principal,
        page: Page,
    ) -> Result<Listed<ActivationView>, Error> {
        authorize::overseer(caller)?;
        let range = keys::policy_activations(&caller.tenant);
        let mut walk = self.walk(range, Direction::Descending, &page, "policy activations")?;
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, value)) = walk.next(self).await? else { break };
            let activation: Activation = decode(&value).map_err(read_error)?;
            let view = self.activation_view(activation).await?;
            bytes += view.reason.len();
            items.push(view);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    pub(super) async fn revision_view(
        &self,
        tenant: &str,
        record: PolicyRecord,
    ) -> Result<RevisionView, Error> {
        let standing = self.standing(tenant).await?;
        self.viewed(&standing, record).await
    }

    async fn viewed(
        &self,
        standing: &Standing,
        record: PolicyRecord,
    ) -> Result<RevisionView, Error> {
        let note = self.text(record.note.as_ref()).await?;
        Ok(RevisionView { state: standing.state_of(&record), record, note })
    }

    async fn standing(&self, tenant: &str) -> Result<Standing, Error> {
        let Some(in_force) = self.in_force(tenant).await? else {
            return Ok(Standing { in_force: None, pending: None, shadow: None });
        };
        let pending = match in_force.pending {
            Some(id) => Some(self.existing_activation(tenant, id).await?),
            None => None,
        };
        let now = self.now();
        let pending = pending.filter(|activation| activation.is_pending(now));
        Ok(Standing {
            in_force: Some(in_force.id),
            pending: pending.map(|activation| activation.revision),
            shadow: in_force.shadow.map(|shadow| shadow.revision),
        })
    }

    pub(super) async fn in_force(
        &self,
        tenant: &str,
    ) -> Result<Option<PolicyInForceRecord>, Error> {
        self.read(&keys::policy_current(tenant)).await
    }

    /// A revision that another record names.
    pub(super) async fn revision_record(
        &self,
        tenant: &str,
        id: PolicyRevisionId,
    ) -> Result<PolicyRecord, Error> {
        let found = self.read(&keys::policy(tenant, id)).await?;
        found.ok_or_else(|| views::missing(Resource::Policy, &id))
    }
}
