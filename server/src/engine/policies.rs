//! The policy in force, and the revisions that judged before it.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use uuid::Uuid;

use super::operation::{Operation, Tx, result_at};
use super::{Authorized, DEFAULT_TENANT, Engine, read_error};
use crate::domain::digest::{Digest, FieldHasher, sha256};
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::PolicyRevisionId;
use crate::domain::policy::{Policy, PolicyError};
use crate::store::records::{self, PolicyRecord};
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

/// Why a policy could not be put in force.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// The document is wrong.
    #[error(transparent)]
    Document(#[from] PolicyError),
    /// The store refused it.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// The compiled revisions.
#[derive(Default)]
pub(super) struct Policies(RwLock<Compiled>);

#[derive(Default)]
struct Compiled {
    /// The newest in force last.
    revisions: Vec<Arc<Revision>>,
    /// The version of the record that put the last one in force.
    version: Option<Version>,
}

impl Policies {
    /// Keeps a revision that is compiled.
    fn keep(&self, revision: Arc<Revision>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let place = all.revisions.len().saturating_sub(1);
        all.put(place, revision);
    }

    /// Puts a revision in force, unless a later record has put another.
    fn enforce(&self, revision: Arc<Revision>, version: Version) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.version.is_none_or(|known| known <= version) {
            let place = all.revisions.len();
            all.put(place, revision);
            all.version = Some(version);
        }
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

struct Activate<'a> {
    document: &'a str,
    digest: Digest,
}

impl Operation for Activate<'_> {
    type Output = PolicyRevisionId;
    const METHOD: &'static str = "ActivatePolicy";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.digest.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(PolicyRevisionId, Vec<Uuid>), Error> {
        let current = keys::policy_current(tx.tenant());
        if let Some(record) = tx.get::<PolicyRecord>(current.clone()).await?
            && record.digest == self.digest
        {
            return Ok((record.id, Vec::new()));
        }
        let id = PolicyRevisionId::new(tx.next_id());
        let document = tx.bytes(Bytes::copy_from_slice(self.document.as_bytes()), None)?;
        let record = PolicyRecord { id, digest: self.digest, document, create_time: tx.now };
        tx.put(keys::policy(tx.tenant(), id), &record)?;
        tx.put(current, &record)?;
        tx.event_about(EventKind::PolicyActivated, Subjects::default(), None, &[document]);
        Ok((id, Vec::new()))
    }

    async fn replay(
        &self,
        _: &Engine,
        _: &str,
        results: &[Uuid],
    ) -> Result<PolicyRevisionId, Error> {
        result_at(results, 0).map(PolicyRevisionId::new)
    }
}

fn no_policy() -> Error {
    Error::Internal { cause: "no policy is in force".to_owned() }
}

impl Tx<'_> {
    /// The policy in force; the commit fails if another is by then, whichever
    /// server has put it there.
    pub(super) async fn policy(&mut self) -> Result<Arc<Revision>, Error> {
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
    /// Puts a policy document in force; the same document stays one revision, and
    /// writes nothing, so that a start needs no room for it on a full disk.
    pub async fn activate_policy(&self, document: &str) -> Result<PolicyRevisionId, ActivateError> {
        Policy::parse(document)?;
        let digest = sha256(document.as_bytes());
        let current = keys::policy_current(DEFAULT_TENANT);
        let stored = self.read::<PolicyRecord>(&current).await?;
        if stored.is_none_or(|record| record.digest != digest) {
            let by = Authorized::system(DEFAULT_TENANT, "policy");
            self.transact(&by, "", &Activate { document, digest }).await?;
        }
        let restored = self.restore_policy().await?;
        Ok(restored.ok_or_else(no_policy)?)
    }

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
        let record: PolicyRecord = records::decode(record).map_err(read_error)?;
        let revision = self.policy_of(tenant, record.id).await?;
        self.0.policies.enforce(Arc::clone(&revision), version);
        Ok(revision)
    }

    /// The policy in force, as far as this server has heard. What is decided by it
    /// for good reads it with [`Tx::policy`].
    pub(super) fn policy(&self) -> Result<Arc<Revision>, Error> {
        self.0.policies.current().ok_or_else(no_policy)
    }

    /// The id of the policy in force.
    pub fn policy_revision(&self) -> Option<PolicyRevisionId> {
        self.0.policies.current().map(|revision| revision.id)
    }

    /// The revision that judged, compiled again if it has to be.
    pub(super) async fn policy_of(
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
        let policy = Policy::parse(text).map_err(|error| damaged(error.to_string()))?;
        let revision = Arc::new(Revision { id, policy });
        self.0.policies.keep(Arc::clone(&revision));
        Ok(revision)
    }
}
