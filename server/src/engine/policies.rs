//! Policies: their revisions, which of them is in force, and what they would say.
//!
//! A revision is put first and comes into force by an activation of its own, so
//! that what is about to decide can be looked at. One record says what is in force
//! and what waits for a second person: of two changes at once, one is committed.

mod activate;
mod asked;
mod backtest;
mod check;
mod compiled;
mod confirm;
mod evaluate;
mod explain;
mod figures;
mod guidance;
mod learn;
mod prepare;
mod profiles;
mod put;
mod read;
mod recorded;
mod shadow;
mod start;
mod tally;

pub(super) use compiled::Policies;
pub use compiled::Revision;
pub(super) use profiles::{Compared, ProfilesAtHand};

pub use activate::{Activate, ActivationView, RollBack};
pub use asked::Subject;
pub use backtest::{Backtest, Backtested};
pub use check::Checked;
pub use evaluate::{Context, Evaluate, Evaluated, Hypothesis};
pub use explain::Explained;
pub use figures::Figures;
pub use profiles::{AgentProfile, LearnProfiles, ProfilesView};
pub use put::{PutPolicy, PutRevision};
pub use read::{RevisionState, RevisionView};
pub use shadow::{SetShadow, ShadowReport};
pub use start::{ActivateError, Started};
pub use tally::{Answers, Example, Flip, HumanAnswer, Side};

use super::operation::Tx;
use super::{Engine, views};
use crate::domain::activation::Activation;
use crate::domain::error::{Error, Resource};
use crate::domain::ids::{PolicyActivationId, PolicyRevisionId};
use crate::store::keys;
use crate::store::records::{PolicyInForceRecord, PolicyRecord};

/// A server puts a policy in force before it answers anybody.
fn no_policy() -> Error {
    Error::Internal { cause: "no policy is in force".to_owned() }
}

fn not_found(id: PolicyRevisionId) -> Error {
    Error::not_found(Resource::Policy, id)
}

impl Tx<'_> {
    /// What is in force; the commit fails if that, or what waits, is another by then.
    async fn in_force(&mut self) -> Result<Option<PolicyInForceRecord>, Error> {
        self.get(keys::policy_current(self.tenant())).await
    }

    /// A revision that the caller named.
    async fn revision(&mut self, id: PolicyRevisionId) -> Result<PolicyRecord, Error> {
        self.get(keys::policy(self.tenant(), id)).await?.ok_or_else(|| not_found(id))
    }

    /// An activation that another record names.
    async fn activation(&mut self, id: PolicyActivationId) -> Result<Activation, Error> {
        let found = self.get(keys::policy_activation(self.tenant(), id)).await?;
        found.ok_or_else(|| views::missing(Resource::PolicyActivation, &id))
    }

    /// An activation that may not be named.
    async fn optional_activation(
        &mut self,
        id: Option<PolicyActivationId>,
    ) -> Result<Option<Activation>, Error> {
        match id {
            Some(id) => self.activation(id).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Engine {
    /// An activation that another record names.
    async fn existing_activation(
        &self,
        tenant: &str,
        id: PolicyActivationId,
    ) -> Result<Activation, Error> {
        let found = self.read(&keys::policy_activation(tenant, id)).await?;
        found.ok_or_else(|| views::missing(Resource::PolicyActivation, &id))
    }
}
