//! What is printed reads back as what it was.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn node() -> impl Strategy<Value = (Node, Value)> {
    let leaf = prop_oneof![
        Just((Node::Null, Value::Null)),
        any::<bool>().prop_map(|value| (Node::Bool(value), Value::Bool(value))),
        any::<u64>().prop_map(|value| (Node::number(value), Value::from(value))),
        any::<String>().prop_map(|value| (Node::text(&value), Value::String(value))),
        prop::sample::select(vec!["true", "no", "~", "- a", "a: b", "12", "", " ", "a#b", "#"])
            .prop_map(|word| (Node::text(word), Value::from(word))),
        any::<String>().prop_map(|value| {
            let json = serde_json::to_string_pretty(&serde_json::json!({ "a": value })).unwrap();
            (Node::Raw(json.clone()), serde_json::from_str(&json).unwrap())
        }),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| {
                let (nodes, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                (Node::List(nodes), Value::Array(values))
            }),
            prop::collection::btree_map("[a-z:# ]{0,6}", inner, 0..4).prop_map(|parts| {
                let nodes = parts.iter().map(|(name, part)| (name.clone(), part.0.clone()));
                let values = parts.iter().map(|(name, part)| (name.clone(), part.1.clone()));
                (Node::Map(nodes.collect()), Value::Object(values.collect()))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_form_reads_back((node, value) in node()) {
        prop_assert_eq!(&serde_json::from_str::<Value>(&node.to_line()).unwrap(), &value);
        prop_assert_eq!(&serde_json::from_str::<Value>(&node.to_json()).unwrap(), &value);
        let yaml: Value = serde_norway::from_str(&node.to_yaml()).unwrap();
        prop_assert_eq!(&yaml, &value, "{}", node.to_yaml());
    }

    #[test]
    fn nothing_unsafe_is_printed((node, _) in node()) {
        prop_assert!(!node.to_line().contains(is_unsafe));
        prop_assert!(!node.to_json().contains(|c| is_unsafe(c) && c != '\n'));
        prop_assert!(!node.to_yaml().contains(|c| is_unsafe(c) && c != '\n'));
    }
}

#[test]
fn digits_are_kept() {
    let raw = Node::Raw("{ \"a\" : 1.0,\n \"b\": 12345678901234567890123 }".into());
    assert_eq!(raw.to_line(), r#"{"a":1.0,"b":12345678901234567890123}"#);
    assert_eq!(raw.to_json(), "{\n  \"a\": 1.0,\n  \"b\": 12345678901234567890123\n}");
}

#[test]
fn yaml_looks_as_people_write_it() {
    let node = Node::map([
        ("id", Node::text("esc_1")),
        ("roles", Node::List(vec![Node::text("agent"), Node::text("no")])),
        ("claim", Node::map([("holder", Node::text("alice"))])),
        ("none", Node::List(Vec::new())),
    ]);
    let want = "id: esc_1\nroles:\n  - agent\n  - \"no\"\nclaim:\n  holder: alice\nnone: []";
    assert_eq!(node.to_yaml(), want);
}

#[test]
fn yaml_has_one_escape_for_what_json_has_two() {
    for text in ["\u{13440}", "a\\u\u{e0041}\"", "\\\\\u{1f600}"] {
        let yaml: String = serde_norway::from_str(&Node::text(text).to_yaml()).unwrap();
        assert_eq!(yaml, text);
    }
    let raw = Node::Raw(r#"["\ud83d\ude00","\\ud83d"]"#.into()).to_yaml();
    let yaml: Vec<String> = serde_norway::from_str(&raw).unwrap();
    assert_eq!(yaml, ["😀", "\\ud83d"]);
}
