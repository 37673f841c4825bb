//! Checkpoints and what differs between them.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::state_change::Kind;

use super::{actions, escalations, text_of, time};
use crate::domain::checkpoint::{
    CheckpointContent, CredentialRef, Envelope, KnownGood, PendingCall,
};
use crate::engine::checkpoints::{ByteChange, ChangeKind, Diffed, QuestionOf, StateChange};
use crate::engine::views::CheckpointView;

/// A checkpoint for the wire.
pub(in crate::rpc) fn checkpoint(view: CheckpointView) -> v1::Checkpoint {
    let CheckpointView { checkpoint, content, state_bytes, note, question } = view;
    v1::Checkpoint {
        checkpoint_id: checkpoint.id.to_string(),
        run_id: checkpoint.run.to_string(),
        parent_checkpoint_id: text_of(checkpoint.parent),
        action_id: text_of(checkpoint.action),
        agent: checkpoint.agent,
        state: Bytes::from(content.state),
        schema_version: content.schema_version,
        credentials: content
            .credentials
            .into_iter()
            .map(|CredentialRef { name, reference }| v1::CredentialRef { name, reference })
            .collect(),
        create_time: Some(time(checkpoint.create_time)),
        branch: checkpoint.branch,
        envelope: Some(envelope(content.envelope)),
        question: question.map(question_of),
        digest: checkpoint.digest.as_ref().map(actions::digest).unwrap_or_default(),
        state_bytes,
        known_good: checkpoint.known_good.map(|KnownGood { by, time: at, .. }| v1::KnownGood {
            by,
            note,
            time: Some(time(at)),
        }),
    }
}

fn question_of(question: QuestionOf) -> v1::CheckpointQuestion {
    let QuestionOf { escalation, why, resolution } = question;
    v1::CheckpointQuestion {
        escalation_id: escalation.id.to_string(),
        rule_id: escalation.rule.unwrap_or_default(),
        reason: why,
        state: escalations::state(escalation.state).into(),
        resolution: escalation
            .resolution
            .map(|given| escalations::resolution(given, resolution, true)),
        on_expiry: escalations::on_expiry(escalation.on_expiry).into(),
    }
}

fn envelope(envelope: Envelope) -> v1::CheckpointEnvelope {
    let calls = envelope.pending_calls.into_iter();
    let call = |PendingCall { tool, tool_call_id, arguments }: PendingCall| v1::PendingCall {
        tool,
        tool_call_id,
        arguments: arguments.into(),
    };
    v1::CheckpointEnvelope {
        framework: envelope.framework,
        framework_version: envelope.framework_version,
        message_count: envelope.message_count,
        pending_calls: calls.map(call).collect(),
        planned_action: envelope.planned_action,
        reasoning: envelope.reasoning,
    }
}

/// Reads a state that is to be saved.
pub(in crate::rpc) fn read_draft(draft: v1::CheckpointDraft) -> CheckpointContent {
    CheckpointContent {
        schema_version: draft.schema_version,
        credentials: draft
            .credentials
            .into_iter()
            .map(|v1::CredentialRef { name, reference }| CredentialRef { name, reference })
            .collect(),
        envelope: draft.envelope.map(read_envelope).unwrap_or_default(),
        state_digest: None,
        state: draft.state.into(),
    }
}

fn read_envelope(envelope: v1::CheckpointEnvelope) -> Envelope {
    let calls = envelope.pending_calls.into_iter();
    let call = |v1::PendingCall { tool, tool_call_id, arguments }: v1::PendingCall| PendingCall {
        tool,
        tool_call_id,
        arguments: arguments.into(),
    };
    Envelope {
        framework: envelope.framework,
        framework_version: envelope.framework_version,
        message_count: envelope.message_count,
        pending_calls: calls.map(call).collect(),
        planned_action: envelope.planned_action,
        reasoning: envelope.reasoning,
    }
}

/// What differs between two checkpoints.
pub(in crate::rpc) fn difference(diffed: Diffed) -> v1::DiffCheckpointsResponse {
    v1::DiffCheckpointsResponse {
        from: Some(checkpoint(diffed.from)),
        to: Some(checkpoint(diffed.to)),
        changes: diffed.changes.into_iter().map(change).collect(),
        truncated: diffed.is_truncated,
        bytes: diffed.bytes.map(bytes),
        values_hidden: diffed.hides_values,
    }
}

fn change(change: StateChange) -> v1::StateChange {
    let StateChange { path, kind, before, after } = change;
    let kind = match kind {
        ChangeKind::Added => Kind::Added,
        ChangeKind::Removed => Kind::Removed,
        ChangeKind::Changed => Kind::Changed,
    };
    v1::StateChange { path, kind: kind.into(), before, after }
}

const fn bytes(change: ByteChange) -> v1::ByteChange {
    let ByteChange { same_before, same_after, bytes_before, bytes_after } = change;
    v1::ByteChange { same_before, same_after, bytes_before, bytes_after }
}
