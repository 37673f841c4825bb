//! The ready-made reasons to ask a person. Each is sugar: it expands into a rule
//! `trigger.<name>` with a condition in CEL, so that it is judged, traced and
//! explained as every other rule.

use schemars::JsonSchema;
use serde::Deserialize;

use super::document::RuleSource;
use super::period::Period;
use super::{Effect, Level, Origin};
use crate::domain::escalation::SeverityTier;

/// The rule that asks about what an overdue run wants to change.
pub const TIME_BUDGET_RULE: &str = "trigger.time_budget";
/// The rule that asks about what a run wants to change whose tools answered
/// unexpectedly.
pub const RESULTS_RULE: &str = "trigger.results";
/// The name under which a team is asked about a run that a supervisor has redirected.
pub const REDIRECT_RULE: &str = "override.redirect";

/// The triggers; each works alone and together with others.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Triggers {
    /// The agent is not sure enough.
    pub(super) confidence: Option<Confidence>,
    /// The action touches much.
    pub(super) impact: Option<ImpactTrigger>,
    /// Several of the four dimensions of risk are high, or the agent is not sure
    /// of something with high stakes.
    pub(super) risk: Option<Risk>,
    /// The agent has not seen the like.
    pub(super) novelty: Option<Novelty>,
    /// The run was delegated too often.
    pub(super) delegation: Option<Delegation>,
    /// The agent takes too long, by the server's clock.
    pub(super) time_budget: Option<TimeBudget>,
    /// An argument that names somebody does not come from the user.
    pub(super) provenance: Option<Provenance>,
    /// The user's words do not ask for an effect of this kind.
    pub(super) intent: Option<Plain>,
    /// The arguments are not as the tool's schema says.
    pub(super) validation: Option<Plain>,
    /// A tool answered what the catalogue does not expect, and no person has let the
    /// run rely on it. Always there with a tool that has `result` or `expects`; this
    /// says how it asks.
    pub(super) results: Option<Plain>,
}

/// Settings that every trigger has.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {
    /// The tools it is about; unset: all that change anything.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: the trigger's own.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

/// The agent is not sure enough.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confidence {
    /// Below this calibrated confidence a person is asked; saying nothing counts as
    /// 0.
    below: f64,
    /// What the agent's numbers have proved to mean: points that rise in both
    /// coordinates, with straight lines between them.
    #[serde(default)]
    pub(super) calibration: Vec<CalibrationPoint>,
    /// The tools it is about; unset: all that change anything.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: medium.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

/// What one stated confidence has proved to mean.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationPoint {
    /// What the agent says, from 0 to 1.
    pub stated: f64,
    /// How often it was right when it said so, from 0 to 1.
    pub actual: f64,
}

/// The action touches much.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImpactTrigger {
    /// From this financial impact on; unset: high.
    #[serde(default = "high")]
    financial: Level,
    /// From this reputational impact on; unset: high.
    #[serde(default = "high")]
    reputational: Level,
    /// From this operational impact on; unset: high.
    #[serde(default = "high")]
    operational: Level,
    /// The tools it is about; unset: all that change anything.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: high.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

const fn high() -> Level {
    Level::High
}

/// Several of the four dimensions of risk are high.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Risk {
    /// How many of irreversibility, blast radius, compliance exposure and doubt
    /// must be high; unset: 2.
    #[serde(default = "two")]
    high: u32,
    /// Below this calibrated confidence doubt is high; unset: 0.6.
    #[serde(default = "doubt")]
    pub(super) low_confidence: f64,
    /// The tools it is about; unset: all that change anything.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: high.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

const fn two() -> u32 {
    2
}

const fn doubt() -> f64 {
    super::LOW_CONFIDENCE_DEFAULT
}

/// The agent has not seen the like.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Novelty {
    /// Beyond this novelty, from 0 (known) to 1 (new), a person is asked.
    over: f64,
    /// The tools it is about; unset: all that change anything.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: medium.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

/// The run was delegated too often.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Delegation {
    /// Beyond so many delegations a person is asked; unset: 3.
    #[serde(default = "three")]
    over: u32,
    /// The tools it is about; unset: all.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: medium.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

const fn three() -> u32 {
    3
}

/// The agent takes too long, by the server's clock.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeBudget {
    /// After so long a run is overdue, and what it proposes goes to a person.
    pub(super) after: Period,
    /// The tools it is about; unset: all that change anything.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: medium.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

/// An argument that names somebody does not come from the user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Provenance {
    /// The origins that need a person; unset: `tool` and `nowhere`.
    #[serde(default = "strangers")]
    origins: Vec<Origin>,
    /// The tools it is about; unset: all that change anything.
    tools: Option<Vec<String>>,
    /// How grave a mistake would be; unset: high.
    severity: Option<SeverityTier>,
    /// The priority lane; unset: the document's.
    lane: Option<String>,
}

fn strangers() -> Vec<Origin> {
    vec![Origin::Tool, Origin::Nowhere]
}

/// One trigger on its way to a rule.
struct Expansion<'a> {
    name: &'a str,
    when: String,
    reason: &'a str,
    severity: SeverityTier,
    /// Whether tools that only read are meant as well.
    reads: bool,
}

