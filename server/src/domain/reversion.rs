//! Taking an action back: a person has changed its mind, before it ran or afterwards.
//!
//! What was permitted and not used up is withdrawn in the same commit. What ran, or may
//! be running, is undone by the counter-action that the policy's catalogue declares for
//! its tool; that is an action of its own, with an outcome of its own.

use serde::{Deserialize, Serialize};

use super::escalation::Standing;
use super::ids::{ActionId, AuthorityId};
use super::payload::PayloadRef;
use super::time::{Span, Timestamp};

/// How long a counter-action may take before everybody is told that it is overdue.
pub const COMPENSATION_DUE: Span = Span::from_secs(60 * 60);

/// How far taking back has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversionState {
    /// Its grant was withdrawn: it never ran.
    Revoked,
    /// It may be running; its outcome decides what there is to undo.
    AwaitingOutcome,
    /// It failed: there is nothing to undo.
    NothingToUndo,
    /// The agent was asked for the counter-action.
    Compensating,
    /// The counter-action ran.
    Compensated,
    /// The counter-action failed: a person has to see to it.
    CompensationFailed,
    /// The counter-action has not ended in time; it may still.
    CompensationOverdue,
}

/// What can happen to an action that is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReversionEvent {
    /// The action ran.
    Executed,
    /// The action failed.
    Failed,
    /// The counter-action ran.
    Undone,
    /// The counter-action failed.
    NotUndone,
    /// The counter-action takes too long.
    Overdue,
}

impl ReversionState {
    /// The states, for tables and tests.
    pub const ALL: [Self; 7] = [
        Self::Revoked,
        Self::AwaitingOutcome,
        Self::NothingToUndo,
        Self::Compensating,
        Self::Compensated,
        Self::CompensationFailed,
        Self::CompensationOverdue,
    ];

    /// The life cycle: the state after an event; `None` where it cannot happen.
    pub const fn after(self, event: ReversionEvent) -> Option<Self> {
        use ReversionEvent as E;
        match (self, event) {
            (Self::AwaitingOutcome, E::Executed) => Some(Self::Compensating),
            (Self::AwaitingOutcome, E::Failed) => Some(Self::NothingToUndo),
            (Self::Compensating | Self::CompensationOverdue, E::Undone) => Some(Self::Compensated),
            (Self::Compensating | Self::CompensationOverdue, E::NotUndone) => {
                Some(Self::CompensationFailed)
            }
            (Self::Compensating, E::Overdue) => Some(Self::CompensationOverdue),
            _ => None,
        }
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::AwaitingOutcome => "awaiting_outcome",
            Self::NothingToUndo => "nothing_to_undo",
            Self::Compensating => "compensating",
            Self::Compensated => "compensated",
            Self::CompensationFailed => "compensation_failed",
            Self::CompensationOverdue => "compensation_overdue",
        }
    }
}

/// How an action is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversion {
    /// How far it has come.
    pub state: ReversionState,
    /// Who takes it back.
    pub reverser: String,
    /// By which authority.
    pub authority: AuthorityId,
    /// By what it was taken back; none: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Why: text.
    pub reason: PayloadRef,
    /// The counter-action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<ActionId>,
    /// When it was taken back.
    pub reverse_time: Timestamp,
    /// When the state last changed.
    pub update_time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_cycle_is_this_table() {
        use ReversionEvent as E;
        let mut table = String::new();
        for state in ReversionState::ALL {
            for event in [E::Executed, E::Failed, E::Undone, E::NotUndone, E::Overdue] {
                if let Some(next) = state.after(event) {
                    table += &format!("{:20} {event:?} -> {}\n", state.name(), next.name());
                }
            }
        }
        insta::assert_snapshot!(table, @r"
        awaiting_outcome     Executed -> compensating
        awaiting_outcome     Failed -> nothing_to_undo
        compensating         Undone -> compensated
        compensating         NotUndone -> compensation_failed
        compensating         Overdue -> compensation_overdue
        compensation_overdue Undone -> compensated
        compensation_overdue NotUndone -> compensation_failed
        ");
    }
}
