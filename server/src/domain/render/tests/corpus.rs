//! Strings that were written to deceive reviewers.

use serde::Deserialize;
use serde_json::Value;

use super::properties::{assert_safe, is_safe, rebuilt};
use super::{Trick, shown, tricks_of};
use crate::domain::render::{line, payload, text};

/// The fewest strings of the corpus.
const AT_LEAST: usize = 200;

/// One string, written out or put together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The string.
    text: String,
    /// How often it stands there; unset: once.
    times: Option<usize>,
    /// What stands behind it.
    #[serde(default)]
    then: String,
    /// What must be found.
    #[serde(default)]
    finds: Vec<Trick>,
}

impl Case {
    fn string(&self) -> String {
        self.text.repeat(self.times.unwrap_or(1)) + &self.then
    }
}

fn corpus() -> Vec<Case> {
    serde_norway::from_str(include_str!("corpus.yaml")).unwrap()
}

#[test]
fn the_corpus_is_large() {
    assert!(corpus().len() >= AT_LEAST, "{}", corpus().len());
}

#[test]
fn none_deceives_in_any_place() {
    for case in corpus() {
        let string = case.string();
        let json = serde_json::json!({
            "before": "4812.00", string.clone(): 1, "note": string, "list": [string], "to": "C-9",
        });
        let bytes = serde_json::to_vec(&json).unwrap();
        let rendered = payload(&bytes);
        assert_safe(&rendered.lines);
        assert_safe(&text(&string, 2_000).lines);
        assert_safe(&payload(string.as_bytes()).lines);
        assert!(line(&string).chars().all(is_safe), "{:?}", case.text);
        let page = shown(&rendered);
        assert!(page.starts_with("{\n  \"before\": \"4812.00\",\n"), "{:?}", case.text);
        assert!(page.ends_with("  \"to\": \"C-9\"\n}\n"), "{:?}", case.text);
        if let Some(json_again) = rebuilt(&rendered) {
            let again: Value = serde_json::from_str(&json_again).unwrap();
            assert_eq!(again, json, "{:?}", case.text);
        } else {
            assert!(page.contains(", SHA-256 "), "{:?}", case.text);
        }
    }
}

#[test]
fn every_trick_is_found_and_harmless_text_has_none() {
    let mut wrong = Vec::new();
    for case in corpus() {
        let bytes = serde_json::to_vec(&Value::from(case.string())).unwrap();
        let found = tricks_of(&payload(&bytes));
        if found != case.finds {
            wrong.push(format!("{:?}: {found:?}, not {:?}", case.text, case.finds));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_trick_that_a_text_can_hold_is_in_the_corpus() {
    let found: Vec<Trick> = corpus().into_iter().flat_map(|case| case.finds).collect();
    for trick in [
        Trick::Direction,
        Trick::Invisible,
        Trick::Tag,
        Trick::Control,
        Trick::Variation,
        Trick::Space,
        Trick::LookAlike,
        Trick::Stacked,
        Trick::Unknown,
        Trick::Imitation,
        Trick::Padding,
        Trick::Omitted,
        Trick::TwoDirections,
    ] {
        assert!(found.contains(&trick), "{trick:?}");
    }
}
