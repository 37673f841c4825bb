//! What a decision rests on: the facts of the call, and what only the server knew
//! at that moment. The latter is stored with the decision, so that it can be made
//! again and explained.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::WindowCount;
use super::novelty::PROFILED_CALLS;
use super::provenance::Sources;
use crate::domain::time::{Span, Timestamp};

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The tool.
    pub tool: &'a str,
    /// The version of the tool's argument schema.
    pub tool_schema_version: &'a str,
    /// What the tool acts on.
    pub target: &'a str,
    /// The parsed view of the arguments.
    pub arguments: &'a Map<String, Value>,
    /// How sure the agent says it is.
    pub confidence: Option<f64>,
    /// The agent.
    pub agent: &'a str,
    /// Whom it acts for.
    pub on_behalf_of: Option<&'a str>,
    /// The agents whose runs delegated to this one, the first first.
    pub ancestors: &'a [String],
    /// The constraint sets that bind the run, its ancestors' included.
    pub constraint_sets: &'a [String],
    /// How many delegations lead to the run.
    pub hop_count: u32,
    /// What the run is to reach.
    pub goal: &'a str,
    /// What the run has heard: the user, tools, people.
    pub sources: &'a Sources,
    /// What only the server knew.
    pub inputs: &'a Inputs,
}

/// What only the server knew when it decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// How old the run was, less the time that it waited for people.
    #[serde(default)]
    pub elapsed: Span,
    /// What the windows held, this call included.
    #[serde(default)]
    pub windows: BTreeMap<String, WindowCount>,
    /// What systems of record answered.
    #[serde(default)]
    pub facts: BTreeMap<String, FactAnswer>,
    /// How new the call was to the agent's profile; none: no condition asked.
    #[serde(default)]
    pub novelty: Option<f64>,
    /// The version of the profiles that say so; 0: none had been learnt.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub profiles: u64,
    /// How many calls the agent's profile had been taught; 0: it had none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub profile_calls: u64,
    /// The how manieth action of the agent it was, for sampling.
    #[serde(default)]
    pub ordinal: u64,
    /// How many messages the run's log held.
    #[serde(default)]
    pub messages: u64,
    /// How many unexpected results no person had let the run rely on.
    #[serde(default)]
    pub unexpected_results: u32,
}

impl Inputs {
    /// Whether the agent's profile was taught enough to say anything.
    pub fn is_profiled(&self) -> bool {
        self.profile_calls >= PROFILED_CALLS
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a system of record answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FactAnswer {
    /// It knew.
    Known {
        /// The answer.
        value: Value,
        /// When it was given.
        time: Timestamp,
    },
    /// It did not answer, not in time, or not as it should.
    Missing {
        /// Why.
        problem: String,
    },
}
