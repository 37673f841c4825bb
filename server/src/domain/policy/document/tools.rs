//! The tool catalogue of a document.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::catalogue::{EffectClass, Level, Path, Steps};
use super::super::delay::DelayCostSource;
use super::super::period::Period;

/// What is known of one tool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tool")]
pub(in crate::domain::policy) struct ToolSource {
    /// What it does.
    #[serde(default)]
    pub(in crate::domain::policy) description: String,
    /// Whether it changes anything; unset: yes.
    pub(in crate::domain::policy) write: Option<bool>,
    /// Its effect classes; each is gated unless a rule relaxes it.
    pub(in crate::domain::policy) effects: Option<Vec<EffectClass>>,
    /// How hard it is to take back.
    #[serde(default)]
    pub(in crate::domain::policy) irreversibility: Level,
    /// How many a mistake would touch.
    #[serde(default)]
    pub(in crate::domain::policy) blast_radius: Level,
    /// How much law and contracts say of it.
    #[serde(default)]
    pub(in crate::domain::policy) compliance_exposure: Level,
    /// What a mistake touches.
    #[serde(default)]
    pub(in crate::domain::policy) impact: ImpactSource,
    /// The tool that takes it back.
    pub(in crate::domain::policy) compensation: Option<String>,
    /// Whether running it twice does no more than running it once.
    #[serde(default)]
    pub(in crate::domain::policy) idempotent: bool,
    /// After how long without an outcome its execution is unknown; unset: 10m.
    pub(in crate::domain::policy) outcome_timeout: Option<Period>,
    /// The argument that says what it acts on: field names joined by dots.
    pub(in crate::domain::policy) target: Option<Path>,
    /// The argument that says how much; it must be a number.
    pub(in crate::domain::policy) amount: Option<Path>,
    /// The argument that says in which currency.
    pub(in crate::domain::policy) currency: Option<Path>,
    /// The argument that says for which customer; windows may count by it.
    pub(in crate::domain::policy) customer: Option<Path>,
    /// The argument that says how many are touched (a number) or whom (a list).
    pub(in crate::domain::policy) affected: Option<Path>,
    /// The arguments that name somebody or some place: their origin matters.
    /// Unset: guessed from their names and values.
    pub(in crate::domain::policy) identifiers: Option<Vec<Path>>,
    /// Where reviewers can look at its target in its own system: an `https` address with
    /// `{target}` in its path, such as `https://crm.example/customers/{target}`.
    pub(in crate::domain::policy) link: Option<String>,
    /// What it costs that it waits for a person; reviewers see it.
    pub(in crate::domain::policy) delay_cost: Option<DelayCostSource>,
    /// A JSON Schema of its arguments; no references to other documents.
    pub(in crate::domain::policy) arguments: Option<Value>,
    /// A JSON Schema of its result. A result that is no JSON is a text. One that does
    /// not fit is asked about, and holds up what the run wants to change.
    pub(in crate::domain::policy) result: Option<Value>,
    /// What must hold of its result, in CEL: `result`, beside all that conditions know
    /// of the call.
    pub(in crate::domain::policy) expects: Option<String>,
}

/// What a mistake of the tool touches.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Impact")]
pub(in crate::domain::policy) struct ImpactSource {
    /// From which amount on the financial impact is medium, and high.
    #[serde(default)]
    pub(in crate::domain::policy) financial: Steps,
    /// What the public would make of it.
    #[serde(default)]
    pub(in crate::domain::policy) reputational: Level,
    /// How much it stops.
    #[serde(default)]
    pub(in crate::domain::policy) operational: Level,
    /// From how many of `affected` on the blast radius is medium, and high.
    #[serde(default)]
    pub(in crate::domain::policy) affected: Steps,
}
