//! Putting a revision in force: by one person, or by two where that is demanded.

use bytes::Bytes;
use uuid::Uuid;

use super::check::require_tests;
use super::figures::Figures;
use super::learn::Learnt;
use super::no_policy;
use super::prepare::Preparation;
use crate::domain::activation::{
    Activation, ActivationKind, ActivationState, CONFIRMABLE_FOR, needs_second_person,
};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{PolicyActivationId, PolicyRevisionId};
use crate::domain::payload::PayloadRef;
use crate::domain::policy::Policy;
use crate::domain::principal::Principal;
use crate::domain::shadow::Shadow;
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Authorized, Engine, authorize, validate};
use crate::store::keys;
use crate::store::records::{PolicyInForceRecord, PolicyRecord};

/// Puts a revision in force.
#[derive(Clone, Debug)]
pub struct Activate {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The revision.
    pub revision: PolicyRevisionId,
    /// The revision that the caller believes to be in force.
    pub current: PolicyRevisionId,
    /// Why; may be empty.
    pub reason: String,
}

/// Puts the former revision in force again.
#[derive(Clone, Debug)]
pub struct RollBack {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The revision that the caller believes to be in force.
    pub current: PolicyRevisionId,
    /// Why.
    pub reason: String,
}

/// An activation with its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationView {
    /// The activation.
    pub activation: Activation,
    /// Why.
    pub reason: String,
    /// How the policy does by its bounds, in the answer to whoever had it judged.
    pub figures: Option<Figures>,
}

/// What a change of policy starts from.
pub(super) struct Standing {
    /// What is in force.
    pub(super) record: PolicyInForceRecord,
    /// What put it in force, where that is known.
    pub(super) activation: Option<Activation>,
}

impl Standing {
    pub(super) async fn read(tx: &mut Tx<'_>) -> Result<Option<Self>, Error> {
        let Some(record) = tx.in_force().await? else { return Ok(None) };
        let activation = tx.optional_activation(record.activation).await?;
        Ok(Some(Self { record, activation }))
    }

    /// Refuses a caller who looked before the last change.
    fn require(&self, current: PolicyRevisionId) -> Result<(), Error> {
        if self.record.id == current {
            return Ok(());
        }
        let by = self.activation.as_ref().and_then(|activation| activation.closer.clone());
        let at = self.activation.as_ref().and_then(|activation| activation.close_time);
        Err(Error::PolicyChanged { current: self.record.id.to_string(), by, at })
    }
}

/// A change of policy before it is known whether one person is enough for it.
pub(super) struct Change<'a> {
    pub(super) kind: ActivationKind,
    /// The revision's policy.
    pub(super) policy: &'a Policy,
    pub(super) preparation: &'a Preparation,
    pub(super) revision: PolicyRecord,
    pub(super) upon: Option<PolicyActivationId>,
    pub(super) reason: Option<PayloadRef>,
    /// Whether the server or one of the documents demands a second person.
    pub(super) is_guarded: bool,
}

impl Change<'_> {
    /// Makes it, or leaves it to a second person.
    pub(super) async fn make(
        self,
        tx: &mut Tx<'_>,
        from: Option<Standing>,
        pending: Option<Activation>,
    ) -> Result<Activation, Error> {
        let in_force = from.as_ref().and_then(|from| from.activation.as_ref());
        // The first policy of all replaces none that a second person could guard.
        let is_demanded = self.is_guarded && from.is_some();
        let waits = needs_second_person(is_demanded, self.kind, in_force);
        let mut activation = Activation {
            id: PolicyActivationId::new(tx.next_id()),
            kind: self.kind,
            state: ActivationState::Pending,
            revision: self.revision.id,
            replaced: from.as_ref().map(|from| from.record.id),
            upon: self.upon,
            requester: tx.by.name().to_owned(),
            reason: self.reason,
            request_time: tx.now,
            expire_time: waits.then(|| tx.now.plus(CONFIRMABLE_FOR)),
            closer: None,
            close_time: None,
        };
        supersede(tx, pending)?;
        match from {
            Some(Standing { record, .. }) if waits => {
                let record = PolicyInForceRecord { pending: Some(activation.id), ..record };
                tx.put(keys::policy_current(tx.tenant()), &record)?;
                tx.put(keys::policy_activation(tx.tenant(), activation.id), &activation)?;
                let kind = EventKind::PolicyActivationRequested;
                tx.event_about(kind, subjects(&activation), None, self.reason.as_slice());
            }
            from => {
                let shadow = from.and_then(|from| from.record.shadow);
                let learnt = self.preparation.learn(tx, self.kind, self.policy).await?;
                enforce(tx, &mut activation, self.revision, shadow, learnt).await?;
            }
        }
        Ok(activation)
    }
}

