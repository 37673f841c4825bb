//! How much agents may ask of people.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The longest time that a rejection counts: a year, in hours.
const MAX_REJECTED_HOURS: u32 = 8_760;
/// The longest window that refusals are counted over: a day, in minutes.
const MAX_WINDOW_MINUTES: u32 = 1_440;

/// How much agents may ask of people. A rate of 0 is none: as much as they like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FloodsConfig {
    /// How long a rejection answers the same question again; 0: never.
    pub rejected_hours: u32,
    /// Questions of one agent per minute, in the long run.
    pub agent_per_minute: u32,
    /// Those of one agent at once, after a pause.
    pub agent_burst: u32,
    /// Questions of all agents of one owner per minute, in the long run.
    pub owner_per_minute: u32,
    /// Those of one owner's agents at once, after a pause.
    pub owner_burst: u32,
    /// Those of one owner's agents that may be open.
    pub owner_open: u64,
    /// Questions of one rule per minute, in the long run.
    pub rule_per_minute: u32,
    /// Those of one rule at once, after a pause.
    pub rule_burst: u32,
    /// Those of one rule that may be open.
    pub rule_open: u64,
    /// More refusals of one agent than these within the window are a flood.
    pub begins_above: u32,
    /// Fewer refusals than these within the window end it.
    pub ends_below: u32,
    /// Over how many minutes refusals are counted.
    pub window_minutes: u32,
}

impl FloodsConfig {
    /// No rates, and nothing is answered from the record: for measurements, where one
    /// agent stands for many.
    pub fn unlimited() -> Self {
        Self {
            rejected_hours: 0,
            agent_per_minute: 0,
            owner_per_minute: 0,
            rule_per_minute: 0,
            owner_open: u64::MAX,
            rule_open: u64::MAX,
            ..Self::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let wrong = |key, want| Err(ConfigError::Number { key, want });
        if self.rejected_hours > MAX_REJECTED_HOURS {
            return wrong("floods.rejected_hours", "at most 8760");
        }
        if !(1..=MAX_WINDOW_MINUTES).contains(&self.window_minutes) {
            return wrong("floods.window_minutes", "1 to 1440");
        }
        if self.ends_below == 0 || self.ends_below > self.begins_above {
            return wrong("floods.ends_below", "at least 1, at most `floods.begins_above`");
        }
        let bursts = [
            ("floods.agent_burst", self.agent_burst),
            ("floods.owner_burst", self.owner_burst),
            ("floods.rule_burst", self.rule_burst),
        ];
        match bursts.into_iter().find(|(_, burst)| *burst == 0) {
            Some((key, _)) => wrong(key, "at least 1"),
            None => Ok(()),
        }
    }
}

impl Default for FloodsConfig {
    fn default() -> Self {
        Self {
            rejected_hours: 24,
            agent_per_minute: 300,
            agent_burst: 300,
            owner_per_minute: 1_500,
            owner_burst: 1_500,
            owner_open: 5_000,
            rule_per_minute: 15_000,
            rule_burst: 15_000,
            rule_open: 50_000,
            begins_above: 10,
            ends_below: 5,
            window_minutes: 10,
        }
    }
}
