//! Proposing actions: the policy decides, and one commit holds all of it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::operation::{Answer, Operation, Tx, result_at};
use super::runs::own_running;
use super::{Engine, authorize, briefing, closing, limits, validate};
use crate::domain::action::{
    Action, ActionContent, ActionState, Decision, DecisionEffect, DigestInput, GRANT_LIFETIME,
    Grant,
};
use crate::domain::arguments;
use crate::domain::checkpoint::{Checkpoint, CheckpointContent};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, Question, ResumeMode};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{ActionId, CheckpointId, EscalationId, GrantId, RunId, WaitId};
use crate::domain::payload::PayloadRef;
use crate::domain::policy::{Ask, Facts, Verdict};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::secrets::refuse_secrets;
use crate::store::{CommitLane, Direction, keys};

/// Proposes one tool call.
#[derive(Clone, Debug, Default)]
pub struct Propose {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The run.
    pub run: Option<RunId>,
    /// The tool.
    pub tool: String,
    /// The version of the tool's argument schema.
    pub tool_schema_version: String,
    /// What the tool acts on.
    pub target: String,
    /// The exact argument bytes.
    pub arguments: Bytes,
    /// The exact bytes of the preconditions.
    pub preconditions: Bytes,
    /// Why the agent wants it.
    pub reasoning: String,
    /// How sure the agent is.
    pub confidence: Option<f64>,
    /// The framework's own id of the tool call.
    pub tool_call_id: String,
    /// The agent's state, saved if a person is asked.
    pub checkpoint: Option<CheckpointContent>,
    /// Redeem an allowed action's grant in the same commit.
    pub redeem_if_allowed: bool,
    /// Who takes the answer up if a person is asked.
    pub resume_mode: ResumeMode,
}

/// What the policy decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// The action with its decision and, if allowed, its grant.
    pub action: Action,
    /// The rule's words.
    pub reason: String,
    /// The escalation, if a person is asked.
    pub escalation: Option<Escalation>,
}

struct Proposal<'a> {
    command: &'a Propose,
    run: RunId,
    arguments: Map<String, Value>,
}

