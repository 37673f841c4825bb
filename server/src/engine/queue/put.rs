//! Putting settings: checked, kept for good, in force at once.

use bytes::Bytes;
use uuid::Uuid;

use super::read::SettingsView;
use crate::domain::digest::{Digest, FieldHasher, sha256};
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::QueueSettingsId;
use crate::domain::principal::Principal;
use crate::domain::queue::Settings;
use crate::domain::secrets::refuse_secrets;
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Engine, authorize, validate};
use crate::store::keys;
use crate::store::records::{QueueInForceRecord, QueueSettingsRecord};

/// Puts settings of the queue in force.
#[derive(Clone, Debug, Default)]
pub struct PutQueueSettings {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The document: YAML.
    pub document: String,
    /// The revision that the caller believes to be in force; none: nobody put any yet.
    pub current: Option<QueueSettingsId>,
    /// Why, in the caller's words.
    pub reason: String,
}

struct Put<'a> {
    command: &'a PutQueueSettings,
    digest: Digest,
    name: String,
}

impl Operation for Put<'_> {
    type Output = QueueSettingsRecord;
    const METHOD: &'static str = "PutQueueSettings";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let current = self.command.current.as_ref().map(|id| id.as_bytes().as_slice());
        hasher.field(self.digest.as_bytes()).optional(current);
        hasher.field(self.command.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Self::Output, Vec<Uuid>), Error> {
        let key = keys::queue_current(tx.tenant());
        let before = tx.get::<QueueInForceRecord>(key.clone()).await?.map(|record| record.id);
        if before != self.command.current {
            return Err(changed(tx, before).await?);
        }
        let id = QueueSettingsId::new(tx.next_id());
        let document = tx.bytes(Bytes::copy_from_slice(self.command.document.as_bytes()), None)?;
        let reason = tx.bytes(Bytes::copy_from_slice(self.command.reason.as_bytes()), None)?;
        let record = QueueSettingsRecord {
            id,
            digest: self.digest,
            document,
            name: self.name.clone(),
            create_time: tx.now,
            author: tx.by.name().to_owned(),
            reason,
            replaced: before,
        };
        tx.put(keys::queue_settings(tx.tenant(), id), &record)?;
        tx.put(key, &QueueInForceRecord { id })?;
        let subjects = Subjects { queue_settings: Some(id), ..Subjects::default() };
        tx.event_about(EventKind::QueueSettingsPut, subjects, None, &[document, reason]);
        Ok((record, vec![Uuid::from_bytes(*id.as_bytes())]))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Self::Output, Error> {
        let id = QueueSettingsId::new(result_at(results, 0)?);
        engine.queue_settings_record(tenant, id).await
    }
}

/// The refusal that says which are in force instead, and by whom.
async fn changed(tx: &mut Tx<'_>, current: Option<QueueSettingsId>) -> Result<Error, Error> {
    let Some(id) = current else {
        return Ok(Error::QueueSettingsChanged { current: None, by: None, at: None });
    };
    let record = tx.engine.queue_settings_record(tx.tenant(), id).await?;
    let current = Some(id.to_string());
    let (by, at) = (Some(record.author), Some(record.create_time));
    Ok(Error::QueueSettingsChanged { current, by, at })
}

impl Engine {
    /// Puts settings of the queue, which are in force at once for every question that
    /// opens from then on. What is open keeps those that it was opened under.
    pub async fn put_queue_settings(
        &self,
        caller: &Principal,
        command: PutQueueSettings,
    ) -> Result<Answer<SettingsView>, Error> {
        let by = authorize::admin(caller)?;
        validate::required("document", command.document.as_bytes())?;
        refuse_secrets("document", command.document.as_bytes())?;
        validate::words("reason", &command.reason)?;
        let settings = Settings::parse(&command.document).map_err(|error| {
            Error::QueueSettingsInvalid { place: error.place, problem: error.problem }
        })?;
        let digest = sha256(command.document.as_bytes());
        let put = Put { command: &command, digest, name: settings.name.unwrap_or_default() };
        let answer = self.transact(&by, &command.request_id, &put).await?;
        let view = self.settings_view(by.tenant(), answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
