//! What happens in the queue, event by event.

use clap::Args;
use pointsman_api::v1;
use pointsman_client::{QueueEvent, QueueWatch, Reviewer};

use super::FilterArguments;
use crate::briefing::resolution_line;
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::{inline, shown};
use crate::output::node::Node;
use crate::output::reflect::node_of;
use crate::output::table::risk;
use crate::output::{Format, time};

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

/// Prints events: for people a line each, else as one JSON object per line.
pub(super) async fn print_events(
    context: &Context,
    mut watch: QueueWatch,
) -> Result<Exit, Failure> {
    let output = &context.output;
    loop {
        let event = tokio::select! {
            event = watch.next() => event,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Ok),
        };
        let Some(event) = event else {
            return Ok(Exit::Ok);
        };
        let event = event?;
        match &event {
            QueueEvent::Interrupted(error) => {
                output.say(format!("interrupted, trying again: {}", inline(&error.to_string())));
            }
            QueueEvent::StartedOver(error) => output.say(format!(
                "the history since the cursor is lost ({}); starting over with what is open",
                inline(&error.to_string())
            )),
            _ => {}
        }
        if output.is_for_people() && output.is_terminal {
            output.data(&people_line(&event, &watch));
        } else if let Some(node) = event_node(&event, &watch) {
            output.data(&match output.format {
                Format::Json => node.to_json(),
                Format::Yaml => format!("---\n{}", node.to_yaml()),
                Format::Table | Format::Jsonl => node.to_line(),
            });
        }
    }
}

/// The event in the form of WatchEscalationsResponse; none for what only this
/// client knows, and for mere signs of life.
fn event_node(event: &QueueEvent, watch: &QueueWatch) -> Option<Node> {
    let (name, part) = match event {
        QueueEvent::Snapshot(escalation) => ("snapshot", node_of("Escalation", &**escalation)),
        QueueEvent::SnapshotEnd(end) => ("snapshot_end", node_of("SnapshotEnd", end)),
        QueueEvent::Change(change) => ("change", node_of("EscalationChange", change)),
        QueueEvent::StartedOver(_) => ("started_over", Node::Bool(true)),
        QueueEvent::Alive | QueueEvent::Interrupted(_) => return None,
    };
    let server_time = watch.server_time().and_then(|time| time::rfc3339(&time));
    Some(Node::map([
        ("cursor", Node::text(watch.cursor())),
        ("server_time", server_time.map_or(Node::Null, Node::Text)),
        (name, part),
    ]))
}

fn people_line(event: &QueueEvent, watch: &QueueWatch) -> String {
    let now = watch.server_time().unwrap_or_else(time::local_now);
    match event {
        QueueEvent::Snapshot(escalation) => one_line("open", "", escalation, &now),
        QueueEvent::SnapshotEnd(end) => format!("{} open, following", end.count),
        QueueEvent::Change(change) => {
            let by = inline(&change.principal);
            let told = change.events.iter().rev().find(|one| one.starts_with("escalation."));
            let event = told.map_or("changed", String::as_str);
            let lines = change.escalations.iter().map(|one| one_line(event, &by, one, &now));
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
