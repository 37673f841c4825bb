//! How one question waits: worked out when it opens, and stored with it.

use serde::{Deserialize, Serialize};

use super::chain::{PlannedStep, StepAction};
use crate::domain::escalation::Friction;
use crate::domain::ids::{NoticeId, QueueSettingsId};
use crate::domain::time::Timestamp;

/// How many notices of one question are looked at to see whether anybody was told.
const MAX_TOLD: usize = 8;

/// When an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// By when a person should answer.
    pub due: Timestamp,
    /// When it is closed without an answer.
    pub expire: Timestamp,
}

/// How one question waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The settings that it was worked out by.
    pub revision: Option<QueueSettingsId>,
    /// The chain's name there; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chain: String,
    /// The teams that it went to; empty: everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// The skills that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// Whether the supervisors are asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wants_supervisor: bool,
    /// When its lane's hours began for it; none: they have no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty_time: Option<Timestamp>,
    /// What its answers want.
    #[serde(default, skip_serializing_if = "Friction::is_off")]
    pub friction: Friction,
    /// What happens while it waits, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PlannedStep>,
    /// The notices by which people were told of it, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<NoticeId>,
}

impl Plan {
    /// Keeps the notices by which people are told.
    pub fn note_told(&mut self, notices: impl Iterator<Item = NoticeId>) {
        let room = MAX_TOLD.saturating_sub(self.told.len());
        self.told.extend(notices.take(room));
    }

    /// When the next step is to be taken.
    pub fn next_step(&self) -> Option<Timestamp> {
        self.steps.iter().find(|step| step.take_time.is_none()).map(|step| step.time)
    }

    /// What the next step is.
    pub fn next_action(&self) -> Option<&StepAction> {
        self.steps.iter().find(|step| step.take_time.is_none()).map(|step| &step.action)
    }

    /// Takes the next step: notes it, and what it changes of who may look.
    pub fn take_step(&mut self, now: Timestamp) -> Option<StepAction> {
        let step = self.steps.iter_mut().find(|step| step.take_time.is_none())?;
        step.take_time = Some(now);
        let action = step.action.clone();
        match &action {
            StepAction::Widen { team, skills } => {
                let is_new = |team: &&String| !self.teams.is_empty() && !self.teams.contains(team);
                if let Some(team) = team.as_ref().filter(is_new) {
                    self.teams.push(team.clone());
                }
                if !skills.is_empty() {
                    self.skills.clone_from(skills);
                }
            }
            StepAction::Supervisor => self.wants_supervisor = true,
            StepAction::Notify { .. } | StepAction::OnCall { .. } | StepAction::Fallback => {}
        }
        Some(action)
    }

    /// Whether anybody was on duty for it by `now`.
    pub fn was_on_duty(&self, now: Timestamp) -> bool {
        self.duty_time.is_none_or(|began| began < now)
    }
}
