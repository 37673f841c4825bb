//! `pointsman notice`: what left the server for people, and by what.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_api::v1::notice::{Kind, State};
use pointsman_client::Admin;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, time};

const PAGE: i32 = 500;
/// How long a test waits for its first attempt: a little longer than one may take.
const PATIENCE: Duration = Duration::from_secs(25);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum NoticeVerb {
    /// List notices, the newest first
    #[command(after_help = "Example: pointsman notice list --state failed")]
    List(ListArguments),
    /// Have a notice that waits or was given up tried again at once
    #[command(after_help = "Example: pointsman notice retry ntc_01kb3…")]
    Retry(RetryArguments),
    /// Send a test by a channel, and wait for what comes of it
    #[command(after_help = "Example: pointsman notice test ops")]
    Test(TestArguments),
    /// Show the channels of the server, and whether they deliver
    #[command(after_help = "Example: pointsman notice channels")]
    Channels,
}

/// Which notices.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only those in this state
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<StateName>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// Which notice.
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    /// The notice's id
    #[arg(value_name = "NTC_ID")]
    id: String,
}

/// Which channel.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The channel's name in the server's configuration
    #[arg(value_name = "CHANNEL")]
    channel: String,
}

/// States by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// To be sent, or sent again
    Pending,
    /// Taken by the receiver
    Delivered,
    /// Given up
    Failed,
    /// Pointless before it was delivered
    Cancelled,
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Pending => Self::Pending,
            StateName::Delivered => Self::Delivered,
            StateName::Failed => Self::Failed,
            StateName::Cancelled => Self::Cancelled,
        }
    }
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: NoticeVerb) -> Result<Exit, Failure> {
    let admin = Admin::new(context.connect(Capacity::Admin).await?);
    match verb {
        NoticeVerb::List(list) => self::list(context, &admin, list).await,
        NoticeVerb::Retry(retry) => {
            let notice = admin.retry_notice(retry.id).await?;
            let id = inline(&notice.notice_id);
            let line = || format!("{id} is tried again by {}.", inline(&notice.channel));
            context.output.one(&node_of("Notice", &notice), line);
            Ok(Exit::Ok)
        }
        NoticeVerb::Test(test) => self::test(context, &admin, test).await,
        NoticeVerb::Channels => channels(context, &admin).await,
    }
}

async fn list(context: &Context, admin: &Admin, list: ListArguments) -> Result<Exit, Failure> {
    let state = list.state.map_or(State::Unspecified, State::from);
    let mut request = v1::ListNoticesRequest {
        page_size: i32::try_from(list.limit).unwrap_or(PAGE).clamp(1, PAGE),
        page_token: String::new(),
        state: state.into(),
    };
    let mut found = Vec::new();
    while found.len() < list.limit {
        let page = admin.list_notices(request.clone()).await?;
        found.extend(page.notices);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(list.limit);
    let nodes = found.iter().map(|notice| node_of("Notice", notice)).collect();
    context.output.many(nodes, || notices_table(&context.output, &found));
    Ok(Exit::Ok)
}

/// Waits for the first attempt. A channel that does not deliver is a failure.
async fn test(context: &Context, admin: &Admin, test: TestArguments) -> Result<Exit, Failure> {
    let mut notice = admin.send_test_notice(test.channel).await?;
    let id = notice.notice_id.clone();
    let patience = context.patience().unwrap_or(PATIENCE);
    let waited = tokio::time::timeout(patience, async {
        while notice.state() == State::Pending && notice.problem.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
            notice = admin.get_notice(&id).await?;
        }
        Ok::<_, Failure>(())
    });
    let is_over = match waited.await {
        Ok(looked) => looked.map(|()| true)?,
        Err(_) => false,
    };
    let channel = inline(&notice.channel);
    let line = match (notice.state(), is_over) {
        (State::Delivered, _) => format!("{channel} took the test."),
        (_, false) => format!("{channel} has not tried it yet: is the channel off?"),
        _ => format!("{channel} does not deliver: {}.", inline(&notice.problem)),
    };
    context.output.one(&node_of("Notice", &notice), || line);
    Ok(match (notice.state(), is_over) {
        (State::Delivered, _) => Exit::Ok,
        (_, false) => Exit::TimedOut,
        _ => Exit::Failure,
    })
}

async fn channels(context: &Context, admin: &Admin) -> Result<Exit, Failure> {
    let found = admin.list_notice_channels().await?.channels;
    let nodes = found.iter().map(|channel| node_of("NoticeChannel", channel)).collect();
    context.output.many(nodes, || channels_table(&context.output, &found));
    Ok(Exit::Ok)
}

fn shown(output: &Output, at: Option<prost_types::Timestamp>) -> String {
    match at {
        Some(at) if output.is_terminal => time::clock(&at, Some(&time::local_now())),
        Some(at) => time::rfc3339(&at).unwrap_or_default(),
        None => "–".into(),
    }
}

/// The stable name of a kind, as configuration and receivers have it.
fn kind_name(kind: Kind) -> String {
    let name = short_name(kind.as_str_name(), "KIND_");
    name.replacen(' ', ".", 1)
}

fn notices_table(output: &Output, notices: &[v1::Notice]) -> String {
    if notices.is_empty() {
        return String::new();
    }
    let rows = notices.iter().map(|notice| {
        let tone = match notice.state() {
            State::Delivered => Tone::Good,
            State::Failed => Tone::Alarm,
            State::Cancelled => Tone::Faint,
            State::Pending | State::Unspecified => Tone::Plain,
        };
        [
            Field::new(&notice.notice_id),
            Field::new(&kind_name(notice.kind())),
            Field::new(&notice.channel),
            Field::toned(&short_name(notice.state().as_str_name(), "STATE_"), tone),
            Field::new(&notice.attempt_count.to_string()),
            Field::new(&shown(output, notice.create_time)),
            Field::new(&notice.escalation_id),
            Field::new(&notice.problem),
        ]
    });
    let heads = ["ID", "KIND", "CHANNEL", "STATE", "TRIES", "MADE", "ABOUT", "PROBLEM"];
    table(output, heads, rows.collect())
}

fn channels_table(output: &Output, channels: &[v1::NoticeChannel]) -> String {
    if channels.is_empty() {
        return String::new();
    }
    let rows = channels.iter().map(|channel| {
        let (state, tone) = match (channel.off, channel.failure_count) {
            (true, _) => ("off".to_owned(), Tone::Alarm),
            (false, 0) => ("works".to_owned(), Tone::Good),
            (false, count) => (format!("failed {count}×"), Tone::Warning),
        };
        let events: Vec<_> = channel.events().map(kind_name).collect();
        [
            Field::new(&channel.name),
            Field::new(&short_name(channel.kind().as_str_name(), "KIND_")),
            Field::toned(&state, tone),
            Field::new(&channel.pending_count.to_string()),
            Field::new(&shown(output, channel.oldest_pending_time)),
            Field::new(&shown(output, channel.success_time)),
            Field::new(&events.join(", ")),
            Field::new(if channel.failure_count > 0 { &channel.problem } else { "" }),
        ]
    });
    let heads = ["NAME", "KIND", "STATE", "WAITING", "SINCE", "SUCCESS", "EVENTS", "PROBLEM"];
    table(output, heads, rows.collect())
}
