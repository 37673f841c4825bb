//! Keys sort as what they hold does, and read back.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::ids::OverrideId;
use crate::domain::overrides::OverrideScope;

proptest! {
    #[test]
    fn timers_round_trip_and_sort_by_time(a: i64, b: i64, id: u128, kind in 0..6_u8) {
        let kind = [TimerKind::Due, TimerKind::Expire, TimerKind::Outcome, TimerKind::Run, TimerKind::Override, TimerKind::Settle][usize::from(kind)];
        let timer = |micros| Timer {
            time: Timestamp::from_micros(micros),
            kind,
            id: id.to_be_bytes(),
            tenant: "default".to_owned(),
        };
        prop_assert_eq!(Timer::from_key(&timer(a).key()), Some(timer(a)));
        if a != b {
            prop_assert_eq!(timer(a).key().cmp(&timer(b).key()), a.cmp(&b));
        }
    }

    #[test]
    fn a_prefix_holds_its_keys_and_no_others(prefix: Vec<u8>, rest: Vec<u8>, other: Vec<u8>) {
        let range = prefixed(&Bytes::from(prefix.clone()));
        let inside = [prefix.clone(), rest].concat();
        if !range.end.is_empty() {
            prop_assert!(range.start.as_ref() <= inside.as_slice() && inside.as_slice() < range.end.as_ref());
            let is_inside = range.start.as_ref() <= other.as_slice() && other.as_slice() < range.end.as_ref();
            prop_assert_eq!(is_inside, other.starts_with(&prefix));
        }
    }
}

#[test]
fn kinds_are_told_apart() {
    let id = EscalationId::new(Uuid::from_u128(5));
    assert!(is_escalation("t", &escalation("t", id)));
    assert!(!is_escalation("t", &resumption("t", id)));
    assert!(!is_escalation("other", &escalation("t", id)));
    assert!(is_resumption("t", &resumption("t", id)));
    assert!(!is_resumption("t", &resume("t", "a", id)));
    assert_eq!(listed_escalation(&resume("t", "a", id)), Some(id));
}

#[test]
fn the_list_of_one_scope_has_nothing_of_another() {
    let (id, run) = (OverrideId::new(Uuid::from_u128(5)), RunId::new(Uuid::from_u128(6)));
    let scopes = [
        OverrideScope::Run(run),
        OverrideScope::Agent("claims".to_owned()),
        OverrideScope::Agent("claims2".to_owned()),
        OverrideScope::Fleet,
    ];
    for one in &scopes {
        for other in &scopes {
            let (range, entry) = (all_told("t", one), told("t", other, id));
            assert_eq!(entry >= range.start && entry < range.end, one == other);
            assert_eq!(hold("t", one) == hold("t", other), one == other);
        }
        assert_eq!(listed_override(&told("t", one, id)), Some(id));
        assert!(!is_override("t", &told("t", one, id)));
    }
    assert_eq!(hold("t", &OverrideScope::Tree(run)), hold("t", &OverrideScope::Run(run)));
    assert_eq!(receipt_of("t", &receipt("t", id, run)), Some(id));
    assert_eq!(receipt_of("t", &overriding("t", id)), None);
}

#[test]
fn an_agent_whose_name_begins_another_sees_only_its_own() {
    let id = EscalationId::new(Uuid::from_u128(5));
    let range = resumes("t", "claims");
    assert!(resume("t", "claims", id) >= range.start && resume("t", "claims", id) < range.end);
    assert!(resume("t", "claims2", id) >= range.end);
}

#[test]
fn a_principal_whose_name_begins_another_has_its_own_tokens() {
    let id = TokenId::new(Uuid::from_u128(5));
    let range = principal_tokens("t", "dave");
    let own = principal_token("t", "dave", id);
    assert!(own >= range.start && own < range.end);
    assert_eq!(listed_token(&own), Some(id));
    assert!(!is_token("t", &own));
    let other = principal_token("t", "dave2", id);
    assert!(other < range.start || other >= range.end);
}
