//! Judging is deterministic, and the order of rules does not matter.

use proptest::prelude::*;

use super::*;

const POLICY: &str = r#"
default: allow
parameters: { limit: 50, words: [a, b] }
variables: { is_large: args.n > params.limit }
tools: { act: { effects: [money], amount: n }, look: { write: false } }
triggers: { confidence: { below: 0.6 }, risk: {}, provenance: {}, intent: {} }
"#;

const RULES: [&str; 6] = [
    "{ id: one, tools: ['*'], when: vars.is_large, effect: escalate, severity: low, reason: x }",
    "{ id: two, tools: [act], when: args.n > 90, effect: deny, reason: x }",
    "{ id: three, tools: ['*'], when: \"args.text in params.words\", effect: escalate, severity: critical, reason: x }",
    "{ id: four, tools: [act], when: args.n < 10, effect: allow, relaxes: [money], reason: x }",
    "{ id: five, tools: ['l*'], when: args.fields.a == args.fields.b, effect: sample, reason: x }",
    "{ id: six, tools: ['*'], when: args.missing > 1 && args.n > 70, effect: escalate, reason: x }",
];

fn document(rules: &[&str]) -> String {
    format!(
        "{POLICY}rules:\n{}",
        rules.iter().map(|rule| format!("  - {rule}\n")).collect::<String>()
    )
}

fn arguments(n: i64, text: &str, fields: &[(String, i64)]) -> Value {
    let fields: Map<_, _> = fields.iter().map(|(name, n)| (name.clone(), json!(n))).collect();
    json!({"n": n, "text": text, "fields": fields})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Each case compiles nothing but looks at the same policy in two copies, and at
    /// arguments whose fields come in another order: maps hash differently in each.
    #[test]
    fn the_same_facts_give_the_same_verdict_and_trace(
        tool in "act|look|other",
        n in -10_i64..110,
        text in "a|b|c",
        fields in proptest::collection::vec(("[a-e]", 0_i64..3), 0..6),
        confidence in proptest::option::of(0.0_f64..1.0),
    ) {
        thread_local! {
            static COPIES: [Policy; 2] = [policy(&document(&RULES)), policy(&document(&RULES))];
        }
        let mut unique: BTreeMap<String, i64> = fields.into_iter().collect();
        unique.entry("a".to_owned()).or_insert(1);
        let straight: Vec<_> = unique.into_iter().collect();
        let mut reversed = straight.clone();
        reversed.reverse();
        let call = |fields: &[(String, i64)]| Call {
            tool: &tool,
            arguments: arguments(n, &text, fields),
            confidence,
            goal: "send 5 to a",
            ..Call::default()
        };
        COPIES.with(|[first, second]| {
            let (straight, reversed) = (call(&straight), call(&reversed));
            let explain = |policy: &Policy, call: &Call<'_>| call.with_facts(|facts| policy.explain(facts));
            let expected = explain(first, &straight);
            prop_assert_eq!(&expected, &explain(second, &straight));
            prop_assert_eq!(&expected, &explain(first, &reversed));
            prop_assert_eq!(&expected.verdict, &straight.by(second));
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_rules_does_not_matter(
        order in Just((0..RULES.len()).collect::<Vec<_>>()).prop_shuffle(),
        tool in "act|look|other",
        n in -10_i64..110,
        text in "a|b|c",
    ) {
        let shuffled: Vec<_> = order.iter().map(|index| RULES[*index]).collect();
        let call = Call { tool: &tool, arguments: arguments(n, &text, &[]), ..Call::default() };
        let [straight, shuffled] =
            [document(&RULES), document(&shuffled)].map(|text| call.by(&policy(&text)));
        prop_assert_eq!(straight.effect, shuffled.effect);
        let ask = |verdict: &Verdict| verdict.ask.as_ref().map(|ask| ask.severity);
        prop_assert_eq!(ask(&straight), ask(&shuffled));
        prop_assert_eq!(straight.is_sampled, shuffled.is_sampled);
    }
}