impl<'a> Expansion<'a> {
    fn new(name: &'a str, when: String, reason: &'a str, severity: SeverityTier) -> Self {
        Self { name, when, reason, severity, reads: false }
    }

    fn rule(
        self,
        tools: Option<&Vec<String>>,
        severity: Option<SeverityTier>,
        lane: Option<&String>,
    ) -> RuleSource {
        let when = match self.reads || tools.is_some() {
            true => self.when,
            false => format!("tool.write && ({})", self.when),
        };
        let tools = tools.cloned().unwrap_or_else(|| vec!["*".to_owned()]);
        let id = format!("trigger.{}", self.name);
        let rule = asking(id, &tools, when, self.reason.to_owned());
        RuleSource { severity: severity.unwrap_or(self.severity), lane: lane.cloned(), ..rule }
    }
}

/// A rule that asks a person, and says nothing of how.
pub(super) fn asking(id: String, tools: &[String], when: String, reason: String) -> RuleSource {
    RuleSource {
        id,
        tools: tools.to_vec(),
        when: Some(when),
        effect: Effect::Escalate,
        relaxes: Vec::new(),
        reason,
        sampling: None,
        severity: SeverityTier::High,
        lane: None,
        required_role: None,
        quorum: None,
        due: None,
        expire: None,
        on_expiry: None,
        headline: None,
        evidence: Vec::new(),
    }
}

/// From a level on, as a condition.
fn reaches(what: &str, level: Level) -> String {
    match level {
        Level::Low => "true".to_owned(),
        Level::Medium => format!("impact.{what} != 'low'"),
        Level::High => format!("impact.{what} == 'high'"),
    }
}

macro_rules! expand {
    ($rules:ident, $trigger:expr, $make:expr) => {
        if let Some(it) = $trigger {
            let expansion: Expansion<'_> = $make(it);
            $rules.push(expansion.rule(it.tools.as_ref(), it.severity, it.lane.as_ref()));
        }
    };
}

impl Triggers {
    /// The rules that the triggers stand for. `checks_results` says that the catalogue
    /// expects something of results.
    pub(super) fn expand(&self, checks_results: bool) -> Vec<RuleSource> {
        let mut rules = Vec::new();
        let new = Expansion::new;
        expand!(rules, &self.confidence, |it: &Confidence| new(
            "confidence",
            format!("confidence < {:?}", it.below),
            "the agent is not sure enough",
            SeverityTier::Medium,
        ));
        expand!(rules, &self.impact, |it: &ImpactTrigger| new(
            "impact",
            [
                reaches("financial", it.financial),
                reaches("reputational", it.reputational),
                reaches("operational", it.operational),
            ]
            .join(" || "),
            "a mistake would touch much",
            SeverityTier::High,
        ));
        expand!(rules, &self.risk, |it: &Risk| new(
            "risk",
            format!("risk.high >= {} || (risk.doubt && risk.stakes == 'high')", it.high),
            "the risk is high",
            SeverityTier::High,
        ));
        expand!(rules, &self.novelty, |it: &Novelty| new(
            "novelty",
            format!("novelty > {:?}", it.over),
            "the agent has not done the like before",
            SeverityTier::Medium,
        ));
        expand!(rules, &self.delegation, |it: &Delegation| Expansion {
            reads: true,
            ..new(
                "delegation",
                format!("run.hop_count > {}", it.over),
                "the run was delegated too often",
                SeverityTier::Medium,
            )
        });
        expand!(rules, &self.time_budget, |it: &TimeBudget| new(
            "time_budget",
            format!("run.elapsed_seconds >= {}", it.after.0.as_micros() / 1_000_000),
            "the agent has missed its time budget",
            SeverityTier::Medium,
        ));
        self.expand_signals(checks_results, &mut rules);
        rules
    }

    /// The rules about what the server finds in the call and in what the run has heard.
    fn expand_signals(&self, checks_results: bool, rules: &mut Vec<RuleSource>) {
        let new = Expansion::new;
        expand!(rules, &self.provenance, |it: &Provenance| new(
            "provenance",
            format!("origins.exists(origin, origin in {:?})", names(&it.origins)),
            "the user has not named whom or what this touches",
            SeverityTier::High,
        ));
        expand!(rules, &self.intent, |_: &Plain| new(
            "intent",
            "!intended".to_owned(),
            "the user has not asked for an effect of this kind",
            SeverityTier::High,
        ));
        expand!(rules, &self.validation, |_: &Plain| new(
            "validation",
            "!action.is_valid".to_owned(),
            "the arguments are not as the tool's schema says",
            SeverityTier::Medium,
        ));
        let results = checks_results.then(|| self.results.clone().unwrap_or_default());
        expand!(rules, &results.or_else(|| self.results.clone()), |_: &Plain| new(
            "results",
            "run.unexpected_results > 0".to_owned(),
            "a tool answered what nobody expects, and no person has let the run rely on it",
            SeverityTier::High,
        ));
    }
}

fn names(origins: &[Origin]) -> Vec<&'static str> {
    origins.iter().map(|origin| origin.as_str()).collect()
}
