//! What an answer changes once it takes effect.

use super::weigh::Weighed;
use super::{Resolving, Verb, edit};
use crate::domain::action::{Action, ActionEvent};
use crate::domain::error::Error;
use crate::domain::escalation::{
    Approver, Escalation, EscalationEvent, Question, Resolution, ResolutionContent, ResolutionKind,
    Vote,
};
use crate::domain::event::EventKind;
use crate::domain::ids::ActionId;
use crate::domain::payload::PayloadRef;
use crate::engine::closing;
use crate::engine::operation::Tx;
use crate::store::keys;
use crate::store::records::MessageForm;

/// Lets the answer take effect on the action that waits; returns the one that may
/// run.
pub(super) async fn apply(
    tx: &mut Tx<'_>,
    question: &Escalation,
    action: &mut Action,
    weighed: Weighed,
) -> Result<Option<ActionId>, Error> {
    let may_run = match (weighed.kind, weighed.edit) {
        (ResolutionKind::Approved, _) => {
            let grant = closing::approve_grant(tx, question.resume_mode);
            action.replace_grant(Some(grant));
            closing::advance(action, ActionEvent::Approved, tx.now)?;
            Some(action.id)
        }
        (ResolutionKind::Modified, Some(edit)) => {
            let edited = edit::grant(tx, question, action, edit)?;
            closing::withdraw(tx, action, ActionEvent::Refused).await?;
            Some(edited)
        }
        (_, _) => {
            refuse(action, question.question, tx).await?;
            None
        }
    };
    tx.put(keys::action(tx.tenant(), action.id), action)?;
    Ok(may_run)
}

/// A refused proposal is over; an unknown execution stays unknown.
async fn refuse(action: &mut Action, question: Question, tx: &mut Tx<'_>) -> Result<(), Error> {
    match question {
        Question::ApproveAction => closing::withdraw(tx, action, ActionEvent::Refused).await,
        Question::ExecutionUnknown
        | Question::CompensateAction
        | Question::RunOverdue
        | Question::UnexpectedResult
        | Question::RunRedirected
        | Question::AgentFlood => Ok(()),
    }
}

impl Resolving<'_> {
    /// The words of the answer.
    pub(super) fn words(&self, tx: &mut Tx<'_>) -> Result<Option<PayloadRef>, Error> {
        let response = match &self.command.verb {
            Verb::Respond { response } => response.to_vec(),
            _ => Vec::new(),
        };
        let instruction = match &self.command.verb {
            Verb::Instruct { text } => text.clone(),
            _ => String::new(),
        };
        let words = ResolutionContent {
            note: self.command.note.clone(),
            response,
            instruction,
            circumstances: self.command.circumstances.clone(),
        };
        if words == ResolutionContent::default() {
            return Ok(None);
        }
        tx.payload(&words, None).map(Some)
    }

    /// Ends the question, and tells everybody.
    pub(super) fn finish(
        &self,
        tx: &mut Tx<'_>,
        escalation: &mut Escalation,
        vote: &Vote,
        may_run: Option<ActionId>,
    ) -> Result<(), Error> {
        let (kind, content) = (vote.kind, vote.content);
        let heard = match kind {
            ResolutionKind::Responded => content.map(|it| (MessageForm::Response, it)),
            ResolutionKind::Instructed => content.map(|it| (MessageForm::Instruction, it)),
            _ => None,
        };
        if let Some((form, content)) = heard {
            tx.heard_person(escalation.run, form, content)?;
        }
        let reason_code = Some(self.command.reason_code()).filter(|code| !code.is_empty());
        let agreed = escalation.votes.iter().filter(|it| it.outcome == vote.outcome).chain([vote]);
        let approver = |vote: &Vote| Approver {
            name: vote.reviewer.clone(),
            authority: vote.authority,
            reading: vote.reading,
            standing: vote.standing.clone(),
        };
        escalation.resolution = Some(Resolution {
            kind,
            reviewer: tx.by.name().to_owned(),
            resolve_time: tx.now,
            reason_code: reason_code.map(str::to_owned),
            content,
            action: may_run,
            approvers: agreed.map(approver).collect(),
        });
        closing::close(tx, escalation, EscalationEvent::Resolve)?;
        let event = match kind {
            ResolutionKind::Approved => EventKind::EscalationApproved,
            ResolutionKind::Rejected => EventKind::EscalationRejected,
            ResolutionKind::Modified => EventKind::EscalationModified,
            ResolutionKind::Responded => EventKind::EscalationResponded,
            ResolutionKind::Instructed => EventKind::EscalationInstructed,
        };
        let subjects = closing::subjects(escalation);
        let digest = Some(escalation.action_digest);
        tx.event_about(event, subjects, digest, content.as_slice());
        closing::offer(tx, escalation, may_run)
    }
}
