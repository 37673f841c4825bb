//! Policy: what decides whether an action runs, is refused, or waits.
//!
//! A policy is a YAML document ([`document`]): a catalogue of tools, parameters,
//! rules with conditions in CEL, and triggers that expand into such rules. Effects
//! combine by severity (deny over escalate over sample over allow), never by order.
//! What nothing matches takes the document's default, and a document without one
//! escalates. Judging is deterministic, bounded and explained.

mod appraisal;
mod bounds;
mod cases;
mod catalogue;
mod compile;
mod condition;
mod delay;
mod document;
mod evaluate;
mod evidence;
mod expansion;
mod explain;
mod facts;
pub mod grounding;
mod guidance;
mod inputs;
pub mod lexicon;
mod link;
mod lint;
mod names;
pub mod novelty;
mod profiles;
pub mod provenance;
mod reference;
mod results;
mod rule;
mod sampling;
mod schema;
mod signals;
mod standing;
mod template;
mod triggers;
mod variables;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use appraisal::Appraisal;
pub use bounds::{BoundKind, BoundState, Bounds, JudgedBound, Labels};
pub use cases::CaseResult;
pub use catalogue::{EffectClass, Impact, Level, Path, Steps, Tool};
pub use condition::{Condition, ConditionError};
pub use delay::DelayCost;
pub use document::{
    Activation, Effect, Expected, FactType, OnExpiry, Shares, WindowCount, WindowScope,
};
pub use evaluate::{Ask, Outcome, Verdict};
pub use explain::{Explanation, RuleTrace, Seen};
pub use facts::{Fact, Reply, is_provider_name};
pub use grounding::{Grounding, NamedCall};
pub use guidance::Guidance;
pub use inputs::{FactAnswer, Facts, Inputs};
pub use lexicon::{Lexicon, LexiconDoc, Request};
pub use link::LinkTemplate;
pub use lint::{Finding, Gravity};
pub use names::{FUNCTIONS, Name, OPEN_GROUPS, VALUES};
pub use novelty::{PROFILED_CALLS, Profile};
pub use profiles::{Newness, Profiles};
pub use provenance::{Origin, Sources, Support};
pub use reference::{json_schema, reference};
pub use rule::{AskTemplate, Rule, RuleKind};
pub use sampling::Sampling;
pub use schema::ArgumentSchema;
pub use standing::CallCondition;
pub use triggers::{CalibrationPoint, REDIRECT_RULE, RESULTS_RULE, TIME_BUDGET_RULE};

use condition::Constants;
use document::CaseSource;
pub use rule::glob;

use super::period;
use super::time::Span;

/// Below this confidence doubt is high, unless the document says otherwise.
const LOW_CONFIDENCE_DEFAULT: f64 = 0.6;

/// How the names begin whose values come from what a run has heard.
const OF_SOURCES: [&str; 10] = [
    "provenance:",
    "origins",
    "is_grounded",
    "names_grounded",
    "addresses_grounded",
    "support",
    "intended",
    "intent:",
    "is_delegated",
    "is_confirmed",
];

/// Why a document is refused: where, and what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy, {place}: {problem}")]
pub struct PolicyError {
    /// Which part of the document.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A window over which calls and amounts are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The tools that count.
    pub tools: Vec<String>,
    /// Whose calls count.
    pub per: WindowScope,
    /// How far back.
    pub over: Span,
}

