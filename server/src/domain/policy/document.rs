//! The policy document as operators write it: YAML, read into these types and
//! nothing else. The published JSON Schema and the reference are made of them.

mod cases;
mod tools;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::bounds::Bounds;
use super::catalogue::{EffectClass, Path};
use super::lexicon::LexiconDoc;
use super::period::Period;
use super::triggers::Triggers;
use crate::domain::escalation::SeverityTier;
use crate::domain::principal::Role;

pub(super) use cases::CaseSource;
pub use cases::{Expected, WindowCount};
pub(super) use tools::ToolSource;

/// A rule's effect, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The action may run.
    Allow,
    /// The action may run, and a person judges it afterwards.
    Sample,
    /// The action waits for a person.
    Escalate,
    /// The action waits for a person: a hard constraint.
    RequireApproval,
    /// The action must not run: a hard constraint.
    Deny,
}

/// What becomes of a question that nobody answers in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// The action is cancelled, and everybody concerned is told.
    #[default]
    Cancel,
    /// The action is cancelled, and the agent is told to take its fallback.
    Fallback,
    /// The action is cancelled, and the run is taken back to its newest checkpoint that is
    /// known to be good; without one, as `cancel`.
    Rollback,
}

impl OnExpiry {
    /// Whether nothing is asked of the agent.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
    pub(in crate::domain) fn is_cancel(&self) -> bool {
        *self == Self::Cancel
    }
}

/// The document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Policy", title = "Pointsman policy")]
pub(super) struct Document {
    /// The version of the format: 1.
    pub(super) version: u32,
    /// What the policy is called, at most 64 characters of `A-Za-z0-9_.-`.
    pub(super) name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the document")]
    pub(super) description: String,
    /// What happens where no rule matches; unset: escalate.
    #[serde(default = "default_effect")]
    pub(super) default: Effect,
    /// The lane of rules that name none; unset: `default`.
    #[serde(default = "default_lane")]
    pub(super) lane: String,
    /// By when a person should answer, unless a rule says otherwise; unset: 30m.
    pub(super) due: Option<Period>,
    /// When a question closes unanswered, unless a rule says otherwise; unset: 7d,
    /// and 24h where the severity is high or critical.
    pub(super) expire: Option<Period>,
    /// What becomes of a question that nobody answers, unless a rule says
    /// otherwise.
    #[serde(default)]
    pub(super) on_expiry: OnExpiry,
    /// How deep delegation may go at all; deeper runs are refused. Unset: 8.
    #[serde(default = "default_hops")]
    pub(super) max_delegation_hops: u32,
    /// Words for the agent's model: how it should act under this policy. The
    /// weakest kind of guardrail; nothing relies on it.
    #[serde(default)]
    pub(super) guidance: String,
    /// Words to watch for in what agents think, at most 32 of at most 64 bytes: they are
    /// marked for everybody who reads along, beside those that a reader watches for.
    #[serde(default)]
    pub(super) watch_words: Vec<String>,
    /// Numbers and names that rules speak of as `params.name`: apart from the
    /// rules, so that a limit changes in one place.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, Value>,
    /// Conditions and values that rules share as `vars.name`, in CEL. Each is
    /// evaluated at most once, and only if a rule asks for it.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    /// What is known of each tool.
    #[serde(default)]
    pub(super) tools: BTreeMap<String, ToolSource>,
    /// Words by which your people ask for effects, and by which your tools are named
    /// after them, beside those the server knows.
    pub(super) lexicon: Option<LexiconDoc>,
    /// Windows over which calls and amounts are counted.
    #[serde(default)]
    pub(super) windows: BTreeMap<String, WindowSource>,
    /// Systems of record that are asked for facts.
    #[serde(default)]
    pub(super) facts: BTreeMap<String, FactSource>,
    /// The ready-made reasons to ask a person.
    #[serde(default)]
    pub(super) triggers: Triggers,
    /// Hard constraints, with effect `deny` or `require_approval`: no rule relaxes
    /// them.
    #[serde(default)]
    pub(super) constraints: Vec<RuleSource>,
    /// What delegated runs may be bound to, by name.
    #[serde(default)]
    pub(super) constraint_sets: BTreeMap<String, ConstraintSetSource>,
    /// The rules. Effects combine by severity, never by order.
    #[serde(default)]
    pub(super) rules: Vec<RuleSource>,
    /// Which allowed actions a person judges afterwards.
    pub(super) sampling: Option<SamplingSource>,
    /// How it has to do, by what people said of recorded actions, before it is put
    /// in force.
    pub(super) bounds: Option<Bounds>,
    /// Cases that the policy must decide as they say, before it is put in force.
    #[serde(default)]
    pub(super) tests: Vec<CaseSource>,
    /// Who puts it in force.
    #[serde(default)]
    pub(super) activation: Activation,
}

const fn default_effect() -> Effect {
    Effect::Escalate
}

fn default_lane() -> String {
    "default".to_owned()
}

const fn default_hops() -> u32 {
    8
}

