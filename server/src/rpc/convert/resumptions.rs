//! Resumptions: answers on their way back to agents.

use pointsman_api::v1;
use pointsman_api::v1::await_resolutions_response::Event;

use super::{actions, branches, conversation, escalations, text_of, time};
use crate::domain::escalation::{EscalationState, ResolutionContent};
use crate::domain::time::Timestamp;
use crate::engine::await_resolutions::AwaitEvent;
use crate::engine::redeem::Blocked;
use crate::engine::views::ResumptionView;

/// A resumption for the wire; without a hold there is no epoch and no grant.
pub(in crate::rpc) fn resumption(view: ResumptionView) -> v1::Resumption {
    let ResumptionView { resumption, escalation, resolution, action, is_held, branch, blocked } =
        view;
    let grant = action.as_ref().filter(|_| is_held).and_then(|view| actions::grant(&view.action));
    let on_expiry = match escalation.state {
        EscalationState::Expired => escalations::on_expiry(escalation.on_expiry),
        _ => v1::OnExpiry::Unspecified,
    };
    // On a new path it goes on from where that begins.
    let from = branch.as_ref().and_then(|view| view.branch.checkpoint);
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
        checkpoint_id: text_of(from.or(resumption.checkpoint)),
        epoch: if is_held { resumption.epoch } else { 0 },
        lease_expire_time: is_held.then(|| time(resumption.lease_expire_time)),
        on_expiry: on_expiry.into(),
        branch: branch.map(branches::branch),
        blocked: blocked.map(denied),
    }
}

/// What the policy in force says of an action that it stops.
fn denied(blocked: Blocked) -> v1::Decision {
    v1::Decision {
        effect: v1::DecisionEffect::Deny.into(),
        rule_id: blocked.rule,
        reason: blocked.reason,
        policy_revision_id: blocked.policy_revision.to_string(),
        ..v1::Decision::default()
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
