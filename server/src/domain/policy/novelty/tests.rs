//! Known calls score low, new ones high, and everything is the same again.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn taught() -> Profile {
    let mut profile = Profile::new();
    for (guest, nights) in [("Ann", 2), ("Ben", 3), ("Cleo", 2), ("Dora", 4)] {
        let arguments = map(json!({"guest": guest, "nights": nights, "room": "standard"}));
        profile.learn("book_room", &arguments, &format!("book a standard room for {guest}"));
    }
    profile
}

#[test]
fn the_same_call_is_known_and_a_new_tool_is_new() {
    let profile = taught();
    let same = map(json!({"guest": "Ann", "nights": 2, "room": "standard"}));
    assert_eq!(profile.score("book_room", &same, "book a standard room for Ann"), 0.0);
    assert_eq!(profile.score("cancel_room", &same, "book a standard room for Ann"), 1.0);
}

#[test]
fn other_words_and_other_shapes_are_newer_than_a_variation() {
    let profile = taught();
    let variation = map(json!({"guest": "Eve", "nights": 2, "room": "standard"}));
    let near = profile.score("book_room", &variation, "book a standard room for Eve");
    let words = "negotiate an exclusive lease covering our presidential penthouse suites";
    let far = profile.score("book_room", &variation, words);
    let shaped = map(json!({"guests": ["a", "b"], "discount": 40_000, "override": true}));
    let shape = profile.score("book_room", &shaped, "book a standard room for Ann");
    assert!(near < 0.5 && far > 0.6 && shape > 0.6, "{near} {far} {shape}");
}

#[test]
fn a_profile_survives_writing_and_keeps_its_bounds() {
    let mut profile = taught();
    for number in 0..500_u32 {
        let words = format!("w{} x{} y{}", number, number * 7, number * 13);
        profile.learn(&format!("tool{}", number % 200), &map(json!({"n": number})), &words);
        profile.learn("book_room", &Map::new(), &words);
    }
    assert_eq!(profile.tools.len(), MAX_TOOLS);
    assert!(profile.tools.values().all(|it| it.inputs.len() <= MAX_SIGNATURES));
    let text = serde_json::to_string(&profile).unwrap();
    assert_eq!(serde_json::from_str::<Profile>(&text).unwrap(), profile);
}

#[test]
fn the_hashes_are_the_same_for_ever() {
    let start = Signature::of(&BTreeSet::from([hash(b"a".iter().copied())]));
    assert_eq!(start.0.first(), Some(&START_OF_A), "a stored profile would be worthless");
}

/// The first value of the signature of the feature `a`.
const START_OF_A: u32 = 506_020_728;

proptest! {
    #[test]
    fn a_score_is_between_known_and_new(goal in ".{0,200}", text in ".{0,200}", taught_text in ".{0,80}") {
        let mut profile = Profile::new();
        profile.learn("t", &map(json!({"x": taught_text})), &goal);
        let score = profile.score("t", &map(json!({"x": text, "y": [1, {"z": null}]})), &goal);
        prop_assert!((0.0..=1.0).contains(&score));
        let known = profile.score("t", &map(json!({"x": taught_text})), &goal);
        prop_assert_eq!(known, 0.0);
    }
}
