//! Reporting what happened when actions ran.

use std::collections::BTreeMap;

use bytes::Bytes;
use uuid::Uuid;

use super::operation::{Answer, Operation, Tx};
use super::{
    Engine, actions, authorize, closing, limits, reverse, reviews, run_questions, validate,
};
use crate::domain::action::{
    Action, ActionContent, ActionEvent, ActionState, Outcome, OutcomeStatus,
};
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, RunId};
use crate::domain::message::Speaker;
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::secrets::refuse_secrets;
use crate::store::keys;
use crate::store::records::{MessageForm, MessageRecord};

/// What happened to one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The action.
    pub action: ActionId,
    /// How it went.
    pub status: OutcomeStatus,
    /// The tool's answer or error; may be empty.
    pub result: Bytes,
}

/// Reports a batch of outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportOutcomes {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The outcomes, of different actions.
    pub outcomes: Vec<Report>,
}

struct Reporting<'a>(&'a ReportOutcomes);

impl Operation for Reporting<'_> {
    type Output = ();
    const METHOD: &'static str = "ReportOutcomes";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        for report in &self.0.outcomes {
            hasher
                .field(report.action.as_bytes())
                .field(&[report.status as u8])
                .field(&report.result);
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let mut doubted = Doubted::new();
        for report in &self.0.outcomes {
            record(tx, report, &mut doubted).await?;
        }
        for (id, mut run) in doubted {
            run.revision += 1;
            tx.put(keys::run(tx.tenant(), id), &run)?;
        }
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

/// The runs that a report leaves in doubt, as they will be.
type Doubted = BTreeMap<RunId, Run>;

async fn record(tx: &mut Tx<'_>, report: &Report, doubted: &mut Doubted) -> Result<(), Error> {
    let key = keys::action(tx.tenant(), report.action);
    let found = tx.get::<Action>(key.clone()).await?;
    let mut action = found
        .filter(|action| action.agent == tx.by.name())
        .ok_or_else(|| actions::not_found(report.action))?;
    let event = match report.status {
        OutcomeStatus::Succeeded => ActionEvent::Executed,
        OutcomeStatus::Failed => ActionEvent::Failed,
    };
    if action.outcome.is_some() {
        return Err(Error::OutcomeAlreadyReported { action: action.id.to_string() });
    }
    if action.state.after(event).is_none() {
        let (action, state) = (action.id.to_string(), action.state.name());
        return Err(Error::ActionNotRedeemed { action, state });
    }
    if action.state == ActionState::ExecutionUnknown {
        cancel_question(tx, &action).await?;
    } else if let Some(due) = action.grant.and_then(|grant| grant.outcome_due_time) {
        tx.remove(closing::outcome_timer(tx.tenant(), action.id, due).key());
    }
    let result = match report.result.is_empty() {
        true => None,
        false => Some(tx.bytes(report.result.clone(), None)?),
    };
    check_result(tx, &action, report, doubted).await?;
    if let Some(payload) = result {
        let (speaker, form, time) = (Speaker::Tool, MessageForm::Text, tx.now);
        let tool = Some(action.tool.clone());
        tx.heard(action.run, MessageRecord { speaker, tool, form, payload, part: None, time })?;
    }
    closing::advance(&mut action, event, tx.now)?;
    let succeeded = report.status == OutcomeStatus::Succeeded;
    reverse::note_outcome(tx, &mut action, succeeded).await?;
    action.outcome = Some(Outcome { status: report.status, result, report_time: tx.now });
    reviews::open_if_sampled(tx, &mut action).await?;
    tx.put(key, &action)?;
    let subjects = closing::action_subjects(&action, action.grant.map(|grant| grant.id));
    let digest = Some(action.digest);
    tx.event_about(EventKind::OutcomeReported, subjects, digest, result.as_slice());
    Ok(())
}

/// Asks a person about a result that is not as the policy expects.
async fn check_result(
    tx: &mut Tx<'_>,
    action: &Action,
    report: &Report,
    doubted: &mut Doubted,
) -> Result<(), Error> {
    let revision = tx.policy().await?;
    let is_checked = revision.policy.checks_results_of(&action.tool);
    if !is_checked || report.status == OutcomeStatus::Failed {
        return Ok(());
    }
    let Some(run) = run_questions::running(tx, action).await? else { return Ok(()) };
    let content = tx.engine.payload::<ActionContent>(&action.content).await?;
    let call = ToolCall::read("arguments", CallFields::of(&action.tool, &content))?;
    let gathered = tx.gather(&run, &revision.policy, &call, Some(action.id)).await?;
    let gathered = gathered.judged_by(&content.inputs);
    let facts = gathered.facts(&call, &run, action.confidence);
    let problem = revision.policy.problem_with_result(&facts, &report.result);
    let Some(problem) = problem else { return Ok(()) };
    let run = doubted.entry(run.id).or_insert(run);
    run_questions::may_it_rely(tx, run, action, &content, &problem).await
}

/// A late outcome answers the question whether the action ran.
async fn cancel_question(tx: &mut Tx<'_>, action: &Action) -> Result<(), Error> {
    let Some(id) = action.escalation else { return Ok(()) };
    let found = tx.engine.read::<Escalation>(&keys::escalation(tx.tenant(), id)).await?;
    if found.is_some_and(|escalation| escalation.state == EscalationState::Open) {
        closing::cancel(tx, id).await?;
    }
    Ok(())
}

impl Engine {
    /// Reports what happened when actions of the calling agent ran.
    pub async fn report_outcomes(
        &self,
        caller: &Principal,
        command: ReportOutcomes,
    ) -> Result<Answer<()>, Error> {
        let by = authorize::agent(caller)?;
        let count = command.outcomes.len();
        if count == 0 || count > limits::MAX_OUTCOMES {
            let problem = format!("want 1 to {} outcomes", limits::MAX_OUTCOMES);
            return Err(Error::field("outcomes", problem));
        }
        let mut seen = std::collections::HashSet::with_capacity(count);
        for (place, report) in command.outcomes.iter().enumerate() {
            if !seen.insert(report.action) {
                let field = format!("outcomes[{place}].action_id");
                return Err(Error::field(field, "the action is in the batch twice"));
            }
            let field = format!("outcomes[{place}].result");
            validate::length(&field, &report.result, limits::MAX_RESULT_BYTES)?;
            refuse_secrets(&field, &report.result)?;
        }
        self.transact(&by, &command.request_id, &Reporting(&command)).await
    }
}
