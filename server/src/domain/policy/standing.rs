//! Conditions that stand outside of any document: where an authority holds.
//!
//! They speak of the call alone, as the policy's catalogue reads it. What an agent says
//! of itself, what the run has heard and what changes while a question waits is not for
//! them: the same call gets the same answer whenever it is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Condition, ConditionError, Defined, Scope, on_deep_stack};
use super::{Facts, Policy};

/// What they may read; of a name with a dot at its end, all that begins so.
const READABLE: &[&str] = &[
    "args.",
    "action.tool",
    "action.tool_schema_version",
    "action.target",
    "action.amount",
    "action.currency",
    "action.customer",
    "action.affected",
    "action.is_valid",
    "impact.",
    "run.agent",
    "run.on_behalf_of",
    "run.hop_count",
    "tool.",
];

/// A condition about a call.
#[derive(Debug)]
pub struct CallCondition(Condition);

impl CallCondition {
    /// Checks and compiles a condition.
    pub fn compile(source: &str) -> Result<Self, ConditionError> {
        let (parameters, none) = (BTreeMap::new(), BTreeSet::new());
        let defined = Defined {
            parameters: &parameters,
            variables: &none,
            windows: &none,
            facts: &none,
            has_result: false,
        };
        let condition = Condition::compile(source, defined)?;
        let strange = condition.reads().find(|read| !is_readable(read));
        if let Some(read) = strange {
            return Err(ConditionError(format!(
                "`{read}` is not for authority: want what is of the call, {}",
                READABLE.iter().map(|it| it.trim_end_matches('.')).collect::<Vec<_>>().join(", ")
            )));
        }
        Ok(Self(condition))
    }

    /// The condition as written.
    pub fn source(&self) -> &str {
        self.0.source()
    }
}

fn is_readable(read: &str) -> bool {
    READABLE.iter().any(|name| match name.strip_suffix('.') {
        Some(group) => read == group || read.starts_with(name),
        None => read == *name,
    })
}

impl Policy {
    /// Whether a call meets a condition.
    pub fn meets(
        &self,
        condition: &CallCondition,
        facts: &Facts<'_>,
    ) -> Result<bool, ConditionError> {
        let scope = Scope::new(self, facts, self.tool(facts.tool));
        on_deep_stack(|| condition.0.holds(&scope))
    }
}
