//! Follows what is watched, event by event, until interrupted.

use pointsman_client::{Watch, WatchEvent, Watched};
use prost_types::Timestamp;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::reflect::node_of;
use crate::output::{Format, time};

/// An event of what a request watches.
type EventOf<R> = WatchEvent<<R as Watched>::Item, <R as Watched>::Change>;

/// How the events of a watch are printed.
pub(crate) trait Shown<R: Watched> {
    /// One thing of the snapshot, for programs.
    fn item(&self, item: &R::Item) -> Node;

    /// A change, for programs.
    fn change(&self, change: &R::Change) -> Node;

    /// An event, for people; may be empty.
    fn line(&self, event: &EventOf<R>, now: &Timestamp) -> String;
}

/// Prints events: for people a line each, else as one JSON object per line.
pub(crate) async fn print_events<R: Watched>(
    context: &Context,
    mut watch: Watch<R>,
    shown: impl Shown<R>,
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
            WatchEvent::Interrupted(error) => {
                output.say(format!("interrupted, trying again: {}", inline(&error.to_string())));
            }
            WatchEvent::StartedOver(error) => output.say(format!(
                "the history since the cursor is lost ({}); starting over with what there is",
                inline(&error.to_string())
            )),
            _ => {}
        }
        if output.is_for_people() && output.is_terminal {
            let line = shown.line(&event, &watch.server_time().unwrap_or_else(time::local_now));
            if !line.is_empty() {
                output.data(&line);
            }
        } else if let Some(node) = node(&event, &watch, &shown) {
            output.data(&match output.format {
                Format::Json => node.to_json(),
                Format::Yaml => format!("---\n{}", node.to_yaml()),
                Format::Table | Format::Jsonl => node.to_line(),
            });
        }
    }
}

/// The event in the form of the watch's message; none for what only this client knows, and
/// for mere signs of life.
fn node<R: Watched>(event: &EventOf<R>, watch: &Watch<R>, shown: &impl Shown<R>) -> Option<Node> {
    let (name, part) = match event {
        WatchEvent::Snapshot(item) => ("snapshot", shown.item(item)),
        WatchEvent::SnapshotEnd(end) => ("snapshot_end", node_of("SnapshotEnd", end)),
        WatchEvent::Change(change) => ("change", shown.change(change)),
        WatchEvent::StartedOver(_) => ("started_over", Node::Bool(true)),
        WatchEvent::Alive | WatchEvent::Interrupted(_) => return None,
    };
    let server_time = watch.server_time().and_then(|time| time::rfc3339(&time));
    Some(Node::map([
        ("cursor", Node::text(watch.cursor())),
        ("server_time", server_time.map_or(Node::Null, Node::Text)),
        (name, part),
    ]))
}
