//! Branches: the paths of one run. Somebody changes the path, and what was done on the
//! former one is kept beside the new one.
//!
//! A run has one current branch, the one with the highest number. Nothing of the others
//! may run any more.

use serde::{Deserialize, Serialize};

use super::effects::EffectCounts;
use super::ids::{ActionId, CheckpointId, EscalationId, OverrideId, RunId};
use super::payload::PayloadRef;
use super::time::Timestamp;

/// The path on which a run starts. It has no record of its own.
pub const ORIGINAL: u32 = 0;

/// Why the path changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchCause {
    /// A person redirected the run.
    Override,
    /// A person took the run back to a checkpoint.
    Rollback,
    /// A person took back what was permitted, and the run with it.
    Revert,
    /// Nobody answered, and the policy says to go back.
    Expiry,
    /// The agent tries another way.
    Agent,
}

impl BranchCause {
    /// The causes, for tables and tests.
    pub const ALL: [Self; 5] =
        [Self::Override, Self::Rollback, Self::Revert, Self::Expiry, Self::Agent];

    /// The cause's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Rollback => "rollback",
            Self::Revert => "revert",
            Self::Expiry => "expiry",
            Self::Agent => "agent",
        }
    }
}

/// A branch as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// The run.
    pub run: RunId,
    /// The agent of the run.
    pub agent: String,
    /// Its number, dense within the run, from 1.
    pub number: u32,
    /// The branch that it left.
    pub parent: u32,
    /// The checkpoint from which it goes on; none: from where the agent is, or from the
    /// start.
    pub checkpoint: Option<CheckpointId>,
    /// Why the path changed.
    pub cause: BranchCause,
    /// Who changed it.
    pub by: String,
    /// What the agent is to do otherwise: text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<PayloadRef>,
    /// Why, for people: text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<PayloadRef>,
    /// The override that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_id: Option<OverrideId>,
    /// The question whose end led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationId>,
    /// What had been done after the point that it goes back to.
    #[serde(default)]
    pub effects: EffectCounts,
    /// When the agent first went on under its number; none: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_time: Option<Timestamp>,
    /// Before which action settling the abandoned path goes on; none: at the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_before: Option<ActionId>,
    /// When everything of the abandoned path was withdrawn; none: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_time: Option<Timestamp>,
    /// When the path changed.
    pub create_time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_stored_under_its_name() {
        for cause in BranchCause::ALL {
            let stored = serde_json::to_value(cause).unwrap();
            assert_eq!(stored, serde_json::Value::from(cause.name()));
        }
    }
}
