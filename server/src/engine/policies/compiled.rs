//! The compiled revisions: the one in force, and those that judged before it.

use std::sync::{Arc, PoisonError, RwLock};

use super::no_policy;
use crate::domain::error::Error;
use crate::domain::ids::PolicyRevisionId;
use crate::domain::policy::Policy;
use crate::engine::operation::Tx;
use crate::engine::{DEFAULT_TENANT, Engine, read_error};
use crate::store::records::{self, PolicyInForceRecord, PolicyRecord};
use crate::store::{Version, Versioned, keys};

/// How many former revisions stay compiled.
const COMPILED_REVISIONS: usize = 16;

/// A compiled policy under its revision.
#[derive(Debug)]
pub struct Revision {
    /// The revision's id.
    pub id: PolicyRevisionId,
    /// The policy.
    pub policy: Policy,
}

/// The compiled revisions.
#[derive(Default)]
pub(in crate::engine) struct Policies(RwLock<Compiled>);

#[derive(Default)]
struct Compiled {
    /// The newest in force last.
    revisions: Vec<Arc<Revision>>,
    /// The version of the record that put the last one in force.
    version: Option<Version>,
    /// What judges beside it.
    shadow: Option<Arc<Revision>>,
}

impl Policies {
    /// Keeps a revision that is compiled.
    fn keep(&self, revision: Arc<Revision>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let place = all.revisions.len().saturating_sub(1);
        all.put(place, revision);
    }

    /// Puts a revision in force, unless a later record has put another.
    fn enforce(&self, revision: Arc<Revision>, shadow: Option<Arc<Revision>>, version: Version) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.version.is_none_or(|known| known <= version) {
            let place = all.revisions.len();
            all.put(place, revision);
            all.version = Some(version);
            all.shadow = shadow;
        }
    }

    /// What judges beside the one in force.
    pub(super) fn shadow(&self) -> Option<Arc<Revision>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).shadow.clone()
    }

    fn current(&self) -> Option<Arc<Revision>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).revisions.last().cloned()
    }

    /// The one in force, if this record has put it there.
    fn current_at(&self, version: Version) -> Option<Arc<Revision>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.revisions.last().filter(|_| all.version == Some(version)).cloned()
    }

    fn find(&self, id: PolicyRevisionId) -> Option<Arc<Revision>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.revisions.iter().find(|revision| revision.id == id).cloned()
    }
}

impl Compiled {
    fn put(&mut self, place: usize, revision: Arc<Revision>) {
        let before = self.revisions.iter().take(place).filter(|it| it.id == revision.id).count();
        self.revisions.retain(|known| known.id != revision.id);
        self.revisions.insert(place.saturating_sub(before).min(self.revisions.len()), revision);
        if self.revisions.len() > COMPILED_REVISIONS {
            self.revisions.remove(0);
        }
    }
}

impl Tx<'_> {
    /// The policy in force; the commit fails if another is by then, whichever
    /// server has put it there.
    pub(in crate::engine) async fn policy(&mut self) -> Result<Arc<Revision>, Error> {
        let key = keys::policy_current(self.tenant());
        let found = self.look(key).await?;
        let Versioned { value, version } = found.ok_or_else(no_policy)?;
        match self.engine.0.policies.current_at(version) {
            Some(revision) => Ok(revision),
            None => self.engine.enforce(self.tenant(), &value, version).await,
        }
    }
}

impl Engine {
    /// Puts the stored policy in force, if there is one: at the start, and when any
    /// server has put another in force.
    pub async fn restore_policy(&self) -> Result<Option<PolicyRevisionId>, Error> {
        let key = keys::policy_current(DEFAULT_TENANT);
        let found = self.0.store.read(&key).await.map_err(read_error)?;
        let Some(Versioned { value, version }) = found else { return Ok(None) };
        self.enforce(DEFAULT_TENANT, &value, version).await.map(|revision| Some(revision.id))
    }

    async fn enforce(
        &self,
        tenant: &str,
        record: &[u8],
        version: Version,
    ) -> Result<Arc<Revision>, Error> {
        let record: PolicyInForceRecord = records::decode(record).map_err(read_error)?;
        let revision = self.policy_of(tenant, record.id).await?;
        let shadow = match record.shadow {
            Some(shadow) => self.shadow_of(tenant, shadow.revision).await,
            None => None,
        };
        self.0.policies.enforce(Arc::clone(&revision), shadow, version);
        Ok(revision)
    }

    /// A revision that judges without effect: what is wrong with it stops nothing.
    async fn shadow_of(&self, tenant: &str, id: PolicyRevisionId) -> Option<Arc<Revision>> {
        let found = self.policy_of(tenant, id).await;
        found.inspect_err(|error| tracing::error!(revision = %id, %error, "the shadow policy cannot be read and judges nothing")).ok()
    }

    /// A tenant's policy in force, as far as this server has heard: it knows that of the
    /// tenant that it serves. What is decided by it for good reads it with [`Tx::policy`].
    pub(in crate::engine) fn policy(&self, tenant: &str) -> Result<Arc<Revision>, Error> {
        let current = self.0.policies.current().filter(|_| tenant == DEFAULT_TENANT);
        current.ok_or_else(no_policy)
    }

    /// The id of the policy in force.
    pub fn policy_revision(&self) -> Option<PolicyRevisionId> {
        self.0.policies.current().map(|revision| revision.id)
    }

    /// The revision that judged, compiled again if it has to be.
    pub(in crate::engine) async fn policy_of(
        &self,
        tenant: &str,
        id: PolicyRevisionId,
    ) -> Result<Arc<Revision>, Error> {
        if let Some(revision) = self.0.policies.find(id) {
            return Ok(revision);
        }
        let damaged = |cause: String| Error::DataDamaged { cause };
        let record = self
            .read::<PolicyRecord>(&keys::policy(tenant, id))
            .await?
            .ok_or_else(|| damaged(format!("policy revision {id} is named but missing")))?;
        let bytes = self.0.store.payload(&record.document).await.map_err(read_error)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| damaged(error.to_string()))?;
        let policy = Policy::recorded(text).map_err(|error| damaged(error.to_string()))?;
        let revision = Arc::new(Revision { id, policy });
        self.0.policies.keep(Arc::clone(&revision));
        Ok(revision)
    }
}
