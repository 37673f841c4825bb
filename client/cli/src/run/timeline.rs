//! `pointsman run timeline`: what happened in a run, one row for each thing that did.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::action::State as ActionState;
use pointsman_api::v1::list_run_steps_request::{Order, Show};
use pointsman_api::v1::run_step::Detail;
use pointsman_client::Runs;
use prost_types::{Duration, Timestamp};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::{inline, shown};
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, time};

const PAGE: u32 = 500;

/// Which rows of which run.
#[derive(Debug, Args)]
pub(crate) struct TimelineArguments {
    /// The run's id
    #[arg(value_name = "RUN_ID")]
    id: String,
    #[command(flatten)]
    show: ShowArguments,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    /// How many rows at most
    #[arg(long, default_value_t = PAGE, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// What is shown: at most one.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct ShowArguments {
    /// Only what went wrong
    #[arg(long)]
    errors: bool,
    /// Only actions that ran, may have run, or may be running
    #[arg(long)]
    effects: bool,
    /// Only questions to people, and what they were asked about
    #[arg(long)]
    escalations: bool,
    /// Only what people did to the run, and its new paths
    #[arg(long)]
    overrides: bool,
}

impl ShowArguments {
    const fn show(&self) -> Show {
        match (self.errors, self.effects, self.escalations, self.overrides) {
            (true, ..) => Show::Errors,
            (_, true, ..) => Show::Effects,
            (_, _, true, _) => Show::Escalations,
            (_, _, _, true) => Show::Overrides,
            _ => Show::Unspecified,
        }
    }
}

/// Prints the timeline of a run.
pub(super) async fn timeline(
    context: &Context,
    timeline: TimelineArguments,
) -> Result<Exit, Failure> {
    let runs = Runs::new(context.connect(Capacity::Reviewer).await?);
    let limit = usize::try_from(timeline.limit).unwrap_or(usize::MAX);
    let order = if timeline.reverse { Order::Descending } else { Order::Ascending };
    let mut request = v1::ListRunStepsRequest {
        run_id: timeline.id,
        page_size: i32::try_from(timeline.limit.min(PAGE)).unwrap_or_default(),
        page_token: String::new(),
        order: order.into(),
        show: timeline.show.show().into(),
    };
    let (mut steps, mut now) = (Vec::new(), time::local_now());
    let has_more = loop {
        let page = runs.steps(request.clone()).await?;
        steps.extend(page.steps);
        now = page.server_time.unwrap_or(now);
        if page.next_page_token.is_empty() || steps.len() >= limit {
            break !page.next_page_token.is_empty() || steps.len() > limit;
        }
        request.page_token = page.next_page_token;
    };
    steps.truncate(limit);
    let nodes = steps.iter().map(|step| node_of("RunStep", step)).collect();
    context.output.many(nodes, || steps_table(&context.output, &steps, &now));
    if context.output.is_for_people() {
        match (steps.is_empty(), has_more) {
            (true, _) => context.output.say("Nothing of that kind has happened."),
            (false, true) => {
                context.output.say("There is more: --limit, or from the other end --reverse")
            }
            (false, false) => {}
        }
    }
    Ok(Exit::Ok)
}

fn steps_table(output: &Output, steps: &[v1::RunStep], now: &Timestamp) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let mut rows = Vec::new();
    for step in steps {
        if let Some(idle) = &step.idle_before {
            let words = format!("· idle {}", time::span(idle.seconds));
            rows.push(["", "", "", "", ""].map(Field::new));
            if let Some(row) = rows.last_mut() {
                *row = ["", &words, "", "", ""].map(|text| Field::toned(text, Tone::Faint));
            }
        }
        let line = Line::of(step);
        let at = step.time.as_ref().map(|at| clock(output, at, now)).unwrap_or_default();
        rows.push([
            Field::new(&at),
            Field::toned(&format!("{} {}", line.glyph, line.name), line.tone),
            Field::new(&line.what),
            Field::new(&took(step, line.took.as_ref())),
            Field::toned(&line.result, line.tone),
        ]);
    }
    table(output, ["TIME", "STEP", "WHAT", "TOOK", "RESULT"], rows)
}

