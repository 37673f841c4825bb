//! What is published of the document is what the server reads.

use super::*;

#[test]
fn the_published_schema_and_reference_are_those_of_the_code() {
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    let hint = "run `make policy-docs` and look at what it changed";
    assert!(include_str!("../../../../../docs/policy.schema.json") == schema, "{hint}");
    assert!(include_str!("../../../../../docs/policy-reference.md") == reference(), "{hint}");
}

#[test]
fn the_published_schema_accepts_what_the_server_reads() {
    let schema = ArgumentSchema::compile(json_schema()).unwrap();
    for text in [
        include_str!("../../../../../policies/dev.yaml"),
        include_str!("../../../../../policies/assistant.yaml"),
        include_str!("../../../../../policies/starters/strict.yaml"),
        include_str!("../../../../../policies/starters/general.yaml"),
        include_str!("../../../../../policies/starters/banking.yaml"),
        include_str!("../../../../../policies/starters/workspace-chat.yaml"),
        include_str!("../../../../../policies/starters/retail-support.yaml"),
    ] {
        let document: Value = serde_norway::from_str(text).unwrap();
        assert_eq!(schema.findings(&document), Vec::<String>::new());
        for case in Policy::parse(text).unwrap().run_cases() {
            assert_eq!(case.problem, None, "{}", case.name);
        }
    }
    let misspelt: Value = serde_norway::from_str("version: 1\nrule: []").unwrap();
    assert_ne!(schema.findings(&misspelt), Vec::<String>::new());
}

#[test]
fn every_name_of_the_reference_can_be_read() {
    for name in VALUES {
        let text = format!(
            "rules: [{{ id: r, tools: ['*'], effect: allow, reason: x, when: \"{} == {}\" }}]",
            name.name, name.name
        );
        let call = Call {
            tool: "t",
            confidence: Some(0.5),
            arguments: json!({"amount": 5, "currency": "EUR", "customer": "c", "affected": 3}),
            inputs: Inputs { novelty: Some(0.5), ..Inputs::default() },
            ..Call::default()
        };
        let tools = "tools: { t: { amount: amount, currency: currency, customer: customer, affected: affected } }";
        let verdict = call.by(&policy(&format!("{tools}\n{text}")));
        assert_eq!(
            (verdict.effect, verdict.failed),
            (DecisionEffect::Allow, Vec::new()),
            "{}",
            name.name
        );
    }
}

#[test]
fn words_to_watch_for_are_few_and_short() {
    let with = |words: &str| Policy::parse(&format!("version: 1\nwatch_words: {words}\n"));
    assert_eq!(with("[warfarin, 'bank account']").unwrap().watch_words.len(), 2);
    for bad in ["['']".to_owned(), format!("[{}]", "x".repeat(65)), format!("{:?}", vec!["x"; 33])]
    {
        assert_eq!(with(&bad).unwrap_err().place, "watch_words", "{bad}");
    }
}
