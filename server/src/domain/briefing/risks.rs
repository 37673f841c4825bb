//! What is risky about an action, from what the policy knows of it.

use super::compose::Asked;
use super::{Risk, RiskKind};
use crate::domain::escalation::SeverityTier;
use crate::domain::policy::{
    Appraisal, FactAnswer, Level, Origin, Path, Support, TIME_BUDGET_RULE,
};
use crate::domain::render::{self, Trick, Written};

/// From this novelty on something is new, whether or not the policy asks for it.
const NEW: f64 = 0.8;
/// The most of one kind that are named.
const MOST_NAMED: usize = 3;

/// The risks of an action, the gravest first.
pub(super) fn of(asked: &Asked<'_>, appraisal: &Appraisal<'_>, written: &Written<'_>) -> Vec<Risk> {
    let mut risks = Risks(Vec::new());
    risks.of_stakes(asked, appraisal, written);
    risks.of_sources(appraisal);
    risks.of_text(asked);
    risks.of_run(asked, appraisal);
    risks.0.sort_by_key(|risk| std::cmp::Reverse(risk.level));
    risks.0
}

struct Risks(Vec<Risk>);

impl Risks {
    fn add(&mut self, kind: RiskKind, level: SeverityTier, words: impl Into<String>) {
        self.0.push(Risk { kind, level, words: words.into() });
    }

    fn of_stakes(&mut self, asked: &Asked<'_>, appraisal: &Appraisal<'_>, written: &Written<'_>) {
        use SeverityTier::{Critical, High, Medium};
        let (tool, arguments) = (appraisal.tool, asked.facts.arguments);
        let at = |path: &Option<Path>| written.at(path.as_ref()?.as_str());
        if appraisal.financial == Level::High {
            let amount = at(&tool.amount).unwrap_or_else(|| "no number given".to_owned());
            let currency = at(&tool.currency).unwrap_or_default();
            let words = format!("high value: {amount} {currency}");
            self.add(RiskKind::HighValue, High, words.trim_end());
        }
        if appraisal.blast_radius == Level::High {
            let count = tool.affected_count(arguments).map(|count| format!(": {count}"));
            let words = format!("touches many{}", count.unwrap_or_default());
            self.add(RiskKind::BlastRadius, High, words);
        }
        match (tool.irreversibility, &tool.compensation) {
            (Level::High, None) => self.add(RiskKind::Irreversible, Critical, "irreversible"),
            (Level::High, Some(_)) | (Level::Medium, _) => {
                self.add(RiskKind::Irreversible, Medium, "hard to take back");
            }
            (Level::Low, _) => {}
        }
        if tool.compliance_exposure == Level::High {
            self.add(RiskKind::Compliance, High, "law or contracts watch it");
        }
        if tool.impact.reputational == Level::High {
            self.add(RiskKind::Impact, High, "a mistake would be public");
        }
        if tool.impact.operational == Level::High {
            self.add(RiskKind::Impact, High, "a mistake would stop much");
        }
        if !tool.is_known {
            self.add(RiskKind::UnknownTool, Medium, "tool not in the catalogue");
        }
    }

    fn of_sources(&mut self, appraisal: &Appraisal<'_>) {
        let names = appraisal.grounding.identifiers.iter().chain(&appraisal.grounding.addresses);
        let is_nowhere = |origin: Origin| origin == Origin::Nowhere;
        let mut named: Vec<(RiskKind, &str)> = Vec::new();
        for ground in names {
            let kind = match ground.evidence.support {
                _ if is_nowhere(ground.evidence.origin) => RiskKind::UnknownSource,
                Support::Prose => RiskKind::ToolSource,
                _ => continue,
            };
            if !named.contains(&(kind, &ground.path)) && named.len() < MOST_NAMED {
                named.push((kind, &ground.path));
            }
        }
        for (kind, path) in named {
            let words = match kind {
                RiskKind::UnknownSource => format!("nobody has named {path}"),
                _ => format!("only a tool's text names {path}"),
            };
            self.add(kind, SeverityTier::High, words);
        }
    }

    /// What hides in the arguments or in the target.
    fn of_text(&mut self, asked: &Asked<'_>) {
        let mut tricks = render::tricks(&asked.content.arguments);
        tricks.extend(render::text(&asked.content.target, usize::MAX).tricks);
        let found: Vec<_> = tricks.into_keys().collect();
        let has = |wanted: &[Trick]| found.iter().any(|trick| wanted.contains(trick));
        let hides = [
            Trick::Direction,
            Trick::Invisible,
            Trick::Tag,
            Trick::Control,
            Trick::LookAlike,
            Trick::Stacked,
            Trick::Unknown,
            Trick::Imitation,
            Trick::Undecodable,
        ];
        if has(&hides) {
            let words = "hidden or disguised characters";
            self.add(RiskKind::HiddenText, SeverityTier::High, words);
        } else if has(&[Trick::Padding, Trick::Omitted]) {
            self.add(RiskKind::HiddenText, SeverityTier::Medium, "padded or overlong text");
        } else if has(&[Trick::TwoDirections]) {
            self.add(RiskKind::HiddenText, SeverityTier::Medium, "text in two directions");
        } else if has(&[Trick::Space, Trick::Variation]) {
            self.add(RiskKind::HiddenText, SeverityTier::Low, "unusual characters");
        }
    }

    fn of_run(&mut self, asked: &Asked<'_>, appraisal: &Appraisal<'_>) {
        use SeverityTier::{High, Medium};
        let (facts, inputs) = (asked.facts, asked.facts.inputs);
        let matched = |rule: &str| asked.verdict.matched.iter().any(|it| it == rule);
        let missing = |answer: &FactAnswer| matches!(answer, FactAnswer::Missing { .. });
        for (name, _) in inputs.facts.iter().filter(|(_, it)| missing(it)).take(MOST_NAMED) {
            self.add(RiskKind::MissingFact, High, format!("no answer on {name}"));
        }
        if !asked.verdict.failed.is_empty() {
            self.add(RiskKind::FailedRule, High, "a rule could not be judged");
        }
        if !appraisal.is_valid {
            self.add(RiskKind::InvalidArguments, High, "arguments break the tool's schema");
        }
        if inputs.unexpected_results > 0 {
            self.add(RiskKind::UnexpectedResult, High, "a tool answered unexpectedly");
        }
        match facts.confidence {
            Some(stated) if appraisal.is_doubtful => {
                let words = format!("agent only {:.0} % sure", stated * 100.0);
                self.add(RiskKind::LowConfidence, Medium, words);
            }
            None if matched("trigger.confidence") => {
                self.add(RiskKind::LowConfidence, Medium, "agent does not say how sure");
            }
            _ => {}
        }
        let is_new = inputs.is_profiled() && inputs.novelty.is_some_and(|novelty| novelty >= NEW);
        if is_new || matched("trigger.novelty") {
            self.add(RiskKind::Novel, Medium, "new to this agent");
        }
        if matched("trigger.delegation") {
            let words = format!("delegated {} times", facts.hop_count);
            self.add(RiskKind::Delegated, Medium, words);
        }
        if matched(TIME_BUDGET_RULE) {
            self.add(RiskKind::Overdue, Medium, "run has missed its time");
        }
    }
}
