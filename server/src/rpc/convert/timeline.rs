//! Timelines of runs.

use std::fmt::Write as _;

use pointsman_api::v1;
use pointsman_api::v1::list_run_steps_request::{Order, Show as WireShow};
use pointsman_api::v1::run_step::Detail;

use super::{actions, branches, duration, escalations, id, known, overrides, page, runs};
use super::{text_of, time};
use crate::domain::branch::Branch;
use crate::domain::checkpoint::Checkpoint;
use crate::domain::error::Error;
use crate::domain::escalation::EscalationState;
use crate::domain::overrides::{Override, OverrideState};
use crate::engine::timeline::{
    ActionStep, ChildStep, ListSteps, Place, QuestionStep, Show, StepDetail, StepView,
};

/// Which rows of which run.
pub(in crate::rpc) fn read_list(message: v1::ListRunStepsRequest) -> Result<ListSteps, Error> {
    let order = known::<Order>("order", message.order)?;
    let show = match known("show", message.show)? {
        WireShow::Unspecified => Show::All,
        WireShow::Errors => Show::Errors,
        WireShow::Effects => Show::Effects,
        WireShow::Escalations => Show::Escalations,
        WireShow::Overrides => Show::Overrides,
    };
    Ok(ListSteps {
        run: id("run_id", &message.run_id)?,
        page: page(message.page_size, message.page_token),
        is_descending: order == Order::Descending,
        show,
    })
}

/// A row for the wire.
pub(in crate::rpc) fn step(view: StepView) -> v1::RunStep {
    v1::RunStep {
        step_key: key_of(&view.place),
        time: Some(time(view.time)),
        end_time: view.end.map(time),
        idle_before: view.idle_before.map(duration),
        branch: view.branch,
        detail: Some(detail(view.detail)),
    }
}

fn key_of(place: &Place) -> String {
    let bytes = place.to_bytes();
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn detail(detail: StepDetail) -> Detail {
    match detail {
        StepDetail::Start { agent, goal } => Detail::Start(v1::RunStepStart { agent, goal }),
        StepDetail::End { state, held_by } => Detail::End(v1::RunStepEnd {
            state: runs::state(state).into(),
            override_id: text_of(held_by),
        }),
        StepDetail::Action(it) => Detail::Action(action(*it)),
        StepDetail::Question(it) => Detail::Question(question(*it)),
        StepDetail::Checkpoint(it) => Detail::Checkpoint(checkpoint(*it)),
        StepDetail::Override { it, reason } => Detail::Override(overriding(*it, reason)),
        StepDetail::Child(it) => Detail::Child(child(*it)),
        StepDetail::Branch { branch: it, instruction } => {
            Detail::BranchStart(branch(*it, instruction))
        }
        StepDetail::Title { title, entry } => Detail::Title(v1::RunStepTitle { title, entry }),
    }
}

fn action(step: ActionStep) -> v1::RunStepAction {
    let ActionStep { action, target, question: asked } = step;
    let redeemed = action.grant.and_then(|grant| grant.redeem_time);
    let run_duration = match (redeemed, action.outcome) {
        (Some(redeemed), Some(outcome)) => Some(duration(outcome.report_time.since(redeemed))),
        _ => None,
    };
    let outcome = action.outcome.map(|it| actions::outcome_status(it.status));
    let reversion = action.reversion.map(|it| actions::reversion_state(it.state));
    v1::RunStepAction {
        action_id: action.id.to_string(),
        tool: action.tool,
        target,
        state: actions::state(action.state).into(),
        effect: actions::effect(action.decision.effect).into(),
        rule_id: action.decision.rule.unwrap_or_default(),
        question: asked.map(question),
        redeem_time: redeemed.map(time),
        outcome: outcome.unwrap_or_default().into(),
        outcome_time: action.outcome.map(|it| time(it.report_time)),
        run_duration,
        reversion: reversion.unwrap_or_default().into(),
        modified_from: text_of(action.modified_from),
        compensates_action_id: text_of(action.compensates),
    }
}

fn question(step: QuestionStep) -> v1::RunStepQuestion {
    let QuestionStep { escalation: it, headline } = step;
    let resolution = it.resolution.as_ref();
    let kind = resolution.map(|it| escalations::kind(it.kind)).unwrap_or_default();
    let holder = it.claim.filter(|_| it.state == EscalationState::Open);
    v1::RunStepQuestion {
        escalation_id: it.id.to_string(),
        question: escalations::question(it.question).into(),
        headline,
        state: escalations::state(it.state).into(),
        resolution: kind.into(),
        reviewer: resolution.map(|it| it.reviewer.clone()).unwrap_or_default(),
        holder: holder.map(|claim| claim.holder).unwrap_or_default(),
        create_time: Some(time(it.create_time)),
        due_time: Some(time(it.due_time)),
        close_time: it.close_time.map(time),
    }
}

fn checkpoint(it: Checkpoint) -> v1::RunStepCheckpoint {
    v1::RunStepCheckpoint {
        checkpoint_id: it.id.to_string(),
        action_id: text_of(it.action),
        known_good_by: it.known_good.map(|good| good.by).unwrap_or_default(),
    }
}

fn overriding(it: Override, reason: String) -> v1::RunStepOverride {
    let reached = |state| it.progress.steps.iter().find(|step| step.state == state);
    let (told, done) = (reached(OverrideState::Delivered), reached(OverrideState::Effective));
    v1::RunStepOverride {
        override_id: it.id.to_string(),
        kind: overrides::kind(it.kind).into(),
        scope: it.scope.name(),
        state: overrides::state(it.progress.state).into(),
        deliver_time: told.map(|step| time(step.time)),
        effective_time: done.map(|step| time(step.time)),
        requester: it.requester,
        reason,
    }
}

fn child(step: ChildStep) -> v1::RunStepChild {
    let ChildStep { run, state, goal, depth } = step;
    v1::RunStepChild {
        run_id: run.id.to_string(),
        parent_run_id: text_of(run.parent),
        agent: run.agent,
        goal,
        depth,
        state: runs::state(state).into(),
    }
}

fn branch(it: Branch, instruction: String) -> v1::RunStepBranch {
    v1::RunStepBranch {
        number: it.number,
        cause: branches::cause(it.cause).into(),
        by: it.by,
        instruction,
        checkpoint_id: text_of(it.checkpoint),
    }
}
