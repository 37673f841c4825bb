//! Runs: one execution of an agent program.

use serde::{Deserialize, Serialize};

use super::directory::Parties;
use super::error::Error;
use super::ids::RunId;
use super::payload::PayloadRef;
use super::time::Timestamp;

/// Where a run is in its life: running, then exactly one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The agent may propose and redeem.
    Running,
    /// The agent says that it reached its goal.
    Succeeded,
    /// The agent says that it did not.
    Failed,
    /// The agent gave up before the end.
    Cancelled,
    /// A hold pauses it. Never stored: whoever looks at a run that is running asks the
    /// holds.
    Paused,
    /// A person stopped it, or a run above it.
    Stopped,
}

impl RunState {
    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// A run as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The run's id.
    pub id: RunId,
    /// The principal that runs.
    pub agent: String,
    /// Whom the agent acts for.
    pub on_behalf_of: Option<String>,
    /// The run that delegated to this one.
    pub parent: Option<RunId>,
    /// How many delegations lead here.
    pub hop_count: u32,
    /// The agents whose runs lead here, the first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<String>,
    /// The runs that lead here, the first first; of a run that an earlier server started
    /// none, see [`Run::above`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<RunId>,
    /// How many stops of its agent there had been when it started: every later one covers
    /// it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub agent_stops: u64,
    /// The same of stops of the whole fleet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fleet_stops: u64,
    /// The constraint sets that bind it: its own and those of the runs that lead
    /// here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraint_sets: Vec<String>,
    /// Where it is in its life.
    pub state: RunState,
    /// What it is to reach: text.
    pub goal: Option<PayloadRef>,
    /// When it started.
    pub create_time: Timestamp,
    /// When it was found to have used up its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_time: Option<Timestamp>,
    /// Since when its time at work counts: when a person last gave it more; none:
    /// since it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_start: Option<Timestamp>,
    /// How many results of its actions were not as the policy expects, and no person
    /// has let it rely on them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unexpected_results: u32,
    /// The branch that it is on: the newest. 0: the path on which it started.
    #[serde(default, skip_serializing_if = "is_none")]
    pub branch: u32,
    /// When it finished.
    pub finish_time: Option<Timestamp>,
    /// Rises with every change.
    pub revision: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Run {
    /// The runs above it, as far as they are recorded, the first first.
    pub fn above(&self) -> &[RunId] {
        if self.lineage.is_empty() { self.parent.as_slice() } else { &self.lineage }
    }

    /// Whom it concerns: none of them permits what it wants to do.
    pub fn parties(&self) -> Parties<'_> {
        let on_behalf_of = self.on_behalf_of.as_deref();
        Parties { agent: &self.agent, ancestors: &self.ancestors, on_behalf_of }
    }

    /// Refuses unless the run is running.
    pub fn require_running(&self) -> Result<(), Error> {
        if self.state == RunState::Running {
            return Ok(());
        }
        Err(Error::RunNotRunning { run: self.id.to_string(), state: self.state.name() })
    }
}
