//! What a policy costs: judging alone, in this process, and what a hundred rules add
//! to a proposal over the wire.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use pointsman_server::domain::call::{CallFields, Situation, ToolCall};
use pointsman_server::domain::ids::RunId;
use pointsman_server::domain::policy::{Inputs, Policy, Sources};
use pointsman_server::domain::run::{Run, RunState};
use pointsman_server::domain::time::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::calls;
use super::servers::Servers;
use super::throughput;

/// Judgements that are measured, after as many again to warm up.
const JUDGEMENTS: usize = 20_000;
/// Pairs of windows, one with few rules and one with many.
const PAIRS: usize = 5;
/// Rules of the large policy; every other one is about the tool.
const MANY: usize = 100;

/// What judging costs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Judging {
    /// One rule.
    pub(super) one_rule: Judged,
    /// A hundred rules, half of them about the tool.
    pub(super) many_rules: Judged,
    /// Proposals with a hundred rules for each with one rule, in the middle of pairs.
    pub(super) proposals_of_one_rule: f64,
}

/// Judging one call: reading its arguments, making the facts, judging.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Judged {
    /// Rules of the document.
    pub(super) rules: usize,
    /// Rules that are about the tool, so that their conditions are evaluated.
    pub(super) evaluated: usize,
    /// Rules that applied.
    pub(super) matched: usize,
    /// Half took no longer, in microseconds.
    pub(super) p50_us: f64,
    /// All but one in a hundred took no longer.
    pub(super) p99_us: f64,
}

/// Measures both.
pub(super) async fn measure(callers: usize, span: Duration) -> anyhow::Result<Judging> {
    let (one, many) = (document(1), document(MANY));
    let (one_rule, many_rules) = (judge(&one, 1, JUDGEMENTS)?, judge(&many, MANY, JUDGEMENTS)?);
    let (few, full) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let few = Servers::on_folder(&one, few.path()).await?;
    let full = Servers::on_folder(&many, full.path()).await?;
    let mut ratios = Vec::with_capacity(PAIRS);
    for _ in 0..PAIRS {
        let with_one = throughput::propose(&few.addresses(), callers, span / 5).await?;
        let with_many = throughput::propose(&full.addresses(), callers, span / 5).await?;
        ratios.push(with_many.rate.per_second / with_one.rate.per_second);
    }
    ratios.sort_by(f64::total_cmp);
    let proposals_of_one_rule = ratios.get(PAIRS / 2).copied().unwrap_or_default();
    for servers in [few, full] {
        servers.stop_others().await?.stop().await?;
    }
    Ok(Judging { one_rule, many_rules, proposals_of_one_rule })
}

/// A policy of so many rules; of more than one, half are about another tool.
fn document(rules: usize) -> String {
    const CONDITIONS: [&str; 10] = [
        "args.amount < {n}000000",
        "args.currency in ['EUR', 'USD', 'C{n}']",
        "has(args.account) && args.account.startsWith('X-{n}')",
        "has(action.confidence) && action.confidence < 0.{n}",
        "run.hop_count > {n}",
        "args.amount > 1000 && args.currency == 'C{n}'",
        "run.goal.contains('goal {n}')",
        "run.agent == 'agent-{n}' || args.amount > {n}000000",
        "tool.irreversibility == 'high' && args.amount > {n}",
        "!(args.currency in ['C{n}', 'D{n}']) && args.amount < 0",
    ];
    let mut text =
        format!("version: 1\ndefault: allow\ntools:\n  {}: {{}}\nrules:\n", calls::ALLOWED);
    for (number, condition) in (0..rules).zip(CONDITIONS.iter().cycle()) {
        let tool = if number % 2 == 0 { calls::ALLOWED } else { "another_tool" };
        let effect = if number % 10 == 0 { "allow" } else { "escalate" };
        let when = condition.replace("{n}", &(1 + number).to_string());
        // Conditions of rules that ask are made to fail: the action shall run.
        let when = if effect == "escalate" { format!("({when}) && args.amount < 0") } else { when };
        let _ = writeln!(
            text,
            "  - {{ id: rule-{number}, tools: [{tool}], effect: {effect}, reason: measured, \
             when: {when:?} }}"
        );
    }
    text
}

/// Judges the same call again and again.
fn judge(document: &str, rules: usize, judgements: usize) -> anyhow::Result<Judged> {
    let policy = Policy::parse(document)?;
    let run = Run {
        id: RunId::new(Uuid::nil()),
        agent: "dev-agent".to_owned(),
        on_behalf_of: None,
        parent: None,
        hop_count: 0,
        ancestors: Vec::new(),
        lineage: Vec::new(),
        agent_stops: 0,
        fleet_stops: 0,
        constraint_sets: Vec::new(),
        state: RunState::Running,
        goal: None,
        create_time: Timestamp::default(),
        overdue_time: None,
        clock_start: None,
        unexpected_results: 0,
        branch: 0,
        finish_time: None,
        revision: 1,
    };
    let (sources, inputs) = (Sources::default(), Inputs::default());
    let mut spans = Histogram::<u64>::new_with_bounds(1, 1_000_000_000, 3)?;
    let mut matched = 0;
    for number in 0..2 * judgements {
        let arguments = calls::arguments(number as u64);
        let fields = CallFields {
            tool: calls::ALLOWED,
            tool_schema_version: "1",
            target: "acct-7",
            arguments: &arguments,
            preconditions: b"",
        };
        let began = Instant::now();
        let call = ToolCall::read("arguments", fields)?;
        let verdict = policy.evaluate(&call.facts(&Situation {
            run: &run,
            goal: "measure the server",
            confidence: Some(0.9),
            sources: &sources,
            inputs: &inputs,
        }));
        let span = u64::try_from(began.elapsed().as_nanos())?;
        if number >= judgements {
            spans.saturating_record(span);
        }
        matched = verdict.matched.len();
    }
    let micros = |quantile| spans.value_at_quantile(quantile) as f64 / 1_000.0;
    let evaluated = rules.div_ceil(2);
    Ok(Judged { rules, evaluated, matched, p50_us: micros(0.5), p99_us: micros(0.99) })
}

impl Judging {
    /// For people.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        for it in [self.one_rule, self.many_rules] {
            let Judged { rules, evaluated, matched, p50_us, p99_us } = it;
            let s = if rules == 1 { "" } else { "s" };
            rows.push((
                format!("judging, {rules} rule{s}"),
                format!("p50 {p50_us:.1} us, p99 {p99_us:.1} us ({evaluated} evaluated, {matched} matched)"),
            ));
        }
        let percent = 100.0 * (1.0 / self.proposals_of_one_rule - 1.0);
        rows.push((
            format!("  a proposal with {MANY} rules"),
            format!("costs {percent:+.1} % of one with 1 rule"),
        ));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_policies_judge_as_they_should() {
        let one = judge(&document(1), 1, 10).unwrap();
        assert_eq!((one.evaluated, one.matched), (1, 1));
        let many = judge(&document(MANY), MANY, 10).unwrap();
        assert_eq!((many.evaluated, many.matched), (50, 10));
    }
}
