//! A difference makes the new state, and is small where little changed.

use proptest::prelude::*;

use super::*;

fn made(base: &[u8], new: &[u8]) -> Vec<u8> {
    let script = encode(base, new);
    assert_eq!(decode(base, &script, new.len()).as_deref(), Some(new));
    script
}

/// Words that do not repeat.
fn text(lines: usize) -> Vec<u8> {
    let line = |number: usize| format!("{{\"step\":{number},\"seen\":{}}},", number * 7919 % 4093);
    (0..lines).map(line).collect::<String>().into_bytes()
}

#[test]
fn what_was_added_at_the_end_is_all_there_is() {
    let new = text(5_000);
    let base = &new[..new.len() - 200];
    assert!(made(base, &new).len() < 220);
}

#[test]
fn edits_in_several_places_cost_about_themselves() {
    let base = text(5_000);
    let mut new = base.clone();
    new.splice(10..12, *b"99999");
    let middle = new.len() / 2;
    new.splice(middle..middle, *b"something that nobody had said before");
    new.extend_from_slice(b"and the end");
    let script = made(&base, &new);
    assert!(script.len() < 150, "{}", script.len());
}

#[test]
fn what_has_nothing_in_common_is_spelt_out() {
    let (base, new) = (vec![1; 1_000], vec![2; 1_000]);
    assert_eq!(made(&base, &new).len(), 1_002);
}

#[test]
fn a_script_of_another_base_or_size_is_refused() {
    let new = text(100);
    let script = encode(&new, &new);
    assert_eq!(decode(&new[..50], &script, new.len()), None);
    assert_eq!(decode(&new, &script, new.len() - 1), None);
    assert_eq!(decode(&new, &script, new.len() + 1), None);
}

proptest! {
    #[test]
    fn every_pair_of_states_round_trips(base: Vec<u8>, new: Vec<u8>) {
        made(&base, &new);
    }

    #[test]
    fn edited_texts_round_trip(lines in 0_usize..400, at: prop::sample::Index, put: Vec<u8>) {
        let base = text(lines);
        let mut new = base.clone();
        let at = at.index(base.len() + 1);
        let end = (at + 30).min(base.len());
        new.splice(at..end, put);
        made(&base, &new);
    }

    #[test]
    fn no_script_makes_it_panic(base: Vec<u8>, script: Vec<u8>, size in 0_usize..4_096) {
        if let Some(new) = decode(&base, &script, size) {
            prop_assert_eq!(new.len(), size);
        }
    }
}
