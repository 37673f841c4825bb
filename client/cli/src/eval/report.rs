//! What an evaluation found, as numbers. The names of the fields are an interface.

use std::collections::BTreeMap;

use pointsman_server::domain::action::DecisionEffect;
use pointsman_server::domain::escalation::SeverityTier;
use serde::Serialize;

use super::curve::{Point, Spot, curve, every_write, share};
use super::judge::Judged;
use crate::output::Output;
use crate::output::table::{Field, table};
use crate::trajectory::Expected;

/// The rule of calls that no rule decided.
const DEFAULT_RULE: &str = "(default)";

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) policy: String,
    pub(super) domains: Vec<String>,
    trajectories: usize,
    pub(super) calls: usize,
    decisions: Decisions,
    pub(super) escalation_rate: f64,
    pub(super) recall: f64,
    pub(super) precision: f64,
    confusion: Confusion,
    /// The calls whose label is unknown.
    unknown: usize,
    /// The share of all calls that are escalated or denied.
    pub(super) gated_rate: f64,
    /// The share of the calls labelled `allow` that are escalated or denied.
    pub(super) gated_allow_rate: f64,
    /// The share of the writes labelled `allow` that are escalated or denied.
    gated_allowed_write_rate: f64,
    /// Denials without a hard constraint behind them: errors of the policy.
    soft_denials: usize,
    /// The share of the calls labelled `escalate` that wait at high or critical.
    high_risk_rate: f64,
    /// The share of the calls labelled `allow` that wait below high.
    routine_rate: f64,
    pub(super) rules: BTreeMap<String, RuleCount>,
    /// What gating every write would cost and catch.
    pub(super) every_write: Spot,
    pub(super) curve: Vec<Point>,
}

#[derive(Debug, Default, Serialize)]
struct Decisions {
    allow: usize,
    deny: usize,
    escalate: usize,
}

#[derive(Debug, Default, Serialize)]
struct Confusion {
    true_positive: usize,
    false_positive: usize,
    true_negative: usize,
    false_negative: usize,
}

/// What one rule decided.
#[derive(Debug, Default, Serialize)]
pub(super) struct RuleCount {
    /// All calls it decided.
    pub(super) decided: usize,
    /// Those it let run.
    pub(super) allowed: usize,
    /// Those of them labelled `escalate`: missed.
    pub(super) missed: usize,
    /// Gated calls labelled `escalate`: caught.
    pub(super) caught: usize,
    /// Gated calls labelled `allow`: needless.
    pub(super) needless: usize,
}

impl Report {
    pub(super) fn of(
        policy: &str,
        domains: &[String],
        trajectories: usize,
        judged: Vec<Judged>,
    ) -> Self {
        let count = |is: &dyn Fn(&Judged) -> bool| judged.iter().filter(|it| is(it)).count();
        let effect = |effect| count(&|it| it.effect == effect);
        let labelled =
            |expected, is_gated| count(&|it| it.expected == expected && it.is_gated() == is_gated);
        let confusion = Confusion {
            true_positive: labelled(Expected::Escalate, true),
            false_positive: labelled(Expected::Allow, true),
            true_negative: labelled(Expected::Allow, false),
            false_negative: labelled(Expected::Escalate, false),
        };
        let decisions = Decisions {
            allow: effect(DecisionEffect::Allow),
            deny: effect(DecisionEffect::Deny),
            escalate: effect(DecisionEffect::Escalate),
        };
        let escalate = confusion.true_positive + confusion.false_negative;
        let allow = confusion.false_positive + confusion.true_negative;
        let allowed_writes = count(&|it| it.is_write && it.expected == Expected::Allow);
        let gated_writes =
            count(&|it| it.is_write && it.expected == Expected::Allow && it.is_gated());
        Self {
            policy: policy.to_owned(),
            domains: domains.to_vec(),
            trajectories,
            calls: judged.len(),
            escalation_rate: share(decisions.escalate, judged.len()),
            recall: share(confusion.true_positive, escalate),
            precision: share(
                confusion.true_positive,
                confusion.true_positive + confusion.false_positive,
            ),
            unknown: count(&|it| it.expected == Expected::Unknown),
            gated_rate: share(decisions.escalate + decisions.deny, judged.len()),
            gated_allow_rate: share(confusion.false_positive, allow),
            gated_allowed_write_rate: share(gated_writes, allowed_writes),
            soft_denials: count(&|it| it.effect == DecisionEffect::Deny && !it.is_hard),
            high_risk_rate: share(
                count(&|it| it.expected == Expected::Escalate && it.is_grave()),
                escalate,
            ),
            routine_rate: share(
                count(&|it| it.expected == Expected::Allow && it.is_gated() && !it.is_grave()),
                allow,
            ),
            decisions,
            confusion,
            rules: rules(&judged),
            every_write: every_write(&judged),
            curve: curve(&judged),
        }
    }

