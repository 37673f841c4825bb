//! How far one run is with an override, with time and principal of every state.

use serde::{Deserialize, Serialize};

use super::{OverrideEvent, OverrideState};
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;

/// The most states that are kept: an agent may acknowledge again and again.
const MAX_STEPS: usize = 16;

/// A state that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The state.
    pub state: OverrideState,
    /// Who brought it there.
    pub by: String,
    /// When.
    pub time: Timestamp,
}

/// How far one run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The state.
    pub state: OverrideState,
    /// Every state that it had, the first first.
    pub steps: Vec<Step>,
    /// What the agent said last: an [`Account`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<PayloadRef>,
}

/// What an agent says of what it does about an override: a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What it was about to do, and why; or why it refuses.
    #[serde(default)]
    pub words: String,
    /// What still runs.
    #[serde(default)]
    pub still_running: Vec<String>,
}

impl Progress {
    /// One that begins in a state.
    pub fn begun(state: OverrideState, by: &str, time: Timestamp) -> Self {
        let first = Step { state, by: by.to_owned(), time };
        Self { state, steps: vec![first], account: None }
    }

    /// Moves along; whether it could.
    pub fn advance(&mut self, event: OverrideEvent, by: &str, time: Timestamp) -> bool {
        let Some(state) = self.state.after(event) else { return false };
        if self.steps.len() >= MAX_STEPS {
            // The first ones say when it was asked for and told.
            self.steps.pop();
        }
        self.state = state;
        self.steps.push(Step { state, by: by.to_owned(), time });
        true
    }
}
