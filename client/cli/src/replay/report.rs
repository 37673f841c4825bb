//! What a replay found, as numbers. The names of the fields are an interface.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::bench::latency::{Latency, Spread};
use crate::trajectory::Expected;

/// What the policy said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The call may run.
    Allow,
    /// It must not.
    Deny,
    /// A person is asked.
    Escalate,
}

/// Everything counted while trajectories run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    decisions: Decisions,
    true_positive: u64,
    false_positive: u64,
    false_negative: u64,
    /// From before the proposal until a reviewer's watch brought the question.
    pub(super) visible: Latency,
    /// From the answer to the resolution until the agent had it.
    pub(super) resumed: Latency,
    /// From the proposal until the outcome was reported.
    pub(super) autonomous: Latency,
    /// The same through a person.
    pub(super) escalated: Latency,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Decisions {
    allow: u64,
    deny: u64,
    escalate: u64,
}

/// The result of a replay.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    trajectories: usize,
    calls: usize,
    decisions: Decisions,
    escalation_rate: f64,
    precision: f64,
    recall: f64,
    visible_ms: Spread,
    resumed_ms: Spread,
    end_to_end_ms: EndToEnd,
    /// How many actions ran more than once.
    pub(super) executed_twice: u64,
    /// How many calls came to no end.
    pub(super) lost: u64,
}

#[derive(Debug, Serialize)]
struct EndToEnd {
    autonomous: Pair,
    escalated: Pair,
}

#[derive(Debug, Serialize)]
struct Pair {
    p50: f64,
    p99: f64,
}

impl Tally {
    /// Counts a decision against the label. A denial stops a call as an
    /// escalation does, so that both count as caught.
    pub(super) fn decide(&mut self, said: Said, expected: Expected) {
        match said {
            Said::Allow => self.decisions.allow += 1,
            Said::Deny => self.decisions.deny += 1,
            Said::Escalate => self.decisions.escalate += 1,
        }
        match (said, expected) {
            (_, Expected::Unknown) | (Said::Allow, Expected::Allow) => {}
            (Said::Allow, Expected::Escalate) => self.false_negative += 1,
            (_, Expected::Escalate) => self.true_positive += 1,
            (_, Expected::Allow) => self.false_positive += 1,
        }
    }

    /// Counts an answer that took `span` to reach its agent.
    pub(super) fn resume(&mut self, span: Duration) {
        self.resumed.record(span);
    }

    /// Sums up.
    pub(super) fn report(&self, trajectories: usize, calls: usize, books: (u64, u64)) -> Report {
        let Decisions { allow, deny, escalate } = self.decisions;
        Report {
            trajectories,
            calls,
            decisions: self.decisions,
            escalation_rate: share(escalate, allow + deny + escalate),
            precision: share(self.true_positive, self.true_positive + self.false_positive),
            recall: share(self.true_positive, self.true_positive + self.false_negative),
            visible_ms: self.visible.spread(),
            resumed_ms: self.resumed.spread(),
            end_to_end_ms: EndToEnd {
                autonomous: Pair::of(&self.autonomous),
                escalated: Pair::of(&self.escalated),
            },
            executed_twice: books.0,
            lost: books.1,
        }
    }
}

impl Pair {
    fn of(latency: &Latency) -> Self {
        let Spread { p50, p99, .. } = latency.spread();
        Self { p50, p99 }
    }
}

impl Report {
    /// Whether nothing ran twice and nothing got lost.
    pub(super) fn is_clean(&self) -> bool {
        self.executed_twice == 0 && self.lost == 0
    }

    /// The report for people.
    pub(super) fn to_text(&self) -> String {
        let Decisions { allow, deny, escalate } = self.decisions;
        let mut text = String::new();
        let spread =
            |it: &Spread| format!("p50 {:.2}  p99 {:.2}  max {:.2}", it.p50, it.p99, it.max);
        let pair = |it: &Pair| format!("p50 {:.2}  p99 {:.2}", it.p50, it.p99);
        let rows = [
            ("trajectories", self.trajectories.to_string()),
            ("calls", self.calls.to_string()),
            ("decisions", format!("allow {allow}  deny {deny}  escalate {escalate}")),
            ("escalation rate", format!("{:.1} %", self.escalation_rate * 100.0)),
            ("precision", format!("{:.3}", self.precision)),
            ("recall", format!("{:.3}", self.recall)),
            ("visible, ms", spread(&self.visible_ms)),
            ("resumed, ms", spread(&self.resumed_ms)),
            ("autonomous, ms", pair(&self.end_to_end_ms.autonomous)),
            ("escalated, ms", pair(&self.end_to_end_ms.escalated)),
            ("executed twice", self.executed_twice.to_string()),
            ("lost", self.lost.to_string()),
        ];
        for (name, value) in rows {
            let _ = writeln!(text, "{name:<16}  {value}");
        }
        text
    }
}

/// A share, rounded to what the counts can carry; 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    let share = part as f64 / whole as f64;
    (share * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_holds() {
        let mut tally = Tally::default();
        tally.decide(Said::Allow, Expected::Allow);
        tally.decide(Said::Escalate, Expected::Unknown);
        tally.decide(Said::Escalate, Expected::Escalate);
        tally.decide(Said::Escalate, Expected::Allow);
        tally.decide(Said::Deny, Expected::Escalate);
        tally.decide(Said::Allow, Expected::Escalate);
        let report = tally.report(1, 6, (0, 0));
        assert!(report.is_clean());
        let json = serde_json::to_string(&report).unwrap();
        let expected = r#"{"trajectories":1,"calls":6,"decisions":{"allow":2,"deny":1,"escalate":3},"escalation_rate":0.5,"precision":0.6667,"recall":0.6667,"visible_ms":{"p50":0.0,"p99":0.0,"max":0.0},"resumed_ms":{"p50":0.0,"p99":0.0,"max":0.0},"end_to_end_ms":{"autonomous":{"p50":0.0,"p99":0.0},"escalated":{"p50":0.0,"p99":0.0}},"executed_twice":0,"lost":0}"#;
        assert_eq!(json, expected);
    }
}
