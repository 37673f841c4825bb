//! Proposing actions: the policy decides, and one commit holds all of it.

mod admit;
mod check;
mod follow;
mod repeat;

use std::sync::OnceLock;

use bytes::Bytes;
use uuid::Uuid;

use super::checkpoints::Occasion;
use super::facts::{About, Asked};
use super::operation::{Answer, Operation, Tx, result_at};
use super::runs::own;
use super::{Engine, authorize, branches, checkpoints, closing, past};
use crate::domain::action::{
    Action, ActionContent, ActionState, Decision, DecisionEffect, GRANT_LIFETIME, Grant,
};
use crate::domain::branch::ORIGINAL;
use crate::domain::briefing::{self, for_action};
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::checkpoint::CheckpointContent;
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, Opening, Question, ResumeMode};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, EscalationId, GrantId, RunId, WaitId};
use crate::domain::overrides::Doing;
use crate::domain::payload::PayloadRef;
use crate::domain::policy::{Ask, Policy};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::shadow::ShadowDecision;
use crate::store::{CommitLane, keys};
use admit::Taken;

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
    /// The question whose correction in words it follows.
    pub follows: Option<EscalationId>,
    /// The branch of the run that the agent is on; 0: the original path.
    pub branch: u32,
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
    /// What is kept of the call; the rule's words are still missing.
    content: &'a ActionContent,
    call: ToolCall<'a>,
    asked: Asked,
    /// What was taken of the limits, once a person is asked.
    taken: OnceLock<Vec<Taken>>,
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
            checkpoint.fingerprint(hasher);
        }
        if let Some(followed) = &it.follows {
            hasher.field(b"follows").field(followed.as_bytes());
        }
        if it.branch != ORIGINAL {
            hasher.field(b"branch").field(&it.branch.to_be_bytes());
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Proposed, Vec<Uuid>), Error> {
        let run = own(tx, self.run).await?;
        let holds = tx.require_free(&run, Doing::Propose).await?;
        branches::require_acknowledged(tx, &run, self.command.branch).await?;
        tx.require_open(&run, &holds, &self.command.tool).await?;
        tx.require_not_paused(&run.agent).await?;
        follow::check(tx, &run, self.command.follows).await?;
        let revision = tx.policy().await?;
        let (shadow, about) = (tx.engine.shadow(), About::new(&self.call, &run));
        let tried = shadow.as_deref().map(|shadow| &shadow.policy);
        let known = self.asked.beside(tx.engine, &revision.policy, tried, about).await;
        let gathered = tx.gather(&run, &revision.policy, &self.call, None).await?;
        let gathered = gathered.with_facts(known);
        let facts = gathered.facts(&self.call, &run, self.command.confidence);
        let mut verdict = revision.policy.evaluate(&facts);
        let meaning = self.call.repeat_key(tx.tenant(), &run);
        let answered_from = match verdict.effect {
            DecisionEffect::Escalate => {
                repeat::answer(tx, &meaning, revision.id, &mut verdict).await?
            }
            DecisionEffect::Allow | DecisionEffect::Deny => None,
        };
        let digest = self.call.digest(tx.tenant(), &run, revision.id);
        let mut content = self.content.clone();
        content.decided(&verdict, gathered.inputs().clone());
        let words = (verdict.effect == DecisionEffect::Escalate).then(|| {
            let (policy, content) = (&revision.policy, &content);
            for_action(&briefing::Asked { policy, facts: &facts, verdict: &verdict, content })
        });
        let shadow = tx.ask_shadow(shadow, &self.asked, about, self.command.confidence).await;
        let (shadow, gathered) = match shadow {
            Some((said, beside)) => (Some(said), gathered.and_counted_by(beside)),
            None => (None, gathered),
        };
        content.shadow = shadow;
        let kept = tx.payload(&content, None)?;
        let decision = Decision::of(&verdict, revision.id);
        let mut action = Action { answered_from, ..self.action(tx, &run, digest, kept, decision) };
        gathered.count(tx, &mut action)?;
        note_difference(tx, &action, &content);
        let results = closing::result(action.id.as_bytes());
        let (action, escalation) = match (verdict.effect, &verdict.ask) {
            (DecisionEffect::Allow, _) => (self.allow(tx, action, &revision.policy)?, None),
            (DecisionEffect::Escalate, Some(ask)) => {
                self.admit(tx, &run, verdict.rule.as_deref()).await?;
                let briefing = tx.payload(&words.unwrap_or_default(), None)?;
                let (action, escalation) =
                    self.escalate(tx, action, &run, (ask, &revision.policy), briefing).await?;
                repeat::remember(tx, &meaning, escalation.id)?;
                (action, Some(escalation))
            }
            (DecisionEffect::Deny | DecisionEffect::Escalate, _) => (self.deny(tx, action), None),
        };
        tx.put(keys::action(tx.tenant(), action.id), &action)?;
        tx.mark(keys::run_action(tx.tenant(), action.run, action.id));
        follow::note(tx, &action);
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

/// Says that the shadow would have decided otherwise.
fn note_difference(tx: &mut Tx<'_>, action: &Action, content: &ActionContent) {
    // What a person had rejected no policy has refused.
    let said = match action.answered_from {
        Some(_) => DecisionEffect::Escalate,
        None => action.decision.effect,
    };
    let differs = |it: &&ShadowDecision| it.differs_from(said);
    if let Some(shadow) = content.shadow.as_ref().filter(differs) {
        let mut subjects = closing::action_subjects(action, None);
        subjects.policy = Some(shadow.policy_revision);
        tx.event_about(EventKind::PolicyShadowDiffered, subjects, Some(action.digest), &[]);
    }
}

impl Proposal<'_> {
    /// What is proposed: nothing may run yet.
    fn action(
        &self,
        tx: &Tx<'_>,
        run: &Run,
        digest: Digest,
        content: PayloadRef,
        decision: Decision,
    ) -> Action {
        Action {
            id: ActionId::new(tx.next_id()),
            run: run.id,
            agent: run.agent.clone(),
            state: ActionState::Denied,
            tool: self.command.tool.clone(),
            digest,
            branch: run.branch,
            content,
            decision,
            confidence: self.command.confidence,
            escalation: None,
            modified_from: None,
            follows: self.command.follows,
            compensates: None,
            answered_from: None,
            reversion: None,
            grant: None,
            revoked_grants: Vec::new(),
            outcome: None,
            is_counted: false,
            is_reviewed: false,
            create_time: tx.now,
            update_time: tx.now,
        }
    }

    fn allow(&self, tx: &mut Tx<'_>, mut action: Action, policy: &Policy) -> Result<Action, Error> {
        let mut grant = Grant {
            id: GrantId::new(tx.next_id()),
            expire_time: tx.now.plus(GRANT_LIFETIME),
            approval_valid_until: tx.now.plus(GRANT_LIFETIME),
            epoch: 0,
            redeem_time: None,
            outcome_due_time: None,
        };
        action.state = ActionState::Granted;
        let subjects = closing::action_subjects(&action, Some(grant.id));
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
        let mut subjects = closing::action_subjects(&action, None);
        let kind = match action.answered_from {
            Some(_) => EventKind::ActionAnsweredFromRecord,
            None => EventKind::ActionDenied,
        };
        subjects.escalation = action.answered_from;
        tx.event_about(kind, subjects, Some(action.digest), &[action.content]);
        action
    }

    async fn escalate(
        &self,
        tx: &mut Tx<'_>,
        mut action: Action,
        run: &Run,
        (ask, policy): (&Ask, &Policy),
        briefing: PayloadRef,
    ) -> Result<(Action, Escalation), Error> {
        let id = EscalationId::new(tx.next_id());
        let checkpoint = match &self.command.checkpoint {
            Some(content) => {
                let (action, escalation) = (Some(&action), Some(id));
                let occasion = Occasion { action, escalation, ..Occasion::default() };
                Some(checkpoints::save(tx, run, occasion, content).await?.id)
            }
            None => None,
        };
        let opening = Opening {
            id,
            wait: WaitId::new(tx.next_id()),
            question: Question::ApproveAction,
            run,
            action: Some(&action),
            digest: action.digest,
            ask,
            stake: policy.tool(&action.tool).stake(self.call.arguments()),
            rule: action.decision.rule.clone(),
            policy_revision: action.decision.policy_revision,
            briefing,
            checkpoint,
            resume_mode: self.command.resume_mode,
        };
        let mut escalation = opening.at(tx.now);
        action.state = ActionState::Escalated;
        action.escalation = Some(escalation.id);
        let subjects = closing::subjects(&escalation);
        let digest = Some(action.digest);
        tx.event_about(EventKind::ActionEscalated, subjects, digest, &[action.content]);
        closing::open(tx, &mut escalation).await?;
        past::remember(tx, &escalation, &self.command.target);
        Ok((action, escalation))
    }
}

