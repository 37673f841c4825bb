//! Judging is deterministic, and the order of rules does not matter.

use proptest::prelude::*;

use super::*;
use crate::domain::digest::FieldHasher;

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

/// Tells a process of the test below to print what it decides and nothing else.
const CHILD: &str = "POINTSMAN_DECIDES_AS_CHILD";
const CASES: u64 = 10_000;

/// A number that looks random, the same in every process.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^ (number >> 27)
}

/// The digest of many decisions with their traces.
fn decisions() -> String {
    let policy = policy(&document(&RULES));
    let mut hasher = FieldHasher::new("decisions");
    for case in 0..CASES {
        let pick = |salt: u64, of: u64| mixed(case * 16 + salt) % of;
        let fields: Vec<_> = (0..pick(0, 6))
            .map(|it| (["a", "b", "c", "d", "e"][pick(it + 1, 5) as usize].to_owned(), 1))
            .collect();
        let text = ["a", "b", "c"][pick(7, 3) as usize];
        let call = Call {
            tool: ["act", "look", "other"][pick(8, 3) as usize],
            arguments: arguments(pick(9, 120) as i64 - 10, text, &fields),
            confidence: (pick(10, 3) > 0).then(|| pick(11, 100) as f64 / 100.0),
            goal: "send 5 to a",
            ..Call::default()
        };
        let explanation = call.with_facts(|facts| policy.explain(facts));
        hasher.field(format!("{explanation:?}").as_bytes());
    }
    hasher.finish().to_string()
}

/// Maps hash by another seed in every process.
#[test]
fn processes_agree_on_every_decision_and_trace() {
    let own = decisions();
    if std::env::var_os(CHILD).is_some() {
        println!("decided {own}");
        return;
    }
    let name = "domain::policy::tests::properties::processes_agree_on_every_decision_and_trace";
    for _ in 0..2 {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(said.contains(&format!("decided {own}")), "{own}: {said}");
    }
}

/// Found by the fuzzer: the library's words show a map, in another order every time.
#[test]
fn why_a_condition_fails_is_said_in_the_same_words_every_time() {
    let conditions = [
        "1 + run > 2",
        "run < args",
        "args.fields > 3",
        "args.fields[run] == 1",
        "size(1) > 2",
        "args[args] == 1",
        "-args.text == 1",
        "{run.goal: 1, run.goal: 2} == args",
        "args.text.startsWith(run)",
        "9223372036854775807 + args.n > 0",
        "1 / (args.n - args.n) == 1",
        "int(args.text) == 1",
        "args.fields.x == 1",
    ];
    for condition in conditions {
        let quoted = serde_json::to_string(condition).unwrap();
        let text =
            format!("rules: [{{ id: r, tools: ['*'], effect: deny, reason: x, when: {quoted} }}]");
        let fields: Vec<_> = "abcdefgh".chars().map(|it| (it.to_string(), 1)).collect();
        let call =
            Call { tool: "act", arguments: arguments(7, "seven", &fields), ..Call::default() };
        let policy = policy(&text);
        let explained = || call.with_facts(|facts| format!("{:?}", policy.explain(facts)));
        let (first, whole) = (call.by(&policy).failed, explained());
        assert_eq!(first.len(), 1, "{condition}");
        for _ in 0..8 {
            assert_eq!(explained(), whole, "{condition}");
        }
        assert!(!first[0].1.contains('{') && !first[0].1.contains("seven"), "{}", first[0].1);
    }
}