/// The time to the second where a person looks, in full where a program does.
fn clock(output: &Output, at: &Timestamp, now: &Timestamp) -> String {
    if output.is_terminal { time::second(at, now) } else { time::rfc3339(at).unwrap_or_default() }
}

fn took(step: &v1::RunStep, own: Option<&Duration>) -> String {
    let between = step.time.zip(step.end_time).map(|(from, to)| {
        let nanos = i64::from(to.nanos) - i64::from(from.nanos);
        (to.seconds - from.seconds) * 1_000 + nanos / 1_000_000
    });
    let own = own.map(|it| it.seconds * 1_000 + i64::from(it.nanos) / 1_000_000);
    match own.or(between) {
        None | Some(..=0) => String::new(),
        Some(millis @ ..10_000) => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        Some(millis) => time::span(millis / 1_000),
    }
}

/// A row in parts. Text of the server's is safe text, and its marks stay marks.
#[derive(Debug, PartialEq)]
struct Line {
    glyph: &'static str,
    name: String,
    what: String,
    took: Option<Duration>,
    result: String,
    tone: Tone,
}

impl Line {
    fn of(step: &v1::RunStep) -> Self {
        match &step.detail {
            Some(Detail::Start(it)) => plain("●", "start", shown(&it.goal), inline(&it.agent)),
            Some(Detail::End(it)) => {
                let state = words(it.state().as_str_name(), "STATE_");
                plain("■", "end", inline(&it.override_id), state)
            }
            Some(Detail::Action(it)) => action(it),
            Some(Detail::Question(it)) => question(it),
            Some(Detail::Checkpoint(it)) => checkpoint(it),
            Some(Detail::Override(it)) => switched(it),
            Some(Detail::Child(it)) => {
                let state = words(it.state().as_str_name(), "STATE_");
                let what = format!("{}  {}", inline(&it.run_id), shown(&it.goal));
                let indent = "  ".repeat(usize::try_from(it.depth.saturating_sub(1)).unwrap_or(0));
                plain("◌", &format!("{indent}{}", inline(&it.agent)), what, state)
            }
            Some(Detail::BranchStart(it)) => {
                let cause = words(it.cause().as_str_name(), "BRANCH_CAUSE_");
                let what = format!("{cause} {}", shown(&it.instruction)).trim_end().to_owned();
                plain("⑂", &format!("branch {}", it.number), what, format!("by {}", inline(&it.by)))
            }
            Some(Detail::Title(it)) => plain("▪", "step", shown(&it.title), String::new()),
            None => {
                plain("?", "unknown", "this command is older than the server".into(), String::new())
            }
        }
    }
}

fn plain(glyph: &'static str, name: &str, what: String, result: String) -> Line {
    Line { glyph, name: name.to_owned(), what, took: None, result, tone: Tone::Plain }
}

fn words(name: &str, prefix: &str) -> String {
    short_name(name, prefix)
}

fn action(it: &v1::RunStepAction) -> Line {
    let failed = it.outcome() == v1::outcome::Status::Failed;
    let denied = it.state() == ActionState::Denied;
    let asked = it.question.as_ref();
    let glyph = match (asked.is_some(), denied) {
        (_, true) => "✕",
        (true, _) => "▲",
        (false, _) => "◐",
    };
    let outcome = match it.outcome() {
        v1::outcome::Status::Unspecified => words(it.state().as_str_name(), "STATE_"),
        outcome => words(outcome.as_str_name(), "STATUS_"),
    };
    let mut result = match asked {
        Some(question) => format!("{outcome}; {}", answered(question)),
        None => outcome,
    };
    if !it.rule_id.is_empty() && (denied || asked.is_some()) {
        result += &format!(" ({})", inline(&it.rule_id));
    }
    if it.reversion() != v1::reversion::State::Unspecified {
        result += &format!("; taken back: {}", words(it.reversion().as_str_name(), "STATE_"));
    }
    let tone = match (failed || denied, asked.is_some()) {
        (true, _) => Tone::Alarm,
        (false, true) => Tone::Warning,
        (false, false) => Tone::Plain,
    };
    let (name, what) = (inline(&it.tool), shown(&it.target));
    Line { glyph, name, what, took: it.run_duration, result, tone }
}

