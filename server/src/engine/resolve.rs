//! Resolving: a person's answer, of which exactly one takes effect.

use bytes::Bytes;
use uuid::Uuid;

use super::facts::{About, Asked};
use super::operation::{Answer, Operation, Tx};
use super::situation::Gathered;
use super::views::{Depth, EscalationView};
use super::{Engine, authorize, closing, escalations, limits, run_questions, validate};
use crate::domain::action::{
    Action, ActionContent, ActionEvent, ActionState, Decision, DecisionEffect,
};
use crate::domain::arguments;
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{
    Escalation, EscalationEvent, Question, Resolution, ResolutionContent, ResolutionKind,
};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, EscalationId};
use crate::domain::policy::Verdict;
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::secrets::refuse_secrets;
use crate::store::keys;
use crate::store::records::MessageForm;

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The action may run as shown.
    Approve,
    /// The action must not run.
    Reject {
        /// A code for the reason; may be empty.
        reason_code: String,
    },
    /// An edited action may run in its place.
    Modify {
        /// The edited arguments.
        arguments: Bytes,
        /// The edited target; none: as proposed.
        target: Option<String>,
    },
    /// An answer in the tool's place.
    Respond {
        /// The answer.
        response: Bytes,
    },
}

/// Answers a question.
#[derive(Clone, Debug)]
pub struct Resolve {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The escalation.
    pub escalation: EscalationId,
    /// The etag that the reviewer was shown.
    pub etag: String,
    /// The digest that the reviewer was shown.
    pub action_digest: Digest,
    /// The epoch of the caller's claim; 0: none.
    pub claim_epoch: u64,
    /// Why, in the reviewer's words; may be empty.
    pub note: String,
    /// The answer.
    pub verb: Verb,
}

struct Resolving<'a> {
    command: &'a Resolve,
    asked: Asked,
}