/// Whose calls a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowScope {
    /// Those of the run.
    Run,
    /// Those of the agent, in all its runs.
    Agent,
    /// Those for the same customer, whoever makes them.
    Customer,
}

/// A window over which calls and amounts are counted, this call included.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Window")]
pub(super) struct WindowSource {
    /// The tools that count.
    pub(super) tools: Vec<String>,
    /// Whose calls count.
    pub(super) per: WindowScope,
    /// How far back.
    pub(super) over: Period,
    /// From one more call than this on a person is asked.
    pub(super) max_calls: Option<u64>,
    /// Beyond this sum of amounts a person is asked.
    pub(super) max_total: Option<f64>,
}

/// A fact that a system of record knows, never the agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fact")]
pub(super) struct FactSource {
    /// The provider that is asked, as the server's configuration calls it.
    pub(super) provider: String,
    /// What type the answer has.
    #[serde(rename = "type")]
    pub(super) kind: FactType,
    /// The tools for which it is asked.
    pub(super) tools: Vec<String>,
    /// The arguments that the provider is told, and no others.
    #[serde(default)]
    pub(super) send: Vec<Path>,
    /// How old an answer may be; unset: 60s.
    pub(super) max_age: Option<Period>,
    /// The answer without which a person is asked; unset: conditions decide.
    pub(super) expect: Option<Value>,
}

/// The type of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactType {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// Text.
    String,
}

/// What a delegated run is bound to: it may do nothing else.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConstraintSet")]
pub(super) struct ConstraintSetSource {
    /// The tools it may use: names, or patterns with `*`.
    pub(super) tools: Vec<String>,
    /// The largest amount of one action.
    pub(super) max_amount: Option<f64>,
    /// What must hold, in CEL.
    pub(super) when: Option<String>,
}

/// A rule, or a hard constraint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub(super) struct RuleSource {
    /// Its name, unique among constraints and rules: 1 to 64 of `A-Za-z0-9_.-`.
    pub(super) id: String,
    /// The tools it is about: names, or patterns with `*`.
    pub(super) tools: Vec<String>,
    /// When it applies, in CEL; unset: always.
    pub(super) when: Option<String>,
    /// What it demands.
    pub(super) effect: Effect,
    /// With `effect: allow`: the effect classes that it exempts from their gate.
    #[serde(default)]
    pub(super) relaxes: Vec<EffectClass>,
    /// Why, for the agent and the reviewer: at most 18 words.
    pub(super) reason: String,
    /// With `effect: sample`: how many.
    pub(super) sampling: Option<SamplingSource>,
    /// How grave a mistake would be: the order of the queue. Unset: high.
    #[serde(default)]
    pub(super) severity: SeverityTier,
    /// The priority lane; unset: the document's.
    pub(super) lane: Option<String>,
    /// The role that a person needs to answer; unset: reviewer.
    pub(super) required_role: Option<Role>,
    /// How many distinct people must agree; unset: 1.
    pub(super) quorum: Option<u32>,
    /// By when a person should answer; unset: the document's.
    pub(super) due: Option<Period>,
    /// When the question closes unanswered; unset: the document's.
    pub(super) expire: Option<Period>,
    /// What becomes of it then; unset: the document's.
    pub(super) on_expiry: Option<OnExpiry>,
    /// The briefing's first sentence, with `{tool}`, `{target}` and `{args.name}`: at most
    /// 12 words.
    pub(super) headline: Option<String>,
    /// What a reviewer looks at before answering; at most 8.
    #[serde(default)]
    pub(super) evidence: Vec<EvidenceSource>,
}

/// Something that a reviewer looks at before answering.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Evidence")]
pub(super) struct EvidenceSource {
    /// Its name, unique in the rule: 1 to 32 of `A-Za-z0-9_.-`.
    pub(super) id: String,
    /// What it is, in at most 12 words.
    pub(super) label: String,
    /// Where it is: an `https` address, in which `{target}` stands for the target.
    pub(super) url: Option<String>,
    /// Whether a critical action is permitted only once it was looked at; unset: yes.
    #[serde(default = "yes")]
    pub(super) required: bool,
}

const fn yes() -> bool {
    true
}

/// Which actions a person judges after they ran.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sampling")]
pub(super) struct SamplingSource {
    /// Every so manieth action of an agent.
    pub(super) every: Option<u32>,
    /// This share of them, from 0 to 1, drawn with the seed.
    pub(super) share: Option<f64>,
    /// Makes the draw repeatable; unset: 0.
    #[serde(default)]
    pub(super) seed: u64,
    /// The share by stakes, instead of one share for all.
    pub(super) by_stakes: Option<Shares>,
}

/// A share for each level, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// Of actions with low stakes.
    #[serde(default)]
    pub low: f64,
    /// Of actions with medium stakes.
    #[serde(default)]
    pub medium: f64,
    /// Of actions with high stakes.
    #[serde(default)]
    pub high: f64,
}

/// Who puts the policy in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// Whether a second person must confirm.
    #[serde(default)]
    pub second_person: bool,
}
