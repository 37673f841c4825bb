//! How grave a mistake would be.

use serde::{Deserialize, Serialize};

/// How grave it is if the action is wrong.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SeverityTier {
    /// Cheap and reversible.
    Low,
    /// Costs something to undo.
    Medium,
    /// Hard to undo or expensive.
    #[default]
    High,
    /// Cannot be undone and hurts people or much money.
    Critical,
}

impl SeverityTier {
    /// The tier's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