impl Operation for Proposal<'_> {
    type Output = Proposed;
    const METHOD: &'static str = "ProposeAction";
    const LANE: CommitLane = CommitLane::Intake;

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.command;
        hasher
            .field(self.run.as_bytes())
            .field(it.tool.as_bytes())
            .field(it.tool_schema_version.as_bytes())
            .field(it.target.as_bytes())
            .field(&it.arguments)
            .field(&it.preconditions)
            .field(it.reasoning.as_bytes())
            .optional(it.confidence.map(f64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice))
            .field(it.tool_call_id.as_bytes())
            .field(&[u8::from(it.redeem_if_allowed), it.resume_mode as u8]);
        if let Some(checkpoint) = &it.checkpoint {
            hasher.field(checkpoint.schema_version.as_bytes()).field(&checkpoint.state);
            for credential in &checkpoint.credentials {
                hasher.field(credential.name.as_bytes()).field(credential.reference.as_bytes());
            }
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Proposed, Vec<Uuid>), Error> {
        let run = own_running(tx, self.run).await?;
        let revision = tx.engine.policy()?;
        let goal = tx.engine.goal_of(&run).await?;
        let verdict = revision.policy.evaluate(&self.facts(&run, &goal));
        let digest = self.digest_input(tx.tenant(), &run, revision.id).digest();
        let content = self.content(&verdict);
        let action = Action {
            id: ActionId::new(tx.next_id()),
            run: run.id,
            agent: run.agent.clone(),
            state: ActionState::Denied,
            tool: self.command.tool.clone(),
            digest,
            content: tx.payload(&content, None)?,
            decision: Decision {
                effect: verdict.effect,
                rule: verdict.rule.clone(),
                policy_revision: revision.id,
                matched: verdict.matched.clone(),
            },
            confidence: self.command.confidence,
            escalation: None,
            modified_from: None,
            grant: None,
            revoked_grants: Vec::new(),
            outcome: None,
            create_time: tx.now,
            update_time: tx.now,
        };
        let results = closing::result(action.id.as_bytes());
        let (action, escalation) = match (verdict.effect, &verdict.ask) {
            (DecisionEffect::Allow, _) => (self.allow(tx, action, &revision.policy)?, None),
            (DecisionEffect::Escalate, Some(ask)) => {
                tx.engine.require_room(&run.agent)?;
                let briefing = briefing::for_action(&verdict, &content);
                let briefing = tx.payload(&briefing, None)?;
                let (action, escalation) = self.escalate(tx, action, &run, ask, briefing).await?;
                (action, Some(escalation))
            }
            (DecisionEffect::Deny | DecisionEffect::Escalate, _) => (self.deny(tx, action), None),
        };
        tx.put(keys::action(tx.tenant(), action.id), &action)?;
        tx.mark(keys::run_action(tx.tenant(), action.run, action.id));
        Ok((Proposed { action, reason: verdict.reason, escalation }, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Proposed, Error> {
        let id = ActionId::new(result_at(results, 0)?);
        let action = engine.existing_action(tenant, id).await?;
        let reason = engine.payload::<ActionContent>(&action.content).await?.decision_reason;
        let escalation = match action.escalation {
            Some(id) => Some(engine.existing_escalation(tenant, id).await?),
            None => None,
        };
        Ok(Proposed { action, reason, escalation })
    }
}

impl Proposal<'_> {
    fn facts<'f>(&'f self, run: &'f Run, goal: &'f str) -> Facts<'f> {
        Facts {
            tool: &self.command.tool,
            tool_schema_version: &self.command.tool_schema_version,
            target: &self.command.target,
            arguments: &self.arguments,
            confidence: self.command.confidence,
            agent: &run.agent,
            on_behalf_of: run.on_behalf_of.as_deref(),
            hop_count: run.hop_count,
            goal,
        }
    }

    fn digest_input<'d>(
        &'d self,
        tenant: &'d str,
        run: &'d Run,
        policy_revision: crate::domain::ids::PolicyRevisionId,
    ) -> DigestInput<'d> {
        DigestInput {
            tenant,
            agent: &run.agent,
            on_behalf_of: run.on_behalf_of.as_deref(),
            run: run.id,
            tool: &self.command.tool,
            tool_schema_version: &self.command.tool_schema_version,
            target: &self.command.target,
            arguments: &self.command.arguments,
            preconditions: &self.command.preconditions,
            policy_revision,
        }
    }

    fn content(&self, verdict: &Verdict) -> ActionContent {
        ActionContent {
            tool_schema_version: self.command.tool_schema_version.clone(),
            target: self.command.target.clone(),
            arguments: self.command.arguments.clone(),
            preconditions: self.command.preconditions.clone(),
            reasoning: self.command.reasoning.clone(),
            tool_call_id: self.command.tool_call_id.clone(),
            decision_reason: verdict.reason.clone(),
        }
    }

    fn allow(
        &self,
        tx: &mut Tx<'_>,
        mut action: Action,
        policy: &crate::domain::policy::Policy,
    ) -> Result<Action, Error> {
        let mut grant = Grant {
            id: GrantId::new(tx.next_id()),
            expire_time: tx.now.plus(GRANT_LIFETIME),
            approval_valid_until: tx.now.plus(GRANT_LIFETIME),
            epoch: 0,
            redeem_time: None,
            outcome_due_time: None,
        };
        action.state = ActionState::Granted;
        let subjects = action_subjects(&action, Some(grant.id));
        let digest = Some(action.digest);
        tx.event_about(EventKind::ActionAllowed, subjects.clone(), digest, &[action.content]);
        if self.command.redeem_if_allowed {
            let due = tx.now.plus(policy.tool(&action.tool).outcome_timeout);
            grant.redeem_time = Some(tx.now);
            grant.outcome_due_time = Some(due);
            action.state = ActionState::Redeemed;
            tx.mark(closing::outcome_timer(tx.tenant(), action.id, due).key());
            tx.event_about(EventKind::GrantRedeemed, subjects, digest, &[]);
        }
        action.grant = Some(grant);
        Ok(action)
    }

    fn deny(&self, tx: &mut Tx<'_>, action: Action) -> Action {
        let subjects = action_subjects(&action, None);
        let digest = Some(action.digest);
        tx.event_about(EventKind::ActionDenied, subjects, digest, &[action.content]);
        action
    }

    async fn escalate(
        &self,
        tx: &mut Tx<'_>,
        mut action: Action,
        run: &Run,
        ask: &Ask,
        briefing: PayloadRef,
    ) -> Result<(Action, Escalation), Error> {
        let checkpoint = self.save_checkpoint(tx, &action).await?;
        let escalation = Escalation {
            id: EscalationId::new(tx.next_id()),
            state: EscalationState::Open,
            question: Question::ApproveAction,
            run: run.id,
            action: action.id,
            tool: action.tool.clone(),
            checkpoint,
            wait: WaitId::new(tx.next_id()),
            resume_mode: self.command.resume_mode,
            agent: run.agent.clone(),
            on_behalf_of: run.on_behalf_of.clone(),
            lane: ask.lane.clone(),
            severity: ask.severity,
            rule: action.decision.rule.clone(),
            policy_revision: action.decision.policy_revision,
            briefing,
            action_digest: action.digest,
            claim: None,
            resolution: None,
            due_time: tx.now.plus(ask.due),
            expire_time: tx.now.plus(ask.expire),
            create_time: tx.now,
            update_time: tx.now,
            is_overdue: false,
            close_time: None,
            revision: 1,
        };
        action.state = ActionState::Escalated;
        action.escalation = Some(escalation.id);
        let subjects = closing::subjects(&escalation);
        let digest = Some(action.digest);
        tx.event_about(EventKind::ActionEscalated, subjects, digest, &[action.content]);
        closing::open(tx, &escalation)?;
        Ok((action, escalation))
    }

    async fn save_checkpoint(
        &self,
        tx: &mut Tx<'_>,
        action: &Action,
    ) -> Result<Option<CheckpointId>, Error> {
        let Some(content) = &self.command.checkpoint else { return Ok(None) };
        let tenant = tx.tenant();
        let id = CheckpointId::new(tx.next_id());
        let range = keys::run_checkpoints(tenant, action.run);
        let store = &tx.engine.0.store;
        let newest =
            store.scan(range, Direction::Descending, 1).await.map_err(super::read_error)?;
        let parent = newest.rows.first().and_then(|(key, _)| keys::listed_checkpoint(key));
        let checkpoint = Checkpoint {
            id,
            run: action.run,
            agent: action.agent.clone(),
            parent,
            action: action.id,
            content: tx.payload(content, Some(action.run))?,
            create_time: tx.now,
        };
        tx.put(keys::checkpoint(tenant, id), &checkpoint)?;
        tx.mark(keys::run_checkpoint(tenant, action.run, id));
        let subjects = Subjects {
            run: Some(action.run),
            action: Some(action.id),
            checkpoint: Some(id),
            ..Subjects::default()
        };
        tx.event_about(EventKind::CheckpointSaved, subjects, None, &[checkpoint.content]);
        Ok(Some(id))
    }
}

