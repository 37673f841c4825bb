//! Which answers count, and what providers are told.

use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn fact(kind: FactType) -> Fact {
    Fact {
        provider: "crm".to_owned(),
        kind,
        tools: vec!["pay".to_owned()],
        send: ["customer", "to.iban"].map(Path::from).to_vec(),
        max_age: Span::from_secs(60),
    }
}

fn taken(kind: FactType, value: Value) -> Result<Value, String> {
    match fact(kind).take(Reply { value, time: Some(NOW) }, NOW) {
        FactAnswer::Known { value, time } => {
            assert_eq!(time, NOW);
            Ok(value)
        }
        FactAnswer::Missing { problem } => Err(problem),
    }
}

#[test]
fn an_answer_has_the_type_that_was_declared() {
    use FactType::{Bool, Double, Int, String};
    let right = [
        (Bool, json!(true), json!(true)),
        (Int, json!(3), json!(3)),
        // A protobuf Value knows doubles only.
        (Int, json!(3.0), json!(3)),
        (Int, json!(-9_007_199_254_740_992.0), json!(-9_007_199_254_740_992_i64)),
        (Double, json!(3), json!(3.0)),
        (Double, json!(0.5), json!(0.5)),
        (String, json!("gold"), json!("gold")),
    ];
    for (kind, value, want) in right {
        assert_eq!(taken(kind, value), Ok(want));
    }
    let wrong = [
        (Bool, json!("true")),
        (Bool, json!(1)),
        (Bool, json!(null)),
        (Int, json!(3.5)),
        (Int, json!(9_007_199_254_740_994.0)),
        (Int, json!(9_007_199_254_740_993_i64)),
        (Int, json!(u64::MAX)),
        (Int, json!(i64::MIN)),
        (Int, json!("3")),
        (Double, json!([0.5])),
        (String, json!(5)),
        (String, json!({"a": 1})),
        (String, json!("x".repeat(MAX_TEXT_BYTES + 1))),
        (String, json!("AKIAIOSFODNN7EXAMPLE")),
    ];
    for (kind, value) in wrong {
        assert!(taken(kind, value.clone()).is_err(), "{kind:?} {value}");
    }
}

#[test]
fn an_answer_is_as_fresh_as_the_policy_wants_it() {
    let fact = fact(FactType::Bool);
    let at = |time: Option<Timestamp>| fact.take(Reply { value: json!(true), time }, NOW);
    let aged = |seconds: i64| at(Some(NOW.plus(Span::from_secs(-seconds))));
    for seconds in [0, 60, -5] {
        assert!(matches!(aged(seconds), FactAnswer::Known { .. }), "{seconds} s");
    }
    for (answer, words) in [
        (aged(61), "61 s old, more than 60 s"),
        (aged(-6), "from the future"),
        (at(None), "does not say when"),
        (at(Some(Timestamp::from_micros(i64::MIN))), "old"),
        (at(Some(Timestamp::from_micros(i64::MAX))), "future"),
    ] {
        let FactAnswer::Missing { problem } = answer else { panic!("{words}: {answer:?}") };
        assert!(problem.contains(words), "{problem}");
    }
}

#[test]
fn a_provider_is_told_what_the_policy_lists_and_nothing_else() {
    let arguments = json!({
        "customer": "c1", "note": "secret", "to": { "iban": "DE1", "name": "Eve" }
    });
    let told = fact(FactType::Bool).told(arguments.as_object().unwrap());
    assert_eq!(json!(told), json!({"Ok": {"customer": "c1", "to": {"iban": "DE1"}}}));
    let told = |arguments: Value| fact(FactType::Bool).told(arguments.as_object().unwrap());
    assert_eq!(told(json!({"customer": null, "to": "x"})), Ok(Map::new()));
    // Two accounts that a reader of doubles takes for one.
    for number in [json!(9_007_199_254_740_993_i64), json!(u64::MAX)] {
        for customer in [number.clone(), json!([{"id": number}])] {
            assert!(told(json!({"customer": customer})).unwrap_err().contains("`customer`"));
        }
    }
}

#[test]
fn of_two_paths_the_shorter_holds_the_longer() {
    let arguments = json!({"to": {"iban": "DE1", "name": "Eve"}});
    for send in [["to", "to.iban"], ["to.iban", "to"]] {
        let fact = Fact { send: send.map(Path::from).to_vec(), ..fact(FactType::Bool) };
        assert_eq!(json!(fact.told(arguments.as_object().unwrap()).unwrap()), arguments);
    }
}

#[test]
fn what_cannot_be_asked_or_expected_is_refused() {
    let document = |fact: &str| {
        Policy::parse(&format!("version: 1\nfacts: {{ it: {{ {fact} }} }}"))
            .map_or_else(|error| error.to_string(), |_| "taken".to_owned())
    };
    assert_eq!(document("provider: crm, type: bool, tools: [pay], expect: true"), "taken");
    for (fact, place) in [
        ("provider: CRM, type: bool, tools: [pay]", "provider"),
        ("provider: a.b, type: bool, tools: [pay]", "provider"),
        ("provider: '', type: bool, tools: [pay]", "provider"),
        ("provider: crm, type: bool, tools: []", "tools"),
        ("provider: crm, type: bool, tools: [pay], expect: 'yes'", "expect"),
        ("provider: crm, type: int, tools: [pay], expect: 1.5", "expect"),
    ] {
        assert!(document(fact).contains(&format!("fact `it`, {place}")), "{fact}");
    }
}

#[test]
fn an_expected_number_is_one_however_it_is_written() {
    for (kind, expect, value) in [
        ("double", "1", json!(1.0)),
        ("double", "1", json!(1)),
        ("double", "0.5", json!(0.5)),
        ("int", "1.0", json!(1)),
        ("string", "'a\"b\\u00e9'", json!("a\"b\\u00e9")),
    ] {
        let document = format!(
            "version: 1\ndefault: allow\nfacts: {{ it: {{ provider: crm, type: {kind}, \
             tools: [pay], expect: {expect} }} }}\ntests:\n\
             - {{ name: as expected, tool: pay, facts: {{ it: {value} }}, expect: allow }}\n"
        );
        let policy = Policy::parse(&document).unwrap();
        assert_eq!(policy.run_cases()[0].problem, None, "{document}");
    }
}
