//! The test cases of a document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::period::Period;

/// A case of the policy's own test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Test")]
pub(in crate::domain::policy) struct CaseSource {
    /// What it shows.
    pub(in crate::domain::policy) name: String,
    /// The tool.
    pub(in crate::domain::policy) tool: String,
    /// The arguments.
    #[serde(default)]
    pub(in crate::domain::policy) arguments: serde_json::Map<String, Value>,
    /// What the user asked for.
    #[serde(default)]
    pub(in crate::domain::policy) goal: String,
    /// Results of tools that the run has seen.
    #[serde(default)]
    pub(in crate::domain::policy) results: Vec<String>,
    /// How sure the agent says it is.
    pub(in crate::domain::policy) confidence: Option<f64>,
    /// The agent.
    #[serde(default)]
    pub(in crate::domain::policy) agent: String,
    /// How many delegations lead to the run.
    #[serde(default)]
    pub(in crate::domain::policy) hop_count: u32,
    /// The constraint sets that bind the run.
    #[serde(default)]
    pub(in crate::domain::policy) constraint_sets: Vec<String>,
    /// How old the run is.
    pub(in crate::domain::policy) elapsed: Option<Period>,
    /// What the systems of record answer.
    #[serde(default)]
    pub(in crate::domain::policy) facts: BTreeMap<String, Value>,
    /// What the windows hold, this call included.
    #[serde(default)]
    pub(in crate::domain::policy) windows: BTreeMap<String, WindowCount>,
    /// How new the call is, from 0 to 1.
    pub(in crate::domain::policy) novelty: Option<f64>,
    /// Whether the agent has a profile that says anything.
    #[serde(default)]
    pub(in crate::domain::policy) profiled: bool,
    /// How many unexpected results no person has let the run rely on.
    #[serde(default)]
    pub(in crate::domain::policy) unexpected_results: u32,
    /// What the tool answered. With it the case is about the result: `allow` says that
    /// it is as expected, `escalate` that a person is asked about it.
    pub(in crate::domain::policy) result: Option<Value>,
    /// What the policy must say.
    pub(in crate::domain::policy) expect: Expected,
    /// The rule that must decide; unset: any.
    pub(in crate::domain::policy) rule: Option<String>,
}

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowCount {
    /// Calls, this one included.
    #[serde(default)]
    pub calls: u64,
    /// The sum of their amounts, without signs.
    #[serde(default)]
    pub total: f64,
}

/// What a policy must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The action may run.
    Allow,
    /// A person is asked.
    Escalate,
    /// The action must not run.
    Deny,
}
