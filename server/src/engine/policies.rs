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
use crate::store::keys;
use crate::store::records::PolicyRecord;

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

/// The compiled revisions, newest in force last.
#[derive(Default)]
pub(super) struct Policies(RwLock<Vec<Arc<Revision>>>);

impl Policies {
    fn push(&self, revision: Arc<Revision>, is_current: bool) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.id != revision.id);
        let place = if is_current { all.len() } else { all.len().saturating_sub(1) };
        all.insert(place, revision);
        if all.len() > COMPILED_REVISIONS {
            all.remove(0);
        }
    }

    fn current(&self) -> Option<Arc<Revision>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    fn find(&self, id: PolicyRevisionId) -> Option<Arc<Revision>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|revision| revision.id == id).cloned()
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

impl Engine {
    /// Puts a policy document in force; the same document stays one revision, and
    /// writes nothing, so that a start needs no room for it on a full disk.
    pub async fn activate_policy(&self, document: &str) -> Result<PolicyRevisionId, ActivateError> {
        let policy = Policy::parse(document)?;
        let digest = sha256(document.as_bytes());
        let current = keys::policy_current(DEFAULT_TENANT);
        let id = match self.read::<PolicyRecord>(&current).await? {
            Some(record) if record.digest == digest => record.id,
            _ => {
                let by = Authorized::system(DEFAULT_TENANT, "policy");
                self.transact(&by, "", &Activate { document, digest }).await?.value
            }
        };
        self.0.policies.push(Arc::new(Revision { id, policy }), true);
        Ok(id)
    }

    /// Puts the stored policy in force, if there is one: at the start.
    pub async fn restore_policy(&self) -> Result<Option<PolicyRevisionId>, Error> {
        let key = keys::policy_current(DEFAULT_TENANT);
        let Some(record) = self.read::<PolicyRecord>(&key).await? else { return Ok(None) };
        let revision = self.policy_of(DEFAULT_TENANT, record.id).await?;
        self.0.policies.push(revision, true);
        Ok(Some(record.id))
    }

    /// The policy in force.
    pub(super) fn policy(&self) -> Result<Arc<Revision>, Error> {
        self.0
            .policies
            .current()
            .ok_or_else(|| Error::Internal { cause: "no policy is in force".to_owned() })
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
        self.0.policies.push(Arc::clone(&revision), false);
        Ok(revision)
    }
}
