//! A policy document of any bytes is read or refused with its reason; one that is
//! read lints, runs its own test and judges, the same way twice.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_server::domain::policy::{Facts, Inputs, Policy, Sources};

fuzz_target!(|text: &str| {
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(refusal) => {
            assert!(!refusal.place.is_empty() && !refusal.problem.is_empty());
            return;
        }
    };
    policy.lint();
    policy.run_cases();
    let (arguments, sources, inputs) = (Default::default(), Sources::default(), Inputs::default());
    for tool in policy.tools().keys().map(String::as_str).chain(["unknown"]).take(4) {
        let facts = Facts {
            tool,
            tool_schema_version: "",
            target: "",
            arguments: &arguments,
            confidence: None,
            agent: "agent",
            on_behalf_of: None,
            ancestors: &[],
            constraint_sets: &[],
            hop_count: 0,
            goal: "do it",
            sources: &sources,
            inputs: &inputs,
        };
        assert_eq!(policy.explain(&facts), policy.explain(&facts));
    }
});
