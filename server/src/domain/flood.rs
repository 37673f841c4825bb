//! How much agents may ask of people: rates, and what a flood is.
//!
//! Pure: time is given. The rates are limits and not truth; each server keeps its own
//! buckets, so that several servers let through as many times more.

mod bucket;
mod counts;
mod pace;

pub use bucket::{Bucket, Rate};
pub use counts::Counts;
pub use pace::Pace;
use serde::{Deserialize, Serialize};

use super::ids::{EscalationId, RunId};
use super::time::{Span, Timestamp};

/// The rule that asks about an agent that asks too much.
pub const FLOOD_RULE: &str = "limit.agent";

/// What counts as the rule where the default of the policy asks.
pub const DEFAULT_RULE: &str = "default";

/// Whose questions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one agent.
    Agent,
    /// Those of one agent beyond that, which a person lets go on.
    Extra,
    /// Those of all agents of one owner.
    Owner,
    /// Those that one rule asks.
    Rule,
}

impl Scope {
    /// The scope's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent | Self::Extra => "agent",
            Self::Owner => "owner",
            Self::Rule => "rule",
        }
    }
}

/// How much one of a scope may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How often.
    pub rate: Rate,
    /// How many of its questions may be open.
    pub open: u64,
}

/// What operators may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodLimits {
    /// How much one agent may ask.
    pub agent: Allowance,
    /// How much the agents of one owner may ask.
    pub owner: Allowance,
    /// How much one rule may ask.
    pub rule: Allowance,
    /// More refusals than these within the window are a flood.
    pub begins_above: u32,
    /// Fewer refusals than these within the window are none any more.
    pub ends_below: u32,
    /// Over how long they are counted.
    pub window: Span,
}

impl FloodLimits {
    /// What one of a scope may ask.
    pub const fn of(&self, scope: Scope) -> Allowance {
        match scope {
            Scope::Agent | Scope::Extra => self.agent,
            Scope::Owner => self.owner,
            Scope::Rule => self.rule,
        }
    }
}

impl Default for FloodLimits {
    fn default() -> Self {
        let allowance =
            |per_minute, burst, open| Allowance { rate: Rate { per_minute, burst }, open };
        Self {
            agent: allowance(300, 300, 1_000),
            owner: allowance(1_500, 1_500, 5_000),
            rule: allowance(15_000, 15_000, 50_000),
            begins_above: 10,
            ends_below: 5,
            window: Span::from_secs(600),
        }
    }
}

/// Questions of one agent that were refused because they were too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The run that was refused last.
    pub run: RunId,
    /// How many, by rule and tool.
    pub counts: Counts,
    /// When the first was.
    pub first_time: Timestamp,
    /// When the last was.
    pub last_time: Timestamp,
}

impl Refused {
    /// None yet.
    pub fn new(run: RunId, now: Timestamp) -> Self {
        Self { run, counts: Counts::default(), first_time: now, last_time: now }
    }

    /// Counts one.
    pub fn add(&mut self, run: RunId, tool: &str, rule: &str, now: Timestamp) {
        self.run = run;
        self.counts.add(tool, rule);
        self.last_time = self.last_time.max(now);
    }
}

/// What is known of an agent that asks too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// The agent.
    pub agent: String,
    /// The run that asked too much last.
    pub run: RunId,
    /// The card about it; none: it is not a flood yet.
    pub escalation: Option<EscalationId>,
    /// How many questions were refused, by rule and tool.
    pub counts: Counts,
    /// How many the card says.
    pub told: u64,
    /// How many lately.
    pub pace: Pace,
    /// Whether a person lets it go on: it may ask twice as much until the flood is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_let_go: bool,
    /// When it began.
    pub begin_time: Timestamp,
    /// When a question was refused last.
    pub last_time: Timestamp,
}

impl Flood {
    /// What may become a flood.
    pub fn new(agent: &str, first: &Refused) -> Self {
        Self {
            agent: agent.to_owned(),
            run: first.run,
            escalation: None,
            counts: Counts::default(),
            told: 0,
            pace: Pace::default(),
            is_let_go: false,
            begin_time: first.first_time,
            last_time: first.first_time,
        }
    }

    /// Counts what was refused since.
    pub fn add(&mut self, refused: &Refused, limits: &FloodLimits) {
        self.run = refused.run;
        self.counts.add_all(&refused.counts);
        self.pace.add(refused.counts.total, refused.last_time, limits.window);
        self.last_time = self.last_time.max(refused.last_time);
    }

    /// Whether it is one by now.
    pub fn has_begun(&self, now: Timestamp, limits: &FloodLimits) -> bool {
        self.pace.lately(now, limits.window) > u64::from(limits.begins_above)
    }

    /// Whether it is none any more.
    pub fn is_over(&self, now: Timestamp, limits: &FloodLimits) -> bool {
        self.pace.lately(now, limits.window) < u64::from(limits.ends_below)
    }

    /// Whether the agent may ask twice as much.
    pub fn is_doubled(&self, now: Timestamp, limits: &FloodLimits) -> bool {
        self.is_let_go && !self.is_over(now, limits)
    }

    /// Whether the card should be written anew: its numbers have doubled.
    pub const fn outgrew_its_card(&self) -> bool {
        self.counts.total >= self.told.saturating_mul(2)
    }
}

#[cfg(test)]
mod tests;