impl Operation for Resolving<'_> {
    type Output = Escalation;
    const METHOD: &'static str = "ResolveEscalation";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.command;
        hasher
            .field(it.escalation.as_bytes())
            .field(it.etag.as_bytes())
            .field(it.action_digest.as_bytes())
            .field(&it.claim_epoch.to_be_bytes())
            .field(it.note.as_bytes());
        match &it.verb {
            Verb::Approve => hasher.field(&[0]),
            Verb::Reject { reason_code } => hasher.field(&[1]).field(reason_code.as_bytes()),
            Verb::Modify { arguments, target } => {
                hasher.field(&[2]).field(arguments).optional(target.as_deref().map(str::as_bytes))
            }
            Verb::Respond { response } => hasher.field(&[3]).field(response),
        };
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Escalation, Vec<Uuid>), Error> {
        let mut escalation = escalations::get(tx, self.command.escalation).await?;
        self.require_resolvable(&escalation, tx)?;
        let waiting = escalation.action.filter(|_| escalation.question.is_about_an_action());
        let Some(id) = waiting else {
            let kind = self.yes_or_no()?;
            run_questions::answer(tx, &escalation, kind).await?;
            self.finish(tx, &mut escalation, kind, None)?;
            return Ok((escalation, Vec::new()));
        };
        let key = keys::action(tx.tenant(), id);
        let found = tx.get::<Action>(key.clone()).await?;
        let mut action = found.ok_or_else(|| super::views::missing(Resource::Action, &id))?;
        let (kind, may_run) = match &self.command.verb {
            Verb::Approve => {
                let grant = closing::approve_grant(tx, escalation.resume_mode);
                action.replace_grant(Some(grant));
                closing::advance(&mut action, ActionEvent::Approved, tx.now)?;
                (ResolutionKind::Approved, Some(action.id))
            }
            Verb::Reject { .. } => {
                refuse(&mut action, escalation.question, tx).await?;
                (ResolutionKind::Rejected, None)
            }
            Verb::Modify { arguments, target } => {
                let edited =
                    self.edit(tx, &escalation, &action, arguments, target.as_deref()).await?;
                closing::withdraw(tx, &mut action, ActionEvent::Refused).await?;
                (ResolutionKind::Modified, Some(edited))
            }
            Verb::Respond { .. } => {
                refuse(&mut action, escalation.question, tx).await?;
                (ResolutionKind::Responded, None)
            }
        };
        tx.put(key, &action)?;
        self.finish(tx, &mut escalation, kind, may_run)?;
        Ok((escalation, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Escalation, Error> {
        engine.existing_escalation(tenant, self.command.escalation).await
    }
}

/// A refused proposal is over; an unknown execution stays unknown.
async fn refuse(action: &mut Action, question: Question, tx: &mut Tx<'_>) -> Result<(), Error> {
    match question {
        Question::ApproveAction => closing::withdraw(tx, action, ActionEvent::Refused).await,
        Question::ExecutionUnknown | Question::RunOverdue | Question::UnexpectedResult => Ok(()),
    }
}

impl Resolving<'_> {
    /// The answer to a question about a run.
    fn yes_or_no(&self) -> Result<ResolutionKind, Error> {
        let refused =
            |verb: &str| Err(Error::field(verb, "a question about a run is approved or rejected"));
        match self.command.verb {
            Verb::Approve => Ok(ResolutionKind::Approved),
            Verb::Reject { .. } => Ok(ResolutionKind::Rejected),
            Verb::Modify { .. } => refused("modify"),
            Verb::Respond { .. } => refused("respond"),
        }
    }

    fn require_resolvable(&self, escalation: &Escalation, tx: &Tx<'_>) -> Result<(), Error> {
        let caller = tx.by.name();
        escalation.require_other_than(caller)?;
        escalation.require_open()?;
        if tx.now >= escalation.expire_time {
            // The timer has not fired yet; nobody wins against the clock.
            return Err(Error::EscalationClosed {
                escalation: escalation.id.to_string(),
                state: "expired",
                by: None,
                at: escalation.expire_time,
            });
        }
        match escalation.live_claim(tx.now) {
            None if self.command.claim_epoch == 0 => {}
            _ => escalation.require_claim(caller, self.command.claim_epoch, tx.now)?,
        }
        if escalation.etag() != self.command.etag {
            let (escalation, etag) = (escalation.id.to_string(), escalation.etag());
            return Err(Error::EtagMismatch { escalation, etag });
        }
        if escalation.action_digest != self.command.action_digest {
            return Err(Error::DigestMismatch {
                action: escalation.action.map(|id| id.to_string()).unwrap_or_default(),
                escalation: Some(escalation.id.to_string()),
                what: "what you were shown is not what is asked; read it again",
            });
        }
        Ok(())
    }

    /// Makes the edited action: judged under the revision that judged the
    /// proposal, with a digest and a grant of its own.
    async fn edit(
        &self,
        tx: &mut Tx<'_>,
        escalation: &Escalation,
        proposed: &Action,
        arguments: &Bytes,
        target: Option<&str>,
    ) -> Result<ActionId, Error> {
        if escalation.question != Question::ApproveAction {
            return Err(Error::field("modify", "an action that may have run cannot be edited"));
        }
        let key = keys::run(tx.tenant(), proposed.run);
        let found = tx.get::<Run>(key).await?;
        let run = found.ok_or_else(|| super::views::missing(Resource::Run, &proposed.run))?;
        let mut content = tx.engine.payload::<ActionContent>(&proposed.content).await?;
        content.arguments = arguments.clone();
        if let Some(target) = target {
            target.clone_into(&mut content.target);
        }
        let call = ToolCall::read("modify.arguments", CallFields::of(&proposed.tool, &content))?;
        let (verdict, gathered) = self.judge(tx, &run, proposed, &call).await?;
        let digest = call.digest(tx.tenant(), &run, proposed.decision.policy_revision);
        content.decided(&verdict, gathered.inputs().clone());
        let mut edited = proposed.clone();
        edited.id = ActionId::new(tx.next_id());
        edited.state = ActionState::Granted;
        edited.digest = digest;
        edited.content = tx.payload(&content, None)?;
        edited.decision = Decision::of(&verdict, proposed.decision.policy_revision);
        edited.is_counted = false;
        gathered.count(tx, &mut edited)?;
        edited.modified_from = Some(proposed.id);
        edited.grant = Some(closing::approve_grant(tx, escalation.resume_mode));
        edited.create_time = tx.now;
        edited.update_time = tx.now;
        tx.heard_person(run.id, MessageForm::Arguments, edited.content)?;
        tx.put(keys::action(tx.tenant(), edited.id), &edited)?;
        tx.mark(keys::run_action(tx.tenant(), edited.run, edited.id));
        let subjects = closing::action_subjects(&edited, edited.grant.map(|grant| grant.id));
        tx.event_about(EventKind::ActionModified, subjects, Some(digest), &[edited.content]);
        Ok(edited.id)
    }

    /// Judges an edited call under the revision that judged the proposal, by the
    /// facts of now.
    async fn judge(
        &self,
        tx: &mut Tx<'_>,
        run: &Run,
        proposed: &Action,
        call: &ToolCall<'_>,
    ) -> Result<(Verdict, Gathered), Error> {
        let revision = tx.engine.policy_of(tx.tenant(), proposed.decision.policy_revision).await?;
        let known = self.asked.of(tx.engine, &revision.policy, About::new(call, run)).await;
        let gathered = tx.gather(run, &revision.policy, call, Some(proposed.id)).await?;
        let gathered = gathered.with_facts(known);
        let verdict = revision.policy.evaluate(&gathered.facts(call, run, proposed.confidence));
        if verdict.effect == DecisionEffect::Deny {
            let rule = verdict.rule.unwrap_or_default();
            return Err(Error::DeniedByPolicy { rule, reason: verdict.reason });
        }
        Ok((verdict, gathered))
    }

    fn finish(
        &self,
        tx: &mut Tx<'_>,
        escalation: &mut Escalation,
        kind: ResolutionKind,
        may_run: Option<ActionId>,
    ) -> Result<(), Error> {
        let response = match &self.command.verb {
            Verb::Respond { response } => response.to_vec(),
            _ => Vec::new(),
        };
        let content = match self.command.note.is_empty() && response.is_empty() {
            true => None,
            false => {
                let words = ResolutionContent { note: self.command.note.clone(), response };
                Some(tx.payload(&words, None)?)
            }
        };
        if let (Verb::Respond { .. }, Some(content)) = (&self.command.verb, content) {
            tx.heard_person(escalation.run, MessageForm::Response, content)?;
        }
        let reason_code = match &self.command.verb {
            Verb::Reject { reason_code } if !reason_code.is_empty() => Some(reason_code.clone()),
            _ => None,
        };
        escalation.resolution = Some(Resolution {
            kind,
            reviewer: tx.by.name().to_owned(),
            resolve_time: tx.now,
            reason_code,
            content,
            action: may_run,
        });
        closing::close(tx, escalation, EscalationEvent::Resolve)?;
        let event = match kind {
            ResolutionKind::Approved => EventKind::EscalationApproved,
            ResolutionKind::Rejected => EventKind::EscalationRejected,
            ResolutionKind::Modified => EventKind::EscalationModified,
            ResolutionKind::Responded => EventKind::EscalationResponded,
        };
        let subjects = closing::subjects(escalation);
        let digest = Some(escalation.action_digest);
        tx.event_about(event, subjects, digest, content.as_slice());
        closing::offer(tx, escalation, may_run)
    }
}

impl Resolve {
    /// Checks everything that needs no state.
    fn check(&self) -> Result<(), Error> {
        validate::required("etag", self.etag.as_bytes())?;
        validate::length("etag", self.etag.as_bytes(), limits::MAX_SCHEMA_VERSION_BYTES)?;
        validate::length("note", self.note.as_bytes(), limits::MAX_NOTE_BYTES)?;
        refuse_secrets("note", self.note.as_bytes())?;
        match &self.verb {
            Verb::Approve => Ok(()),
            Verb::Reject { reason_code } => {
                validate::reason_code("reject.reason_code", reason_code)
            }
            Verb::Modify { arguments, target } => {
                validate::required("modify.arguments", arguments)?;
                arguments::parse("modify.arguments", arguments)?;
                refuse_secrets("modify.arguments", arguments)?;
                let target = target.as_deref().unwrap_or_default().as_bytes();
                validate::length("modify.target", target, limits::MAX_TARGET_BYTES)?;
                refuse_secrets("modify.target", target)
            }
            Verb::Respond { response } => {
                validate::required("respond.response", response)?;
                validate::length("respond.response", response, limits::MAX_RESPONSE_BYTES)?;
                refuse_secrets("respond.response", response)
            }
        }
    }
}

impl Engine {
    /// Answers a question for the calling reviewer.
    pub async fn resolve(
        &self,
        caller: &Principal,
        command: Resolve,
    ) -> Result<Answer<EscalationView>, Error> {
        let by = authorize::reviewer(caller)?;
        command.check()?;
        let resolving = Resolving { command: &command, asked: Asked::default() };
        let answer = self.transact(&by, &command.request_id, &resolving).await?;
        let escalation = answer.value.clone();
        let view = self.escalation_view(&caller.tenant, escalation, Depth::Full).await?;
        Ok(answer.map(|_| view))
    }
}
