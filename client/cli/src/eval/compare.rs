//! Two policies on the same recorded calls: where they differ, and which of them the
//! labels agree with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pointsman_server::domain::action::DecisionEffect;
use pointsman_server::domain::policy::{Policy, Profiles};
use serde::Serialize;

use super::judge::{Bench, Judged};
use super::keep_domains;
use crate::catalogue;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::node::Node;
use crate::output::table::{Field, table};
use crate::trajectory::{self, Expected, Trajectory};

/// The most examples of each kind of flip.
const EXAMPLES: usize = 5;

/// What is judged.
#[derive(Debug)]
pub(crate) struct Recordings {
    /// Files of recorded calls.
    pub(crate) trajectories: Vec<PathBuf>,
    /// Tool catalogues.
    pub(crate) tools: Option<PathBuf>,
    /// Which of them.
    pub(crate) domains: Vec<String>,
}

/// What the comparison found. The names of the fields are an interface.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    policy: String,
    against: String,
    calls: usize,
    recorded: Decisions,
    decided: Decisions,
    flips: Vec<Flip>,
}

#[derive(Debug, Default, Serialize)]
struct Decisions {
    allow: usize,
    deny: usize,
    escalate: usize,
}

/// The calls whose decisions flip in one way.
#[derive(Debug, Serialize)]
struct Flip {
    recorded: &'static str,
    decision: &'static str,
    calls: usize,
    /// Those whose label agrees with the policy.
    right: usize,
    /// Those whose label agrees with the one it is compared with.
    wrong: usize,
    /// Those whose label is unknown, and those that one denies and the other puts to
    /// a person.
    undecided: usize,
    examples: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    trajectory: String,
    /// Its place in the trajectory, from 0.
    call: usize,
    tool: String,
    recorded_rule: Option<String>,
    rule: Option<String>,
    expected: &'static str,
}

/// Compares two policies, and prints where they differ.
pub(crate) fn compare(
    context: &Context,
    recordings: &Recordings,
    against: &str,
    policy: &str,
) -> Result<Exit, Failure> {
    let failed = |error: anyhow::Error| Failure::new(Exit::Failure, format!("{error:#}"));
    let documents = [catalogue::document(against)?, catalogue::document(policy)?];
    let flips = compared(recordings, [against, policy], documents).map_err(failed)?;
    let json = serde_json::to_string_pretty(&flips).map_err(|error| failed(error.into()))?;
    context.output.one(&Node::Raw(json), || flips.to_text(&context.output));
    context.output.say(format!("{} calls.", flips.calls));
    Ok(Exit::Ok)
}

/// Judges the calls by both policies, the one to compare with first.
pub(super) fn compared(
    recordings: &Recordings,
    names: [&str; 2],
    documents: [String; 2],
) -> anyhow::Result<Comparison> {
    let mut trajectories = trajectory::read(&recordings.trajectories)?;
    keep_domains(&mut trajectories, &recordings.domains)?;
    let [former, latter] = documents.map(|document| judge(recordings, &document, &trajectories));
    let (former, latter) = (former?, latter?);
    let [against, policy] = names.map(str::to_owned);
    let mut flips = BTreeMap::new();
    let calls = trajectories.iter().flat_map(|it| {
        it.calls.iter().enumerate().map(|(at, call)| (it.id.as_str(), at, call.tool.as_str()))
    });
    for (call, (was, is)) in calls.zip(former.iter().zip(&latter)) {
        if was.effect != is.effect {
            let flip =
                flips.entry(order(was.effect, is.effect)).or_insert_with(|| Flip::of(was, is));
            flip.add(call, was, is);
        }
    }
    Ok(Comparison {
        policy,
        against,
        calls: latter.len(),
        recorded: Decisions::of(&former),
        decided: Decisions::of(&latter),
        flips: flips.into_values().collect(),
    })
}

