//! Rules, conditions and their failures.

mod adversarial;
mod delegation;
mod gates;
mod hostile;
mod life;
mod properties;
mod reference;
mod requests;
mod results;
mod triggers;
mod words;

use serde_json::json;

use super::*;
use crate::domain::action::DecisionEffect;
use crate::domain::message::Speaker;

const POLICY: &str = r#"
version: 1
default: allow
lane: general
tools:
  lookup: {idempotent: true, outcome_timeout: 30s}
rules:
  - id: refund-over-500
    tools: ["refund*"]
    when: args.amount > 500
    effect: escalate
    severity: high
    lane: money
    reason: Refunds over $500 need a person.
    headline: "Refund {args.amount} to {args.customer}"
    due: 10m
    expire: 24h
  - id: refund-limit
    tools: ["refund*"]
    when: args.amount > 100000
    effect: deny
    reason: Nobody refunds that much.
  - id: deep
    tools: ["*"]
    when: run.hop_count > 3
    effect: escalate
    reason: More than three delegations.
"#;

/// A call as a test describes it.
#[derive(Default)]
struct Call<'a> {
    tool: &'a str,
    arguments: Value,
    goal: &'a str,
    results: &'a [&'a str],
    confidence: Option<f64>,
    agent: &'a str,
    ancestors: Vec<String>,
    constraint_sets: Vec<String>,
    hop_count: u32,
    inputs: Inputs,
}

impl Call<'_> {
    fn with_facts<T>(&self, judge: impl FnOnce(&Facts<'_>) -> T) -> T {
        let mut sources = Sources::default();
        sources.add(Speaker::User, self.goal);
        self.results.iter().for_each(|result| sources.add(Speaker::Tool, result));
        let none = Map::new();
        judge(&Facts {
            tool: self.tool,
            tool_schema_version: "",
            target: "acct-7",
            arguments: self.arguments.as_object().unwrap_or(&none),
            confidence: self.confidence,
            agent: self.agent,
            on_behalf_of: None,
            ancestors: &self.ancestors,
            constraint_sets: &self.constraint_sets,
            hop_count: self.hop_count,
            goal: self.goal,
            sources: &sources,
            inputs: &self.inputs,
        })
    }

    fn by(&self, policy: &Policy) -> Verdict {
        self.with_facts(|facts| policy.evaluate(facts))
    }
}

/// A policy of version 1.
fn policy(text: &str) -> Policy {
    Policy::parse(&format!("version: 1\n{text}")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Why a policy of version 1 is refused.
fn refusal(text: &str) -> String {
    let parsed = Policy::parse(&format!("version: 1\n{text}"));
    parsed.map_or_else(|error| error.to_string(), |_| panic!("not refused: {text}"))
}

fn verdict(policy: &str, tool: &str, arguments: Value, hop_count: u32) -> Verdict {
    let call = Call { tool, arguments, agent: "claims", hop_count, ..Call::default() };
    call.by(&Policy::parse(policy).unwrap())
}

#[test]
fn effects_combine_by_severity_and_not_by_order() {
    let small = verdict(POLICY, "refund", json!({"amount": 500}), 0);
    assert_eq!((small.effect, small.rule), (DecisionEffect::Allow, None));
    let large = verdict(POLICY, "refund", json!({"amount": 600.5, "customer": "Anna"}), 0);
    assert_eq!(large.effect, DecisionEffect::Escalate);
    let ask = large.ask.unwrap();
    assert_eq!((ask.lane.as_str(), ask.due), ("money", Span::from_secs(600)));
    assert_eq!(ask.headline, "Refund 600.5 to Anna");
    let huge = verdict(POLICY, "refund", json!({"amount": 200_000}), 5);
    assert_eq!((huge.effect, huge.rule.as_deref()), (DecisionEffect::Deny, Some("refund-limit")));
    assert_eq!(huge.matched, ["refund-over-500", "refund-limit", "deep"]);
    assert_eq!(huge.ask, None);
}

#[test]
fn a_condition_that_fails_counts_as_matched_and_as_an_escalation_at_least() {
    let (asking, _) = POLICY.split_once("  - id: refund-limit").unwrap();
    for arguments in [json!({}), json!({"amount": "600"}), json!({"amount": null})] {
        let shown = arguments.to_string();
        let asked = verdict(asking, "refund", arguments.clone(), 0);
        assert_eq!(asked.effect, DecisionEffect::Escalate, "{shown}");
        assert!(asked.reason.contains("could not be evaluated"), "{}", asked.reason);
        // A hard constraint that cannot be judged is not open to a person.
        let denied = verdict(POLICY, "refund", arguments, 0);
        assert_eq!(denied.effect, DecisionEffect::Deny, "{shown}");
    }
}

#[test]
fn a_document_without_a_default_escalates() {
    let verdict = verdict("version: 1", "anything", json!({}), 0);
    assert_eq!(verdict.effect, DecisionEffect::Escalate);
    assert_eq!(verdict.ask.unwrap().headline, "anything on acct-7");
}

#[test]
fn bad_documents_are_refused_with_their_place() {
    let rule = |when: &str| {
        format!(
            "version: 1\nrules: [{{id: r, tools: ['*'], effect: deny, reason: x, when: '{when}'}}]"
        )
    };
    for (document, expected) in [
        ("version: 2".to_owned(), "version"),
        ("version: 1\nrule: []".to_owned(), "unknown field"),
        (rule("arg.amount > 1"), "`arg` is unknown"),
        (rule("args.amount >"), "not a CEL expression"),
        (rule(&format!("1{}>0", "+1".repeat(1_000))), "operators"),
        (rule("args.a.all(x, args.b.all(y, x == y))"), "must not nest"),
        ("version: 1\ndue: 5 minutes".to_owned(), "want such as"),
    ] {
        let error = Policy::parse(&document).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn headlines_keep_to_their_budget_of_words() {
    let long = json!({"amount": 501, "customer": "word ".repeat(100)});
    let headline = verdict(POLICY, "refund", long, 0).ask.unwrap().headline;
    assert!(headline.split_whitespace().count() <= 40, "{headline}");
    assert!(headline.ends_with('…'));
}

#[test]
fn tools_have_traits() {
    let policy = Policy::parse(POLICY).unwrap();
    assert!(policy.tool("lookup").is_idempotent);
    assert_eq!(policy.tool("lookup").outcome_timeout, Span::from_secs(30));
    assert_eq!(policy.tool("refund"), &Tool::default());
}

#[test]
fn the_guides_documents_are_policies_and_pass_their_own_tests() {
    let guide = include_str!("../../../../docs/policy.md");
    let documents: Vec<_> = guide
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    assert!(documents.len() >= 7, "{}", documents.len());
    for document in documents {
        let policy = Policy::parse(document).unwrap_or_else(|error| panic!("{error}\n{document}"));
        let cases = policy.run_cases();
        assert!(!cases.is_empty(), "no tests in\n{document}");
        for case in cases {
            assert_eq!(case.problem, None, "{}", case.name);
        }
    }
}
