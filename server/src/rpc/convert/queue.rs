//! How one question waits, the queue's settings, and how the lanes do.

use pointsman_api::v1;
use pointsman_api::v1::queue_step::Action;

use super::{text_of, time};
use crate::domain::queue::{LateReason, Plan, PlannedStep, StepAction, Target};
use crate::engine::queue::{LaneStatus, QueueStatus, SettingsView};

/// How a question waits.
pub(in crate::rpc) fn plan(plan: Plan) -> v1::QueuePlan {
    v1::QueuePlan {
        settings_id: text_of(plan.revision),
        chain: plan.chain,
        teams: plan.teams,
        skills: plan.skills,
        wants_supervisor: plan.wants_supervisor,
        duty_time: plan.duty_time.map(time),
        steps: plan.steps.into_iter().map(step).collect(),
    }
}

fn step(step: PlannedStep) -> v1::QueueStep {
    let names = |to: Vec<Target>| to.iter().map(ToString::to_string).collect();
    let said = |action: Action| v1::QueueStep { action: action.into(), ..Default::default() };
    let shown = match step.action {
        StepAction::Notify { to } => v1::QueueStep { targets: names(to), ..said(Action::Notify) },
        StepAction::OnCall { to } => v1::QueueStep { targets: names(to), ..said(Action::OnCall) },
        StepAction::Widen { team, skills } => {
            v1::QueueStep { team: team.unwrap_or_default(), skills, ..said(Action::Widen) }
        }
        StepAction::Supervisor => said(Action::Supervisor),
        StepAction::Fallback => said(Action::Fallback),
    };
    let (step_time, take_time) = (Some(time(step.time)), step.take_time.map(time));
    v1::QueueStep { step_time, take_time, ..shown }
}

/// Why nobody has answered; none: it is not late.
pub(in crate::rpc) fn late(reason: Option<LateReason>) -> v1::LateReason {
    reason.map_or(v1::LateReason::Unspecified, known_late)
}

const fn known_late(reason: LateReason) -> v1::LateReason {
    match reason {
        LateReason::NobodyEligible => v1::LateReason::NobodyEligible,
        LateReason::OffDuty => v1::LateReason::OffDuty,
        LateReason::ClaimedAndIdle => v1::LateReason::ClaimedAndIdle,
        LateReason::Undelivered => v1::LateReason::Undelivered,
        LateReason::NotLookedAt => v1::LateReason::NotLookedAt,
    }
}

/// A revision of the settings.
pub(in crate::rpc) fn settings(view: SettingsView) -> v1::QueueSettings {
    v1::QueueSettings {
        settings_id: view.record.id.to_string(),
        name: view.record.name,
        author: view.record.author,
        reason: view.reason,
        create_time: Some(time(view.record.create_time)),
        replaced_settings_id: text_of(view.record.replaced),
        in_force: view.is_in_force,
    }
}

/// How the queue does.
pub(in crate::rpc) fn status(status: QueueStatus) -> v1::GetQueueStatusResponse {
    let pass = status.watchdog.map(|last| last.pass).unwrap_or_default();
    v1::GetQueueStatusResponse {
        lanes: status.lanes.into_iter().map(|(name, lane)| lane_status(name, lane)).collect(),
        settings_id: text_of(status.settings),
        watchdog_time: status.watchdog.map(|last| time(last.time)),
        watchdog_looked_at: pass.looked_at,
        watchdog_repaired: pass.repaired,
        server_time: None,
    }
}

fn lane_status(name: String, status: LaneStatus) -> v1::LaneStatus {
    let count = |(reason, count)| v1::LateCount { reason: known_late(reason).into(), count };
    v1::LaneStatus {
        lane: name,
        weight: status.lane.weight,
        calendar: status.lane.calendar.unwrap_or_default(),
        chain: status.lane.chain.unwrap_or_default(),
        open_count: status.open,
        oldest_create_time: status.oldest.map(time),
        overdue_count: status.overdue,
        late: status.late.into_iter().map(count).collect(),
    }
}