fn judge(
    recordings: &Recordings,
    document: &str,
    trajectories: &[Trajectory],
) -> anyhow::Result<Vec<Judged>> {
    let document = match &recordings.tools {
        Some(file) => catalogue::merge(document, file, &recordings.domains)?,
        None => document.to_owned(),
    };
    let policy = Policy::parse(&document)?;
    let mut bench = Bench::new(&policy, Profiles::default());
    Ok(trajectories.iter().flat_map(|trajectory| bench.judge(trajectory)).collect())
}

/// What is looser comes first.
const fn order(was: DecisionEffect, is: DecisionEffect) -> (u8, u8) {
    const fn weight(effect: DecisionEffect) -> u8 {
        match effect {
            DecisionEffect::Allow => 0,
            DecisionEffect::Escalate => 1,
            DecisionEffect::Deny => 2,
        }
    }
    (weight(is), weight(was))
}

impl Decisions {
    fn of(judged: &[Judged]) -> Self {
        let count = |effect| judged.iter().filter(|it| it.effect == effect).count();
        Self {
            allow: count(DecisionEffect::Allow),
            deny: count(DecisionEffect::Deny),
            escalate: count(DecisionEffect::Escalate),
        }
    }
}

impl Flip {
    fn of(was: &Judged, is: &Judged) -> Self {
        let (recorded, decision) = (was.effect.name(), is.effect.name());
        let examples = Vec::new();
        Self { recorded, decision, calls: 0, right: 0, wrong: 0, undecided: 0, examples }
    }

    fn add(&mut self, (trajectory, call, tool): (&str, usize, &str), was: &Judged, is: &Judged) {
        self.calls += 1;
        let wanted = match is.expected {
            Expected::Allow => Some(false),
            Expected::Escalate => Some(true),
            Expected::Unknown => None,
        };
        match wanted.filter(|_| was.is_gated() != is.is_gated()) {
            None => self.undecided += 1,
            Some(wanted) if is.is_gated() == wanted => self.right += 1,
            Some(_) => self.wrong += 1,
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example {
                trajectory: trajectory.to_owned(),
                call,
                tool: tool.to_owned(),
                recorded_rule: was.rule.clone(),
                rule: is.rule.clone(),
                expected: is.expected.name(),
            });
        }
    }
}

impl Comparison {
    /// For people.
    fn to_text(&self, output: &Output) -> String {
        let rows = [
            ("allow", self.recorded.allow, self.decided.allow),
            ("deny", self.recorded.deny, self.decided.deny),
            ("escalate", self.recorded.escalate, self.decided.escalate),
        ];
        let rows = rows.map(|(name, was, is)| {
            [Field::new(name), Field::from(was.to_string()), Field::from(is.to_string())]
        });
        let sides = table(output, ["FIGURE", "WAS", "WOULD BE"], rows.into());
        if self.flips.is_empty() {
            return sides;
        }
        [sides, flips_table(output, &self.flips), examples_table(output, &self.flips)].join("\n\n")
    }
}

fn flips_table(output: &Output, flips: &[Flip]) -> String {
    let rows = flips.iter().map(|flip| {
        let numbers = [flip.calls, flip.right, flip.wrong, flip.undecided];
        let [calls, right, wrong, undecided] = numbers.map(|it| Field::from(it.to_string()));
        [flip.recorded.into(), flip.decision.into(), calls, right, wrong, undecided]
    });
    let headers = ["WAS", "WOULD BE", "CALLS", "RIGHT", "WRONG", "UNDECIDED"];
    table(output, headers, rows.collect())
}

fn examples_table(output: &Output, flips: &[Flip]) -> String {
    let by = |effect: &str, rule: &Option<String>| {
        Field::from(format!("{effect}, {}", rule.as_deref().unwrap_or("the default")))
    };
    let rows = flips.iter().flat_map(|flip| {
        flip.examples.iter().map(move |example| {
            [
                Field::from(format!("{} {}", example.trajectory, example.call)),
                Field::new(&example.tool),
                by(flip.recorded, &example.recorded_rule),
                by(flip.decision, &example.rule),
                Field::new(example.expected),
            ]
        })
    });
    table(output, ["CALL", "TOOL", "WAS", "WOULD BE", "EXPECTED"], rows.collect())
}
