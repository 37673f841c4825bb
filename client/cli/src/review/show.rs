//! Reviews for people.

use std::fmt::Write as _;

use pointsman_api::v1;
use pointsman_api::v1::Judgement;
use pointsman_api::v1::review::State;

use crate::output::escape::{block, inline};
use crate::output::reflect::short_name;
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, diff, time};

/// A judgement in words: `should have escalated`.
fn word(judgement: Judgement) -> String {
    short_name(judgement.as_str_name(), "JUDGEMENT_").replace('_', " ")
}

fn clock(at: Option<&prost_types::Timestamp>) -> String {
    at.map(|at| time::clock(at, Some(&time::local_now()))).unwrap_or_default()
}

/// One review: the case, and what came of it once that is shown.
pub(super) fn review(review: &v1::Review) -> String {
    let state = short_name(review.state().as_str_name(), "STATE_");
    let mut out = format!("{}  {state}\n\n", inline(&review.review_id));
    if let Some(case) = &review.case {
        out += &self::case(review, case);
    }
    match &review.revealed {
        Some(revealed) => out += &self::revealed(revealed),
        None => {
            out += "\nWhat came of it, and what others say, is shown once you have judged it.\n"
        }
    }
    out
}

fn case(review: &v1::Review, case: &v1::ReviewCase) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "{label:<12} {}", inline(text));
        }
    };
    line("Tool", &review.tool);
    line("Target", &case.target);
    line("Agent", &review.agent);
    line("On behalf of", &case.on_behalf_of);
    line("Goal", &case.goal);
    line("Proposed", &clock(case.propose_time.as_ref()));
    let decision = case.decision.clone().unwrap_or_default();
    let by = if decision.rule_id.is_empty() { "the default" } else { &decision.rule_id };
    let effect = short_name(decision.effect().as_str_name(), "DECISION_EFFECT_");
    line("Decided", &format!("{effect} by {by}: {}", decision.reason));
    if let Some(confidence) = case.confidence {
        line("Confidence", &format!("{confidence}"));
    }
    let _ = writeln!(out, "\n{}", block(&diff::laid_out(&case.arguments)));
    if !case.reasoning.is_empty() {
        let _ = writeln!(out, "\nThe agent says, unverified:\n{}", block(&case.reasoning));
    }
    out
}

fn revealed(revealed: &v1::ReviewRevealed) -> String {
    let mut out = String::new();
    let state = short_name(revealed.action_state().as_str_name(), "STATE_").replace('_', " ");
    let _ = writeln!(out, "\nOutcome      {state}");
    if let Some(outcome) = &revealed.outcome {
        let _ = writeln!(out, "{}", block(&diff::laid_out(&outcome.result)));
    }
    for said in &revealed.judgements {
        let (who, what) = (inline(&said.reviewer), word(said.judgement()));
        let _ = writeln!(out, "{who}: {what}, severity {}. {}", said.severity, inline(&said.note));
    }
    for skip in &revealed.skips {
        let _ = writeln!(out, "{} passed it on: {}", inline(&skip.reviewer), inline(&skip.reason));
    }
    out
}

/// Reviews, one a line.
pub(super) fn reviews_table(output: &Output, reviews: &[v1::Review]) -> String {
    if reviews.is_empty() {
        return String::new();
    }
    let rows = reviews.iter().map(|review| {
        let tone = match review.state() {
            State::Open => Tone::Plain,
            State::Done => Tone::Good,
            State::Skipped | State::Unspecified => Tone::Faint,
        };
        let judged = review.revealed.iter().flat_map(|revealed| &revealed.judgements);
        let said: Vec<_> = judged.map(|it| word(it.judgement())).collect();
        let opened = review.create_time.as_ref();
        let opened = match output.is_terminal {
            true => clock(opened),
            false => opened.and_then(time::rfc3339).unwrap_or_default(),
        };
        [
            Field::new(&review.review_id),
            Field::toned(&short_name(review.state().as_str_name(), "STATE_"), tone),
            Field::new(&review.tool),
            Field::new(&review.agent),
            Field::new(&review.rule_id),
            Field::new(&opened),
            Field::new(&said.join(", ")),
        ]
    });
    table(output, ["ID", "STATE", "TOOL", "AGENT", "RULE", "OPENED", "SAID"], rows.collect())
}

fn kappa(kappa: Option<f64>) -> String {
    kappa.map_or_else(|| "–".into(), |kappa| format!("{kappa:.2}"))
}

fn percent(part: u32, whole: u32) -> String {
    match whole {
        0 => "–".into(),
        whole => format!("{:.0} %", 100.0 * f64::from(part) / f64::from(whole)),
    }
}

/// What people found.
pub(super) fn stats(output: &Output, stats: &v1::GetReviewStatsResponse) -> String {
    let (done, open, skipped) = (stats.done_count, stats.open_count, stats.skipped_count);
    let mut out = format!("{done} done, {open} open, {skipped} given up\n\n");
    for count in &stats.judgements {
        let _ = writeln!(out, "{:>6}  {}", count.count, word(count.judgement()));
    }
    let agree = percent(stats.same_count, stats.both_count);
    let _ = writeln!(out, "\nAgreement    {agree}, kappa {}", kappa(stats.kappa));
    if !stats.pairs.is_empty() {
        let rows = stats.pairs.iter().map(|pair| {
            [
                Field::new(&pair.first),
                Field::new(&pair.second),
                Field::new(&pair.both_count.to_string()),
                Field::new(&percent(pair.same_count, pair.both_count)),
                Field::new(&kappa(pair.kappa)),
            ]
        });
        out += &table(output, ["ONE", "OTHER", "BOTH", "SAME", "KAPPA"], rows.collect());
    }
    if stats.truncated {
        out += "\nThere are more reviews than were counted: ask for a shorter time.\n";
    }
    out
}