impl Propose {
    /// What is kept of the call, before the policy has spoken.
    fn content(&self) -> ActionContent {
        ActionContent {
            tool_schema_version: self.tool_schema_version.clone(),
            target: self.target.clone(),
            arguments: self.arguments.clone(),
            preconditions: self.preconditions.clone(),
            reasoning: self.reasoning.clone(),
            tool_call_id: self.tool_call_id.clone(),
            ..ActionContent::default()
        }
    }
}

impl Engine {
    /// Proposes one tool call; the policy decides at once.
    pub async fn propose(
        &self,
        caller: &Principal,
        command: Propose,
    ) -> Result<Answer<Proposed>, Error> {
        let by = authorize::agent(caller)?;
        check::form(&command)?;
        let content = command.content();
        let call = ToolCall::read("arguments", CallFields::of(&command.tool, &content))?;
        check::secrets(&command)?;
        let run = command.run.ok_or_else(|| Error::field("run_id", "required"))?;
        let asked = Asked::default();
        let taken = OnceLock::new();
        let proposal = Proposal { command: &command, run, content: &content, call, asked, taken };
        let answer = self.transact(&by, &command.request_id, &proposal).await;
        if let Err(Error::RepeatOfOpen { escalation, .. }) = &answer {
            self.0.floods.note_repeat(*escalation, self.now());
        }
        if !matches!(&answer, Ok(answer) if !answer.is_replayed) {
            self.give_back(proposal.taken.get().map_or(&[], Vec::as_slice));
        }
        answer
    }

    /// Puts tokens back that were taken for nothing.
    fn give_back(&self, taken: &[Taken]) {
        for (scope, whose, rate) in taken {
            self.0.floods.give_back((*scope, whose), *rate, self.now());
        }
    }
}
