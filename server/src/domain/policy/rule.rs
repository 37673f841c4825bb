//! Compiled rules: whatever asks a person, refuses or allows, from whichever part
//! of the document it comes.

use super::catalogue::{EffectClass, Tool};
use super::condition::Condition;
use super::document::OnExpiry;
use super::evidence::EvidenceTemplate;
use super::sampling::Sampling;
use super::{Effect, Facts};
use crate::domain::escalation::SeverityTier;
use crate::domain::principal::Role;
use crate::domain::time::Span;

/// Which part of the document a rule comes from. Of two rules that demand the same,
/// with the same severity, the earlier part decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// A hard constraint.
    Constraint,
    /// A constraint set that binds delegated runs.
    ConstraintSet,
    /// A rule as written.
    Rule,
    /// A trigger, a window or a fact.
    Trigger,
    /// The gate of an effect class.
    Gate,
}

impl RuleKind {
    /// The kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constraint => "constraint",
            Self::ConstraintSet => "constraint_set",
            Self::Rule => "rule",
            Self::Trigger => "trigger",
            Self::Gate => "gate",
        }
    }
}

/// How a rule asks a person; what it leaves open the document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskTemplate {
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The priority lane.
    pub lane: Option<String>,
    /// The role that a person needs.
    pub required_role: Option<Role>,
    /// How many distinct people must agree.
    pub quorum: Option<u32>,
    /// How long a person should take.
    pub due: Option<Span>,
    /// After how long the question is closed.
    pub expire: Option<Span>,
    /// What becomes of it then.
    pub on_expiry: Option<OnExpiry>,
    /// A template for the briefing's first sentence.
    pub headline: Option<String>,
    /// What a person looks at before answering.
    pub evidence: Vec<EvidenceTemplate>,
}

/// When a rule applies to a tool that it is about.
#[derive(Debug)]
pub(super) enum When {
    /// Always.
    Always,
    /// When the condition holds.
    Holds(Condition),
    /// When the condition does not hold.
    Fails(Condition),
}

/// One compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// The rule's name, unique in the document.
    pub id: String,
    /// Where it comes from.
    pub kind: RuleKind,
    /// Which tools it is about: names, or patterns with `*`.
    pub tools: Vec<String>,
    /// Whether it is about all tools but these.
    pub(super) is_about_others: bool,
    /// The effect class whose gate it is.
    pub(super) class: Option<EffectClass>,
    /// The constraint set that it is of: it binds only runs that are bound by it.
    pub(super) set: Option<String>,
    /// When it applies.
    pub(super) when: When,
    /// What it demands.
    pub effect: Effect,
    /// The effect classes that it exempts from their gate.
    pub relaxes: Vec<EffectClass>,
    /// Why, for the agent and the reviewer.
    pub reason: String,
    /// How a person is asked.
    pub ask: AskTemplate,
    /// How many of those that it allows a person judges afterwards.
    pub(super) sampling: Option<Sampling>,
}

impl Rule {
    /// Whether the rule is about the call at all, before its condition.
    pub(super) fn concerns(&self, facts: &Facts<'_>, tool: &Tool) -> bool {
        if let Some(class) = self.class {
            return tool.effects.contains(&class);
        }
        if let Some(set) = &self.set
            && !facts.constraint_sets.contains(set)
        {
            return false;
        }
        self.is_about(facts.tool)
    }

    /// Whether the rule is about a tool of this name.
    pub(super) fn is_about(&self, tool: &str) -> bool {
        self.tools.iter().any(|pattern| glob(pattern, tool)) != self.is_about_others
    }

    /// The condition, if it has one.
    pub fn condition(&self) -> Option<&Condition> {
        match &self.when {
            When::Always => None,
            When::Holds(condition) | When::Fails(condition) => Some(condition),
        }
    }

    /// Whether no other rule can relax it.
    pub fn is_hard(&self) -> bool {
        self.effect >= Effect::RequireApproval
    }
}

/// Matches a name against a pattern in which `*` stands for any characters.
pub fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(found) = rest.find(part) else { return false };
        rest = rest.get(found + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_shells_do() {
        for (pattern, name, expected) in [
            ("send_money", "send_money", true),
            ("send_money", "send_money2", false),
            ("send_*", "send_", true),
            ("*", "", true),
            ("*_order*", "modify_order_items", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }
}