/// Ends what waited for a second person and was overtaken.
fn supersede(tx: &mut Tx<'_>, pending: Option<Activation>) -> Result<(), Error> {
    let Some(mut pending) = pending.filter(|pending| pending.is_pending(tx.now)) else {
        return Ok(());
    };
    pending.close(ActivationState::Superseded, tx.by.name(), tx.now);
    tx.put(keys::policy_activation(tx.tenant(), pending.id), &pending)?;
    tx.event(EventKind::PolicyActivationClosed, subjects(&pending));
    Ok(())
}

/// Puts the activation's revision in force, with the profiles that were learnt for it.
/// The shadow stays, unless it is what comes into force.
pub(super) async fn enforce(
    tx: &mut Tx<'_>,
    activation: &mut Activation,
    revision: PolicyRecord,
    shadow: Option<Shadow>,
    learnt: Option<&Learnt>,
) -> Result<(), Error> {
    activation.close(ActivationState::Effective, tx.by.name(), tx.now);
    let in_force = PolicyInForceRecord {
        id: revision.id,
        digest: revision.digest,
        activation: Some(activation.id),
        pending: None,
        shadow: shadow.filter(|shadow| shadow.revision != revision.id),
    };
    let revision = PolicyRecord { activate_time: Some(tx.now), ..revision };
    tx.put(keys::policy(tx.tenant(), revision.id), &revision)?;
    tx.put(keys::policy_current(tx.tenant()), &in_force)?;
    tx.put(keys::policy_activation(tx.tenant(), activation.id), activation)?;
    let kind = match activation.kind {
        ActivationKind::Activate => EventKind::PolicyActivated,
        ActivationKind::RollBack => EventKind::PolicyRolledBack,
    };
    let payloads: Vec<_> =
        [Some(revision.document), activation.reason].into_iter().flatten().collect();
    tx.event_about(kind, subjects(activation), None, &payloads);
    if let Some(learnt) = learnt {
        tx.put_profiles(learnt, activation.revision).await?;
    }
    Ok(())
}

pub(super) fn subjects(activation: &Activation) -> Subjects {
    Subjects {
        policy: Some(activation.revision),
        activation: Some(activation.id),
        ..Subjects::default()
    }
}

/// Whether the server, the document in force or the new one demands a second person.
async fn guarded(tx: &Tx<'_>, from: PolicyRevisionId, to: &Policy) -> Result<bool, Error> {
    let engine = tx.engine;
    Ok(engine.0.second_person
        || to.activation.second_person
        || engine.policy_of(tx.tenant(), from).await?.policy.activation.second_person)
}

fn reason_of(tx: &mut Tx<'_>, reason: &str) -> Result<Option<PayloadRef>, Error> {
    match reason {
        "" => Ok(None),
        reason => tx.bytes(Bytes::copy_from_slice(reason.as_bytes()), None).map(Some),
    }
}

fn result(activation: &Activation) -> Vec<Uuid> {
    vec![Uuid::from_bytes(*activation.id.as_bytes())]
}

struct Activating<'a> {
    command: &'a Activate,
    preparation: Preparation,
}