pub(super) fn action_subjects(action: &Action, grant: Option<GrantId>) -> Subjects {
    Subjects {
        run: Some(action.run),
        action: Some(action.id),
        escalation: action.escalation,
        grant,
        ..Subjects::default()
    }
}

impl Propose {
    /// Checks everything that needs no state.
    fn check(&self) -> Result<Map<String, Value>, Error> {
        validate::tool("tool", &self.tool)?;
        let schema_version = self.tool_schema_version.as_bytes();
        validate::length("tool_schema_version", schema_version, limits::MAX_SCHEMA_VERSION_BYTES)?;
        validate::length("target", self.target.as_bytes(), limits::MAX_TARGET_BYTES)?;
        validate::required("arguments", &self.arguments)?;
        validate::length("preconditions", &self.preconditions, limits::MAX_PRECONDITIONS_BYTES)?;
        validate::length("reasoning", self.reasoning.as_bytes(), limits::MAX_REASONING_BYTES)?;
        validate::confidence(self.confidence)?;
        let tool_call_id = self.tool_call_id.as_bytes();
        validate::length("tool_call_id", tool_call_id, limits::MAX_TOOL_CALL_ID_BYTES)?;
        let parsed = arguments::parse("arguments", &self.arguments)?;
        refuse_secrets("arguments", &self.arguments)?;
        refuse_secrets("target", self.target.as_bytes())?;
        refuse_secrets("preconditions", &self.preconditions)?;
        refuse_secrets("reasoning", self.reasoning.as_bytes())?;
        if let Some(checkpoint) = &self.checkpoint {
            check_checkpoint(checkpoint)?;
        }
        Ok(parsed)
    }
}

