//! Resumptions, and the checkpoints to go on from.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::await_resolutions_response::Event;

use super::{actions, conversation, escalations, text_of, time};
use crate::domain::checkpoint::{CheckpointContent, CredentialRef};
use crate::domain::escalation::{EscalationState, ResolutionContent};
use crate::domain::time::Timestamp;
use crate::engine::await_resolutions::AwaitEvent;
use crate::engine::views::{CheckpointView, ResumptionView};

/// A resumption for the wire; without a hold there is no epoch and no grant.
pub(in crate::rpc) fn resumption(view: ResumptionView) -> v1::Resumption {
    let ResumptionView { resumption, escalation, resolution, action, is_held } = view;
    let grant = action.as_ref().filter(|_| is_held).and_then(|view| actions::grant(&view.action));
    let on_expiry = match escalation.state {
        EscalationState::Expired => escalations::on_expiry(escalation.on_expiry),
        _ => v1::OnExpiry::Unspecified,
    };
    v1::Resumption {
        escalation_id: resumption.escalation.to_string(),
        run_id: resumption.run.to_string(),
        state: escalations::state(escalation.state).into(),
        resolution: escalation.resolution.map(|given| {
            escalations::resolution(given, resolution.map(ResolutionContent::for_agents), true)
        }),
        proposed_action_id: resumption.proposed_action.to_string(),
        action: action.map(actions::action),
        grant,
        checkpoint_id: text_of(resumption.checkpoint),
        epoch: if is_held { resumption.epoch } else { 0 },
        lease_expire_time: is_held.then(|| time(resumption.lease_expire_time)),
        on_expiry: on_expiry.into(),
    }
}

/// One message of an agent's wait.
pub(in crate::rpc) fn awaited(event: AwaitEvent, now: Timestamp) -> v1::AwaitResolutionsResponse {
    let event = match event {
        AwaitEvent::Resumption(view) => Event::Resumption(resumption(*view)),
        AwaitEvent::Question(view) => Event::Question(conversation::question(*view)),
        AwaitEvent::SnapshotEnd { sequence, count } => {
            Event::SnapshotEnd(v1::SnapshotEnd { sequence, count })
        }
        AwaitEvent::Heartbeat(next) => {
            Event::Heartbeat(v1::Heartbeat { next_time: Some(time(next)) })
        }
    };
    v1::AwaitResolutionsResponse { server_time: Some(time(now)), event: Some(event) }
}

/// A checkpoint for the wire.
pub(in crate::rpc) fn checkpoint(view: CheckpointView) -> v1::Checkpoint {
    let CheckpointView { checkpoint, content } = view;
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
    }
}

/// Reads the state to save if a person is asked.
pub(in crate::rpc) fn read_draft(draft: v1::CheckpointDraft) -> CheckpointContent {
    CheckpointContent {
        schema_version: draft.schema_version,
        credentials: draft
            .credentials
            .into_iter()
            .map(|v1::CredentialRef { name, reference }| CredentialRef { name, reference })
            .collect(),
        state: draft.state.into(),
    }
}
