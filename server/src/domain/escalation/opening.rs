//! How a question begins: the one place that makes an [`Escalation`].

use super::{Conversation, Escalation, EscalationState, Question, Repeats, ResumeMode};
use crate::domain::action::Action;
use crate::domain::digest::Digest;
use crate::domain::ids::{CheckpointId, EscalationId, PolicyRevisionId, WaitId};
use crate::domain::money::Stake;
use crate::domain::payload::PayloadRef;
use crate::domain::policy::Ask;
use crate::domain::run::Run;
use crate::domain::time::Timestamp;

/// What is asked of a person, before anybody was asked.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// The escalation's id.
    pub id: EscalationId,
    /// The single-use wait.
    pub wait: WaitId,
    /// What is asked.
    pub question: Question,
    /// The run.
    pub run: &'a Run,
    /// The action it is about; none: it is about the run alone.
    pub action: Option<&'a Action>,
    /// What an answer is bound to.
    pub digest: Digest,
    /// How it is asked.
    pub ask: &'a Ask,
    /// The money at stake.
    pub stake: Stake,
    /// The rule that asks.
    pub rule: Option<String>,
    /// The revision that judged.
    pub policy_revision: PolicyRevisionId,
    /// A [`Briefing`](crate::domain::briefing::Briefing).
    pub briefing: PayloadRef,
    /// The checkpoint saved with it.
    pub checkpoint: Option<CheckpointId>,
    /// Who takes the answer up.
    pub resume_mode: ResumeMode,
}

impl Opening<'_> {
    /// The question, asked now.
    pub fn at(self, now: Timestamp) -> Escalation {
        let Self { ask, run, action, .. } = self;
        Escalation {
            id: self.id,
            state: EscalationState::Open,
            question: self.question,
            run: run.id,
            action: action.map(|action| action.id),
            tool: action.map(|action| action.tool.clone()).unwrap_or_default(),
            checkpoint: self.checkpoint,
            wait: self.wait,
            resume_mode: self.resume_mode,
            agent: run.agent.clone(),
            ancestors: run.ancestors.clone(),
            on_behalf_of: run.on_behalf_of.clone(),
            lane: ask.lane.clone(),
            severity: ask.severity,
            required_role: ask.required_role,
            quorum: ask.quorum,
            stake: self.stake,
            delay_cost: None,
            votes: Vec::new(),
            conversation: Conversation::default(),
            follows: action.and_then(|action| action.follows),
            rule: self.rule,
            policy_revision: self.policy_revision,
            briefing: self.briefing,
            action_digest: self.digest,
            claim: None,
            snooze_until: None,
            resolution: None,
            due_time: now.plus(ask.due),
            expire_time: now.plus(ask.expire),
            on_expiry: ask.on_expiry,
            create_time: now,
            update_time: now,
            is_overdue: false,
            late: None,
            plan: None,
            repeats: Repeats::default(),
            close_time: None,
            revision: 1,
        }
    }
}
