//! The document's own test, what a look over finds, and what explanations show.

use super::*;

const DESK: &str = r#"
name: desk
default: allow
guidance: Ask before you pay anybody new.
parameters: { refund_limit: 500 }
variables: { is_large: action.amount > params.refund_limit }
tools:
  refund: { effects: [money], amount: amount }
  close_books: { description: Closes the books. }
  erase: {}
rules:
  - { id: small, tools: [refund], when: "!vars.is_large", effect: allow, relaxes: [money], reason: small }
  - { id: large, tools: [refund], when: vars.is_large, effect: escalate, severity: critical, reason: large }
  - { id: books, tools: [close_books], effect: escalate, reason: always }
  - { id: erasure, tools: [erase], effect: deny, reason: never }
tests:
  - { name: small refunds pass, tool: refund, arguments: { amount: 500 }, expect: allow, rule: small }
  - { name: large refunds wait, tool: refund, arguments: { amount: 501 }, expect: escalate, rule: large }
"#;

#[test]
fn a_document_tests_itself() {
    assert!(policy(DESK).run_cases().iter().all(|case| case.problem.is_none()));
    let stricter = DESK.replace("refund_limit: 500", "refund_limit: 400");
    let [small, large] = &policy(&stricter).run_cases()[..] else { panic!("two cases") };
    assert_eq!(small.problem.as_deref(), Some("expected allow, got escalate by large: large"),);
    assert_eq!(large.problem, None);
}

#[test]
fn an_explanation_shows_every_rule_with_the_values_it_saw() {
    let call = Call { tool: "refund", arguments: json!({"amount": 600}), ..Call::default() };
    let explanation = call.with_facts(|facts| policy(DESK).explain(facts));
    assert_eq!(explanation.verdict.rule.as_deref(), Some("large"));
    let shown: Vec<_> =
        explanation.rules.iter().map(|rule| (rule.id.as_str(), &rule.outcome)).collect();
    let expected = [
        ("small", &Outcome::DoesNotApply),
        ("large", &Outcome::Applies),
        ("gate.money", &Outcome::Applies),
    ];
    assert_eq!(shown, expected);
    let values: Vec<_> =
        explanation.rules[1].values.iter().map(|(name, seen)| (name.as_str(), seen)).collect();
    let seen = |value| Seen::Value(value);
    assert_eq!(
        values,
        [
            ("action.amount", &seen(json!(600))),
            ("params.refund_limit", &seen(json!(500))),
            ("vars.is_large", &seen(json!(true))),
        ]
    );
    let relaxed = Call { arguments: json!({"amount": 5}), ..call };
    let explanation = relaxed.with_facts(|facts| policy(DESK).explain(facts));
    assert_eq!(explanation.rules[2].outcome, Outcome::Relaxed);
}

#[test]
fn a_look_over_reports_every_relaxation_and_what_is_hardly_meant() {
    let found: Vec<_> = policy(DESK).lint().iter().map(ToString::to_string).collect();
    let expected = [
        "notice: rule `small`, relaxes: `money` is not gated for refund when !vars.is_large",
        "warning: default: what no rule knows runs without anybody being asked",
    ];
    for finding in expected {
        assert!(found.iter().any(|it| it == finding), "{finding}\n{found:#?}");
    }
    let careless = DESK
        .replace("tools: [close_books]", "tools: [close_bookss]")
        .replace("refund_limit: 500", "refund_limit: 500, unused: 1")
        .replace(
            "amount: amount }",
            "amount: sum, arguments: { properties: { amount: { type: number } } } }",
        )
        .replace("when: vars.is_large", "when: vars.is_large && args.amuont > 1");
    let found: Vec<_> = policy(&careless).lint().iter().map(ToString::to_string).collect();
    for expected in [
        "`close_bookss` matches no tool",
        "parameter `unused`",
        "its schema has no argument `sum`",
        "has an argument `amuont`",
    ] {
        assert!(found.iter().any(|it| it.contains(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn a_fact_needs_a_provider_of_the_server_that_judges() {
    let facts = "facts: { verified: { provider: crm, type: bool, tools: [pay], expect: true } }";
    let policy = policy(facts);
    let about = |findings: Vec<Finding>| {
        let about = findings.into_iter().filter(|it| it.place == "fact `verified`");
        about.map(|it| (it.gravity, it.problem)).collect::<Vec<_>>()
    };
    let anywhere = about(policy.lint());
    assert_eq!(anywhere.len(), 1);
    assert_eq!(anywhere[0].0, Gravity::Notice);
    assert!(anywhere[0].1.contains("`facts.providers.crm`"), "{anywhere:?}");
    assert_eq!(about(policy.lint_for(|name| name == "crm")), []);
    let without = about(policy.lint_for(|name| name == "other"));
    assert_eq!(without[0].0, Gravity::Warning);
    assert!(without[0].1.contains("this server has no provider `crm`"), "{without:?}");
}

#[test]
fn guidance_says_what_is_forbidden_and_what_waits() {
    let guidance = policy(DESK).guidance_for(&[]);
    assert_eq!(guidance.text, "Ask before you pay anybody new.");
    assert_eq!(guidance.forbidden_tools, ["erase"]);
    assert_eq!(guidance.approval_tools, ["close_books"]);
}

/// The cases that the practice names, each with a policy of its house.
#[test]
fn the_scenarios_policies_pass_their_own_tests_and_a_look_over() {
    for text in [
        include_str!("../../../../../policies/scenarios/hotel.yaml"),
        include_str!("../../../../../policies/scenarios/claims.yaml"),
        include_str!("../../../../../policies/scenarios/payments.yaml"),
        include_str!("../../../../../policies/scenarios/clinic.yaml"),
        include_str!("../../../../../policies/scenarios/crm.yaml"),
        include_str!("../../../../../policies/scenarios/mail.yaml"),
        include_str!("../../../../../policies/scenarios/security.yaml"),
    ] {
        let policy = Policy::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let name = policy.name.clone().unwrap_or_default();
        let cases = policy.run_cases();
        assert!(cases.len() >= 2, "{name}");
        for case in cases {
            assert_eq!(case.problem, None, "{name}: {}", case.name);
        }
        let warnings = policy.lint().into_iter().filter(|it| it.gravity == Gravity::Warning);
        assert_eq!(warnings.collect::<Vec<_>>(), [], "{name}");
    }
}
