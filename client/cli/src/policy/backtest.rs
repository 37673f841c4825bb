//! `pointsman policy backtest`: what a policy would have said of what was recorded,
//! by a server or in a file.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::backtest_policy_request::Policy;

use super::{connect, figures, is_revision, read_document};
use crate::context::Context;
use crate::eval::{Recordings, compare};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::time::{clock, local_now, span};
use crate::span::parse_span;

/// What to judge again, and by what.
#[derive(Debug, Args)]
pub(crate) struct BacktestArguments {
    /// A file or a revision; with --trajectories a file or the name of a starter policy
    #[arg(value_name = "POLICY")]
    policy: String,
    /// How many of the newest actions, at most 10000; left out: 1000
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    actions: Option<i32>,
    /// None that was proposed longer ago, such as 7d
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    since: Option<Duration>,
    /// Recorded calls, one JSON object a line, in place of a server's; may be given again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["actions", "since"], requires = "against")]
    trajectories: Vec<PathBuf>,
    /// Tool catalogues; they fill in what a policy leaves open about its tools
    #[arg(long, value_name = "FILE", requires_all = ["domain", "trajectories"])]
    tools: Option<PathBuf>,
    /// Which catalogue; calls of agents of other domains are left out; may be given again
    #[arg(long, value_name = "KEY", requires = "trajectories")]
    domain: Vec<String>,
    /// The policy that --trajectories are judged by first
    #[arg(long, value_name = "POLICY", requires = "trajectories")]
    against: Option<String>,
}

/// Judges again, and prints what flips.
pub(super) async fn backtest(
    context: &Context,
    backtest: BacktestArguments,
) -> Result<Exit, Failure> {
    if let Some(against) = &backtest.against {
        let recordings = Recordings {
            trajectories: backtest.trajectories,
            tools: backtest.tools,
            domains: backtest.domain,
        };
        return compare(context, &recordings, against, &backtest.policy);
    }
    let policy = if is_revision(&backtest.policy) {
        Policy::RevisionId(backtest.policy)
    } else {
        Policy::Document(read_document(&backtest.policy)?)
    };
    let request = v1::BacktestPolicyRequest {
        policy: Some(policy),
        max_actions: backtest.actions.unwrap_or_default(),
        since_time: backtest.since.map(ago),
    };
    let said = connect(context).await?.backtest(request).await?;
    context.output.one(&node_of("BacktestPolicyResponse", &said), || page(&context.output, &said));
    context.output.say(summary(&said));
    for line in said.figures.iter().flat_map(figures::lines) {
        context.output.say(line);
    }
    Ok(Exit::Ok)
}

/// The time so long ago; before all records if it cannot be said.
fn ago(span: Duration) -> prost_types::Timestamp {
    let now = local_now();
    let seconds = i64::try_from(span.as_secs()).unwrap_or(now.seconds);
    prost_types::Timestamp { seconds: now.seconds.saturating_sub(seconds), nanos: now.nanos }
}

/// What was judged, in one sentence.
fn summary(said: &v1::BacktestPolicyResponse) -> String {
    let (Some(oldest), Some(newest)) = (&said.oldest_time, &said.newest_time) else {
        return "No action is recorded.".to_owned();
    };
    let mut words = format!(
        "{} actions, from {} to {}.",
        said.action_count,
        clock(oldest, None),
        clock(newest, None)
    );
    if said.left_out_count > 0 {
        words += &format!(" {} that a person edited are left out.", said.left_out_count);
    }
    match &said.median_review {
        Some(median) => {
            let (median, count) = (span(median.seconds), said.review_count);
            words += &format!(" A review took {median}, the median of {count}.");
        }
        None => words += " No review was claimed and answered: nothing is known of minutes.",
    }
    words
}

