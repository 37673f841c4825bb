//! What waits for a second person: confirmed, or withdrawn.

use uuid::Uuid;

use super::activate::{ActivationView, enforce, subjects};
use super::check::require_tests;
use super::no_policy;
use super::prepare::Preparation;
use crate::domain::activation::{Activation, ActivationKind, ActivationState};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::EventKind;
use crate::domain::ids::PolicyActivationId;
use crate::domain::principal::Principal;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize};
use crate::store::keys;
use crate::store::records::PolicyInForceRecord;

/// Reads an activation that the caller named and that is to end now.
async fn pending(
    tx: &mut Tx<'_>,
    id: PolicyActivationId,
) -> Result<(Activation, PolicyInForceRecord), Error> {
    let found = tx.get::<Activation>(keys::policy_activation(tx.tenant(), id)).await?;
    let activation = found.ok_or_else(|| Error::not_found(Resource::PolicyActivation, id))?;
    activation.require_pending(tx.now)?;
    let in_force = tx.in_force().await?.ok_or_else(no_policy)?;
    if in_force.pending != Some(id) {
        let cause = format!("activation {id} is pending, and not the one that waits");
        return Err(Error::Internal { cause });
    }
    Ok((activation, in_force))
}

struct Confirming {
    id: PolicyActivationId,
    preparation: Preparation,
}

impl Operation for Confirming {
    type Output = Activation;
    const METHOD: &'static str = "ConfirmPolicyActivation";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.id.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Activation, Vec<Uuid>), Error> {
        let (mut activation, in_force) = pending(tx, self.id).await?;
        let revision = tx.revision(activation.revision).await?;
        let people = tx.people().await?;
        let is_same = |one: &str, other: &str| people.person_of(one) == people.person_of(other);
        activation.require_second_person(tx.by.name(), &revision.author, is_same)?;
        let compiled = tx.engine.policy_of(tx.tenant(), revision.id).await?;
        let policy = &compiled.policy;
        if activation.kind == ActivationKind::Activate {
            require_tests(policy)?;
        }
        self.preparation.require_bounds(tx, activation.kind, policy).await?;
        let learnt = self.preparation.learn(tx, activation.kind, policy).await?;
        enforce(tx, &mut activation, revision, in_force.shadow, learnt).await?;
        Ok((activation, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Activation, Error> {
        engine.existing_activation(tenant, self.id).await
    }
}

struct Withdrawing(PolicyActivationId);

impl Operation for Withdrawing {
    type Output = Activation;
    const METHOD: &'static str = "WithdrawPolicyActivation";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Activation, Vec<Uuid>), Error> {
        let (mut activation, in_force) = pending(tx, self.0).await?;
        activation.close(ActivationState::Withdrawn, tx.by.name(), tx.now);
        let in_force = PolicyInForceRecord { pending: None, ..in_force };
        tx.put(keys::policy_current(tx.tenant()), &in_force)?;
        tx.put(keys::policy_activation(tx.tenant(), activation.id), &activation)?;
        tx.event(EventKind::PolicyActivationClosed, subjects(&activation));
        Ok((activation, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Activation, Error> {
        engine.existing_activation(tenant, self.0).await
    }
}

impl Engine {
    /// Puts in force what another admin asked for.
    pub async fn confirm_policy_activation(
        &self,
        caller: &Principal,
        request_id: &str,
        id: PolicyActivationId,
    ) -> Result<Answer<ActivationView>, Error> {
        let by = authorize::policy_author(caller)?;
        let confirming = Confirming { id, preparation: Preparation::default() };
        let answer = self.change(&by, request_id, &confirming).await?;
        let figures = confirming.preparation.into_figures();
        Ok(answer.map(|view| ActivationView { figures, ..view }))
    }

    /// Takes back, or refuses, what waits for a second person.
    pub async fn withdraw_policy_activation(
        &self,
        caller: &Principal,
        request_id: &str,
        id: PolicyActivationId,
    ) -> Result<Answer<ActivationView>, Error> {
        let by = authorize::policy_author(caller)?;
        self.change(&by, request_id, &Withdrawing(id)).await
    }
}
