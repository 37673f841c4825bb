//! Watches of runs.

use pointsman_api::v1;
use pointsman_api::v1::watch_runs_response::Event;

use super::runs::{read_state, run};
use super::{id, known, optional_id, span, text_of, time, unspecified};
use crate::domain::error::Error;
use crate::domain::event::Subjects;
use crate::domain::run::RunState;
use crate::engine::watch::{ItemOf, RunChange, RunEvent, RunFilter, Runs, WatchEvent, WatchRuns};

/// Reads what to watch.
pub(in crate::rpc) fn read(message: v1::WatchRunsRequest) -> Result<WatchRuns, Error> {
    let filter = match message.filter {
        Some(filter) => read_filter(filter)?,
        None => RunFilter::default(),
    };
    Ok(WatchRuns { cursor: message.cursor, filter, heartbeat: span(message.heartbeat) })
}

fn read_filter(filter: v1::RunFilter) -> Result<RunFilter, Error> {
    let states = filter.states.into_iter().enumerate().map(|(place, value)| {
        let field = format!("filter.states[{place}]");
        read_state(known(&field, value)?).ok_or_else(|| unspecified(&field))
    });
    let runs = filter.run_ids.iter().enumerate();
    let runs = runs.map(|(place, run)| id(&format!("filter.run_ids[{place}]"), run));
    Ok(RunFilter {
        states: states.collect::<Result<Vec<RunState>, _>>()?,
        runs: runs.collect::<Result<_, _>>()?,
        tree: optional_id("filter.tree_run_id", &filter.tree_run_id)?,
        parent: optional_id("filter.parent_run_id", &filter.parent_run_id)?,
        agents: filter.agents,
        on_behalf_of: filter.on_behalf_of,
        events: filter.events,
    })
}

/// One message of a watch.
pub(in crate::rpc) fn watched(item: ItemOf<Runs>) -> v1::WatchRunsResponse {
    let event = match item.event {
        WatchEvent::Snapshot(view) => Event::Snapshot(run(*view)),
        WatchEvent::SnapshotEnd { sequence, count } => {
            Event::SnapshotEnd(v1::SnapshotEnd { sequence, count })
        }
        WatchEvent::Change(of_commit) => Event::Change(change(of_commit)),
        WatchEvent::Bookmark(sequence) => Event::Bookmark(v1::Bookmark { sequence }),
        WatchEvent::Heartbeat(next) => {
            Event::Heartbeat(v1::Heartbeat { next_time: Some(time(next)) })
        }
    };
    let (cursor, server_time) = (item.cursor, Some(time(item.time)));
    v1::WatchRunsResponse { cursor, server_time, event: Some(event) }
}

fn change(change: RunChange) -> v1::RunChange {
    v1::RunChange {
        runs: change.runs.into_iter().map(run).collect(),
        events: change.events.into_iter().map(event).collect(),
        principal: change.principal,
        commit_time: Some(time(change.commit_time)),
        sequence: change.sequence,
    }
}

fn event(event: RunEvent) -> v1::RunEvent {
    let RunEvent { sequence, event, scope } = event;
    let Subjects { run, action, escalation, checkpoint, overriding, review, incident, .. } =
        event.subjects;
    v1::RunEvent {
        name: event.kind.name().to_owned(),
        sequence,
        run_id: text_of(run),
        action_id: text_of(action),
        escalation_id: text_of(escalation),
        checkpoint_id: text_of(checkpoint),
        override_id: text_of(overriding),
        override_scope: scope.map(super::overrides::scope),
        review_id: text_of(review),
        incident_id: text_of(incident),
        branch: event.subjects.branch,
    }
}

/// Takes from the runs of a change what they are to reach: a stop marks many in one commit,
/// which must come in one message.
pub(in crate::rpc) fn slim(message: &mut v1::WatchRunsResponse) {
    let Some(Event::Change(change)) = &mut message.event else { return };
    for run in &mut change.runs {
        run.goal.clear();
    }
}
