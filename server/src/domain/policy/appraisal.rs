//! What a policy knows of a call beside its verdict: what a briefing tells.

use super::catalogue::{Level, Tool};
use super::condition::on_deep_stack;
use super::grounding::Grounding;
use super::signals::Signals;
use super::{Facts, Policy, template};
use crate::domain::render::Written;

/// What a policy knows of a call.
#[derive(Clone, Debug)]
pub struct Appraisal<'p> {
    /// What the catalogue says of the tool.
    pub tool: &'p Tool,
    /// How much money is at stake.
    pub financial: Level,
    /// How many a mistake would touch.
    pub blast_radius: Level,
    /// Whether the agent is not sure.
    pub is_doubtful: bool,
    /// Whether the arguments are as the tool's schema says.
    pub is_valid: bool,
    /// Whether it is known what the run has heard: only of a policy that reads it.
    pub is_sourced: bool,
    /// What the names in the call rest on; empty where that is not known.
    pub grounding: Grounding,
}

impl Policy {
    /// The sentence in which a rule asks, or the default without one, with values as
    /// `written` has them.
    pub fn headline(&self, rule: Option<&str>, facts: &Facts<'_>, written: &Written<'_>) -> String {
        let rule = rule.and_then(|id| self.rules.iter().find(|rule| rule.id == id));
        let template = rule.and_then(|rule| rule.ask.headline.as_deref());
        template::filled(template, facts, &|path| written.at(path))
    }

    /// Says what it knows of a call.
    pub fn appraise(&self, facts: &Facts<'_>) -> Appraisal<'_> {
        on_deep_stack(|| {
            let tool = self.tool(facts.tool);
            let signals = Signals::new(self, facts, tool);
            let is_sourced = self.reads_sources();
            Appraisal {
                tool,
                financial: signals.financial_impact(),
                blast_radius: signals.blast_radius(),
                is_doubtful: signals.is_doubtful(),
                is_valid: signals.is_valid(),
                is_sourced,
                grounding: match is_sourced {
                    true => signals.grounding().clone(),
                    false => Grounding::default(),
                },
            }
        })
    }
}
