//! The wall, and the conditions of runs.

use pointsman_api::v1;
use pointsman_api::v1::watch_wall_response::Event;

use super::{duration, id, optional_id, span, text_of, time};
use crate::domain::condition::{Condition, Standing};
use crate::domain::error::Error;
use crate::engine::wall::{
    WallEvent, WallFilter, WallFocus, WallGroup, WallItem, WallRun, WallView, WatchWall,
};

/// Whom to watch, and how much.
pub(in crate::rpc) fn read(message: v1::WatchWallRequest) -> Result<WatchWall, Error> {
    let focus = message.focus_run_ids.iter().enumerate();
    let focus = focus.map(|(place, run)| id(&format!("focus_run_ids[{place}]"), run));
    Ok(WatchWall {
        filter: WallFilter {
            agents: message.agents,
            tree: optional_id("tree_run_id", &message.tree_run_id)?,
            on_behalf_of: message.on_behalf_of,
        },
        focus: focus.collect::<Result<_, _>>()?,
        attention: message.attention_size,
        heartbeat: span(message.heartbeat),
    })
}

/// One message of a watch.
pub(in crate::rpc) fn item(item: WallItem) -> v1::WatchWallResponse {
    let as_of_time = Some(time(item.as_of));
    let event = match item.event {
        WallEvent::Wall { sequence, view } => {
            Event::Wall(v1::Wall { as_of_time, sequence, ..wall(*view) })
        }
        WallEvent::Heartbeat(next) => {
            let next_time = Some(time(next));
            Event::Heartbeat(v1::WallHeartbeat { as_of_time, next_time })
        }
    };
    v1::WatchWallResponse { event: Some(event) }
}

fn wall(view: WallView) -> v1::Wall {
    let counts = Condition::ALL.into_iter().zip(view.counts);
    let counts = counts.map(|(it, count)| v1::WallCount { condition: condition(it).into(), count });
    v1::Wall {
        as_of_time: None,
        sequence: 0,
        counts: counts.collect(),
        attention: view.attention.into_iter().map(run).collect(),
        attention_remainder: view.attention_remainder,
        focus: view.focus.into_iter().map(focus).collect(),
        groups: view.groups.into_iter().map(group).collect(),
        groups_remainder: view.groups_remainder,
        unlisted_count: view.unlisted,
    }
}

fn run(it: WallRun) -> v1::WallRun {
    v1::WallRun {
        run_id: it.run.to_string(),
        agent: it.agent,
        standing: Some(standing(it.standing)),
        escalation_id: text_of(it.question),
        headline: it.headline,
        due_time: it.due.map(time),
    }
}

fn focus(it: WallFocus) -> v1::WallFocus {
    v1::WallFocus {
        run: Some(run(it.run)),
        activity: it.activity,
        last_tool: it.tool,
        last_outcome: it.outcome.to_owned(),
        last_duration: it.took.map(duration),
        activity_counts: it.counts.to_vec(),
    }
}

fn group(it: WallGroup) -> v1::WallGroup {
    v1::WallGroup {
        agent: it.agent,
        run_count: it.runs,
        working_count: it.working,
        escalation_rate: it.escalation_rate,
        error_rate: it.error_rate,
        step_p95: it.step_p95.map(duration),
    }
}

/// How a run does.
pub(in crate::rpc) fn standing(standing: Standing) -> v1::RunStanding {
    v1::RunStanding {
        condition: condition(standing.condition).into(),
        since: Some(time(standing.since)),
        why: standing.why,
    }
}

const fn condition(condition: Condition) -> v1::RunCondition {
    match condition {
        Condition::NeedsYou => v1::RunCondition::NeedsYou,
        Condition::NeedsOther => v1::RunCondition::NeedsOther,
        Condition::Stalled => v1::RunCondition::Stalled,
        Condition::Retrying => v1::RunCondition::Retrying,
        Condition::OverBudget => v1::RunCondition::OverBudget,
        Condition::Working => v1::RunCondition::Working,
        Condition::Paused => v1::RunCondition::Paused,
        Condition::Waiting => v1::RunCondition::Waiting,
        Condition::Done => v1::RunCondition::Done,
        Condition::Failed => v1::RunCondition::Failed,
        Condition::Stopped => v1::RunCondition::Stopped,
    }
}
