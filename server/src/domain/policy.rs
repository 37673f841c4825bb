//! Policy: what decides whether an action runs, is refused, or waits.
//!
//! A policy is a YAML document of rules; each matches tools by name and, where
//! it has one, a condition in CEL. Effects combine by severity (deny over
//! escalate over allow), never by order. What nothing matches takes the
//! document's default, and a document without one escalates.

mod condition;
pub mod grounding;
pub mod lexicon;
mod model;
pub mod novelty;
pub mod provenance;

pub use condition::{Condition, ConditionError};
pub use model::{Effect, Policy, PolicyError, Rule, ToolTraits};

use serde_json::{Map, Value};

use super::action::DecisionEffect;
use super::escalation::SeverityTier;
use super::time::Span;

/// The most words a headline has; more are cut and marked.
const HEADLINE_WORDS: usize = 40;
/// The most characters a headline has.
const HEADLINE_CHARS: usize = 240;

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The tool.
    pub tool: &'a str,
    /// The version of the tool's argument schema.
    pub tool_schema_version: &'a str,
    /// What the tool acts on.
    pub target: &'a str,
    /// The parsed view of the arguments.
    pub arguments: &'a Map<String, Value>,
    /// How sure the agent says it is.
    pub confidence: Option<f64>,
    /// The agent.
    pub agent: &'a str,
    /// Whom it acts for.
    pub on_behalf_of: Option<&'a str>,
    /// How many delegations lead to the run.
    pub hop_count: u32,
    /// What the run is to reach.
    pub goal: &'a str,
}

/// How a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The priority lane.
    pub lane: String,
    /// How long a person should take at most.
    pub due: Span,
    /// After how long the question is closed.
    pub expire: Span,
    /// One sentence: what is asked.
    pub headline: String,
}

/// What the policy says of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What may happen.
    pub effect: DecisionEffect,
    /// The rule that decided; none: the default.
    pub rule: Option<String>,
    /// The rule's words.
    pub reason: String,
    /// Every rule that matched, in the order of the document.
    pub matched: Vec<String>,
    /// How to ask, if a person is asked.
    pub ask: Option<Ask>,
}

impl Policy {
    /// Judges an action. Deterministic: the same facts and the same document
    /// give the same verdict. A condition that fails to evaluate counts as
    /// matched, and as an escalation at least.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Verdict {
        let mut scope: Option<condition::Scope<'_>> = None;
        let mut deciding: Option<(DecisionEffect, &Rule, Option<ConditionError>)> = None;
        let mut matched = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.matches_tool(facts.tool)) {
            let (effect, failure) = match &rule.when {
                None => (rule.effect, None),
                Some(condition) => {
                    let scope = scope.get_or_insert_with(|| condition::Scope::new(facts));
                    match condition.holds(scope) {
                        Ok(false) => continue,
                        Ok(true) => (rule.effect, None),
                        Err(error) => (rule.effect.max(Effect::Escalate), Some(error)),
                    }
                }
            };
            matched.push(rule.id.clone());
            let effect = DecisionEffect::from(effect);
            let outranks = deciding.as_ref().is_none_or(|(best, by, _)| {
                (rank(effect), rule.severity) > (rank(*best), by.severity)
            });
            if outranks {
                deciding = Some((effect, rule, failure));
            }
        }
        match deciding {
            Some((effect, rule, failure)) => self.by_rule(effect, rule, failure, matched, facts),
            None => self.by_default(facts),
        }
    }

    /// Whether the rules deny the action, whatever a person said of it.
    pub fn denies(&self, facts: &Facts<'_>) -> Option<Verdict> {
        Some(self.evaluate(facts)).filter(|verdict| verdict.effect == DecisionEffect::Deny)
    }

    fn by_rule(
        &self,
        effect: DecisionEffect,
        rule: &Rule,
        failure: Option<ConditionError>,
        matched: Vec<String>,
        facts: &Facts<'_>,
    ) -> Verdict {
        let reason = match failure {
            None => rule.reason.clone(),
            Some(error) => format!("rule `{}` could not be evaluated: {error}", rule.id),
        };
        let ask = (effect == DecisionEffect::Escalate).then(|| Ask {
            severity: rule.severity,
            lane: rule.lane.clone().unwrap_or_else(|| self.lane.clone()),
            due: rule.due.unwrap_or(self.due),
            expire: rule.expire.unwrap_or(self.expire),
            headline: headline(rule.headline.as_deref(), facts),
        });
        Verdict { effect, rule: Some(rule.id.clone()), reason, matched, ask }
    }

    fn by_default(&self, facts: &Facts<'_>) -> Verdict {
        let effect = DecisionEffect::from(self.default);
        let ask = (effect == DecisionEffect::Escalate).then(|| Ask {
            severity: SeverityTier::default(),
            lane: self.lane.clone(),
            due: self.due,
            expire: self.expire,
            headline: headline(None, facts),
        });
        let reason = "no rule matches; the policy's default decides".to_owned();
        Verdict { effect, rule: None, reason, matched: Vec::new(), ask }
    }
}

impl From<Effect> for DecisionEffect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow => Self::Allow,
            Effect::Escalate => Self::Escalate,
            Effect::Deny => Self::Deny,
        }
    }
}

const fn rank(effect: DecisionEffect) -> u8 {
    match effect {
        DecisionEffect::Allow => 0,
        DecisionEffect::Escalate => 1,
        DecisionEffect::Deny => 2,
    }
}

/// Fills a template's `{tool}`, `{target}` and `{args.name}` and cuts the result
/// to the briefing's budget of words.
fn headline(template: Option<&str>, facts: &Facts<'_>) -> String {
    let text = match template {
        Some(template) => fill(template, facts),
        None if facts.target.is_empty() => facts.tool.to_owned(),
        None => format!("{} on {}", facts.tool, facts.target),
    };
    let words: Vec<_> = text.split_whitespace().collect();
    let mut short = words.iter().take(HEADLINE_WORDS).copied().collect::<Vec<_>>().join(" ");
    let is_cut = words.len() > HEADLINE_WORDS || short.chars().count() > HEADLINE_CHARS;
    if is_cut {
        short = short.chars().take(HEADLINE_CHARS).collect();
        short.push('…');
    }
    short
}

fn fill(template: &str, facts: &Facts<'_>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        match name {
            "tool" => text.push_str(facts.tool),
            "target" => text.push_str(facts.target),
            _ => match name.strip_prefix("args.").and_then(|name| facts.arguments.get(name)) {
                Some(Value::String(value)) => text.push_str(value),
                Some(value) => text.push_str(&value.to_string()),
                None => text.push_str("(not given)"),
            },
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests;
