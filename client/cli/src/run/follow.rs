//! What happens to runs, event by event.

use pointsman_api::v1;
use pointsman_api::v1::override_scope::Scope;
use pointsman_client::{Runs, RunsEvent};
use prost_types::Timestamp;

use super::{FilterArguments, state_of};
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::follow::{self, Shown};
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::reflect::node_of;
use crate::output::time;

/// Follows runs until interrupted, from what there is or from a cursor.
pub(super) async fn follow(
    context: &Context,
    filter: &FilterArguments,
    states: Vec<i32>,
) -> Result<Exit, Failure> {
    let runs = Runs::new(context.connect(Capacity::Admin).await?);
    let request = v1::WatchRunsRequest {
        cursor: filter.cursor.clone(),
        filter: Some(v1::RunFilter {
            states,
            agents: filter.agent.clone(),
            run_ids: filter.run.clone(),
            tree_run_id: filter.tree.clone(),
            parent_run_id: String::new(),
            on_behalf_of: filter.of.clone(),
            events: filter.event.clone(),
        }),
        heartbeat: None,
    };
    follow::print_events(context, runs.watch(request), Printed).await
}

/// How events of runs are printed.
struct Printed;

impl Shown<v1::WatchRunsRequest> for Printed {
    fn item(&self, run: &v1::Run) -> Node {
        node_of("Run", run)
    }

    fn change(&self, change: &v1::RunChange) -> Node {
        node_of("RunChange", change)
    }

    fn line(&self, event: &RunsEvent, now: &Timestamp) -> String {
        match event {
            RunsEvent::Snapshot(run) => {
                let (id, agent) = (inline(&run.run_id), inline(&run.agent));
                let clock = time::clock(now, Some(now));
                format!("{clock}  {id}  {}  {agent}  {}", state_of(run), inline(&run.goal))
            }
            RunsEvent::SnapshotEnd(end) => format!("{} shown, following", end.count),
            RunsEvent::Change(change) => lines(change, now),
            RunsEvent::Alive | RunsEvent::Interrupted(_) | RunsEvent::StartedOver(_) => {
                String::new()
            }
        }
    }
}

/// One line for each event.
fn lines(change: &v1::RunChange, now: &Timestamp) -> String {
    let clock = time::clock(change.commit_time.as_ref().unwrap_or(now), Some(now));
    let by = inline(&change.principal);
    let of = |event: &v1::RunEvent| {
        let (of, name) = (inline(&whose(event)), inline(&event.name));
        let about = inline(subject(event));
        let space = if about.is_empty() { "" } else { "  " };
        format!("{clock}  {of}  {name}{space}{about}  by {by}")
    };
    change.events.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// The run that an event is about, or those that an override covers.
fn whose(event: &v1::RunEvent) -> String {
    let scope = event.override_scope.as_ref().and_then(|it| it.scope.as_ref());
    match scope {
        Some(Scope::TreeRunId(run)) => format!("{run} and all below"),
        Some(Scope::Agent(agent)) => format!("every run of {agent}"),
        Some(Scope::Fleet(_)) => "every run".to_owned(),
        Some(Scope::RunId(_)) | None => event.run_id.clone(),
    }
}

/// What else it is about, the nearest first.
fn subject(event: &v1::RunEvent) -> &str {
    let ids = [
        &event.override_id,
        &event.escalation_id,
        &event.action_id,
        &event.checkpoint_id,
        &event.review_id,
        &event.incident_id,
    ];
    ids.into_iter().find(|id| !id.is_empty()).map_or("", |id| id)
}
