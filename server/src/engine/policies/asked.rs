//! Which policy a question is about.

use std::sync::Arc;

use super::compiled::Revision;
use super::{not_found, put};
use crate::domain::error::Error;
use crate::domain::ids::PolicyRevisionId;
use crate::domain::policy::Policy;
use crate::engine::Engine;
use crate::store::keys;
use crate::store::records::PolicyRecord;

/// Which policy is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// The one in force.
    #[default]
    InForce,
    /// A revision.
    Revision(PolicyRevisionId),
    /// A document that need not have been put.
    Document(String),
}

/// The policy that is asked.
pub(super) enum Asked {
    Revision(Arc<Revision>),
    Document(Box<Policy>),
}

impl Asked {
    pub(super) fn policy(&self) -> &Policy {
        match self {
            Self::Revision(revision) => &revision.policy,
            Self::Document(policy) => policy,
        }
    }

    pub(super) fn revision(&self) -> Option<PolicyRevisionId> {
        match self {
            Self::Revision(revision) => Some(revision.id),
            Self::Document(_) => None,
        }
    }
}

impl Engine {
    pub(super) async fn asked(&self, tenant: &str, subject: &Subject) -> Result<Asked, Error> {
        match subject {
            Subject::InForce => self.policy(tenant).map(Asked::Revision),
            Subject::Document(document) => {
                put::parse(document).map(|policy| Asked::Document(Box::new(policy)))
            }
            Subject::Revision(id) => self.named_revision(tenant, *id).await.map(Asked::Revision),
        }
    }

    /// A compiled revision that the caller named.
    pub(super) async fn named_revision(
        &self,
        tenant: &str,
        id: PolicyRevisionId,
    ) -> Result<Arc<Revision>, Error> {
        let found = self.read::<PolicyRecord>(&keys::policy(tenant, id)).await?;
        found.ok_or_else(|| not_found(id))?;
        self.policy_of(tenant, id).await
    }
}
