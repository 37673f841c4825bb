//! The shadow: a revision that judges every proposal beside the one in force. What it
//! would have decided is kept in the action's content; a difference is an event. It
//! has no effect, and a fault of it has none either.

use std::sync::Arc;

use uuid::Uuid;

use super::compiled::Revision;
use super::tally::{Flip, Judged, Side, Tally};
use super::{no_policy, not_found};
use crate::domain::action::{Action, ActionContent};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::PolicyRevisionId;
use crate::domain::principal::Principal;
use crate::domain::shadow::{Shadow, ShadowDecision};
use crate::engine::facts::{About, Asked};
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::situation::Gathered;
use crate::engine::{Engine, authorize, validate};
use crate::store::keys;
use crate::store::records::{PolicyInForceRecord, PolicyRecord};

/// Puts a revision beside the one in force, or takes away what is there.
#[derive(Clone, Debug)]
pub struct SetShadow {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The revision; none: no shadow from here on.
    pub revision: Option<PolicyRevisionId>,
}

/// What the shadow has said so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShadowReport {
    /// The shadow; none: there is none.
    pub shadow: Option<Shadow>,
    /// What was decided of the actions that both judged.
    pub recorded: Side,
    /// What the shadow would have decided.
    pub said: Side,
    /// Where they differ.
    pub flips: Vec<Flip>,
    /// Proposals for which the shadow could not be asked.
    pub failed: u32,
}

struct Setting<'a>(&'a SetShadow);

impl Operation for Setting<'_> {
    type Output = Option<Shadow>;
    const METHOD: &'static str = "SetPolicyShadow";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.optional(self.0.revision.as_ref().map(|id| id.as_bytes().as_slice()));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Option<Shadow>, Vec<Uuid>), Error> {
        let in_force = tx.in_force().await?.ok_or_else(no_policy)?;
        if let Some(id) = self.0.revision {
            tx.get::<PolicyRecord>(keys::policy(tx.tenant(), id))
                .await?
                .ok_or_else(|| not_found(id))?;
        }
        if self.0.revision == Some(in_force.id) {
            return Err(Error::PolicyInForce { policy: in_force.id.to_string() });
        }
        let before = in_force.shadow.as_ref().map(|shadow| shadow.revision);
        if before == self.0.revision {
            return Ok((in_force.shadow, Vec::new()));
        }
        let (requester, start_time) = (tx.by.name().to_owned(), tx.now);
        let shadow = self.0.revision.map(|revision| Shadow { revision, requester, start_time });
        let about = |policy| Subjects { policy, ..Subjects::default() };
        if before.is_some() {
            tx.event(EventKind::PolicyShadowStopped, about(before));
        }
        if self.0.revision.is_some() {
            tx.event(EventKind::PolicyShadowStarted, about(self.0.revision));
        }
        let record = PolicyInForceRecord { shadow: shadow.clone(), ..in_force };
        tx.put(keys::policy_current(tx.tenant()), &record)?;
        Ok((shadow, Vec::new()))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        _: &[Uuid],
    ) -> Result<Option<Shadow>, Error> {
        let shadow = engine.in_force(tenant).await?.and_then(|record| record.shadow);
        Ok(shadow.filter(|shadow| Some(shadow.revision) == self.0.revision))
    }
}

impl Tx<'_> {
    /// What the shadow would decide of a call, and what it has gathered for it; none:
    /// there is no shadow. It never fails: no proposal may depend on it.
    pub(in crate::engine) async fn ask_shadow(
        &mut self,
        shadow: Option<Arc<Revision>>,
        asked: &Asked,
        about: About<'_>,
        confidence: Option<f64>,
    ) -> Option<(ShadowDecision, Gathered)> {
        let shadow = shadow?;
        let About { call, run, .. } = about;
        let known = asked.of(self.engine, &shadow.policy, about).await;
        match self.gather(run, &shadow.policy, call, None).await {
            Ok(gathered) => {
                let gathered = gathered.with_facts(known);
                let verdict = shadow.policy.evaluate(&gathered.facts(call, run, confidence));
                Some((ShadowDecision::of(verdict, shadow.id), gathered))
            }
            Err(error) => {
                let failed = ShadowDecision::failed(shadow.id, error.to_string());
                Some((failed, Gathered::default()))
            }
        }
    }
}

impl Engine {
    /// The revision that is only tried, if there is one.
    pub(in crate::engine) fn shadow(&self) -> Option<Arc<Revision>> {
        self.0.policies.shadow()
    }

    /// Puts a revision beside the one in force, or takes away what is there.
    pub async fn set_policy_shadow(
        &self,
        caller: &Principal,
        command: SetShadow,
    ) -> Result<Answer<Option<Shadow>>, Error> {
        let by = authorize::policy_author(caller)?;
        let answer = self.transact(&by, &command.request_id, &Setting(&command)).await?;
        // This server need not wait until it hears of it.
        self.restore_policy().await?;
        Ok(answer)
    }

    /// What the shadow has said so far, of the newest actions.
    pub async fn policy_shadow(
        &self,
        caller: &Principal,
        max_actions: i32,
    ) -> Result<ShadowReport, Error> {
        authorize::overseer(caller)?;
        let most = validate::backtest_size(max_actions)?;
        let _place = self.place_for_records()?;
        let tenant = &caller.tenant;
        let record = self.in_force(tenant).await?.ok_or_else(no_policy)?;
        let Some(shadow) = record.shadow else { return Ok(ShadowReport::default()) };
        let mut actions = self.recorded(tenant)?;
        let (mut tally, mut failed) = (Tally::default(), 0);
        for _ in 0..most {
            let Some(action) = actions.next(self).await? else { break };
            if action.create_time < shadow.start_time {
                break;
            }
            failed += self.recount(tenant, &action, &shadow, &mut tally).await?;
        }
        let flips = tally.flips();
        let Tally { recorded, said, .. } = tally;
        Ok(ShadowReport { shadow: Some(shadow), recorded, said, flips, failed })
    }

    /// Counts what the shadow said of an action; answers whether it could not be asked.
    async fn recount(
        &self,
        tenant: &str,
        action: &Action,
        shadow: &Shadow,
        tally: &mut Tally,
    ) -> Result<u32, Error> {
        if action.modified_from.is_some() {
            return Ok(0);
        }
        let content = self.payload::<ActionContent>(&action.content).await?;
        let decision = content.shadow.filter(|it| it.policy_revision == shadow.revision);
        let Some(ShadowDecision { effect, rule, .. }) = decision else { return Ok(0) };
        let Some(effect) = effect else { return Ok(1) };
        let escalation = match action.escalation {
            Some(id) => Some(self.existing_escalation(tenant, id).await?),
            None => None,
        };
        let is_mistake = self.label_of(tenant, action.id).await?.is_some();
        let escalation = escalation.as_ref();
        tally.add(Judged { action, escalation, is_mistake, effect, rule });
        Ok(0)
    }
}
