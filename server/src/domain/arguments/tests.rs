//! What is refused, and that nothing panics.

use proptest::prelude::*;

use super::*;

fn problem(text: &str) -> String {
    match parse("arguments", text.as_bytes()) {
        Err(Error::ArgumentsMalformed { problem, .. } | Error::InvalidField { problem, .. }) => {
            problem
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_object_is_accepted_with_its_order() {
    let map = parse("arguments", br#"{"b":1,"a":[true,null,"x",1.5,-2]}"#).unwrap();
    assert_eq!(map.keys().collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn whatever_two_readers_could_read_differently_is_refused() {
    assert_eq!(problem(r#"{"a":1,"a":2}"#), "duplicate name `a`");
    assert_eq!(problem(r#"{"a":1,"\u0061":2}"#), "duplicate name `a`");
    assert_eq!(problem(r#"{"x":{"a":1,"a":2}}"#), "duplicate name `a`");
    assert_eq!(problem(r#"{} {}"#), "trailing characters");
    assert_eq!(problem(r#"{"a":NaN}"#), "expected value");
    assert_eq!(problem(r#"{"a":1e999}"#), "number out of range");
    assert_eq!(problem("[1]"), "want a JSON object");
    assert_eq!(problem(""), "EOF while parsing a value");
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    assert_eq!(problem(&deep), "nested deeper than 64");
    let just_right = format!(r#"{{"a":{}{}}}"#, "[".repeat(63), "]".repeat(63));
    assert!(parse("arguments", just_right.as_bytes()).is_ok());
}

#[test]
fn the_position_is_where_the_fault_is() {
    let text = "{\n\"a\": nope}";
    let Err(Error::ArgumentsMalformed { position, .. }) = parse("arguments", text.as_bytes())
    else {
        panic!("accepted");
    };
    assert_eq!(position, 8);
    let Err(Error::ArgumentsMalformed { position, .. }) = parse("arguments", b"{\"a\":\"\xff\"}")
    else {
        panic!("accepted");
    };
    assert_eq!(position, 6);
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse("arguments", &bytes);
    }

    #[test]
    fn the_parsed_view_is_the_one_every_reader_has(text in r#"\{("[a-c]{1,2}":(-?[0-9]{1,18}|"[ -~&&[^"\\]]{0,8}"|true|null),?){0,3}\}"#) {
        if let Ok(map) = parse("arguments", text.as_bytes()) {
            prop_assert_eq!(Value::Object(map), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