impl Operation for Activating<'_> {
    type Output = Activation;
    const METHOD: &'static str = "ActivatePolicy";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.command.revision.as_bytes())
            .field(self.command.current.as_bytes())
            .field(self.command.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Activation, Vec<Uuid>), Error> {
        let revision = tx.revision(self.command.revision).await?;
        let from = Standing::read(tx).await?.ok_or_else(no_policy)?;
        from.require(self.command.current)?;
        if from.record.id == revision.id {
            return Err(Error::PolicyInForce { policy: revision.id.to_string() });
        }
        let pending = tx.optional_activation(from.record.pending).await?;
        let upon = from.activation.as_ref().and_then(Activation::standing);
        let reason = reason_of(tx, &self.command.reason)?;
        let compiled = tx.engine.policy_of(tx.tenant(), revision.id).await?;
        let (policy, preparation) = (&compiled.policy, &self.preparation);
        let is_guarded = guarded(tx, from.record.id, policy).await?;
        let kind = ActivationKind::Activate;
        preparation.require_bounds(tx, kind, policy).await?;
        let change = Change { kind, policy, preparation, revision, upon, reason, is_guarded };
        let activation = change.make(tx, Some(from), pending).await?;
        let results = result(&activation);
        Ok((activation, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Activation, Error> {
        let id = PolicyActivationId::new(result_at(results, 0)?);
        engine.existing_activation(tenant, id).await
    }
}

struct RollingBack<'a> {
    command: &'a RollBack,
    preparation: Preparation,
}

impl Operation for RollingBack<'_> {
    type Output = Activation;
    const METHOD: &'static str = "RollBackPolicy";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.command.current.as_bytes()).field(self.command.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Activation, Vec<Uuid>), Error> {
        let from = Standing::read(tx).await?.ok_or_else(no_policy)?;
        from.require(self.command.current)?;
        let standing = from.activation.as_ref().and_then(Activation::standing);
        let standing = tx.optional_activation(standing).await?;
        let none = || Error::NoFormerPolicy { policy: from.record.id.to_string() };
        let standing = standing.ok_or_else(none)?;
        let revision = tx.revision(standing.replaced.ok_or_else(none)?).await?;
        let pending = tx.optional_activation(from.record.pending).await?;
        let reason = reason_of(tx, &self.command.reason)?;
        let upon = standing.upon;
        let compiled = tx.engine.policy_of(tx.tenant(), revision.id).await?;
        let (policy, preparation) = (&compiled.policy, &self.preparation);
        let is_guarded = guarded(tx, from.record.id, policy).await?;
        let kind = ActivationKind::RollBack;
        let change = Change { kind, policy, preparation, revision, upon, reason, is_guarded };
        let activation = change.make(tx, Some(from), pending).await?;
        let results = result(&activation);
        Ok((activation, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Activation, Error> {
        let id = PolicyActivationId::new(result_at(results, 0)?);
        engine.existing_activation(tenant, id).await
    }
}

impl Engine {
    /// Puts a revision in force, or asks a second person to.
    pub async fn activate_policy(
        &self,
        caller: &Principal,
        command: Activate,
    ) -> Result<Answer<ActivationView>, Error> {
        let by = authorize::policy_author(caller)?;
        validate::note("reason", &command.reason)?;
        let revision = self.named_revision(by.tenant(), command.revision).await?;
        require_tests(&revision.policy)?;
        let preparation = Preparation::default();
        let activating = Activating { command: &command, preparation };
        let answer = self.change(&by, &command.request_id, &activating).await?;
        let figures = activating.preparation.into_figures();
        Ok(answer.map(|view| ActivationView { figures, ..view }))
    }

    /// Puts the revision in force again that the one in force replaced.
    pub async fn roll_back_policy(
        &self,
        caller: &Principal,
        command: RollBack,
    ) -> Result<Answer<ActivationView>, Error> {
        let by = authorize::policy_author(caller)?;
        validate::words("reason", &command.reason)?;
        let preparation = Preparation::default();
        let rolling_back = RollingBack { command: &command, preparation };
        self.change(&by, &command.request_id, &rolling_back).await
    }

    pub(super) async fn change(
        &self,
        by: &Authorized,
        request_id: &str,
        operation: &impl Operation<Output = Activation>,
    ) -> Result<Answer<ActivationView>, Error> {
        let answer = self.transact(by, request_id, operation).await?;
        // This server need not wait until it hears of it.
        self.restore_policy().await?;
        let view = self.activation_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    pub(super) async fn activation_view(
        &self,
        activation: Activation,
    ) -> Result<ActivationView, Error> {
        let reason = self.text(activation.reason.as_ref()).await?;
        Ok(ActivationView { activation, reason, figures: None })
    }
}
