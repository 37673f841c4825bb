//! What authors and agents may send: refused with its reason, or judged in bounded
//! time; never a crash.

use proptest::prelude::*;

use super::*;

fn when(condition: &str) -> String {
    format!(
        "rules: [{{ id: r, tools: ['*'], effect: allow, reason: x, when: {} }}]",
        serde_json::to_string(condition).unwrap()
    )
}

#[test]
fn conditions_that_cannot_be_bounded_are_refused_with_their_reason() {
    let nested = "args.a.all(x, args.b.all(y, x == y))";
    let deep = format!("{}true{}", "(".repeat(33), ")".repeat(33));
    let in_loops = format!("args.a.all(x, {})", vec!["x in args.b"; 14].join(" && "));
    for (condition, expected) in [
        (vec!["1"; 1_500].join("+") + " > 0", "more than"),
        (vec!["true"; 1_500].join(" && "), "more than"),
        (deep, "brackets nested deeper"),
        (vec!["1"; 90].join("+") + " > 0", "nested deeper"),
        (vec!["args.a ? 1 : 2"; 40].join(" : "), "not a CEL"),
        (nested.to_owned(), "must not nest"),
        ("{'a': 1}.all(k, k == 'a')".to_owned(), "wants a list"),
        ("run.goal.matches(args.pattern)".to_owned(), "literal pattern"),
        ("run.goal.matches('(')".to_owned(), "not a pattern"),
        ("run.goal.matches('(a{1000}){1000}')".to_owned(), "not a pattern"),
        ("args.a.map(x, x + x).size() > 0".to_owned(), "adds numbers"),
        (in_loops, "steps"),
        ("provenance(args.which) == 'user'".to_owned(), "literal string"),
        ("action.amout > 5".to_owned(), "`action.amout` is unknown"),
        ("params.limit > 5".to_owned(), "not defined"),
        ("vars.large".to_owned(), "not defined"),
        ("rate('calls') > 5".to_owned(), "no such window"),
        ("fact('fraud')".to_owned(), "no such fact"),
        ("intent('cash')".to_owned(), "no effect class"),
        ("type(args) == type(1)".to_owned(), "not for conditions"),
        ("x".repeat(3_000), "more than 2048 bytes"),
    ] {
        let refusal = refusal(&when(&condition));
        assert!(refusal.contains(expected), "{condition:.80}: {refusal}");
    }
}

#[test]
fn variables_must_not_go_round_in_circles() {
    for (variables, expected) in [
        ("{ a: vars.b, b: vars.a }", "made of itself"),
        ("{ a: vars.a }", "made of itself"),
        (
            "{ a: vars.b, b: vars.c, c: vars.d, d: vars.e, e: vars.f, f: vars.g, g: vars.h, \
             h: vars.i, i: vars.j, j: 'true' }",
            "inside each other",
        ),
    ] {
        let refusal = refusal(&format!("variables: {variables}\n{}", when("vars.a")));
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn arguments_that_would_take_too_long_escalate() {
    let condition = "args.ids.exists(x, args.names.exists_one(y, false) && x == 'a')";
    assert!(refusal(&when(condition)).contains("nest"));
    let policy = policy(&format!("default: allow\n{}", when("args.ids.exists(x, x in args.ids)")));
    let judge = |count: usize| {
        let ids: Vec<_> = (0..count).map(|id| format!("{id}")).collect();
        Call { tool: "t", arguments: json!({"ids": ids}), ..Call::default() }.by(&policy)
    };
    assert_eq!(judge(100).effect, DecisionEffect::Allow);
    let verdict = judge(20_000);
    assert_eq!(verdict.effect, DecisionEffect::Escalate);
    assert!(verdict.reason.contains("steps"), "{}", verdict.reason);
}

#[test]
fn nothing_iterates_over_maps() {
    let policy = policy(&format!("default: allow\n{}", when("args.m.exists(k, k == 'a')")));
    let judge =
        |m: Value| Call { tool: "t", arguments: json!({"m": m}), ..Call::default() }.by(&policy);
    assert_eq!(judge(json!(["a"])).effect, DecisionEffect::Allow);
    let verdict = judge(json!({"a": 1}));
    assert_eq!(verdict.effect, DecisionEffect::Escalate);
    assert!(verdict.reason.contains("not a list"), "{}", verdict.reason);
}

#[test]
fn documents_that_are_too_much_are_refused() {
    let rules: Vec<_> = (0..501)
        .map(|n| format!("- {{ id: r{n}, tools: [x], effect: allow, reason: x }}"))
        .collect();
    let aliases = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n\
         c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n\
         e: [*d,*d,*d,*d,*d,*d,*d,*d]";
    let deep =
        format!("tools: {{ a: {{ arguments: {}{} }} }}", "[".repeat(5_000), "]".repeat(5_000));
    for (text, expected) in [
        (format!("rules:\n{}", rules.join("\n")), "501, more than 500"),
        (" ".repeat(300_000), "more than 262144"),
        (aliases.to_owned(), "unknown field"),
        (deep, "recursion limit"),
        (
            "tools: { a: { arguments: { $ref: 'http://evil.test/x' } } }".to_owned(),
            "nothing is fetched",
        ),
        ("tools: { a: { arguments: { type: nonsense } } }".to_owned(), "tool `a`, arguments"),
        ("parameters: { a: { b: 1 } }".to_owned(), "parameter `a`"),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.contains(expected), "{text:.60}: {refusal}");
    }
}

/// Pieces of conditions, put together at random.
fn condition() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,12}",
        Just("args.a".to_owned()),
        Just("args.list.exists(x, x == 'a')".to_owned()),
        Just("has(args.a)".to_owned()),
        Just(" && ".to_owned()),
        Just(" > ".to_owned()),
        Just("provenance('a')".to_owned()),
        Just("risk.high".to_owned()),
        Just("[1, 2]".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("run.goal.matches('a+')".to_owned()),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[a-e]", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_condition_and_no_arguments_crash(condition in condition(), a in json_value(), list in json_value()) {
        let text = format!("version: 1\ndefault: allow\n{}", when(&condition));
        if let Ok(policy) = Policy::parse(&text) {
            let arguments = json!({"a": a, "list": list});
            let verdict = Call { tool: "t", arguments, goal: "aaa", ..Call::default() }.by(&policy);
            prop_assert!(verdict.failed.is_empty() || verdict.effect == DecisionEffect::Escalate);
        }
    }

    #[test]
    fn no_document_makes_the_parser_panic(text in "[ -~\n]{0,300}") {
        let _ = Policy::parse(&text);
    }
}

#[test]
fn what_is_just_within_the_limits_fits_on_a_small_stack() {
    for condition in [
        format!("{}true{}", "(".repeat(32), ")".repeat(32)),
        format!("{}[1]{} == []", "[".repeat(31), "]".repeat(31)),
        vec!["args.a"; 60].join(" && "),
        vec!["1"; 60].join(" + ") + " > 0",
        format!("{}args.a", "!".repeat(60)),
        format!("args{} == 1", "[0]".repeat(30)),
        format!("args{} == 1", ".a".repeat(60)),
    ] {
        let text = format!("version: 1\n{}", when(&condition));
        let judge = move || {
            let policy = Policy::parse(&text).unwrap();
            Call { tool: "t", arguments: json!({"a": true}), ..Call::default() }.by(&policy)
        };
        let small = std::thread::Builder::new().stack_size(1024 * 1024);
        small.spawn(judge).unwrap().join().unwrap();
    }
}
