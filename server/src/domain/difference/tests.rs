//! What is told of two states.

use serde_json::json;

use super::*;

fn told(before: &Value, after: &Value) -> Vec<String> {
    let mut changes = Changes::default();
    changes.compare("", before, after);
    let line = |it: &StateChange| format!("{:?} {} {}>{}", it.kind, it.path, it.before, it.after);
    changes.list.iter().map(line).collect()
}

#[test]
fn equal_values_differ_nowhere() {
    assert!(told(&json!({"a": [1, {"b": null}]}), &json!({"a": [1, {"b": null}]})).is_empty());
}

#[test]
fn fields_are_told_one_by_one() {
    let before = json!({"a/b~c": {"deep": "x"}, "gone": 2, "same": 1});
    let after = json!({"a/b~c": {"deep": "y"}, "new": [3], "same": 1});
    let want = ["Changed /a~1b~0c/deep \"x\">\"y\"", "Removed /gone 2>", "Added /new >[3]"];
    assert_eq!(told(&before, &after), want);
}

#[test]
fn what_was_put_into_a_list_is_one_change() {
    let (before, after) = (json!({"m": [1, 2, 3, 4]}), json!({"m": [1, 2, 9, 3, 4]}));
    assert_eq!(told(&before, &after), ["Added /m/2 >9"]);
    assert_eq!(told(&after, &before), ["Removed /m/2 9>"]);
    let grown = json!({"m": [1, 2, 3, 4, {"x": 1}]});
    assert_eq!(told(&before, &grown), ["Added /m/4 >{\"x\":1}"]);
}

#[test]
fn items_in_the_same_place_are_compared_inside() {
    let (before, after) = (json!([{"a": 1, "b": 2}, 5]), json!([{"a": 1, "b": 3}, 5]));
    assert_eq!(told(&before, &after), ["Changed /0/b 2>3"]);
}

#[test]
fn long_values_are_cut_and_many_changes_too() {
    let before = json!({"text": ""});
    let after = json!({"text": "é".repeat(600)});
    let line = &told(&before, &after)[0];
    assert!(line.len() < MAX_VALUE_BYTES + 40 && line.ends_with('…'), "{line}");
    let many: Vec<_> = (0..2 * MAX_CHANGES).collect();
    let mut changes = Changes::default();
    changes.compare("", &json!([]), &json!(many));
    assert_eq!((changes.list.len(), changes.is_truncated), (MAX_CHANGES, true));
}

#[test]
fn bytes_differ_between_their_common_ends() {
    assert_eq!(ByteChange::between(b"same", b"same"), None);
    let change = ByteChange::between(b"head-old-tail", b"head-newer-tail").unwrap();
    assert_eq!((change.same_before, change.same_after), (5, 5));
    assert_eq!((change.bytes_before, change.bytes_after), (3, 5));
    let repeated = ByteChange::between(b"aaa", b"aaaa").unwrap();
    assert_eq!((repeated.same_before, repeated.same_after), (3, 0));
}
