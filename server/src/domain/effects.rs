//! What an action left behind, and what can be done about it when its run goes back.

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionState};
use super::policy::{Level, Tool};
use super::reversion::ReversionState;
use super::time::Timestamp;

/// What can be done about an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undoing {
    /// The catalogue knows the tool and says that it is easily taken back, without a
    /// counter-action.
    Reversible,
    /// The catalogue declares the counter-action.
    Compensatable,
    /// Neither: it stays. What nobody described counts so.
    Irreversible,
}

impl Undoing {
    /// The classes, for tables and tests.
    pub const ALL: [Self; 3] = [Self::Reversible, Self::Compensatable, Self::Irreversible];

    /// The class of what a tool does; none: it changes nothing.
    pub fn of(tool: &Tool) -> Option<Self> {
        if !tool.writes {
            return None;
        }
        let is_easy = tool.is_known && tool.irreversibility == Level::Low;
        Some(match &tool.compensation {
            Some(_) => Self::Compensatable,
            None if is_easy && tool.effects.is_empty() => Self::Reversible,
            None => Self::Irreversible,
        })
    }

    /// The class's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reversible => "reversible",
            Self::Compensatable => "compensatable",
            Self::Irreversible => "irreversible",
        }
    }
}

/// How many effects there are of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EffectCounts {
    /// Of those that are easily taken back.
    pub reversible: u32,
    /// Of those with a counter-action.
    pub compensatable: u32,
    /// Of those that stay.
    pub irreversible: u32,
    /// Of those among all of them that may still be running, or may have run.
    pub unknown: u32,
    /// Whether there were more actions than are looked at.
    pub is_partial: bool,
}

impl EffectCounts {
    /// Counts one effect.
    pub fn add(&mut self, undoing: Undoing, is_certain: bool) {
        let count = match undoing {
            Undoing::Reversible => &mut self.reversible,
            Undoing::Compensatable => &mut self.compensatable,
            Undoing::Irreversible => &mut self.irreversible,
        };
        *count += 1;
        self.unknown += u32::from(!is_certain);
    }

    /// All of them.
    pub const fn total(&self) -> u32 {
        self.reversible + self.compensatable + self.irreversible
    }
}

/// Whether an action has left something behind since `point`; without a point, ever.
/// `Some(false)`: it may have. Counter-actions and what they undid count as nothing.
pub fn happened_since(action: &Action, point: Option<Timestamp>) -> Option<bool> {
    let is_undone = action.reversion.as_ref().is_some_and(|reversion| {
        matches!(reversion.state, ReversionState::Compensated | ReversionState::NothingToUndo)
    });
    if action.compensates.is_some() || is_undone {
        return None;
    }
    match action.state {
        // The state of the agent at the point cannot hold a result that came later.
        ActionState::Executed => {
            let told = action.outcome.as_ref().map(|outcome| outcome.report_time);
            let is_later = point.is_none_or(|point| told.is_none_or(|told| told >= point));
            is_later.then_some(true)
        }
        ActionState::Redeemed | ActionState::ExecutionUnknown => Some(false),
        ActionState::Denied
        | ActionState::Escalated
        | ActionState::Granted
        | ActionState::Failed
        | ActionState::Refused
        | ActionState::Cancelled => None,
    }
}

#[cfg(test)]
mod tests;