/// What must be gathered before the policy can judge.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    sources: bool,
    elapsed: bool,
    novelty: bool,
    ordinal: bool,
}

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    /// What it is called.
    pub name: Option<String>,
    /// What happens where no rule matches.
    pub default: Effect,
    /// The lane of rules that name none.
    pub lane: String,
    /// The due time of rules that name none.
    pub due: Span,
    /// The expire time of rules that name none; none: by severity.
    pub expire: Option<Span>,
    /// What becomes of unanswered questions of rules that do not say.
    pub on_expiry: OnExpiry,
    /// How deep delegation may go.
    pub max_hops: u32,
    /// Words for the agent's model.
    pub guidance: String,
    /// Words to watch for in what agents think.
    pub watch_words: Vec<String>,
    /// Who puts it in force.
    pub activation: Activation,
    /// How it has to do on recorded actions before that.
    pub bounds: Option<Bounds>,
    /// After how long a run is overdue.
    pub time_budget: Option<Span>,
    /// The windows, by name.
    pub windows: BTreeMap<String, Window>,
    /// The facts, by name.
    pub facts: BTreeMap<String, Fact>,
    /// Every rule there is.
    pub rules: Vec<Rule>,
    parameters: Map<String, Value>,
    constants: Constants,
    variables: BTreeMap<String, Condition>,
    /// Every variable and function that conditions read, in order.
    defined: Vec<String>,
    needs: Needs,
    tools: BTreeMap<String, Tool>,
    /// What is known of tools that the catalogue does not name.
    unknown: Tool,
    /// What must hold of results, by tool.
    expectations: BTreeMap<String, Condition>,
    constraint_sets: Vec<String>,
    calibration: Vec<CalibrationPoint>,
    low_confidence: f64,
    sampling: Option<Sampling>,
    cases: Vec<CaseSource>,
    /// The lexicon with the document's words; none: the standard one.
    lexicon: Option<Lexicon>,
}

impl Policy {
    /// What the document says of a tool, or the defaults.
    pub fn tool(&self, name: &str) -> &Tool {
        self.tools.get(name).unwrap_or(&self.unknown)
    }

    /// The catalogue.
    pub fn tools(&self) -> &BTreeMap<String, Tool> {
        &self.tools
    }

    /// Whether the document defines a constraint set of this name.
    pub fn has_constraint_set(&self, name: &str) -> bool {
        self.constraint_sets.iter().any(|known| known == name)
    }

    /// The windows that count a call of this tool.
    pub fn windows_of(&self, tool: &str) -> impl Iterator<Item = (&String, &Window)> {
        self.windows.iter().filter(move |(_, it)| it.tools.iter().any(|name| glob(name, tool)))
    }

    /// Whether any condition reads a name: `novelty`, `provenance:to`, or whatever
    /// begins so.
    pub fn reads(&self, beginning: &str) -> bool {
        self.conditions().any(|it| it.reads().any(|read| read.starts_with(beginning)))
    }

    /// Whether it judges by what a run has heard.
    pub fn reads_sources(&self) -> bool {
        self.needs.sources
    }

    /// Whether it judges by how long a run has been at work.
    pub fn reads_elapsed(&self) -> bool {
        self.needs.elapsed
    }

    /// Whether it judges by how new a call is to its agent's profile.
    pub fn reads_novelty(&self) -> bool {
        self.needs.novelty
    }

    /// Whether a person may have to judge allowed actions afterwards.
    pub fn may_sample(&self) -> bool {
        self.needs.ordinal
    }

    fn reads_exactly(&self, name: &str) -> bool {
        self.conditions().any(|it| it.reads().any(|read| read == name))
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let of_rules = self.rules.iter().filter_map(Rule::condition);
        self.variables.values().chain(of_rules).chain(self.expectations.values())
    }

    fn note_what_is_read(&mut self) {
        let is_defined = |read: &&str| read.contains(':') || read.starts_with("vars.");
        let reads = self.conditions().flat_map(|it| it.reads().filter(is_defined));
        let mut defined: Vec<_> = reads.map(str::to_owned).collect();
        defined.sort_unstable();
        defined.dedup();
        self.defined = defined;
        self.needs = Needs {
            sources: OF_SOURCES.iter().any(|name| self.reads(name)),
            elapsed: self.reads("run.elapsed") || self.reads_exactly("run"),
            novelty: self.reads_exactly("novelty") || self.reads_exactly("profiled"),
            ordinal: self.sampling.is_some()
                || self.default == Effect::Sample
                || self.rules.iter().any(|rule| rule.effect == Effect::Sample),
        };
    }

    /// The words by which it reads requests.
    pub fn lexicon(&self) -> &Lexicon {
        self.lexicon.as_ref().unwrap_or_else(|| Lexicon::standard())
    }

    fn defined_names(&self) -> &[String] {
        &self.defined
    }

    fn variable(&self, name: &str) -> Option<&Condition> {
        self.variables.get(name)
    }

    fn parameters(&self) -> &Map<String, Value> {
        &self.parameters
    }

    fn calibration(&self) -> &[CalibrationPoint] {
        &self.calibration
    }

    fn low_confidence(&self) -> f64 {
        self.low_confidence
    }
}

#[cfg(test)]
mod tests;
