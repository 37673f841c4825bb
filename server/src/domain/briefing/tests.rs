//! Briefings keep to their budget and hide nothing of what they cut.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::domain::action::ActionContent;
use crate::domain::message::{Message, MessageLog};
use crate::domain::policy::{FactAnswer, Facts, Inputs, Policy, Sources};
use crate::domain::time::Span;

const POLICY: &str = "
version: 1
default: allow
facts:
  identity_verified: { provider: desk, type: bool, tools: [pay], send: [to], expect: true }
windows:
  paid_today: { tools: [pay], per: agent, over: 24h }
tools:
  pay:
    effects: [money]
    irreversibility: high
    amount: amount
    currency: currency
    identifiers: [to]
    impact: { financial: { medium: 100, high: 1000 } }
    link: https://crm.example/accounts/{target}
    delay_cost: { amount: 40, currency: EUR, per: 1m }
  note: { write: false }
rules:
  - id: large
    tools: [pay]
    when: args.amount > 500 && provenance('to') != 'user'
    effect: escalate
    reason: Payments over 500 to somebody the user has not named need a person.
    headline: 'Pay {args.amount} {args.currency} to {args.to}'
";

fn inputs() -> Inputs {
    let known = FactAnswer::Known { value: json!(true), time: Timestamp::from_micros(5_000_000) };
    let facts = BTreeMap::from([("identity_verified".to_owned(), known)]);
    Inputs { facts, ..Inputs::default() }
}

fn briefing_of(arguments: &Value, target: &str, inputs: &Inputs, log: &MessageLog) -> Briefing {
    let policy = Policy::parse(POLICY).unwrap();
    let sources = Sources::read(log);
    let fields = arguments.as_object().unwrap();
    let facts = Facts {
        tool: "pay",
        tool_schema_version: "",
        target,
        arguments: fields,
        confidence: Some(0.4),
        agent: "claims",
        on_behalf_of: None,
        ancestors: &[],
        constraint_sets: &[],
        hop_count: 0,
        goal: "",
        sources: &sources,
        inputs,
    };
    let content = ActionContent {
        target: target.to_owned(),
        arguments: Bytes::from(serde_json::to_vec(arguments).unwrap()),
        ..ActionContent::default()
    };
    let verdict = policy.evaluate(&facts);
    for_action(&Asked { policy: &policy, facts: &facts, verdict: &verdict, content: &content })
}

