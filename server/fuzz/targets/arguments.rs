//! What an agent sends is judged in bounded time: arguments of any bytes, and a result
//! of any bytes behind the first zero byte.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pointsman_server::domain::arguments;
use pointsman_server::domain::message::Speaker;
use pointsman_server::domain::policy::{Facts, Inputs, Policy, Sources};

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = r#"
version: 1
default: allow
tools:
  pay:
    effects: [money]
    amount: amount
    target: to
    affected: accounts
    arguments: { type: object, properties: { amount: { type: number } } }
    result: { type: object }
    expects: result.total <= args.amount && result.rows.all(row, row.id != "")
triggers: { confidence: { below: 0.6 }, impact: {}, risk: {}, provenance: {}, intent: {}, validation: {} }
rules:
  - { id: small, tools: [pay], when: "args.amount < 50 && is_grounded", effect: allow, relaxes: [money], reason: Small. }
  - { id: many, tools: [pay], when: "args.accounts.exists(it, it == args.to)", effect: escalate, reason: Many. }
"#;
    Policy::parse(text).expect("the policy is right")
});

fuzz_target!(|bytes: &[u8]| {
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (sent, answered) = bytes.split_at(cut);
    let Ok(arguments) = arguments::parse("arguments", sent) else { return };
    let mut sources = Sources::default();
    sources.add(Speaker::User, "pay 20 to anna@example.com");
    sources.add(Speaker::Tool, &String::from_utf8_lossy(answered));
    let inputs = Inputs::default();
    let facts = Facts {
        tool: "pay",
        tool_schema_version: "",
        target: "",
        arguments: &arguments,
        confidence: Some(0.9),
        agent: "agent",
        on_behalf_of: None,
        ancestors: &[],
        constraint_sets: &[],
        hop_count: 0,
        goal: "pay 20 to anna@example.com",
        sources: &sources,
        inputs: &inputs,
    };
    assert_eq!(POLICY.explain(&facts), POLICY.explain(&facts));
    POLICY.problem_with_result(&facts, answered.get(1..).unwrap_or_default());
});
