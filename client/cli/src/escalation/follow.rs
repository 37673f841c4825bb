//! What happens in the queue, event by event.

use clap::Args;
use pointsman_api::v1;
use pointsman_client::{QueueEvent, QueueWatch, Reviewer};

use super::FilterArguments;
use crate::briefing::resolution_line;
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::follow::{self, Shown};
use crate::output::escape::{inline, shown};
use crate::output::node::Node;
use crate::output::reflect::node_of;
use crate::output::table::risk;
use crate::output::time;

/// What to follow, and from where.
#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// Go on behind this cursor, from the output of an earlier watch
    #[arg(long, default_value_t, hide_default_value = true)]
    pub(crate) cursor: String,
    /// With arguments and the agents' words
    #[arg(long)]
    pub(crate) full: bool,
}

/// Follows the queue until interrupted.
pub(super) async fn watch(context: &Context, watch: WatchArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let view = if watch.full { v1::EscalationView::Full } else { v1::EscalationView::Basic };
    let request = v1::WatchEscalationsRequest {
        cursor: watch.cursor.clone(),
        filter: Some((&watch.filter).into()),
        view: view.into(),
        heartbeat: None,
    };
    print_events(context, reviewer.watch(request)).await
}

/// Prints events of the queue.
pub(super) async fn print_events(context: &Context, watch: QueueWatch) -> Result<Exit, Failure> {
    follow::print_events(context, watch, Queue).await
}

/// How events of the queue are printed.
struct Queue;

impl Shown<v1::WatchEscalationsRequest> for Queue {
    fn item(&self, escalation: &v1::Escalation) -> Node {
        node_of("Escalation", escalation)
    }

    fn change(&self, change: &v1::EscalationChange) -> Node {
        node_of("EscalationChange", change)
    }

    fn line(&self, event: &QueueEvent, now: &prost_types::Timestamp) -> String {
        people_line(event, now)
    }
}

fn people_line(event: &QueueEvent, now: &prost_types::Timestamp) -> String {
    match event {
        QueueEvent::Snapshot(escalation) => one_line("open", "", escalation, now),
        QueueEvent::SnapshotEnd(end) => format!("{} open, following", end.count),
        QueueEvent::Change(change) => {
            let by = inline(&change.principal);
            let told = change.events.iter().rev().find(|one| one.starts_with("escalation."));
            let event = told.map_or("changed", String::as_str);
            let lines = change.escalations.iter().map(|one| one_line(event, &by, one, now));
            lines.collect::<Vec<_>>().join("\n")
        }
        QueueEvent::Alive | QueueEvent::Interrupted(_) | QueueEvent::StartedOver(_) => {
            String::new()
        }
    }
}

fn one_line(
    event: &str,
    by: &str,
    escalation: &v1::Escalation,
    now: &prost_types::Timestamp,
) -> String {
    let clock = time::clock(now, Some(now));
    let (mark, _) = risk(escalation.severity());
    let shape: String = mark.chars().take(1).collect();
    let id = inline(&escalation.escalation_id);
    let word = inline(event.strip_prefix("escalation.").unwrap_or(event));
    let what = match resolution_line(escalation, now) {
        Some(line) => line.lines().next().unwrap_or_default().to_owned(),
        None => {
            let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
            let headline = shown(&escalation.briefing.clone().unwrap_or_default().headline);
            format!("{word}{by}  {headline}")
        }
    };
    format!("{clock}  {shape} {id}  {what}")
}

#[cfg(test)]
mod tests;