    /// For people.
    pub(super) fn to_text(&self, output: &Output) -> String {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let Decisions { allow, deny, escalate } = self.decisions;
        let Confusion { true_positive, false_positive, true_negative, false_negative } =
            self.confusion;
        let rows = [
            ("policy", self.policy.clone()),
            ("trajectories", self.trajectories.to_string()),
            ("calls", format!("{}, of {} the label is unknown", self.calls, self.unknown)),
            ("decisions", format!("allow {allow}  deny {deny}  escalate {escalate}")),
            ("escalation rate", percent(self.escalation_rate)),
            ("recall", format!("{:.3}", self.recall)),
            ("precision", format!("{:.3}", self.precision)),
            ("caught, missed", format!("{true_positive}, {false_negative}")),
            ("needless, passed", format!("{false_positive}, {true_negative}")),
            ("gated of allowed calls", percent(self.gated_allow_rate)),
            ("gated of allowed writes", percent(self.gated_allowed_write_rate)),
            ("grave of what should wait", percent(self.high_risk_rate)),
            ("routine of allowed calls", percent(self.routine_rate)),
            ("denials without a constraint", self.soft_denials.to_string()),
            (
                "gate every write",
                format!(
                    "recall {:.3} at {}",
                    self.every_write.recall,
                    percent(self.every_write.budget)
                ),
            ),
        ];
        let rows = rows.iter().map(|(name, value)| [Field::new(name), Field::new(value)]);
        let mut text = table(output, ["FIGURE", "VALUE"], rows.collect());
        text.push_str("\n\n");
        let rules = self.rules.iter().map(|(name, count)| {
            let RuleCount { decided, allowed, missed, caught, needless } = count;
            let numbers = [decided, allowed, missed, caught, needless].map(|it| it.to_string());
            let [decided, allowed, missed, caught, needless] = numbers.map(Field::from);
            [Field::new(name), decided, allowed, missed, caught, needless]
        });
        let headers = ["RULE", "DECIDED", "ALLOWED", "MISSED", "CAUGHT", "NEEDLESS"];
        text.push_str(&table(output, headers, rules.collect()));
        text
    }
}

impl Judged {
    /// Whether a person is asked, or the call refused.
    pub(super) fn is_gated(&self) -> bool {
        self.effect != DecisionEffect::Allow
    }

    fn is_grave(&self) -> bool {
        self.effect == DecisionEffect::Deny
            || self.severity.is_some_and(|severity| severity >= SeverityTier::High)
    }
}

fn rules(judged: &[Judged]) -> BTreeMap<String, RuleCount> {
    let mut rules: BTreeMap<String, RuleCount> = BTreeMap::new();
    for call in judged {
        let rule = call.rule.as_deref().unwrap_or(DEFAULT_RULE);
        let count = rules.entry(rule.to_owned()).or_default();
        count.decided += 1;
        count.allowed += usize::from(!call.is_gated());
        match (call.expected, call.is_gated()) {
            (Expected::Escalate, false) => count.missed += 1,
            (Expected::Escalate, true) => count.caught += 1,
            (Expected::Allow, true) => count.needless += 1,
            _ => {}
        }
    }
    rules
}