fn page(output: &Output, said: &v1::BacktestPolicyResponse) -> String {
    let sides = [said.recorded.unwrap_or_default(), said.decided.unwrap_or_default()];
    let mut page = sides_table(output, &sides, true);
    if !said.flips.is_empty() {
        page = page + "\n\n" + &flips_tables(output, &said.flips);
    }
    page
}

/// The ways in which decisions flip, and examples of them.
pub(super) fn flips_tables(output: &Output, flips: &[v1::BacktestFlip]) -> String {
    flips_table(output, flips) + "\n\n" + &examples_table(output, flips)
}

/// What was decided beside what would be, in all and, if wanted, by the day.
pub(super) fn sides_table(output: &Output, sides: &[v1::BacktestSide; 2], by_day: bool) -> String {
    let row = |name: &str, of: &dyn Fn(&v1::BacktestSide) -> String| {
        let [recorded, decided] = sides.each_ref().map(of);
        [Field::new(name), Field::from(recorded), Field::from(decided)]
    };
    let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}"));
    let mut rows = vec![
        row("allow", &|side| side.allow.to_string()),
        row("deny", &|side| side.deny.to_string()),
        row("escalate", &|side| side.escalate.to_string()),
    ];
    if by_day {
        rows.push(row("escalations a day", &|side| rate(side.escalations_per_day)));
        rows.push(row("reviewer minutes a day", &|side| rate(side.reviewer_minutes_per_day)));
    }
    table(output, ["FIGURE", "RECORDED", "WOULD BE"], rows)
}

fn flips_table(output: &Output, flips: &[v1::BacktestFlip]) -> String {
    let rows = flips.iter().map(|flip| {
        let (was, _) = effect(flip.recorded());
        let (would_be, tone) = effect(flip.decision());
        [
            Field::from(was),
            Field::toned(&would_be, tone),
            Field::from(flip.action_count.to_string()),
            Field::from(answers(&flip.answers.unwrap_or_default())),
        ]
    });
    table(output, ["WAS", "WOULD BE", "ACTIONS", "PEOPLE SAID"], rows.collect())
}

fn examples_table(output: &Output, flips: &[v1::BacktestFlip]) -> String {
    let rows = flips.iter().flat_map(|flip| {
        flip.examples.iter().map(|example| {
            let (was, _) = effect(flip.recorded());
            let (would_be, tone) = effect(flip.decision());
            let said = short_name(example.answer().as_str_name(), "HUMAN_ANSWER_");
            let is_asked = example.answer() != v1::HumanAnswer::Unspecified;
            [
                Field::new(&example.action_id),
                Field::new(&example.tool),
                Field::from(by(&was, &example.recorded_rule_id)),
                Field::toned(&by(&would_be, &example.rule_id), tone),
                Field::new(if is_asked { &said } else { "–" }),
            ]
        })
    });
    table(output, ["ACTION", "TOOL", "WAS", "WOULD BE", "PEOPLE SAID"], rows.collect())
}

fn effect(effect: v1::DecisionEffect) -> (String, Tone) {
    let tone = match effect {
        v1::DecisionEffect::Allow => Tone::Warning,
        v1::DecisionEffect::Deny => Tone::Alarm,
        v1::DecisionEffect::Escalate | v1::DecisionEffect::Unspecified => Tone::Plain,
    };
    (short_name(effect.as_str_name(), "DECISION_EFFECT_"), tone)
}

fn by(effect: &str, rule: &str) -> String {
    match rule {
        "" => format!("{effect}, the default"),
        rule => format!("{effect}, {}", inline(rule)),
    }
}

fn answers(answers: &v1::HumanAnswers) -> String {
    let counts = [
        (answers.approved, "approved"),
        (answers.rejected, "rejected"),
        (answers.modified, "modified"),
        (answers.responded, "responded"),
        (answers.instructed, "corrected in words"),
        (answers.expired, "expired"),
        (answers.cancelled, "cancelled"),
        (answers.open, "open"),
    ];
    let said: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if said.is_empty() { "–".to_owned() } else { said.join(", ") }
}