fn check_checkpoint(checkpoint: &CheckpointContent) -> Result<(), Error> {
    validate::length("checkpoint.state", &checkpoint.state, limits::MAX_STATE_BYTES)?;
    let schema_version = checkpoint.schema_version.as_bytes();
    validate::length(
        "checkpoint.schema_version",
        schema_version,
        limits::MAX_SCHEMA_VERSION_BYTES,
    )?;
    refuse_secrets("checkpoint.state", &checkpoint.state)?;
    if checkpoint.credentials.len() > limits::MAX_CREDENTIALS {
        let problem = format!("more than {} references", limits::MAX_CREDENTIALS);
        return Err(Error::field("checkpoint.credentials", problem));
    }
    for (place, credential) in checkpoint.credentials.iter().enumerate() {
        let field = |part: &str| format!("checkpoint.credentials[{place}].{part}");
        let (name, reference) = (credential.name.as_bytes(), credential.reference.as_bytes());
        validate::length(&field("name"), name, limits::MAX_PRINCIPAL_BYTES)?;
        validate::length(&field("reference"), reference, limits::MAX_REFERENCE_BYTES)?;
        refuse_secrets(&field("reference"), reference)?;
    }
    Ok(())
}

impl Engine {
    /// Proposes one tool call; the policy decides at once.
    pub async fn propose(
        &self,
        caller: &Principal,
        command: Propose,
    ) -> Result<Answer<Proposed>, Error> {
        let by = authorize::agent(caller)?;
        let arguments = command.check()?;
        let run = command.run.ok_or_else(|| Error::field("run_id", "required"))?;
        let proposal = Proposal { command: &command, run, arguments };
        self.transact(&by, &command.request_id, &proposal).await
    }

    /// Refuses an escalation that would be one too many.
    fn require_room(&self, agent: &str) -> Result<(), Error> {
        let limits = &self.0.limits;
        let (by_agent, of_tenant) = self.0.stats.open_counts(agent);
        if by_agent >= limits.open_per_agent {
            return Err(Error::TooManyOpen { scope: "the agent", limit: limits.open_per_agent });
        }
        if of_tenant >= limits.open_per_tenant {
            return Err(Error::TooManyOpen { scope: "the tenant", limit: limits.open_per_tenant });
        }
        Ok(())
    }

    /// What a run is to reach. A run's goal never changes, so that it is read
    /// once and not with every proposal.
    pub(super) async fn goal_of(&self, run: &Run) -> Result<Arc<str>, Error> {
        if run.goal.is_none() {
            return Ok(Arc::from(""));
        }
        if let Some(goal) = self.0.goals.get(&run.id) {
            return Ok(goal);
        }
        let goal: Arc<str> = self.text(run.goal.as_ref()).await?.into();
        self.0.goals.insert(run.id, Arc::clone(&goal));
        Ok(goal)
    }
}
