//! Several questions of one kind, answered at once: shown first as what differs among
//! them, then answered by count and digest.

use clap::{Args, ValueEnum};
use pointsman_api::v1;
use pointsman_api::v1::bulk_left_out::Reason;
use pointsman_api::v1::resolve_bulk_request::Answer;
use pointsman_client::{Given, Reviewer};

use super::FilterArguments;
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::{inline, shown as safe};
use crate::output::reflect::node_of;
use crate::output::write_error;
use crate::prompt::{check_digest, confirm, digits};

/// Where these answers are given.
const SURFACE: &str = "cli";

/// What is answered at once, and how.
#[derive(Debug, Args)]
pub(crate) struct BulkArguments {
    /// The answer to all
    #[arg(value_enum, value_name = "ANSWER")]
    answer: BulkAnswer,
    #[command(flatten)]
    filter: FilterArguments,
    /// These escalations instead, by their whole ids; once for each
    #[arg(long, value_name = "ESC_ID", conflicts_with_all = ["lane", "severity", "agent", "run"])]
    id: Vec<String>,
    /// Also those that stand out among the others
    #[arg(long)]
    with_outliers: bool,
    /// How many they are; left out: shows them and answers nothing
    #[arg(long, value_name = "COUNT")]
    expect: Option<u32>,
    /// The digest of the set that you have seen, at least 8 digits; left out: asks for it
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    /// A code for the reason of all, such as within_limit
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Why, for all; the agents see it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Answers by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BulkAnswer {
    /// The actions may run as shown
    Approve,
    /// The actions must not run
    Reject,
}

/// Shows the set, and answers it where its count is named.
pub(super) async fn bulk(context: &Context, bulk: BulkArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect(Capacity::Reviewer).await?);
    let filter = bulk.id.is_empty().then(|| v1::EscalationFilter::from(&bulk.filter));
    let shown = reviewer
        .preview_bulk(v1::PreviewBulkResolutionRequest {
            filter,
            escalation_ids: bulk.id,
            include_outliers: bulk.with_outliers,
        })
        .await?;
    let Some(expected) = bulk.expect else {
        context.output.one(&node_of("PreviewBulkResolutionResponse", &shown), || table(&shown));
        return Ok(Exit::Ok);
    };
    if shown.count != expected {
        let what = format!("they are {} now, not {expected}; nothing was answered", shown.count);
        return Err(Failure::new(Exit::Conflict, what).next("Show them: leave out --expect"));
    }
    match &bulk.digest {
        Some(digest) => check_digest(digest, &shown.set_digest)?,
        None if context.may_ask() => {
            write_error(&table(&shown));
            confirm("Answer all of these", &shown.set_digest).await?;
        }
        None => {
            let what = "without a terminal the digest of the set must be named";
            return Err(Failure::usage(what).next("Show it: leave out --expect"));
        }
    }
    let answer = match bulk.answer {
        BulkAnswer::Approve => Answer::Approve,
        BulkAnswer::Reject => Answer::Reject,
    };
    let given = Given {
        note: bulk.note.unwrap_or_default(),
        reason_code: bulk.reason.unwrap_or_default(),
        surface: SURFACE.to_owned(),
        ..Given::default()
    };
    let resolved = reviewer.resolve_bulk(&shown, answer, given).await?;
    let nodes: Vec<_> = resolved.iter().map(|it| node_of("Escalation", it)).collect();
    context.output.many(nodes, || {
        let line = |it: &v1::Escalation| format!("{}  answered\n", inline(&it.escalation_id));
        resolved.iter().map(line).collect()
    });
    Ok(Exit::Ok)
}

/// What they share, what differs, and what is not among them.
fn table(shown: &v1::PreviewBulkResolutionResponse) -> String {
    let mut lines = String::new();
    for item in &shown.outliers {
        let column = inline(&item.outlier_column);
        lines += &format!("Not among them, stands out by {column}:\n");
        lines += &row(&shown.columns, item);
    }
    match shown.items.is_empty() {
        true => lines += "Nothing can be answered at once.\n",
        false => {
            let (tool, rule) = (inline(&shown.tool), inline(&shown.rule));
            lines += &format!("{} of {tool}, rule {rule}:\n", shown.count);
        }
    }
    for item in &shown.items {
        lines += &row(&shown.columns, item);
    }
    if shown.more_column_count > 0 {
        lines += &format!("{} more values differ, not shown\n", shown.more_column_count);
    }
    for left in &shown.left_out {
        let (id, why) = (inline(&left.escalation_id), why(left.reason()));
        lines += &format!("Not among them: {id}  {why}\n");
    }
    if !shown.items.is_empty() {
        let digest = digits(&shown.set_digest);
        let count = shown.count;
        lines += &format!("Answer them: add --expect {count} --digest {digest} --note TEXT\n");
    }
    lines
}

/// One question: what it asks, and its own values.
fn row(columns: &[String], item: &v1::BulkItem) -> String {
    let mut line = format!("  {}  {}", inline(&item.escalation_id), safe(&item.headline));
    for (column, value) in columns.iter().zip(&item.values) {
        let column = column.strip_prefix("arguments.").unwrap_or(column);
        line += &format!("  {}={}", inline(column), safe(value));
    }
    line + "\n"
}

const fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => "for another reason",
        Reason::OtherKind => "another tool, rule or policy revision",
        Reason::TooGrave => "graver than medium, answered by itself",
        Reason::MorePeople => "wants more people",
        Reason::Claimed => "somebody else holds it",
        Reason::NotYours => "not yours to answer",
        Reason::NoRoom => "there are 25 before it",
    }
}
