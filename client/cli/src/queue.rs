//! `pointsman queue`: how the queue does, and its settings.

use clap::Subcommand;
use pointsman_api::v1;
use pointsman_client::Queue;
use prost_types::Timestamp;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, time};

mod settings;

pub(crate) use settings::SettingsVerb;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueVerb {
    /// Say how the queue does: what waits, what is late and why, and who looks after it
    #[command(after_help = "Example: pointsman queue status")]
    Status,
    /// List the lanes: their weights, hours and chains
    #[command(after_help = "Example: pointsman queue lanes -o json")]
    Lanes,
    /// Lanes, teams, hours, chains, and what goes to whom
    #[command(subcommand)]
    Settings(SettingsVerb),
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: QueueVerb) -> Result<Exit, Failure> {
    match verb {
        QueueVerb::Status => status(context).await,
        QueueVerb::Lanes => lanes(context).await,
        QueueVerb::Settings(verb) => settings::dispatch(context, verb).await,
    }
}

async fn connect(context: &Context) -> Result<Queue, Failure> {
    Ok(Queue::new(context.connect(Capacity::Admin).await?))
}

async fn status(context: &Context) -> Result<Exit, Failure> {
    let status = connect(context).await?.status().await?;
    let now = status.server_time.unwrap_or_else(time::local_now);
    let output = &context.output;
    output.one(&node_of("GetQueueStatusResponse", &status), || {
        status_table(output, &status.lanes, &now) + &summary(&status, &now)
    });
    Ok(Exit::Ok)
}

async fn lanes(context: &Context) -> Result<Exit, Failure> {
    let status = connect(context).await?.status().await?;
    let nodes = status.lanes.iter().map(|lane| node_of("LaneStatus", lane)).collect();
    context.output.many(nodes, || lanes_table(&context.output, &status.lanes));
    if status.settings_id.is_empty() {
        context.output.say("Nobody has put settings: pointsman queue settings starter");
    }
    Ok(Exit::Ok)
}

fn status_table(output: &Output, lanes: &[v1::LaneStatus], now: &Timestamp) -> String {
    if lanes.is_empty() {
        return "Nothing waits for a person.\n".into();
    }
    let rows = lanes.iter().map(|lane| {
        let tone = if lane.overdue_count > 0 { Tone::Alarm } else { Tone::Plain };
        let oldest = match lane.oldest_create_time {
            Some(at) => time::since(Some(&at), now),
            None => "–".into(),
        };
        [
            Field::new(&lane.lane),
            Field::new(&lane.open_count.to_string()),
            Field::new(&oldest),
            Field::toned(&lane.overdue_count.to_string(), tone),
            Field::new(&late(lane)),
        ]
    });
    table(output, ["LANE", "OPEN", "OLDEST", "OVERDUE", "WHY"], rows.collect()) + "\n"
}

/// Why a lane is late: `3 not looked at, 1 off duty`.
fn late(lane: &v1::LaneStatus) -> String {
    let counts = lane.late.iter().map(|it| format!("{} {}", it.count, late_word(it.reason())));
    let counts: Vec<_> = counts.collect();
    if counts.is_empty() { "–".into() } else { counts.join(", ") }
}

/// A reason in words: `not looked at`.
pub(crate) fn late_word(reason: v1::LateReason) -> String {
    short_name(reason.as_str_name(), "LATE_REASON_").replace('_', " ")
}

fn summary(status: &v1::GetQueueStatusResponse, now: &Timestamp) -> String {
    let settings = match status.settings_id.as_str() {
        "" => "none: everybody looks at everything, at any hour".to_owned(),
        id => inline(id),
    };
    let watchdog = match &status.watchdog_time {
        Some(at) => {
            let (looked, ago) = (status.watchdog_looked_at, time::since(Some(at), now));
            match status.watchdog_repaired {
                0 => format!("{ago}: every one of {looked} open questions had its timer"),
                lost => format!("{ago}: {lost} of {looked} open questions had lost their timer"),
            }
        }
        None => "not since the server started".to_owned(),
    };
    format!("Settings   {settings}\nWatchdog   {watchdog}\n")
}

fn lanes_table(output: &Output, lanes: &[v1::LaneStatus]) -> String {
    if lanes.is_empty() {
        return String::new();
    }
    let or = |text: &str, without: &str| {
        if text.is_empty() { Field::toned(without, Tone::Faint) } else { Field::new(text) }
    };
    let rows = lanes.iter().map(|lane| {
        [
            Field::new(&lane.lane),
            Field::new(&lane.weight.to_string()),
            or(&lane.calendar, "always"),
            or(&lane.chain, "none"),
            Field::new(&lane.open_count.to_string()),
        ]
    });
    table(output, ["LANE", "WEIGHT", "HOURS", "CHAIN", "OPEN"], rows.collect())
}
