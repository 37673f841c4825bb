//! Nothing dangerous passes, nothing is lost.

use proptest::prelude::*;

use super::*;

/// Reads marks back.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("‹U+") {
        let (code, after) = after.split_once('›').unwrap();
        out.push_str(before);
        out.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        rest = after;
    }
    out + rest
}

/// Any character, and the dangerous ones more often.
fn letter() -> impl Strategy<Value = char> {
    prop_oneof![
        any::<char>(),
        prop::sample::select(vec![
            '\u{1b}', '\u{7}', '\r', '\n', '\t', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}',
            '\u{feff}', '\u{301}', '‹', '›', 'a',
        ]),
    ]
}

proptest! {
    #[test]
    fn no_unsafe_character_passes(letters in prop::collection::vec(letter(), 0..60)) {
        let text: String = letters.into_iter().collect();
        prop_assert!(!inline(&text).contains(is_unsafe));
        prop_assert!(!block(&text).contains(|c| is_unsafe(c) && c != '\n' && c != '\t'));
    }

    #[test]
    fn nothing_is_lost(letters in prop::collection::vec(letter(), 0..60)) {
        let text: String = letters.into_iter().collect();
        prop_assert_eq!(unescape(&inline(&text)), text.as_str());
        prop_assert_eq!(unescape(&block(&text)), text);
    }

    #[test]
    fn plain_words_stay(text in "[ -~äöüß€→çéñ日本語]{0,60}") {
        prop_assert_eq!(inline(&text), text);
    }
}

#[test]
fn known_tricks_are_shown() {
    let cases = [
        ("\u{1b}[2Jok", "‹U+001B›[2Jok"),
        ("\u{1b}]8;;http://a\u{7}b", "‹U+001B›]8;;http://a‹U+0007›b"),
        ("gpj\u{202e}exe", "gpj‹U+202E›exe"),
        ("pay\u{200b}pal", "pay‹U+200B›pal"),
        ("a\u{e0041}b", "a‹U+E0041›b"),
        ("1\r0", "1‹U+000D›0"),
        ("two\nlines", "two‹U+000A›lines"),
        ("‹U+202E›", "‹U+2039›U+202E›"),
        ("Z\u{301}\u{302}\u{303}\u{304}", "Z\u{301}\u{302}\u{303}‹U+0304›"),
    ];
    for (text, shown) in cases {
        assert_eq!(inline(text), shown);
    }
    assert_eq!(block("a\n\tb\u{1b}"), "a\n\tb‹U+001B›");
}
