//! One defect and no more, rest between drills, and whose figures are seen by whom.

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn drill() -> DrillId {
    DrillId::new(Uuid::from_u128(1))
}

/// What somebody has done who answered so many, each right.
fn practice(person: &str, answers: u32) -> Practice {
    let mut practice = Practice::of(person);
    for _ in 0..answers {
        practice.give(drill(), 0, at(0));
        practice.answer(true, DrillChoice::Reject);
    }
    practice
}

#[test]
fn one_place_is_changed_and_it_is_known_what_stood_there() {
    let (mut target, mut arguments) =
        ("acct-7".to_owned(), json!({"amount": 60, "to": [{"name": "Anna"}]}));
    let was = plant(&mut target, &mut arguments, "/to/0/name", &json!("Ann a"));
    assert_eq!(was, Some(json!("Anna")));
    assert_eq!(arguments, json!({"amount": 60, "to": [{"name": "Ann a"}]}));
    assert_eq!(plant(&mut target, &mut arguments, TARGET, &json!("acct-1")), Some(json!("acct-7")));
    assert_eq!(target, "acct-1");
    for (place, value) in [
        ("/amount", json!(60)),
        ("/nothing", json!(1)),
        ("", json!({})),
        ("amount", json!(1)),
        (TARGET, json!("acct-1")),
        (TARGET, json!(7)),
    ] {
        assert_eq!(plant(&mut target, &mut arguments, place, &value), None, "{place} {value}");
    }
}

#[test]
fn a_person_rests_between_two() {
    let mut it = Practice::of("ada");
    assert_eq!(it.rests_until(at(0)), None);
    it.give(drill(), 0, at(0));
    assert_eq!(it.rests_until(at(1_799)), Some(at(1_800)));
    assert_eq!(it.rests_until(at(1_800)), None);
}

#[test]
fn a_missed_defect_and_a_false_alarm_are_counted_apart() {
    let mut it = Practice::of("ada");
    for (is_planted, choice) in [
        (true, DrillChoice::Approve),
        (true, DrillChoice::Reject),
        (false, DrillChoice::Reject),
        (false, DrillChoice::Approve),
    ] {
        it.give(drill(), 0, at(0));
        it.answer(is_planted, choice);
    }
    let counted = DrillFigures { given: 4, planted: 2, caught: 1, clean: 2, false_alarms: 1 };
    assert_eq!((it.figures, it.figures.answered()), (counted, 4));
}

proptest! {
    /// Private figures are shown to nobody else, and the sum only where none or at least
    /// two of them are in it.
    #[test]
    fn what_is_private_is_not_shown(counts in prop::collection::vec(0..40_u32, 1..6), leads: bool) {
        let names = ["ada", "ben", "cy", "dee", "eve"];
        let all: Vec<_> =
            counts.iter().zip(names).map(|(count, name)| practice(name, *count)).collect();
        for viewer in ["ada", "nobody"] {
            let seen = DrillResults::for_person(viewer, leads, &all);
            let others = all.iter().filter(|it| it.person != viewer);
            let private =
                others.filter(|it| (1..PRIVATE_BELOW).contains(&it.figures.answered())).count();
            prop_assert_eq!(seen.private_people, private);
            prop_assert_eq!(seen.team.is_some(), private != 1);
            prop_assert!(leads || seen.people.is_empty());
            for (person, figures) in &seen.people {
                prop_assert!(person != viewer && figures.answered() >= PRIVATE_BELOW);
            }
        }
    }
}
