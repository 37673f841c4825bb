//! Explaining a verdict: every rule with the values it saw.

use serde_json::Value;

use super::condition::{Scope, on_deep_stack};
use super::evaluate::Outcome;
use super::rule::{Rule, RuleKind};
use super::{Effect, Facts, Policy, Verdict};

/// How the names begin whose values depend on the words of the lexicon.
const OF_WORDS: [&str; 8] = [
    "intended",
    "intent:",
    "is_delegated",
    "is_confirmed",
    "is_grounded",
    "names_grounded",
    "origins",
    "support",
];

/// Why a policy says what it says of one action.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What it says.
    pub verdict: Verdict,
    /// What became of each rule, in the order in which rules are judged.
    pub rules: Vec<RuleTrace>,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTrace {
    /// The rule's name.
    pub id: String,
    /// Where it comes from.
    pub kind: RuleKind,
    /// What it demands.
    pub effect: Effect,
    /// What became of it.
    pub outcome: Outcome,
    /// Its condition as written; none: it applies always.
    pub condition: Option<String>,
    /// What its condition read, and what it saw there.
    pub values: Vec<(String, Seen)>,
}

/// What a condition saw under a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A value.
    Value(Value),
    /// Nothing, and why, where that is known.
    Nothing(String),
}

impl Policy {
    /// Explains what [`Policy::evaluate`] says of the same facts. Rules that are
    /// not about the tool are left out.
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation {
        on_deep_stack(|| self.trace(facts))
    }

    fn trace(&self, facts: &Facts<'_>) -> Explanation {
        let verdict = self.evaluate(facts);
        let tool = self.tool(facts.tool);
        let scope = Scope::new(self, facts, tool);
        let concerned = self.rules.iter().filter(|rule| rule.concerns(facts, tool));
        let trace = |rule: &Rule| RuleTrace {
            id: rule.id.clone(),
            kind: rule.kind,
            effect: rule.effect,
            outcome: match rule.applies(&scope) {
                Ok(false) => Outcome::DoesNotApply,
                Ok(true) if verdict.matched.contains(&rule.id) => Outcome::Applies,
                // The verdict may be an ancestor's, which other rules made.
                Ok(true) if rule.class.is_none() => Outcome::Applies,
                Ok(true) => Outcome::Relaxed,
                Err(error) => Outcome::Fails(error),
            },
            condition: rule.condition().map(|it| it.source().to_owned()),
            values: rule.condition().map(|it| self.seen(it, &scope)).unwrap_or_default(),
        };
        Explanation { rules: concerned.map(trace).collect(), verdict }
    }

    /// What a condition reads; of its variables, what they read as well.
    fn seen(&self, condition: &super::Condition, scope: &Scope<'_>) -> Vec<(String, Seen)> {
        let mut names: Vec<String> = Vec::new();
        let mut waiting: Vec<&str> = condition.reads().collect();
        while let Some(name) = waiting.pop() {
            if names.iter().any(|known| known == name) {
                continue;
            }
            names.push(name.to_owned());
            let variable = name.strip_prefix("vars.").map(|rest| rest.split('.').next());
            let inner = variable.flatten().and_then(|name| self.variable(name));
            waiting.extend(inner.into_iter().flat_map(|it| it.reads()));
        }
        names.sort_unstable();
        let reads_words = names.iter().any(|name| OF_WORDS.iter().any(|it| name.starts_with(it)));
        let version = reads_words.then(|| Value::from(self.lexicon().version()));
        let lexicon = version.map(|it| ("lexicon".to_owned(), Seen::Value(it)));
        let seen = names.into_iter().map(|name| (written(&name), scope.show(&name)));
        seen.chain(lexicon).collect()
    }
}

/// A name as documents write it.
fn written(name: &str) -> String {
    match name.split_once(':') {
        Some((function, argument)) => format!("{function}({argument:?})"),
        None => name.to_owned(),
    }
}
