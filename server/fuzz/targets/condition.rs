//! A condition of any text is compiled or refused; one that is compiled is evaluated
//! in bounded time on arguments of any shape. The text is what stands before the
//! first zero byte, the arguments are the JSON behind it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_server::domain::policy::{Facts, Inputs, Policy, Sources};
use serde_json::{Map, Value, json};

fuzz_target!(|text: &str| {
    let (condition, arguments) = text.split_once('\0').unwrap_or((text, "{}"));
    let document = json!({
        "version": 1,
        "parameters": { "limit": 50, "names": ["a", "b"] },
        "variables": { "large": "args.amount > params.limit" },
        "windows": { "calls": { "tools": ["*"], "per": "run", "over": "1h" } },
        "rules": [{
            "id": "fuzzed",
            "tools": ["*"],
            "effect": "allow",
            "reason": "Fuzzed.",
            "when": condition,
        }],
    });
    let Ok(policy) = Policy::parse(&document.to_string()) else { return };
    let arguments: Map<String, Value> = serde_json::from_str(arguments).unwrap_or_default();
    let (sources, inputs) = (Sources::default(), Inputs::default());
    let facts = Facts {
        tool: "act",
        tool_schema_version: "",
        target: "acct-7",
        arguments: &arguments,
        confidence: Some(0.5),
        agent: "agent",
        on_behalf_of: Some("ada"),
        ancestors: &[],
        constraint_sets: &[],
        hop_count: 1,
        goal: "send 50 to Anna",
        sources: &sources,
        inputs: &inputs,
    };
    assert_eq!(policy.explain(&facts), policy.explain(&facts));
});
