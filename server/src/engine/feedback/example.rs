//! One example: what an agent proposed, and what a person said of it.

use bytes::Bytes;
use serde_json::Value;

use super::Export;
use crate::domain::action::{Action, ActionContent, DecisionEffect};
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, Question, ResolutionContent, ResolutionKind};
use crate::domain::feedback::{FeedbackKind, Part, patch};
use crate::domain::ids::{ActionId, EscalationId, PolicyRevisionId, RunId};
use crate::domain::incident::Incident;
use crate::domain::payload::PayloadRef;
use crate::domain::review::{Judged, Judgement, Review};
use crate::domain::run::Run;
use crate::domain::time::Timestamp;

const CONTEXT_TAG: &str = "pointsman.feedback-context.v1";

/// What an agent proposed, and what a person said of it; redacted.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackExample {
    /// Why it is an example.
    pub kind: FeedbackKind,
    /// The action.
    pub action: ActionId,
    /// Its run.
    pub run: RunId,
    /// The question that was answered.
    pub escalation: Option<EscalationId>,
    /// The review or incident that found it; empty: none.
    pub source: String,
    /// The agent.
    pub agent: String,
    /// The tool.
    pub tool: String,
    /// What it acts on.
    pub target: String,
    /// The arguments.
    pub arguments: Value,
    /// Why the agent wanted it.
    pub reasoning: String,
    /// What the run was to reach.
    pub goal: String,
    /// The arguments that ran in their place, and the way from the one to the other.
    pub modified: Option<(Value, Value)>,
    /// The answer in the tool's place.
    pub response: String,
    /// The correction in words.
    pub instruction: String,
    /// A code for the reason.
    pub reason_code: String,
    /// Why, in the person's words.
    pub note: String,
    /// What a reviewer says, and how grave it is.
    pub judged: Option<(Judgement, u32)>,
    /// What was decided.
    pub decided: DecisionEffect,
    /// What should have been.
    pub expected: DecisionEffect,
    /// Names everything that the decision rested on.
    pub context: Digest,
    /// The revision that decided.
    pub policy_revision: PolicyRevisionId,
    /// The rule that decided.
    pub rule: Option<String>,
    /// When it was proposed.
    pub propose_time: Timestamp,
    /// When the person said it.
    pub answer_time: Timestamp,
}

impl FeedbackExample {
    /// About how many bytes it takes in a message.
    pub(super) fn size(&self) -> usize {
        let words = [
            &self.reasoning,
            &self.goal,
            &self.response,
            &self.instruction,
            &self.note,
            &self.target,
        ];
        let modified = self.modified.iter().map(|(new, patch)| (new, patch));
        let changed = modified.map(|(new, patch)| new.to_string().len() + patch.to_string().len());
        words.iter().map(|it| it.len()).sum::<usize>()
            + self.arguments.to_string().len()
            + changed.sum::<usize>()
    }
}

/// What a person said of an action.
struct Said {
    kind: FeedbackKind,
    escalation: Option<EscalationId>,
    source: String,
    content: ResolutionContent,
    reason_code: String,
    modified: Option<Bytes>,
    judged: Option<(Judgement, u32)>,
    expected: DecisionEffect,
    time: Timestamp,
}

impl Said {
    fn of(kind: FeedbackKind, note: String, time: Timestamp) -> Self {
        Self {
            kind,
            escalation: None,
            source: String::new(),
            content: ResolutionContent { note, ..ResolutionContent::default() },
            reason_code: String::new(),
            modified: None,
            judged: None,
            expected: DecisionEffect::Escalate,
            time,
        }
    }

    fn found(source: String, judged: (Judgement, u32), note: String, time: Timestamp) -> Self {
        let expected = match judged.0 {
            Judgement::WrongAction => DecisionEffect::Deny,
            _ => DecisionEffect::Escalate,
        };
        let said = Self::of(FeedbackKind::Found, note, time);
        Self { source, judged: Some(judged), expected, ..said }
    }
}

/// Arguments as JSON; what is none stands there as text.
fn read(arguments: &[u8]) -> Value {
    let text = || Value::String(String::from_utf8_lossy(arguments).into_owned());
    serde_json::from_slice(arguments).unwrap_or_else(|_| text())
}

/// Names everything that a decision rested on, by the salted commitments of what was kept
/// of it: what is redacted cannot be guessed from this.
fn context(action: &Action, run: &Run) -> Digest {
    let goal = run.goal.as_ref().map(|goal| goal.commitment.as_bytes().as_slice());
    let confidence = action.confidence.map(f64::to_be_bytes);
    let mut hasher = FieldHasher::new(CONTEXT_TAG);
    hasher
        .field(action.digest.as_bytes())
        .field(action.content.commitment.as_bytes())
        .optional(goal)
        .optional(confidence.as_ref().map(<[u8; 8]>::as_slice));
    hasher.finish()
}

