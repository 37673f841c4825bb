//! Time in the queue: which lanes there are, who looks after them in which hours, and
//! what happens while a question waits.
//!
//! One YAML document per tenant says it ([`Settings`]); it is versioned and never
//! changes. What it says of one question is worked out when the question opens and kept
//! with it ([`Plan`]): another document changes nothing of what is open.

mod audience;
mod board;
mod calendar;
mod chain;
mod compile;
mod document;
mod late;
mod plan;
mod routing;
mod settings;
mod urgency;

pub use audience::{Audience, Reach, Unrouted};
pub use board::{Board, Looked, Nothing, Picked, load_of};
pub use calendar::Calendar;
pub use chain::{PlannedStep, Step, StepAction, Target};
pub use compile::{MAX_DOCUMENT_BYTES, SettingsError};
pub use late::{LateReason, Lateness};
pub use plan::{Plan, Times};
pub use routing::{Asked, Route};
pub use settings::{Drills, Feedback, Lane, Reviews, Settings, Team};
pub use urgency::Urgency;

use schemars::schema_for;
use serde_json::Value;

/// The JSON Schema of queue settings (draft 2020-12).
pub fn json_schema() -> Value {
    schema_for!(document::Document).to_value()
}

#[cfg(test)]
mod tests;
