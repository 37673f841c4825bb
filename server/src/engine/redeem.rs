//! Redeeming grants: the last gate, right before a tool runs.
//!
//! The digest is computed anew from what the caller is about to execute; the
//! server's own copy of the arguments plays no part. All conditions are read in
//! the transaction that uses the grant up, so none can change in between.

mod approval;
mod blocked;

pub use blocked::Blocked;

use bytes::Bytes;
use uuid::Uuid;

use super::facts::{About, Asked};
use super::operation::{Answer, Operation, Tx};
use super::policies::Revision;
use super::runs::own;
use super::{Engine, actions, authorize, branches, closing, validate};
use crate::domain::action::{Action, ActionEvent, ActionState, Grant};
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, GrantId, RunId};
use crate::domain::principal::Principal;
use crate::domain::resumption::Resumption;
use crate::domain::run::Run;
use crate::domain::time::Timestamp;
use crate::store::keys;

/// Uses up a grant.
#[derive(Clone, Debug)]
pub struct Redeem {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The grant.
    pub grant: GrantId,
    /// The action it is for.
    pub action: ActionId,
    /// The run.
    pub run: RunId,
    /// The tool about to run.
    pub tool: String,
    /// As proposed.
    pub tool_schema_version: String,
    /// As proposed, or as the reviewer changed it.
    pub target: String,
    /// The exact bytes about to be executed.
    pub arguments: Bytes,
    /// As proposed.
    pub preconditions: Bytes,
}

/// The grant is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// When it was redeemed.
    pub redeem_time: Timestamp,
    /// By when the outcome must be reported.
    pub outcome_due_time: Timestamp,
}

struct Redemption<'a> {
    command: &'a Redeem,
    call: ToolCall<'a>,
    asked: Asked,
}

