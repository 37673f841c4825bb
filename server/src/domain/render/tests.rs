//! What is rendered deceives nobody and loses nothing.

mod corpus;
mod properties;

use super::*;

/// The lines as a terminal would show them.
fn shown(rendered: &Rendered) -> String {
    let line = |line: &Line| {
        let bar = if line.is_continued { "│ " } else { "" };
        let text: String = line.tokens.iter().map(|token| token.text.as_str()).collect();
        format!("{}{bar}{text}\n", "  ".repeat(line.depth as usize))
    };
    rendered.lines.iter().map(line).collect()
}

fn tricks_of(rendered: &Rendered) -> Vec<Trick> {
    rendered.tricks.keys().copied().collect()
}

#[test]
fn json_is_laid_out_with_numbers_as_written() {
    let bytes = br#"{"amount":600.00,"to":{"iban":"DE\u002089"},"tags":[],"on":[true,null,1e3]}"#;
    insta::assert_snapshot!(shown(&payload(bytes)), @r#"
    {
      "amount": 600.00,
      "to": {
        "iban": "DE 89"
      },
      "tags": [],
      "on": [
        true,
        null,
        1e3
      ]
    }
    "#);
}

#[test]
fn what_deceives_is_marked_and_counted() {
    let bytes = "{\"file\":\"report\u{202e}fdp.exe\",\"to\":\"p\u{430}ypal.com\"}".as_bytes();
    let rendered = payload(bytes);
    insta::assert_snapshot!(shown(&rendered), @r#"
    {
      "file": "report‹U+202E RIGHT-TO-LEFT OVERRIDE›fdp.exe",
      "to": "p‹U+0430 LOOKS LIKE a›ypal.com"
    }
    "#);
    assert_eq!(tricks_of(&rendered), [Trick::Direction, Trick::LookAlike]);
    assert_eq!(tricks(bytes), rendered.tricks);
}

#[test]
fn a_text_cannot_pass_for_fields() {
    let bytes = br#"{"note":"hi\",\n  \"approved\": true,\nbye","amount":9}"#;
    insta::assert_snapshot!(shown(&payload(bytes)), @r#"
    {
      "note": "hi\",↵
        │   \"approved\": true,↵
        │ bye",
      "amount": 9
    }
    "#);
}

#[test]
fn padding_is_said_and_not_shown() {
    let text =
        format!("{{\"a\":\"top{}end\",\"b\":\"{}\"}}", "\\n".repeat(10_000), "x".repeat(5_000));
    let rendered = payload(text.as_bytes());
    insta::assert_snapshot!(shown(&rendered), @r#"
    {
      "a": "top↵
        │ ‹9999 blank lines›↵
        │ end",
      "b": "xxxxxxxxxxxxxxxx‹4984 more of x›"
    }
    "#);
    assert_eq!(tricks_of(&rendered), [Trick::Padding]);
}

#[test]
fn a_long_value_pushes_out_no_other() {
    let long: String = (0..300_000).map(|it| format!("{it} ")).collect();
    let items: Vec<String> = (0..200_000).map(|it| it.to_string()).collect();
    let text = format!(
        "{{\"body\":\"{long}\",\"items\":[{}],\"to\":\"C-9\",\"amount\":4812.00}}",
        items.join(",")
    );
    let rendered = payload(text.as_bytes());
    let page = shown(&rendered);
    assert!(rendered.is_partial());
    assert!(page.contains("\"to\": \"C-9\"") && page.contains("\"amount\": 4812.00"));
    assert!(page.contains("\"0 1 2 ") && page.contains("299999 \""), "the beginning and the end");
    assert!(page.contains("more characters, SHA-256 ") && page.contains("more entries, "));
    assert!(page.len() < 2 * MAX_LAID_OUT, "{}", page.len());
    assert_eq!(rendered.byte_count, text.len() as u64);
}

#[test]
fn what_is_no_json_is_text_and_what_is_no_text_is_bytes() {
    let rendered = payload(b"ok\n{not json} \xff\x1b[2J");
    insta::assert_snapshot!(shown(&rendered), @r"
    ok↵
    │ {not json} ‹BYTE FF›‹U+001B ESCAPE›[2J
    ");
    assert_eq!(tricks_of(&rendered), [Trick::Control, Trick::Undecodable]);
}

#[test]
fn a_text_is_cut_where_it_is_said() {
    let rendered = text(&"word ".repeat(1_000), 20);
    assert!(shown(&rendered).starts_with("word word word word ‹4980 more characters, SHA-256 "));
    assert!(rendered.is_partial());
    assert!(!text("short", 20).is_partial());
}

#[test]
fn a_line_stays_one_line() {
    assert_eq!(line("plain"), "plain");
    assert_eq!(
        line("a\nb\u{1b}[0m ‹U+0041›"),
        "a↵b‹U+001B ESCAPE›[0m ‹U+2039 SINGLE LEFT ANGLE QUOTATION MARK›U+0041‹U+203A SINGLE RIGHT ANGLE QUOTATION MARK›"
    );
}