fn told() -> MessageLog {
    let mut log = MessageLog::new();
    log.push(Message::user("Settle the claim of Anna Novak for 4812")).unwrap();
    log.push(Message::tool("crm", r#"{"name":"Anna Novak","account":"A-77"}"#)).unwrap();
    log
}

fn words_of(risks: &[Risk]) -> Vec<&str> {
    risks.iter().map(|risk| risk.words.as_str()).collect()
}

#[test]
fn a_payment_is_told_from_risk_to_silence() {
    let arguments = json!({"amount": 4812.5, "currency": "EUR", "to": "A-77"});
    let briefing = briefing_of(&arguments, "A-77", &inputs(), &told());
    let written = render::Written::read(br#"{"a":{"b":4812.50},"c":[1.0, 2],"d":"x\u0079"}"#);
    let values = ["a.b", "c", "d", "e"].map(|path| written.at(path));
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    assert_eq!(values, [Some("4812.50"), Some("[1.0, 2]"), Some("xy"), None], "as written");
    assert_eq!(
        words_of(&briefing.risks),
        ["irreversible", "high value: 4812.5 EUR", "agent only 40 % sure"]
    );
    assert_eq!(briefing.headline, "Pay 4812.5 EUR to A-77");
    assert_eq!(briefing.link, "https://crm.example/accounts/A-77");
    assert_eq!(briefing.effects, ["money moves, or somebody is bound to pay"]);
    let facts: Vec<_> = briefing
        .facts
        .iter()
        .map(|it| format!("{:?} {}: {} ({})", it.mark, it.label, it.value, it.source))
        .collect();
    assert_eq!(
        facts,
        [
            "System identity verified: true (desk)",
            "Agent amount: 4812.5 EUR (the arguments; nothing that was said holds it)",
            "Tool to: A-77 (the arguments; a tool's result holds it)",
            "Agent confidence: 40 % (the agent's own figure)",
        ]
    );
    let odd = json!({"amount": 501, "currency": "EUR", "to": "A\nB"});
    let headline = briefing_of(&odd, "", &inputs(), &told()).shown().briefing.headline;
    assert_eq!(headline, "Pay 501 EUR to A↵B", "a line break is no space");
    let choices: Vec<_> = briefing.consequences.iter().map(|it| it.choice).collect();
    let answers = [Choice::Approve, Choice::Modify, Choice::Reject, Choice::Respond];
    assert_eq!(choices, [&answers[..], &[Choice::Instruct, Choice::Silence]].concat());
    assert_eq!(
        briefing.consequences[0].words,
        "pay runs once, on exactly these arguments; it cannot be taken back"
    );
}

#[test]
fn what_nobody_named_and_what_hides_are_risks() {
    let arguments = json!({"amount": 600, "to": "B-1\u{200b}3"});
    let missing = FactAnswer::Missing { problem: "timeout".to_owned() };
    let facts = BTreeMap::from([("identity_verified".to_owned(), missing)]);
    let inputs = Inputs { facts, ..Inputs::default() };
    let briefing = briefing_of(&arguments, "", &inputs, &told());
    let kinds: Vec<_> = briefing.risks.iter().map(|risk| risk.kind).collect();
    for kind in [RiskKind::UnknownSource, RiskKind::HiddenText, RiskKind::MissingFact] {
        assert!(kinds.contains(&kind), "{kind:?} of {kinds:?}");
    }
    assert!(briefing.risks.is_sorted_by_key(|risk| std::cmp::Reverse(risk.level)));
}

#[test]
fn what_is_shown_is_safe_and_within_its_budget() {
    let long = "word ".repeat(60) + "\u{202e}end";
    let fact = BriefFact {
        label: "l\u{200b}".to_owned(),
        value: "v".repeat(900),
        mark: FactMark::Tool,
        source: String::new(),
        time: None,
    };
    let briefing = Briefing {
        headline: long.clone(),
        why: long,
        if_silent: "cancelled: nothing runs, and the agent is told".to_owned(),
        facts: vec![fact; 9],
        ..Briefing::default()
    };
    let shown = briefing.shown();
    let words = |text: &str| word_count(text.split(" ‹").next().unwrap());
    let budget = [(&shown.briefing.headline, 12), (&shown.briefing.why, 18)];
    for (text, most) in budget {
        assert_eq!(words(text), most, "{text}");
        assert!(text.ends_with(" more words›"), "{text}");
    }
    assert_eq!((shown.briefing.facts.len(), shown.more_facts.len()), (MOST_FACTS, 2));
    assert_eq!(shown.briefing.facts[0].label, "l‹U+200B ZERO WIDTH SPACE›");
    assert!(shown.briefing.facts[0].value.ends_with("‹700 more characters›"));
    let labels: Vec<_> = shown.details.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, ["headline", "why"]);
    assert!(shown.details[0].text.ends_with("word ‹U+202E RIGHT-TO-LEFT OVERRIDE›end"));
}

#[test]
fn headline_why_and_silence_have_forty_words_together() {
    assert_eq!(HEADLINE_WORDS + WHY_WORDS + SILENCE_WORDS, 40);
    let content = ActionContent { target: "a b c d e f g".to_owned(), ..ActionContent::default() };
    for briefing in [
        for_unknown_execution("pay", &ActionContent::default()),
        for_unexpected_result("pay", &content, "it wants a number"),
        for_overdue_run("claims", Span::from_secs(60)),
        for_redirected_run("claims", "sam", "it pays twice"),
    ] {
        assert_eq!(briefing.shown().details, [], "{briefing:?}");
    }
}

#[test]
fn every_silence_of_a_policy_fits() {
    for silence in ["cancel", "fallback", "rollback"] {
        let policy =
            POLICY.replace("default: allow", &format!("default: allow\non_expiry: {silence}"));
        assert!(Policy::parse(&policy).is_ok());
        let arguments = json!({"amount": 4812, "to": "A-77"});
        let briefing = briefing_of(&arguments, "", &inputs(), &told());
        assert!(word_count(&briefing.if_silent) <= SILENCE_WORDS);
    }
}

#[test]
fn a_policy_with_longer_words_is_refused_and_says_where() {
    let long = "Pay {args.amount} to {args.to} as the customer has asked us to do it today";
    let policy = POLICY.replace("Pay {args.amount} {args.currency} to {args.to}", long);
    let error = Policy::parse(&policy).unwrap_err();
    assert_eq!(error.place, "rule `large`, headline");
    assert!(error.problem.starts_with("14 words, more than 12"), "{error}");
    assert!(Policy::recorded(&policy).is_ok(), "a revision that was put stays readable");
    let policy =
        POLICY.replace("need a person.", "need a person who knows them very well and has time.");
    assert_eq!(Policy::parse(&policy).unwrap_err().place, "rule `large`, reason");
}

#[test]
fn quotes_name_who_said_a_value_and_how() {
    let arguments = json!({"amount": 4812, "to": {"account": "A-77"}, "note": "Novak", "x": "ag"});
    let found = quotes(arguments.as_object().unwrap(), told().messages());
    let found: Vec<_> = found
        .iter()
        .map(|it| format!("{} {:?} {} {}", it.path, it.speaker, it.message, it.words))
        .collect();
    assert_eq!(
        found,
        [
            "/amount User 1 Settle the claim of Anna Novak for 4812",
            r#"/to/account Tool 2 {"name":"Anna Novak","account":"A-77"}"#,
            "/note User 1 Settle the claim of Anna Novak for 4812",
        ]
    );
}
