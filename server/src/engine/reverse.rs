//! Taking actions back: a resolution that somebody regrets, or an action that ran
//! without anybody being asked.
//!
//! A grant that was not used up is withdrawn. Of what ran the agent is asked for the
//! counter-action that the policy in force declares, by a question that is answered as
//! it is opened: so it reaches the agent, or any of its workers, as every answer does.

use std::sync::Arc;

use uuid::Uuid;

use super::branches::NewBranch;
use super::facts::{About, Asked};
use super::operation::{Answer, Operation, Tx, result_at};
use super::people::AskedAbout;
use super::policies::Revision;
use super::views::{ActionView, missing};
use super::{
    Engine, authorize, branches, checkpoints, closing, escalations, incidents, limits, validate,
};
use crate::domain::action::{Action, ActionContent, ActionState, Decision, DecisionEffect};
use crate::domain::arguments;
use crate::domain::authority::Matter;
use crate::domain::branch::BranchCause;
use crate::domain::briefing;
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, PathError, Resource};
use crate::domain::escalation::{
    Approver, Escalation, EscalationEvent, Opening, Question, Resolution, ResolutionKind,
    ResumeMode,
};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, AuthorityId, EscalationId, WaitId};
use crate::domain::incident::IncidentKind;
use crate::domain::overrides::Doing;
use crate::domain::payload::PayloadRef;
use crate::domain::policy::{Ask, OnExpiry, Verdict};
use crate::domain::principal::Principal;
use crate::domain::reversion::{COMPENSATION_DUE, Reversion, ReversionEvent, ReversionState};
use crate::domain::run::Run;
use crate::store::keys::{self, Timer, TimerKind};

/// What is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reversed {
    /// An action, whoever allowed it.
    Action(ActionId),
    /// What an answer permitted.
    Resolution {
        /// The escalation that was answered.
        escalation: EscalationId,
        /// The etag that the caller was shown.
        etag: String,
        /// Whether the run goes back as well, to the newest checkpoint before the question
        /// that is known to be good.
        rolls_back: bool,
    },
}

/// Takes something back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// What.
    pub what: Reversed,
    /// Why.
    pub reason: String,
}

struct Reversing<'a> {
    command: &'a Reverse,
    asked: Asked,
}

