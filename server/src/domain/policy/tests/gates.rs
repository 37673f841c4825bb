//! Effect classes wait for a person unless a rule relaxes them, and hard
//! constraints whatever rules say.

use super::*;

const CLINIC: &str = r#"
default: allow
tools:
  wire: { effects: [money], amount: amount }
  mail: { effects: [external_communication] }
  pay_and_mail: { effects: [money, external_communication], amount: amount }
  look: { write: false }
rules:
  - id: small-money
    tools: ["*"]
    when: action.amount <= 100
    effect: allow
    relaxes: [money]
    reason: pocket money
"#;

fn effect(text: &str, tool: &str, arguments: Value) -> (DecisionEffect, Option<String>) {
    let verdict = Call { tool, arguments, ..Call::default() }.by(&policy(text));
    (verdict.effect, verdict.rule)
}

#[test]
fn each_class_is_gated_by_itself() {
    for class in EffectClass::ALL {
        let text = format!("default: allow\ntools: {{ act: {{ effects: [{}] }} }}", class.name());
        let rule = format!("gate.{}", class.name());
        assert_eq!(effect(&text, "act", json!({})), (DecisionEffect::Escalate, Some(rule)));
    }
    assert_eq!(effect(CLINIC, "look", json!({})).0, DecisionEffect::Escalate, "no amount to judge");
}

#[test]
fn a_rule_relaxes_the_classes_that_it_names_and_no_others() {
    let small = json!({"amount": 99});
    let rule = |rule: &str| Some(rule.to_owned());
    assert_eq!(effect(CLINIC, "wire", small.clone()), (DecisionEffect::Allow, rule("small-money")));
    let gated = (DecisionEffect::Escalate, rule("gate.external_communication"));
    assert_eq!(effect(CLINIC, "pay_and_mail", small), gated);
    let large = json!({"amount": 101});
    assert_eq!(effect(CLINIC, "wire", large), (DecisionEffect::Escalate, rule("gate.money")));
}

#[test]
fn a_relaxation_that_cannot_be_judged_is_none() {
    for arguments in [json!({}), json!({"amount": "99"}), json!({"amount": null})] {
        let (effect, _) = effect(CLINIC, "wire", arguments.clone());
        assert_eq!(effect, DecisionEffect::Escalate, "{arguments}");
    }
}

#[test]
fn allowing_is_not_relaxing() {
    let text = CLINIC.replace("    relaxes: [money]\n", "");
    let rule = Some("gate.money".to_owned());
    assert_eq!(effect(&text, "wire", json!({"amount": 1})), (DecisionEffect::Escalate, rule));
}

#[test]
fn no_rule_relaxes_a_hard_constraint() {
    let text = r#"
default: allow
tools: { wire: { effects: [money], amount: amount } }
constraints:
  - { id: limit, tools: [wire], when: action.amount > 1000, effect: require_approval, reason: large }
  - { id: never, tools: [change_identity], effect: deny, reason: never }
rules:
  - { id: all, tools: ["*"], effect: allow, relaxes: [money], reason: all is well }
"#;
    let policy = policy(text);
    let call = |tool, amount: i64| {
        Call { tool, arguments: json!({"amount": amount}), ..Call::default() }.by(&policy)
    };
    assert_eq!(call("wire", 1_000).effect, DecisionEffect::Allow);
    let large = call("wire", 1_001);
    assert_eq!((large.effect, large.is_hard), (DecisionEffect::Escalate, true));
    let never = call("change_identity", 0);
    assert_eq!((never.effect, never.is_hard), (DecisionEffect::Deny, true));
}

#[test]
fn todays_constraints_block_what_was_approved_only_if_they_deny() {
    let policy = policy(
        "default: allow\nconstraints:\n\
         - { id: ask, tools: [wire], effect: require_approval, reason: x }\n\
         - { id: never, tools: [drop], effect: deny, reason: x }\n\
         rules: [{ id: soft, tools: [mail], effect: escalate, reason: x }]",
    );
    let blocks = |tool, approved| {
        Call { tool, ..Call::default() }
            .with_facts(|facts| policy.blocks(facts, approved))
            .is_some()
    };
    assert!(!blocks("wire", true) && blocks("wire", false));
    assert!(blocks("drop", true) && blocks("drop", false));
    assert!(!blocks("mail", true) && !blocks("mail", false), "soft constraints were settled");
}

#[test]
fn what_constraints_and_relaxations_may_not_say_is_refused() {
    for (text, expected) in [
        ("constraints: [{ id: a, tools: [x], effect: allow, reason: x }]", "want `deny` or"),
        ("rules: [{ id: a, tools: [x], effect: escalate, relaxes: [money], reason: x }]", "relax"),
        ("rules: [{ id: a, tools: [x], effect: allow, relaxes: [cash], reason: x }]", "cash"),
        ("rules: [{ id: gate.money, tools: [x], effect: allow, reason: x }]", "server's own"),
        ("rules: [{ id: a, tools: [x], effect: allow, reason: x, quorum: 11 }]", "1 to 10"),
        ("rules: [{ id: a, tools: [x], effect: allow, reason: x, headline: '{who}' }]", "{who}"),
        ("rules: [{ id: a, tool: x, effect: allow, reason: x }]", "unknown field `tool`"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn unanswered_questions_close_by_their_severity() {
    let expire = |severity: &str| {
        let text = format!(
            "rules: [{{ id: a, tools: [x], effect: escalate, severity: {severity}, reason: x }}]"
        );
        Call { tool: "x", ..Call::default() }.by(&policy(&text)).ask.unwrap().expire
    };
    let hours = |hours: i64| Span::from_secs(hours * 60 * 60);
    assert_eq!([expire("low"), expire("medium")], [hours(7 * 24), hours(7 * 24)]);
    assert_eq!([expire("high"), expire("critical")], [hours(24), hours(24)]);
}
