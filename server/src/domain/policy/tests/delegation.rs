//! Delegation can only tighten.

use proptest::prelude::*;

use super::*;

const POLICY: &str = r#"
default: allow
tools:
  refund: { amount: amount }
  lookup: { write: false }
constraint_sets:
  reading: { tools: ["lookup*"] }
  small: { tools: [refund, "lookup*"], max_amount: 100 }
  weekday: { tools: ["*"], when: "args.day != 'sunday'" }
rules:
  - { id: intern, tools: [refund], when: "run.agent == 'intern'", effect: escalate, reason: an intern }
"#;

fn effect(tool: &str, arguments: Value, sets: &[&str]) -> DecisionEffect {
    let constraint_sets = sets.iter().map(|set| (*set).to_owned()).collect();
    Call { tool, arguments, constraint_sets, ..Call::default() }.by(&policy(POLICY)).effect
}

#[test]
fn a_bound_run_does_nothing_but_what_its_sets_allow() {
    use DecisionEffect::{Allow, Deny};
    for (tool, arguments, sets, expected) in [
        ("refund", json!({"amount": 500}), &[][..], Allow),
        ("refund", json!({"amount": 500}), &["reading"], Deny),
        ("lookup_order", json!({}), &["reading"], Allow),
        ("refund", json!({"amount": 100}), &["small"], Allow),
        ("refund", json!({"amount": 101}), &["small"], Deny),
        ("refund", json!({"amount": -101}), &["small"], Deny),
        ("refund", json!({"amount": "1"}), &["small"], Deny),
        ("refund", json!({}), &["small"], Deny),
        ("refund", json!({"amount": 1}), &["small", "reading"], Deny),
        ("anything", json!({"day": "monday"}), &["weekday"], Allow),
        ("anything", json!({"day": "sunday"}), &["weekday"], Deny),
        ("anything", json!({}), &["weekday"], Deny),
    ] {
        assert_eq!(effect(tool, arguments.clone(), sets), expected, "{tool} {arguments} {sets:?}");
    }
}

#[test]
fn a_set_that_the_policy_no_longer_has_allows_nothing() {
    assert_eq!(effect("lookup", json!({}), &["gone"]), DecisionEffect::Deny);
}

#[test]
fn what_an_ancestor_may_not_do_its_child_may_not_either() {
    let call = |agent, ancestors: &[&str]| Call {
        tool: "refund",
        arguments: json!({"amount": 1}),
        agent,
        ancestors: ancestors.iter().map(|name| (*name).to_owned()).collect(),
        ..Call::default()
    };
    let policy = policy(POLICY);
    assert_eq!(call("senior", &[]).by(&policy).effect, DecisionEffect::Allow);
    assert_eq!(call("intern", &[]).by(&policy).effect, DecisionEffect::Escalate);
    let behind = call("senior", &["boss", "intern"]).by(&policy);
    assert_eq!((behind.effect, behind.rule.as_deref()), (DecisionEffect::Escalate, Some("intern")));
}

fn rank(effect: DecisionEffect) -> u8 {
    match effect {
        DecisionEffect::Allow => 0,
        DecisionEffect::Escalate => 1,
        DecisionEffect::Deny => 2,
    }
}

proptest! {
    /// A tree of delegations is a set of lines; on each, what a run may do is within
    /// what every run above it may do.
    #[test]
    fn authority_shrinks_along_every_line(
        line in proptest::collection::vec(("intern|senior|boss", proptest::sample::subsequence(
            vec!["reading", "small", "weekday", "gone"], 0..3)), 1..=8),
        tool in "refund|lookup|lookup_order|mail",
        amount in -200_i64..200,
        day in "sunday|monday",
    ) {
        let policy = policy(POLICY);
        let arguments = json!({"amount": amount, "day": day});
        let mut above = 0;
        let mut ancestors: Vec<String> = Vec::new();
        let mut sets: Vec<String> = Vec::new();
        for (agent, own) in &line {
            sets.extend(own.iter().map(|set| (*set).to_owned()));
            let call = Call {
                tool: &tool,
                arguments: arguments.clone(),
                agent,
                ancestors: ancestors.clone(),
                constraint_sets: sets.clone(),
                hop_count: u32::try_from(ancestors.len()).unwrap(),
                ..Call::default()
            };
            let rank = rank(call.by(&policy).effect);
            prop_assert!(rank >= above, "{} may do more than what delegated to it", agent);
            above = rank;
            ancestors.push(agent.clone());
        }
    }
}
