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

/// A path of a run: its branches from the newest to the original one, each with the time
/// until which it belongs to the path; none: until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<(u32, Option<Timestamp>)>);

/// Where two paths part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The newest branch on both.
    pub branch: u32,
    /// Until when they are one there; none: one of them goes on where the other ends.
    pub until: Option<Timestamp>,
}

impl Path {
    /// Whether something of a branch and a time is on the path.
    pub fn holds(&self, branch: u32, time: Timestamp) -> bool {
        let until = self.0.iter().find(|(number, _)| *number == branch);
        until.is_some_and(|(_, until)| until.is_none_or(|until| time <= until))
    }

    /// Where two paths of one run part.
    pub fn parting(&self, other: &Self) -> Parting {
        for (branch, until) in &self.0 {
            if let Some((_, theirs)) = other.0.iter().find(|(theirs, _)| theirs == branch) {
                let until = until.iter().chain(theirs).min().copied();
                return Parting { branch: *branch, until };
            }
        }
        Parting { branch: ORIGINAL, until: None }
    }

    /// Whether something is on the path and came after the parting.
    pub fn is_after(&self, parting: Parting, branch: u32, time: Timestamp) -> bool {
        let Parting { branch: common, until } = parting;
        let is_later =
            branch > common || (branch == common && until.is_some_and(|until| time > until));
        is_later && self.holds(branch, time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// 0 until 10, then 1 until 20, then 3; and 0 until 10, then 1 until 15, then 4.
    fn mk_paths() -> (Path, Path) {
        let one = Path(vec![(3, None), (1, Some(at(20))), (0, Some(at(10)))]);
        (one, Path(vec![(4, None), (1, Some(at(15))), (0, Some(at(10)))]))
    }

    #[test]
    fn a_path_holds_each_branch_until_it_was_left() {
        let (path, _) = mk_paths();
        assert!(path.holds(0, at(10)) && path.holds(1, at(20)) && path.holds(3, at(99)));
        assert!(!path.holds(0, at(11)) && !path.holds(1, at(21)) && !path.holds(2, at(5)));
    }

    #[test]
    fn two_paths_part_where_the_first_of_them_left() {
        let (one, other) = mk_paths();
        let parting = one.parting(&other);
        assert_eq!(parting, Parting { branch: 1, until: Some(at(15)) });
        assert_eq!(other.parting(&one), parting);
        assert!(one.is_after(parting, 1, at(16)) && one.is_after(parting, 3, at(30)));
        assert!(!one.is_after(parting, 1, at(15)) && !one.is_after(parting, 0, at(5)));
        assert!(!other.is_after(parting, 1, at(16)) && other.is_after(parting, 4, at(30)));
    }

    #[test]
    fn every_cause_is_stored_under_its_name() {
        for cause in BranchCause::ALL {
            let stored = serde_json::to_value(cause).unwrap();
            assert_eq!(stored, serde_json::Value::from(cause.name()));
        }
    }
}
