//! Why what concerns overrides was refused.

use super::{Error, Timestamp};
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::OverrideState;

/// What holds a run, as whoever is refused is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBy {
    /// The override.
    pub id: OverrideId,
    /// What it does.
    pub kind: &'static str,
    /// Who asked for it.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// Why a call was refused that an override concerns.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OverrideError {
    /// The run is paused.
    #[error(
        "run `{run}` is paused by `{}` (override `{}`): {}; nothing was done, ReceiveOverrides \
         tells when it goes on", .held.by, .held.id, .held.why
    )]
    RunPaused {
        /// The run.
        run: RunId,
        /// By what.
        held: HeldBy,
    },
    /// The run is stopped.
    #[error(
        "run `{run}` was stopped by `{}` (override `{}`): {}; nothing was done, and nothing of it \
         can be", .held.by, .held.id, .held.why
    )]
    RunStopped {
        /// The run.
        run: RunId,
        /// By what.
        held: HeldBy,
    },
    /// No run of the agent may start.
    #[error(
        "no run may start: `{}` said so (override `{}`): {}; a supervisor has to resume it",
        .held.by, .held.id, .held.why
    )]
    StartsHeld {
        /// By what.
        held: HeldBy,
    },
    /// A redirect has closed the tool to the run.
    #[error(
        "run `{run}` may not call `{tool}`{}: `{}` said so (override `{}`): {}; nothing was done",
        in_its_place(.instead), .held.by, .held.id, .held.why
    )]
    ToolClosed {
        /// The run.
        run: RunId,
        /// The tool that it wanted to call.
        tool: String,
        /// What to use in its place; empty: nothing.
        instead: String,
        /// By what; boxed: every refusal would be as large otherwise.
        held: Box<HeldBy>,
    },
    /// The override does not take the step.
    #[error("override `{id}` is {state}: it does not take this step")]
    Closed {
        /// The override.
        id: OverrideId,
        /// Its state's name.
        state: &'static str,
    },
    /// There is nothing to resume.
    #[error("nothing holds {scope}{}", held_elsewhere(*.by))]
    NotHeld {
        /// The scope in words.
        scope: String,
        /// What holds it in another scope.
        by: Option<OverrideId>,
    },
    /// Nobody confirms its own request.
    #[error(
        "override `{id}` needs a second person: a supervisor or admin other than who asked for it"
    )]
    NeedsSecond {
        /// The override.
        id: OverrideId,
    },
}

impl OverrideError {
    /// That an override does not take a step any more.
    pub const fn closed(id: OverrideId, state: OverrideState) -> Error {
        Error::Override(Self::Closed { id, state: state.name() })
    }
}

fn held_elsewhere(by: Option<OverrideId>) -> String {
    by.map_or_else(String::new, |by| format!(" in this scope; resume the scope of override `{by}`"))
}

fn in_its_place(instead: &str) -> String {
    match instead {
        "" => String::new(),
        tool => format!(", use `{tool}` instead"),
    }
}
