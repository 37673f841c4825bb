//! The policy that a server starts with.

use uuid::Uuid;

use super::activate::{Change, Standing};
use super::check::require_tests;
use super::no_policy;
use super::prepare::Preparation;
use super::put::Draft;
use crate::domain::activation::{Activation, ActivationKind};
use crate::domain::digest::{FieldHasher, sha256};
use crate::domain::error::Error;
use crate::domain::ids::{PolicyActivationId, PolicyRevisionId};
use crate::domain::policy::{Policy, PolicyError};
use crate::engine::operation::{Operation, Tx};
use crate::engine::{Authorized, DEFAULT_TENANT, Engine};
use crate::store::keys;
use crate::store::records::PolicyInForceRecord;

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

/// What came of the document that a server starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The revision in force.
    pub in_force: PolicyRevisionId,
    /// What waits for a second person: the document is not in force yet.
    pub pending: Option<PolicyActivationId>,
}

struct Starting<'a> {
    draft: Draft<'a>,
    preparation: Preparation,
}

impl Operation for Starting<'_> {
    type Output = Option<PolicyActivationId>;
    const METHOD: &'static str = "StartWithPolicy";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.draft.digest.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Self::Output, Vec<Uuid>), Error> {
        let from = Standing::read(tx).await?;
        if from.as_ref().is_some_and(|from| from.record.digest == self.draft.digest) {
            return Ok((None, Vec::new()));
        }
        let (revision, _) = self.draft.put(tx).await?;
        let pending = from.as_ref().and_then(|from| from.record.pending);
        let pending = tx.optional_activation(pending).await?;
        let waits = pending.as_ref().filter(|waits| waits.is_pending(tx.now));
        if let Some(waits) = waits.filter(|waits| waits.revision == revision.id) {
            return Ok((Some(waits.id), Vec::new()));
        }
        let upon = from.as_ref().and_then(|from| from.activation.as_ref());
        let upon = upon.and_then(Activation::standing);
        let is_guarded = self.is_guarded(tx, from.as_ref()).await?;
        let (kind, reason) = (ActivationKind::Activate, None);
        let (policy, preparation) = (self.draft.policy, &self.preparation);
        preparation.require_bounds(tx, kind, policy).await?;
        let change = Change { kind, policy, preparation, revision, upon, reason, is_guarded };
        let activation = change.make(tx, from, pending).await?;
        Ok((activation.is_pending(tx.now).then_some(activation.id), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<Self::Output, Error> {
        Ok(None)
    }
}

impl Starting<'_> {
    /// Whether the server, the document in force or this one demands a second person.
    async fn is_guarded(&self, tx: &Tx<'_>, from: Option<&Standing>) -> Result<bool, Error> {
        if tx.engine.0.second_person || self.draft.policy.activation.second_person {
            return Ok(true);
        }
        match from {
            Some(from) => {
                let in_force = tx.engine.policy_of(tx.tenant(), from.record.id).await?;
                Ok(in_force.policy.activation.second_person)
            }
            None => Ok(false),
        }
    }
}

impl Engine {
    /// Puts a policy document in force at the start, or asks a second person to;
    /// the same document stays one revision. The one in force writes nothing, so
    /// that a start needs no room for it on a full disk.
    pub async fn start_with_policy(&self, document: &str) -> Result<Started, ActivateError> {
        let policy = Policy::parse(document)?;
        let digest = sha256(document.as_bytes());
        let current = keys::policy_current(DEFAULT_TENANT);
        let stored = self.read::<PolicyInForceRecord>(&current).await?;
        let mut pending = None;
        if stored.is_none_or(|record| record.digest != digest) {
            let by = Authorized::system(DEFAULT_TENANT, "policy");
            require_tests(&policy)?;
            let draft = Draft::new(document, "", &policy);
            let starting = Starting { draft, preparation: Preparation::default() };
            pending = self.transact(&by, "", &starting).await?.value;
        }
        let in_force = self.restore_policy().await?.ok_or_else(no_policy)?;
        Ok(Started { in_force, pending })
    }
}
