//! The pace of an agent: how its last steps went, within a bounded window.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::time::Span;

/// The silence from which a run is stalled where the pace of its step is not known.
pub const STALL_DEFAULT: Span = Span::from_secs(5 * 60);
/// The shortest silence from which a run is stalled, however fast its steps are.
pub const STALL_MIN: Span = Span::from_secs(10);
/// The fewest steps of a tool that tell how long one takes.
pub(super) const STEPS_MIN: usize = 20;
/// The most facts that are kept of one agent.
pub const FACTS_KEPT: usize = 1_024;

/// One thing that an agent did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It proposed an action.
    Proposed {
        /// Whether a person was asked.
        is_escalated: bool,
    },
    /// A tool answered.
    Ended {
        /// The tool.
        tool: Arc<str>,
        /// From redemption to outcome; none: it is not known.
        took: Option<Span>,
        /// Whether it failed.
        is_failed: bool,
    },
}

/// What an agent did lately, each with the sequence at which it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    facts: VecDeque<(u64, Fact)>,
}

impl Pace {
    /// Notes one more.
    pub fn note(&mut self, sequence: u64, fact: Fact) {
        if self.facts.len() >= FACTS_KEPT {
            self.facts.pop_front();
        }
        self.facts.push_back((sequence, fact));
    }

    /// Forgets what was before a sequence; whether anything is left.
    pub fn forget_before(&mut self, sequence: u64) -> bool {
        while self.facts.front().is_some_and(|(at, _)| *at < sequence) {
            self.facts.pop_front();
        }
        !self.facts.is_empty()
    }

    /// The p95 of the steps of a tool, or of all; none: there are too few.
    pub fn p95(&self, tool: Option<&str>) -> Option<Span> {
        let spans = self.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::Ended { tool: it, took, .. } if tool.is_none_or(|tool| **it == *tool) => *took,
            _ => None,
        });
        let mut spans: Vec<_> = spans.collect();
        if spans.len() < STEPS_MIN {
            return None;
        }
        spans.sort_unstable();
        spans.get(spans.len() * 95 / 100).copied()
    }

    /// How many actions it proposed, and of how many a person was asked.
    pub fn proposed(&self) -> (u32, u32) {
        self.count(|fact| match fact {
            Fact::Proposed { is_escalated } => Some(*is_escalated),
            Fact::Ended { .. } => None,
        })
    }

    /// How many tools answered, and how many of them failed.
    pub fn ended(&self) -> (u32, u32) {
        self.count(|fact| match fact {
            Fact::Ended { is_failed, .. } => Some(*is_failed),
            Fact::Proposed { .. } => None,
        })
    }

    fn count(&self, of: impl Fn(&Fact) -> Option<bool>) -> (u32, u32) {
        self.facts
            .iter()
            .filter_map(|(_, fact)| of(fact))
            .fold((0, 0), |(all, some), is| (all + 1, some + u32::from(is)))
    }
}
