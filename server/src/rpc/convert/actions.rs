//! Actions, decisions, grants and outcomes.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::action::State;
use pointsman_api::v1::outcome::Status;

use super::{text_of, time};
use crate::domain::action::{Action, ActionState, Decision, DecisionEffect, Grant, OutcomeStatus};
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, ResumeMode};
use crate::domain::reversion::{Reversion, ReversionState};
use crate::engine::views::ActionView;

/// An action for the wire.
pub(in crate::rpc) fn action(view: ActionView) -> v1::Action {
    let ActionView { action, content, result } = view;
    v1::Action {
        action_id: action.id.to_string(),
        run_id: action.run.to_string(),
        state: state(action.state).into(),
        tool: action.tool,
        tool_schema_version: content.tool_schema_version,
        target: content.target,
        arguments: content.arguments,
        preconditions: content.preconditions,
        action_digest: digest(&action.digest),
        decision: Some(decision(action.decision, content.decision_reason)),
        escalation_id: text_of(action.escalation),
        modified_from: text_of(action.modified_from),
        outcome: action.outcome.map(|outcome| v1::Outcome {
            status: outcome_status(outcome.status).into(),
            result: Bytes::from(result),
            report_time: Some(time(outcome.report_time)),
        }),
        reasoning: content.reasoning,
        tool_call_id: content.tool_call_id,
        create_time: Some(time(action.create_time)),
        update_time: Some(time(action.update_time)),
        confidence: action.confidence,
        compensates_action_id: text_of(action.compensates),
        reversion: action.reversion.map(reversion),
        follows_escalation_id: text_of(action.follows),
        answered_from_escalation_id: text_of(action.answered_from),
        branch: action.branch,
    }
}

fn reversion(reversion: Reversion) -> v1::Reversion {
    v1::Reversion {
        state: reversion_state(reversion.state).into(),
        reverser: reversion.reverser,
        compensation_action_id: text_of(reversion.compensation),
        reverse_time: Some(time(reversion.reverse_time)),
        update_time: Some(time(reversion.update_time)),
    }
}

pub(super) const fn reversion_state(state: ReversionState) -> v1::reversion::State {
    use v1::reversion::State as Wire;
    match state {
        ReversionState::Revoked => Wire::Revoked,
        ReversionState::AwaitingOutcome => Wire::AwaitingOutcome,
        ReversionState::NothingToUndo => Wire::NothingToUndo,
        ReversionState::Compensating => Wire::Compensating,
        ReversionState::Compensated => Wire::Compensated,
        ReversionState::CompensationFailed => Wire::CompensationFailed,
        ReversionState::CompensationOverdue => Wire::CompensationOverdue,
    }
}

/// What the policy said, with the rule's words.
pub(in crate::rpc) fn decision(decision: Decision, reason: String) -> v1::Decision {
    v1::Decision {
        effect: effect(decision.effect).into(),
        rule_id: decision.rule.unwrap_or_default(),
        reason,
        policy_revision_id: decision.policy_revision.to_string(),
        matched_rule_ids: decision.matched,
        failed_rule_ids: decision.failed,
        sampled_for_review: decision.is_sampled,
    }
}

/// The grant of an action that may run.
pub(in crate::rpc) fn grant(action: &Action) -> Option<v1::Grant> {
    let grant: &Grant = action.grant.as_ref()?;
    Some(v1::Grant {
        grant_id: grant.id.to_string(),
        action_digest: digest(&action.digest),
        expire_time: Some(time(grant.expire_time)),
        resumption_epoch: grant.epoch,
        redeemed: grant.redeem_time.is_some(),
        outcome_due_time: grant.outcome_due_time.map(time),
    })
}

/// Where the answer of a person will come.
pub(in crate::rpc) fn wait(escalation: &Escalation) -> v1::Wait {
    v1::Wait {
        escalation_id: escalation.id.to_string(),
        wait_id: escalation.wait.to_string(),
        checkpoint_id: text_of(escalation.checkpoint),
        due_time: Some(time(escalation.due_time)),
        expire_time: Some(time(escalation.expire_time)),
    }
}

/// The bytes of a digest.
pub(in crate::rpc) fn digest(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

/// Reads how an action went.
pub(in crate::rpc) fn read_outcome_status(
    field: &str,
    status: Status,
) -> Result<OutcomeStatus, Error> {
    match status {
        Status::Unspecified => Err(super::unspecified(field)),
        Status::Succeeded => Ok(OutcomeStatus::Succeeded),
        Status::Failed => Ok(OutcomeStatus::Failed),
    }
}

/// Reads who takes an answer up.
pub(in crate::rpc) const fn read_resume_mode(mode: v1::ResumeMode) -> ResumeMode {
    match mode {
        v1::ResumeMode::Unspecified | v1::ResumeMode::Attached => ResumeMode::Attached,
        v1::ResumeMode::Detached => ResumeMode::Detached,
    }
}

pub(super) const fn state(state: ActionState) -> State {
    match state {
        ActionState::Denied => State::Denied,
        ActionState::Escalated => State::Escalated,
        ActionState::Granted => State::Granted,
        ActionState::Redeemed => State::Redeemed,
        ActionState::Executed => State::Executed,
        ActionState::Failed => State::Failed,
        ActionState::Refused => State::Refused,
        ActionState::Cancelled => State::Cancelled,
        ActionState::ExecutionUnknown => State::ExecutionUnknown,
    }
}

pub(in crate::rpc) const fn effect(effect: DecisionEffect) -> v1::DecisionEffect {
    match effect {
        DecisionEffect::Allow => v1::DecisionEffect::Allow,
        DecisionEffect::Deny => v1::DecisionEffect::Deny,
        DecisionEffect::Escalate => v1::DecisionEffect::Escalate,
    }
}

pub(super) const fn outcome_status(status: OutcomeStatus) -> Status {
    match status {
        OutcomeStatus::Succeeded => Status::Succeeded,
        OutcomeStatus::Failed => Status::Failed,
    }
}