impl Operation for Redemption<'_> {
    type Output = Redeemed;
    const METHOD: &'static str = "RedeemGrant";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.command;
        hasher
            .field(it.grant.as_bytes())
            .field(it.action.as_bytes())
            .field(it.run.as_bytes())
            .field(it.tool.as_bytes())
            .field(it.tool_schema_version.as_bytes())
            .field(it.target.as_bytes())
            .field(&it.arguments)
            .field(&it.preconditions);
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Redeemed, Vec<Uuid>), Error> {
        let key = keys::action(tx.tenant(), self.command.action);
        let found = tx.get::<Action>(key.clone()).await?;
        let mut action = found
            .filter(|action| action.agent == tx.by.name() && action.run == self.command.run)
            .ok_or_else(|| actions::not_found(self.command.action))?;
        let run = own(tx, self.command.run).await?;
        tx.require_unheld(&run, &action).await?;
        // What undoes an action runs after its run, and on whatever path it is, as well.
        if action.compensates.is_none() {
            branches::require_current(tx, &run, action.branch).await?;
        }
        let mut grant = self.usable_grant(&action, tx.now)?;
        if action.compensates.is_none() {
            run.require_running()?;
        }
        self.require_digest(tx.tenant(), &action, &run)?;
        let resumption = self.held_resumption(tx, &action, &grant).await?;
        approval::require_stands(tx, &action).await?;
        let current = tx.policy().await?;
        self.require_not_blocked(tx, &current, &action, &run).await?;

        let timeout = current.policy.tool(&action.tool).outcome_timeout;
        let due = tx.now.plus(timeout);
        grant.redeem_time = Some(tx.now);
        grant.outcome_due_time = Some(due);
        action.grant = Some(grant);
        closing::advance(&mut action, ActionEvent::Redeemed, tx.now)?;
        tx.put(key, &action)?;
        tx.mark(closing::outcome_timer(tx.tenant(), action.id, due).key());
        let subjects = closing::action_subjects(&action, Some(grant.id));
        tx.event_about(EventKind::GrantRedeemed, subjects, Some(action.digest), &[]);
        if let Some(resumption) = resumption {
            closing::finish_resumption(tx, resumption)?;
        }
        Ok((Redeemed { redeem_time: tx.now, outcome_due_time: due }, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Redeemed, Error> {
        let action = engine.existing_action(tenant, self.command.action).await?;
        let times = action.grant.filter(|grant| grant.id == self.command.grant);
        match times.map(|grant| (grant.redeem_time, grant.outcome_due_time)) {
            Some((Some(redeem_time), Some(outcome_due_time))) => {
                Ok(Redeemed { redeem_time, outcome_due_time })
            }
            // The execution became unknown and a new grant took its place.
            _ => Err(Error::GrantRevoked { grant: self.command.grant.to_string() }),
        }
    }
}

impl Redemption<'_> {
    fn usable_grant(&self, action: &Action, now: Timestamp) -> Result<Grant, Error> {
        let name = self.command.grant.to_string();
        if action.revoked_grants.contains(&self.command.grant) {
            return Err(Error::GrantRevoked { grant: name });
        }
        let grant = action
            .grant
            .filter(|grant| grant.id == self.command.grant)
            .ok_or_else(|| Error::not_found(Resource::Grant, name.clone()))?;
        if let Some(at) = grant.redeem_time {
            return Err(Error::GrantRedeemed { grant: name, at });
        }
        if action.state != ActionState::Granted {
            return Err(Error::GrantRevoked { grant: name });
        }
        if now >= grant.expire_time {
            return Err(Error::GrantExpired { grant: name, at: grant.expire_time });
        }
        Ok(grant)
    }

    fn require_digest(&self, tenant: &str, action: &Action, run: &Run) -> Result<(), Error> {
        let recomputed = self.call.digest(tenant, run, action.decision.policy_revision);
        if recomputed == action.digest || cfg!(feature = "mutant-digest-unchecked") {
            return Ok(());
        }
        Err(self.command.mismatch())
    }

    /// The resumption behind the grant, which the caller must hold.
    async fn held_resumption(
        &self,
        tx: &mut Tx<'_>,
        action: &Action,
        grant: &Grant,
    ) -> Result<Option<Resumption>, Error> {
        let Some(escalation) = action.escalation else { return Ok(None) };
        let key = keys::resumption(tx.tenant(), escalation);
        let found = tx.get::<Resumption>(key).await?;
        let resumption =
            found.ok_or_else(|| super::views::missing(Resource::Escalation, &escalation))?;
        resumption.require_held(grant.epoch)?;
        Ok(Some(resumption))
    }

    /// Today's hard constraints stop even what was approved under an older
    /// revision; everything else was settled by the revision that judged.
    async fn require_not_blocked(
        &self,
        tx: &mut Tx<'_>,
        current: &Revision,
        action: &Action,
        run: &Run,
    ) -> Result<(), Error> {
        if current.id == action.decision.policy_revision {
            return Ok(());
        }
        let known = self.asked.of(tx.engine, &current.policy, About::new(&self.call, run)).await;
        let gathered = tx.gather(run, &current.policy, &self.call, Some(action.id)).await?;
        let gathered = gathered.with_facts(known);
        let facts = gathered.facts(&self.call, run, action.confidence);
        let blocked = current.policy.blocks(&facts, action.escalation.is_some());
        blocked.map_or(Ok(()), |verdict| {
            Err(Error::DeniedByPolicy {
                rule: verdict.rule.unwrap_or_default(),
                reason: verdict.reason,
            })
        })
    }
}

impl Redeem {
    /// The call that is about to be made.
    fn fields(&self) -> CallFields<'_> {
        CallFields {
            tool: &self.tool,
            tool_schema_version: &self.tool_schema_version,
            target: &self.target,
            arguments: &self.arguments,
            preconditions: &self.preconditions,
        }
    }

    fn mismatch(&self) -> Error {
        Error::DigestMismatch {
            action: self.action.to_string(),
            escalation: None,
            what: "what is about to run is not what was permitted; propose it as it is",
        }
    }
}

impl Engine {
    /// Uses up a grant of the calling agent.
    pub async fn redeem(
        &self,
        caller: &Principal,
        command: Redeem,
    ) -> Result<Answer<Redeemed>, Error> {
        let by = authorize::agent(caller)?;
        validate::tool("tool", &command.tool)?;
        validate::required("arguments", &command.arguments)?;
        // Bytes that do not parse were never permitted: that is a mismatch, and
        // an attacker learns nothing else.
        let call = ToolCall::read("arguments", command.fields()).map_err(|_| command.mismatch())?;
        let redemption = Redemption { command: &command, call, asked: Asked::default() };
        self.transact(&by, &command.request_id, &redemption).await
    }
}