impl Export {
    /// The example of an answer, if it differs from what the agent proposed.
    pub(super) async fn of_answer(
        &self,
        question: &Escalation,
    ) -> Result<Vec<FeedbackExample>, Error> {
        let (engine, tenant) = (&self.engine, self.by.tenant());
        let (Some(resolution), Some(action)) = (&question.resolution, question.action) else {
            return Ok(Vec::new());
        };
        let kind = match resolution.kind {
            ResolutionKind::Approved => return Ok(Vec::new()),
            ResolutionKind::Rejected => FeedbackKind::Rejected,
            ResolutionKind::Modified => FeedbackKind::Modified,
            ResolutionKind::Responded => FeedbackKind::Responded,
            ResolutionKind::Instructed => FeedbackKind::Instructed,
        };
        let (agent, tool, rule) = (&question.agent, &question.tool, question.rule.as_ref());
        let is_about_it = question.question == Question::ApproveAction;
        if !is_about_it || !self.is_wanted(agent, tool, rule, resolution.resolve_time) {
            return Ok(Vec::new());
        }
        let content = match &resolution.content {
            Some(reference) => engine.payload(reference).await?,
            None => ResolutionContent::default(),
        };
        let modified = match resolution.action.filter(|_| kind == FeedbackKind::Modified) {
            Some(id) => {
                let edited = engine.existing_action(tenant, id).await?;
                Some(engine.payload::<ActionContent>(&edited.content).await?.arguments)
            }
            None => None,
        };
        let said = Said {
            escalation: Some(question.id),
            content,
            reason_code: resolution.reason_code.clone().unwrap_or_default(),
            modified,
            ..Said::of(kind, String::new(), resolution.resolve_time)
        };
        let action = engine.existing_action(tenant, action).await?;
        Ok(vec![self.example(action, said).await?])
    }

    /// The example of an action that was taken back.
    pub(super) async fn of_reversal(&self, action: Action) -> Result<Vec<FeedbackExample>, Error> {
        let Some(reversion) = &action.reversion else { return Ok(Vec::new()) };
        let (rule, at) = (action.decision.rule.as_ref(), reversion.reverse_time);
        if !self.is_wanted(&action.agent, &action.tool, rule, at) {
            return Ok(Vec::new());
        }
        let note = self.engine.text(Some(&reversion.reason)).await?;
        let escalation = action.escalation;
        let said = Said { escalation, ..Said::of(FeedbackKind::Reverted, note, at) };
        Ok(vec![self.example(action, said).await?])
    }

    /// The examples of a review: one for each who found a mistake.
    pub(super) async fn of_review(&self, review: &Review) -> Result<Vec<FeedbackExample>, Error> {
        let mut examples = Vec::new();
        for judged in review.judged.iter().filter(|it| it.judgement.finds_a_mistake()) {
            let Judged { judgement, severity, note, judge_time, .. } = judged;
            let of = (&review.agent, &review.tool, review.rule.as_ref());
            if self.is_wanted(of.0, of.1, of.2, *judge_time) {
                let (source, judged) = (review.id.to_string(), (*judgement, *severity));
                let found = (source, judged, note.as_ref(), *judge_time);
                examples.push(self.of_finding(review.action, found).await?);
            }
        }
        Ok(examples)
    }

    /// The example of an incident that somebody raised.
    pub(super) async fn of_incident(
        &self,
        incident: &Incident,
    ) -> Result<Vec<FeedbackExample>, Error> {
        let (rule, at) = (incident.rule.as_ref(), incident.create_time);
        let is_wanted = self.is_wanted(&incident.agent, &incident.tool, rule, at);
        let Some(judgement) = incident.judgement.filter(|_| is_wanted) else {
            return Ok(Vec::new());
        };
        let judged = (judgement, incident.severity);
        let found = (incident.id.to_string(), judged, incident.reason.as_ref(), at);
        Ok(vec![self.of_finding(incident.action, found).await?])
    }

    async fn of_finding(
        &self,
        action: ActionId,
        (source, judged, note, at): (String, (Judgement, u32), Option<&PayloadRef>, Timestamp),
    ) -> Result<FeedbackExample, Error> {
        let note = self.engine.text(note).await?;
        let action = self.engine.existing_action(self.by.tenant(), action).await?;
        self.example(action, Said::found(source, judged, note, at)).await
    }

    /// Puts an example together, with what may not leave replaced.
    async fn example(&self, action: Action, said: Said) -> Result<FeedbackExample, Error> {
        let (engine, redactor) = (&self.engine, self.redactor());
        let content = engine.payload::<ActionContent>(&action.content).await?;
        let run = engine.existing_run(self.by.tenant(), action.run).await?;
        let goal = engine.goal_of(&run).await?;
        let redacted = |arguments: &[u8]| {
            let mut value = read(arguments);
            redactor.arguments(&action.tool, &mut value);
            value
        };
        let arguments = redacted(&content.arguments);
        let modified = said.modified.as_deref().map(redacted);
        let modified = modified.map(|new| (new.clone(), patch(&arguments, &new)));
        let response = String::from_utf8_lossy(&said.content.response);
        Ok(FeedbackExample {
            kind: said.kind,
            context: context(&action, &run),
            action: action.id,
            run: action.run,
            escalation: said.escalation,
            source: said.source,
            target: redactor.part(Part::Target, &content.target),
            arguments,
            reasoning: redactor.part(Part::Reasoning, &content.reasoning),
            goal: redactor.part(Part::Goal, &goal),
            modified,
            response: redactor.part(Part::Response, &response),
            instruction: redactor.part(Part::Instruction, &said.content.instruction),
            reason_code: said.reason_code,
            note: redactor.part(Part::Note, &said.content.note),
            judged: said.judged,
            decided: action.decision.effect,
            expected: said.expected,
            policy_revision: action.decision.policy_revision,
            rule: action.decision.rule,
            propose_time: action.create_time,
            answer_time: said.time,
            agent: action.agent,
            tool: action.tool,
        })
    }
}
