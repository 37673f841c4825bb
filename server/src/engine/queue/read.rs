//! Reading settings of the queue, and the history of what was in force.

use crate::domain::error::{Error, Resource};
use crate::domain::ids::QueueSettingsId;
use crate::domain::principal::Principal;
use crate::engine::list::{Listed, Page};
use crate::engine::{Engine, authorize, limits, read_error};
use crate::store::records::{QueueInForceRecord, QueueSettingsRecord, decode};
use crate::store::{Direction, keys};

/// Settings of the queue with what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsView {
    /// The revision.
    pub record: QueueSettingsRecord,
    /// Why it was put.
    pub reason: String,
    /// Whether it is in force.
    pub is_in_force: bool,
}

impl Engine {
    /// Returns a revision with its document; without an id the one in force, which may
    /// be none.
    pub async fn get_queue_settings(
        &self,
        caller: &Principal,
        id: Option<QueueSettingsId>,
    ) -> Result<Option<(SettingsView, String)>, Error> {
        authorize::overseer(caller)?;
        let tenant = &caller.tenant;
        let id = match id {
            Some(id) => id,
            None => match self.queue_current(tenant).await? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let record = self.queue_settings_record(tenant, id).await?;
        let document = self.text(Some(&record.document)).await?;
        Ok(Some((self.settings_view(tenant, record).await?, document)))
    }

    /// Lists revisions, newest first, without their documents.
    pub async fn list_queue_settings(
        &self,
        caller: &Principal,
        page: Page,
    ) -> Result<Listed<SettingsView>, Error> {
        authorize::overseer(caller)?;
        let range = keys::all_queue_settings(&caller.tenant);
        let mut walk = self.walk(range, Direction::Descending, &page, "queue settings")?;
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, value)) = walk.next(self).await? else { break };
            let record = decode(&value).map_err(read_error)?;
            let view = self.settings_view(&caller.tenant, record).await?;
            bytes += view.reason.len();
            items.push(view);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    pub(super) async fn settings_view(
        &self,
        tenant: &str,
        record: QueueSettingsRecord,
    ) -> Result<SettingsView, Error> {
        let is_in_force = self.queue_current(tenant).await? == Some(record.id);
        let reason = self.text(Some(&record.reason)).await?;
        Ok(SettingsView { record, reason, is_in_force })
    }

    async fn queue_current(&self, tenant: &str) -> Result<Option<QueueSettingsId>, Error> {
        let found = self.read::<QueueInForceRecord>(&keys::queue_current(tenant)).await?;
        Ok(found.map(|record| record.id))
    }

    pub(super) async fn queue_settings_record(
        &self,
        tenant: &str,
        id: QueueSettingsId,
    ) -> Result<QueueSettingsRecord, Error> {
        let found = self.read(&keys::queue_settings(tenant, id)).await?;
        let resource = Resource::QueueSettings;
        found.ok_or_else(|| Error::not_found(resource, id))
    }
}