/// What people said to a question, and how long it took them.
fn answered(it: &v1::RunStepQuestion) -> String {
    let said = match it.resolution() {
        v1::resolution::Kind::Unspecified => words(it.state().as_str_name(), "STATE_"),
        said => words(said.as_str_name(), "KIND_"),
    };
    let who = match (it.reviewer.as_str(), it.holder.as_str()) {
        ("", "") => String::new(),
        ("", holder) => format!(", held by {}", inline(holder)),
        (reviewer, _) => format!(" by {}", inline(reviewer)),
    };
    let after = it.create_time.zip(it.close_time);
    let after = after.map(|(from, to)| (to.seconds - from.seconds).max(0));
    let after = after.map(|seconds| format!(" after {}", time::span(seconds))).unwrap_or_default();
    format!("{said}{who}{after}")
}

fn question(it: &v1::RunStepQuestion) -> Line {
    let tone = if it.close_time.is_none() { Tone::Warning } else { Tone::Plain };
    let name = words(it.question().as_str_name(), "QUESTION_");
    let (what, result) = (shown(&it.headline), answered(it));
    Line { glyph: "▲", name, what, took: None, result, tone }
}

fn checkpoint(it: &v1::RunStepCheckpoint) -> Line {
    let good = match it.known_good_by.as_str() {
        "" => String::new(),
        who => format!("known good, {}", inline(who)),
    };
    plain("▣", "checkpoint", inline(&it.checkpoint_id), good)
}

fn switched(it: &v1::RunStepOverride) -> Line {
    let name = words(it.kind().as_str_name(), "KIND_");
    let what = format!("{}: {}", inline(&it.requester), shown(&it.reason));
    let result = words(it.state().as_str_name(), "STATE_");
    Line { glyph: "‖", name, what, took: None, result, tone: Tone::Warning }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(seconds: i64, detail: Detail) -> v1::RunStep {
        let time = Some(Timestamp { seconds: 1_800_000_000 + seconds, nanos: 0 });
        v1::RunStep { time, detail: Some(detail), ..Default::default() }
    }

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds: 1_800_000_000 + seconds, nanos: 0 })
    }

    fn steps() -> Vec<v1::RunStep> {
        let asked = v1::RunStepQuestion {
            escalation_id: "esc_1".into(),
            state: v1::escalation::State::Resolved.into(),
            resolution: v1::resolution::Kind::Approved.into(),
            reviewer: "j.ruiz".into(),
            create_time: at(72),
            close_time: at(110),
            ..Default::default()
        };
        let refund = v1::RunStepAction {
            tool: "payments.refund".into(),
            target: "customer 5521\u{1b}[2J".into(),
            state: ActionState::Escalated.into(),
            outcome: v1::outcome::Status::Succeeded.into(),
            run_duration: Some(Duration { seconds: 1, nanos: 250_000_000 }),
            rule_id: "large".into(),
            question: Some(asked),
            ..Default::default()
        };
        let read = v1::RunStepAction {
            tool: "crm.read".into(),
            outcome: v1::outcome::Status::Failed.into(),
            ..Default::default()
        };
        let start = v1::RunStepStart { agent: "claims-v2".into(), goal: "settle it".into() };
        let mut late = step(322, Detail::Action(read));
        late.idle_before = Some(Duration { seconds: 210, nanos: 0 });
        vec![step(0, Detail::Start(start)), step(72, Detail::Action(refund)), late]
    }

    #[test]
    fn rows_are_aligned_and_gaps_are_one_line() {
        let output = Output {
            format: crate::output::Format::Table,
            talk: crate::output::Talk::Quiet,
            is_terminal: true,
            has_color: false,
            width: Some(110),
        };
        let now = Timestamp { seconds: 1_800_000_400, nanos: 0 };
        insta::assert_snapshot!(steps_table(&output, &steps(), &now));
    }
}
