//! Chains: what happens while a question waits, step by step.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::time::{Span, Timestamp};

/// A step of a chain, as the settings have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long after the question was opened, in the hours of its lane.
    pub after: Span,
    /// What happens.
    pub action: StepAction,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// Tells people that it waits.
    Notify {
        /// Whom.
        to: Vec<Target>,
    },
    /// Lets others look at it as well.
    Widen {
        /// This team.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<String>,
        /// Whoever has these skills.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skills: Vec<String>,
    },
    /// Asks the supervisors.
    Supervisor,
    /// Wakes who is on call.
    OnCall {
        /// Whom.
        to: Vec<Target>,
    },
    /// Closes it without an answer, and tells the agent to take its fallback.
    Fallback,
}

impl StepAction {
    /// Whether the step only tells people, or lets more of them look: it ends nothing.
    pub const fn widens(&self) -> bool {
        !matches!(self, Self::Fallback)
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Everybody in a team.
    Team(String),
    /// One principal.
    Person(String),
    /// A channel of notices.
    Channel(String),
}

impl Target {
    /// Reads `team:NAME`, `person:NAME` or `channel:NAME`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        let make = match kind {
            "team" => Self::Team,
            "person" => Self::Person,
            "channel" => Self::Channel,
            _ => return None,
        };
        Some(make(name.to_owned()))
    }

    /// Its name, without what it is.
    pub fn name(&self) -> &str {
        match self {
            Self::Team(name) | Self::Person(name) | Self::Channel(name) => name,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Team(_) => "team",
            Self::Person(_) => "person",
            Self::Channel(_) => "channel",
        };
        write!(f, "{kind}:{}", self.name())
    }
}

/// A step of one question, as stored with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// When it is to be taken.
    pub time: Timestamp,
    /// What happens.
    pub action: StepAction,
    /// When it was taken; none: not yet, or never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_time: Option<Timestamp>,
}
