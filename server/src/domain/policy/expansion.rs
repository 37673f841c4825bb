//! Rules that the document implies: of triggers, windows, facts, constraint sets,
//! and the gates of the effect classes.

use super::catalogue::EffectClass;
use super::compile::{condition, gate_ask};
use super::condition::Defined;
use super::document::{ConstraintSetSource, Document, FactSource, RuleSource, WindowSource};
use super::facts::typed;
use super::rule::{AskTemplate, Rule, RuleKind, When};
use super::triggers::asking;
use super::{Effect, PolicyError};

/// The rules of triggers, windows and facts.
pub(super) fn of(document: &Document) -> Vec<RuleSource> {
    let checks_results =
        document.tools.values().any(|tool| tool.result.is_some() || tool.expects.is_some());
    let mut rules = document.triggers.expand(checks_results);
    rules.extend(document.windows.iter().filter_map(|(name, window)| of_window(name, window)));
    rules.extend(document.facts.iter().filter_map(|(name, fact)| of_fact(name, fact)));
    rules
}

fn of_window(name: &str, window: &WindowSource) -> Option<RuleSource> {
    let calls = window.max_calls.map(|most| format!("rate({name:?}) > {most}"));
    let total = window.max_total.map(|most| format!("total({name:?}) > {most:?}"));
    let when: Vec<_> = calls.into_iter().chain(total).collect();
    if when.is_empty() {
        return None;
    }
    let reason = format!("more than window `{name}` may hold");
    Some(asking(format!("window.{name}"), &window.tools, when.join(" || "), reason))
}

fn of_fact(name: &str, fact: &FactSource) -> Option<RuleSource> {
    let expected = fact.expect.clone()?;
    // What is of another type is refused where facts are compiled. JSON's literals
    // are CEL's.
    let expected = typed(fact.kind, expected.clone()).unwrap_or(expected);
    let when = format!("fact({name:?}) != {expected}");
    let reason = format!("fact `{name}` is not as expected");
    Some(asking(format!("fact.{name}"), &fact.tools, when, reason))
}

/// What binds the runs that are bound by a constraint set: nothing but its tools,
/// no larger amounts, and only where its condition holds.
pub(super) fn of_set(
    name: &str,
    set: &ConstraintSetSource,
    defined: Defined<'_>,
) -> Result<Vec<Rule>, PolicyError> {
    let deny = |part: &str, tools: &[String], others: bool, when: When, reason: &str| Rule {
        id: format!("set.{name}.{part}"),
        kind: RuleKind::ConstraintSet,
        tools: tools.to_vec(),
        is_about_others: others,
        class: None,
        set: Some(name.to_owned()),
        when,
        effect: Effect::Deny,
        relaxes: Vec::new(),
        reason: format!("the run is bound by `{name}`: {reason}"),
        ask: AskTemplate::default(),
        sampling: None,
    };
    let mut rules =
        vec![deny("tools", &set.tools, true, When::Always, "the tool is not among its tools")];
    if let Some(most) = set.max_amount {
        // An amount that is missing or no number fails to evaluate, and denies.
        let place = format!("constraint set `{name}`, max_amount");
        let within = condition(
            &place,
            &format!(
                "!tool.is_priced || (action.amount <= {most:?} && action.amount >= -{most:?})"
            ),
            defined,
        )?;
        let within = When::Fails(within);
        rules.push(deny(
            "max_amount",
            &set.tools,
            false,
            within,
            "the amount is larger than its largest",
        ));
    }
    if let Some(when) = &set.when {
        let holds = condition(&format!("constraint set `{name}`, when"), when, defined)?;
        rules.push(deny(
            "when",
            &set.tools,
            false,
            When::Fails(holds),
            "its condition does not hold",
        ));
    }
    Ok(rules)
}

/// The gate of an effect class.
pub(super) fn gate(class: EffectClass) -> Rule {
    Rule {
        id: format!("gate.{}", class.name()),
        kind: RuleKind::Gate,
        tools: Vec::new(),
        is_about_others: false,
        class: Some(class),
        set: None,
        when: When::Always,
        effect: Effect::Escalate,
        relaxes: Vec::new(),
        reason: format!(
            "effects of class `{}` wait for a person unless a rule relaxes them",
            class.name()
        ),
        ask: gate_ask(),
        sampling: None,
    }
}
