//! For any JSON: only safe characters, and nothing is lost.

use proptest::prelude::*;
use serde_json::{Map, Value};
use unicode_general_category::{GeneralCategory as G, get_general_category};

use crate::domain::render::{Line, MAX_LAID_OUT, Rendered, TokenKind, line, payload, text};

/// Whether a character shows itself, alone and as what it is.
pub(super) fn is_safe(letter: char) -> bool {
    let is_hidden = matches!(
        get_general_category(letter),
        G::Control
            | G::Format
            | G::PrivateUse
            | G::Unassigned
            | G::Surrogate
            | G::LineSeparator
            | G::ParagraphSeparator
    );
    let is_odd_space = get_general_category(letter) == G::SpaceSeparator && letter != ' ';
    let is_blank = matches!(u32::from(letter),
        0x034F | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x2800 | 0x3164
        | 0xFE00..=0xFE0F | 0xFFA0 | 0xE0000..=0xE0FFF);
    !is_hidden && !is_odd_space && !is_blank
}

pub(super) fn assert_safe(lines: &[Line]) {
    for line in lines {
        let tokens = line.tokens.iter().map(|token| token.text.as_str());
        for part in tokens.chain([line.path.as_str()]) {
            let unsafe_one = part.chars().find(|letter| !is_safe(*letter));
            assert_eq!(unsafe_one, None, "{part:?}");
        }
        for token in &line.tokens {
            let is_made_here = matches!(token.kind, TokenKind::Mark | TokenKind::Omission);
            let has_bracket = token.text.contains(['‹', '›', '↵']);
            assert!(is_made_here || !has_bracket, "{token:?} imitates a mark");
        }
    }
}

/// What was rendered, from its tokens alone; none if digests stand for parts of it.
pub(super) fn rebuilt(rendered: &Rendered) -> Option<String> {
    let mut json = String::new();
    for token in rendered.lines.iter().flat_map(|line| &line.tokens) {
        let (letter, count) = match token.kind {
            TokenKind::Mark => (token.character?, 1),
            TokenKind::Omission => (token.character?, token.count),
            _ => {
                json += &token.text;
                continue;
            }
        };
        let mut units = [0; 2];
        let escaped: String =
            letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
        json.extend((0..count).map(|_| escaped.as_str()));
    }
    Some(json)
}

fn letters() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => proptest::char::range(' ', '~'),
        2 => Just('\n'),
        1 => proptest::char::range('\0', '\u{a0}'),
        1 => proptest::char::range('\u{200b}', '\u{206f}'),
        1 => proptest::char::range('\u{300}', '\u{36f}'),
        1 => proptest::char::range('\u{370}', '\u{6ff}'),
        1 => proptest::char::range('\u{e0000}', '\u{e007f}'),
        1 => any::<char>(),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    let piece = (letters(), prop_oneof![4 => Just(1_usize), 1 => 1..200_usize]);
    let pieces = proptest::collection::vec(piece, 0..24);
    pieces.prop_map(|pieces| {
        pieces.into_iter().flat_map(|(letter, times)| vec![letter; times]).collect()
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15).prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let fields = proptest::collection::vec((texts(), inner.clone()), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Value::from),
            fields.prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_comes_back_from_its_tokens(value in values()) {
        for bytes in [serde_json::to_vec(&value).unwrap(), serde_json::to_vec_pretty(&value).unwrap()] {
            let rendered = payload(&bytes);
            assert_safe(&rendered.lines);
            if let Some(json) = rebuilt(&rendered) {
                prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value.clone());
            } else {
                prop_assert!(!rendered.tricks.is_empty(), "what is left out is counted");
            }
        }
    }

    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        assert_safe(&payload(&bytes).lines);
    }

    #[test]
    fn any_text_is_safe_in_its_order(words in texts(), most in 0..200_usize) {
        let rendered = text(&words, most);
        assert_safe(&rendered.lines);
        prop_assert!(line(&words).chars().all(is_safe));
        let plain: String = rendered.lines.iter().flat_map(|line| &line.tokens)
            .filter(|token| token.kind == TokenKind::Text).map(|token| token.text.as_str()).collect();
        let mut rest = words.chars();
        for letter in plain.chars() {
            prop_assert!(rest.any(|it| it == letter), "{letter} is out of order");
        }
    }
}

proptest! {
    // Each payload is large, and unoptimised code reads it slowly.
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deep_and_wide_is_bounded(depth in 1..64_usize, width in 1..2_500_usize) {
        let inner = "[".repeat(depth) + "1,2,3" + &"]".repeat(depth);
        let bytes = format!("[{}]", vec![inner; width].join(","));
        let rendered = payload(bytes.as_bytes());
        let size: usize = rendered.lines.iter()
            .map(|line| 16 + line.path.len() + line.tokens.iter().map(|it| it.text.len() + 6).sum::<usize>())
            .sum();
        prop_assert!(size < 3 * MAX_LAID_OUT, "{size} bytes of {}", bytes.len());
        assert_safe(&rendered.lines);
    }
}