impl Operation for Reversing<'_> {
    type Output = Action;
    const METHOD: &'static str = "ReverseAction";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        match &self.command.what {
            Reversed::Action(id) => {
                hasher.field(b"action").field(id.as_bytes());
            }
            Reversed::Resolution { escalation, etag, rolls_back } => {
                hasher.field(b"resolution").field(escalation.as_bytes()).field(etag.as_bytes());
                if *rolls_back {
                    hasher.field(b"roll_back");
                }
            }
        }
        hasher.field(self.command.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Action, Vec<Uuid>), Error> {
        let (mut action, authority) = self.subject(tx).await?;
        if let Some(earlier) = &action.reversion {
            return Err(Error::AlreadyReversed {
                action: action.id.to_string(),
                by: earlier.reverser.clone(),
                at: earlier.reverse_time,
            });
        }
        let reason = tx.bytes(self.command.reason.clone().into(), None)?;
        let state = match action.state {
            ActionState::Granted => ReversionState::Revoked,
            ActionState::Redeemed | ActionState::ExecutionUnknown => {
                ReversionState::AwaitingOutcome
            }
            ActionState::Executed => ReversionState::Compensating,
            _ => return Err(not_reversible(&action, "nothing of it can run, or has run")),
        };
        action.reversion = Some(Reversion {
            state,
            reverser: tx.by.name().to_owned(),
            authority,
            standing: tx.standing(None),
            reason,
            compensation: None,
            reverse_time: tx.now,
            update_time: tx.now,
        });
        let subjects = closing::action_subjects(&action, action.grant.map(|grant| grant.id));
        tx.event_about(EventKind::ActionReversed, subjects, Some(action.digest), &[reason]);
        if state == ReversionState::Revoked {
            closing::revoke(tx, &mut action).await?;
        } else {
            self.undo(tx, &mut action).await?;
        }
        action.update_time = tx.now;
        tx.mark(keys::reversal(tx.tenant(), tx.now, action.id));
        tx.put(keys::action(tx.tenant(), action.id), &action)?;
        if let Reversed::Resolution { escalation, rolls_back: true, .. } = self.command.what {
            roll_back(tx, escalation, reason).await?;
        }
        let results = closing::result(action.id.as_bytes());
        Ok((action, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Action, Error> {
        engine.existing_action(tenant, ActionId::new(result_at(results, 0)?)).await
    }
}

fn not_reversible(action: &Action, why: &'static str) -> Error {
    let (state, action) = (action.state.name(), action.id.to_string());
    Error::NotReversible { action, state, why }
}

/// Takes the run back to before a question, once its action is taken back.
async fn roll_back(tx: &mut Tx<'_>, id: EscalationId, reason: PayloadRef) -> Result<(), Error> {
    let question = escalations::get(tx, id).await?;
    let found = tx.get::<Run>(keys::run(tx.tenant(), question.run)).await?;
    let mut run = found.ok_or_else(|| missing(Resource::Run, &question.run))?;
    tx.require_free(&run, Doing::Finish).await?;
    let until = Some(question.create_time);
    let good = checkpoints::newest_good(tx, &run, until).await?;
    let none = || Error::Path(PathError::NoGoodCheckpoint { run: run.id.to_string() });
    let checkpoint = Some(good.ok_or_else(none)?.id);
    let (reason, escalation) = (Some(reason), Some(id));
    let because = NewBranch::because(BranchCause::Revert);
    let request = NewBranch { checkpoint, reason, escalation, ..because };
    branches::start(tx, &mut run, request).await.map(|_| ())
}

impl Reversing<'_> {
    /// The action, and who may take it back: who might have permitted it.
    async fn subject(&self, tx: &mut Tx<'_>) -> Result<(Action, AuthorityId), Error> {
        let id = match &self.command.what {
            Reversed::Action(id) => *id,
            Reversed::Resolution { escalation, etag, .. } => {
                let mut question = escalations::get(tx, *escalation).await?;
                if question.etag() != *etag {
                    let (resource, id) = (Resource::Escalation, question.id.to_string());
                    return Err(Error::EtagMismatch { resource, id, etag: question.etag() });
                }
                let permitted = question.resolution.as_ref().and_then(|it| it.action);
                let permitted = permitted.ok_or_else(|| Error::NotReversible {
                    action: text_of(question.action),
                    state: question.state.name(),
                    why: "the answer permitted nothing",
                })?;
                closing::touch(&mut question, tx.now);
                tx.put(keys::escalation(tx.tenant(), question.id), &question)?;
                permitted
            }
        };
        let found = tx.get::<Action>(keys::action(tx.tenant(), id)).await?;
        let action = found.ok_or_else(|| Error::not_found(Resource::Action, id))?;
        if action.compensates.is_some() {
            return Err(not_reversible(&action, "it undoes another; propose a new one"));
        }
        let revision = tx.engine.policy_of(tx.tenant(), action.decision.policy_revision).await?;
        let content = tx.engine.payload::<ActionContent>(&action.content).await?;
        let ask = revision.policy.ask_of(action.decision.rule.as_deref().unwrap_or_default());
        let authority = admit(tx, &action, content, revision, &ask).await?;
        Ok((action, authority))
    }

    /// Asks for the counter-action of what ran; of what may be running once its outcome
    /// is there.
    async fn undo(&self, tx: &mut Tx<'_>, action: &mut Action) -> Result<(), Error> {
        let revision = tx.policy().await?;
        let Some(tool) = revision.policy.tool(&action.tool).compensation.clone() else {
            return Err(not_reversible(action, "its tool declares no compensation"));
        };
        if action.state != ActionState::Executed {
            return Ok(());
        }
        let run = existing_run(tx, action).await?;
        let made = counter_action(tx, action, &run, &revision, &tool, &self.asked).await?;
        let ask = ask_about(&made.verdict, &revision);
        let authority =
            admit(tx, &made.action, made.content.clone(), revision.clone(), &ask).await?;
        let (name, standing) = (tx.by.name().to_owned(), tx.standing(None));
        let by = Approver { name, authority, reading: None, standing };
        offer(tx, action, &run, &revision, made, by)
    }
}

/// Refuses a caller who could not have permitted the action: of its own, or beyond its
/// authority.
async fn admit(
    tx: &mut Tx<'_>,
    action: &Action,
    content: ActionContent,
    revision: Arc<Revision>,
    ask: &Ask,
) -> Result<AuthorityId, Error> {
    let run = existing_run(tx, action).await?;
    let arguments = arguments::parse("arguments", &content.arguments)?;
    let stake = revision.policy.tool(&action.tool).stake(&arguments);
    let (lane, tool) = (ask.lane.as_str(), action.tool.as_str());
    let matter = Matter { lane, tool, severity: ask.severity, stake: &stake, called: None };
    let asked = AskedAbout { revision, run, tool: action.tool.clone(), content };
    tx.admit_over(&action.id.to_string(), &matter, &asked).await
}

/// How a person would be asked about what the policy says this of.
fn ask_about(verdict: &Verdict, revision: &Revision) -> Ask {
    let by_rule = || revision.policy.ask_of(verdict.rule.as_deref().unwrap_or_default());
    verdict.ask.clone().unwrap_or_else(by_rule)
}

fn text_of(id: Option<ActionId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

async fn existing_run(tx: &mut Tx<'_>, action: &Action) -> Result<Run, Error> {
    let found = tx.get::<Run>(keys::run(tx.tenant(), action.run)).await?;
    found.ok_or_else(|| missing(Resource::Run, &action.run))
}

/// A counter-action that is not offered yet.
struct Made {
    action: Action,
    content: ActionContent,
    verdict: Verdict,
}

/// Makes the counter-action: the declared tool with the arguments of what it undoes.
/// The policy in force judges it as every action; a person wants it, so that only a
/// denial stops it.
async fn counter_action(
    tx: &mut Tx<'_>,
    undone: &Action,
    run: &Run,
    revision: &Revision,
    tool: &str,
    asked: &Asked,
) -> Result<Made, Error> {
    let original = tx.engine.payload::<ActionContent>(&undone.content).await?;
    let mut content = ActionContent {
        target: original.target,
        arguments: original.arguments,
        ..ActionContent::default()
    };
    let fields = content.clone();
    let call = ToolCall::read("arguments", CallFields::of(tool, &fields))?;
    let known = asked.of(tx.engine, &revision.policy, About::new(&call, run)).await;
    let gathered = tx.gather(run, &revision.policy, &call, None).await?.with_facts(known);
    let verdict = revision.policy.evaluate(&gathered.facts(&call, run, None));
    if verdict.effect == DecisionEffect::Deny {
        let rule = verdict.rule.unwrap_or_default();
        return Err(Error::DeniedByPolicy { rule, reason: verdict.reason });
    }
    content.decided(&verdict, gathered.inputs().clone());
    let mut action = Action {
        id: ActionId::new(tx.next_id()),
        state: ActionState::Granted,
        tool: tool.to_owned(),
        digest: call.digest(tx.tenant(), run, revision.id),
        content: tx.payload(&content, None)?,
        decision: Decision::of(&verdict, revision.id),
        confidence: None,
        escalation: None,
        modified_from: None,
        follows: None,
        compensates: Some(undone.id),
        answered_from: None,
        reversion: None,
        grant: Some(closing::approve_grant(tx, ResumeMode::Detached)),
        revoked_grants: Vec::new(),
        outcome: None,
        is_counted: false,
        is_reviewed: false,
        create_time: tx.now,
        update_time: tx.now,
        ..undone.clone()
    };
    gathered.count(tx, &mut action)?;
    Ok(Made { action, content, verdict })
}

/// Offers the counter-action to the agent's workers, and follows it.
fn offer(
    tx: &mut Tx<'_>,
    undone: &mut Action,
    run: &Run,
    revision: &Revision,
    made: Made,
    by: Approver,
) -> Result<(), Error> {
    let Made { mut action, content, verdict } = made;
    let ask = ask_about(&verdict, revision);
    let ask = Ask { on_expiry: OnExpiry::Cancel, quorum: 1, required_role: None, ..ask };
    let arguments = arguments::parse("arguments", &content.arguments)?;
    let words = briefing::for_compensation(&undone.tool, &action.tool, &content);
    let opening = Opening {
        id: EscalationId::new(tx.next_id()),
        wait: WaitId::new(tx.next_id()),
        question: Question::CompensateAction,
        run,
        action: Some(&action),
        digest: action.digest,
        ask: &ask,
        stake: revision.policy.tool(&action.tool).stake(&arguments),
        rule: verdict.rule,
        policy_revision: revision.id,
        briefing: tx.payload(&words, None)?,
        checkpoint: None,
        resume_mode: ResumeMode::Detached,
    };
    let mut question: Escalation = opening.at(tx.now);
    question.resolution = Some(Resolution {
        kind: ResolutionKind::Approved,
        reviewer: by.name.clone(),
        resolve_time: tx.now,
        reason_code: Some("reversed".to_owned()),
        content: None,
        action: Some(action.id),
        approvers: vec![by],
    });
    action.escalation = Some(question.id);
    closing::close(tx, &mut question, EscalationEvent::Resolve)?;
    tx.put(keys::action(tx.tenant(), action.id), &action)?;
    tx.mark(keys::run_action(tx.tenant(), action.run, action.id));
    let time = tx.now.plus(COMPENSATION_DUE);
    tx.mark(timer(tx.tenant(), undone.id, time).key());
    let subjects = closing::subjects(&question);
    tx.event_about(EventKind::CompensationAsked, subjects, Some(action.digest), &[action.content]);
    if let Some(reversion) = &mut undone.reversion {
        reversion.compensation = Some(action.id);
    }
    closing::offer(tx, &question, Some(action.id))
}

/// When a counter-action is overdue; by the action that it undoes.
fn timer(tenant: &str, undone: ActionId, time: crate::domain::time::Timestamp) -> Timer {
    let (kind, id) = (TimerKind::Compensation, *undone.as_bytes());
    Timer { time, kind, id, tenant: tenant.to_owned() }
}

/// Notes the outcome of an action that is being taken back, or that undoes another.
/// The caller writes the action itself.
pub(super) async fn note_outcome(
    tx: &mut Tx<'_>,
    action: &mut Action,
    succeeded: bool,
) -> Result<(), Error> {
    if let Some(undone) = action.compensates {
        let event = if succeeded { ReversionEvent::Undone } else { ReversionEvent::NotUndone };
        return follow(tx, undone, event).await;
    }
    let is_awaited =
        action.reversion.as_ref().is_some_and(|it| it.state == ReversionState::AwaitingOutcome);
    if !is_awaited {
        return Ok(());
    }
    if !succeeded {
        return advance(tx, action, ReversionEvent::Failed).await;
    }
    let revision = tx.policy().await?;
    let run = existing_run(tx, action).await?;
    let tool = revision.policy.tool(&action.tool).compensation.clone();
    advance(tx, action, ReversionEvent::Executed).await?;
    let asked = Asked::default();
    let made = match tool {
        Some(tool) => counter_action(tx, action, &run, &revision, &tool, &asked).await,
        None => Err(not_reversible(action, "its tool declares no compensation any more")),
    };
    // The outcome is true whatever the policy says of undoing it by now.
    match made {
        Ok(made) => {
            let Some(reversion) = &action.reversion else { return Ok(()) };
            let (name, authority) = (reversion.reverser.clone(), reversion.authority);
            let standing = reversion.standing.clone();
            let by = Approver { name, authority, reading: None, standing };
            offer(tx, action, &run, &revision, made, by)
        }
        Err(Error::DeniedByPolicy { .. } | Error::NotReversible { .. }) => {
            advance(tx, action, ReversionEvent::NotUndone).await
        }
        Err(other) => Err(other),
    }
}

/// The timer of a counter-action has fired.
pub(super) async fn overdue(tx: &mut Tx<'_>, undone: ActionId) -> Result<(), Error> {
    follow(tx, undone, ReversionEvent::Overdue).await
}

async fn follow(tx: &mut Tx<'_>, undone: ActionId, event: ReversionEvent) -> Result<(), Error> {
    let key = keys::action(tx.tenant(), undone);
    let found = tx.get::<Action>(key.clone()).await?;
    let mut action = found.ok_or_else(|| missing(Resource::Action, &undone))?;
    if event != ReversionEvent::Overdue
        && let Some(reversion) = &action.reversion
    {
        tx.remove(timer(tx.tenant(), undone, reversion.update_time.plus(COMPENSATION_DUE)).key());
    }
    advance(tx, &mut action, event).await?;
    tx.put(key, &action)
}

/// Moves a reversion along, with its event, and an incident where it goes wrong; what
/// cannot happen any more changes nothing.
async fn advance(tx: &mut Tx<'_>, action: &mut Action, event: ReversionEvent) -> Result<(), Error> {
    let Some(reversion) = &mut action.reversion else { return Ok(()) };
    let Some(next) = reversion.state.after(event) else { return Ok(()) };
    (reversion.state, reversion.update_time) = (next, tx.now);
    let (kind, incident) = match event {
        ReversionEvent::Executed | ReversionEvent::Failed => return Ok(()),
        ReversionEvent::Undone => (EventKind::CompensationSucceeded, None),
        ReversionEvent::NotUndone => {
            (EventKind::CompensationFailed, Some(IncidentKind::CompensationFailed))
        }
        ReversionEvent::Overdue => {
            (EventKind::CompensationOverdue, Some(IncidentKind::CompensationOverdue))
        }
    };
    let subjects = closing::action_subjects(action, None);
    tx.event_about(kind, subjects, Some(action.digest), &[]);
    match incident {
        Some(kind) => incidents::of_compensation(tx, action, kind).await,
        None => Ok(()),
    }
}

impl Engine {
    /// Takes back an action, or what a resolution permitted, for the calling reviewer.
    pub async fn reverse(
        &self,
        caller: &Principal,
        command: Reverse,
    ) -> Result<Answer<ActionView>, Error> {
        let by = authorize::reviewer(caller)?;
        validate::words("reason", &command.reason)?;
        if let Reversed::Resolution { etag, .. } = &command.what {
            validate::required("etag", etag.as_bytes())?;
            validate::length("etag", etag.as_bytes(), limits::MAX_SCHEMA_VERSION_BYTES)?;
        }
        let reversing = Reversing { command: &command, asked: Asked::default() };
        let answer = self.transact(&by, &command.request_id, &reversing).await?;
        let view = self.action_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
