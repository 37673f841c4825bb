//! The life of an activation as tables.

use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn activation(kind: ActivationKind, state: ActivationState) -> Activation {
    Activation {
        id: PolicyActivationId::new(Uuid::from_u128(1)),
        kind,
        state,
        revision: PolicyRevisionId::new(Uuid::from_u128(2)),
        replaced: Some(PolicyRevisionId::new(Uuid::from_u128(3))),
        upon: Some(PolicyActivationId::new(Uuid::from_u128(4))),
        requester: "ada".to_owned(),
        reason: None,
        request_time: NOW,
        expire_time: Some(NOW.plus(CONFIRMABLE_FOR)),
        closer: None,
        close_time: None,
    }
}

#[test]
fn only_what_waits_and_has_not_lapsed_may_be_confirmed() {
    use ActivationState as S;
    let (before, at) = (Span::from_micros(CONFIRMABLE_FOR.as_micros() - 1), CONFIRMABLE_FOR);
    let table = [
        (S::Pending, before, "pending", true),
        (S::Pending, at, "expired", false),
        (S::Effective, before, "effective", false),
        (S::Withdrawn, before, "withdrawn", false),
        (S::Superseded, before, "superseded", false),
        (S::Effective, at, "effective", false),
    ];
    for (state, later, name, is_open) in table {
        let (it, now) = (activation(ActivationKind::Activate, state), NOW.plus(later));
        assert_eq!(it.state_name(now), name);
        assert_eq!(it.is_pending(now), is_open, "{name}");
        match it.require_pending(now) {
            Ok(()) => assert!(is_open, "{name}"),
            Err(Error::ActivationClosed { state, .. }) => {
                assert_eq!((state, is_open), (name, false))
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn neither_requester_nor_author_is_the_second_person() {
    let it = activation(ActivationKind::Activate, ActivationState::Pending);
    for (caller, author, may) in
        [("ada", "ada", false), ("ada", "ben", false), ("ben", "ben", false), ("ben", "ada", true)]
    {
        let refused = it.require_second_person(caller, author, |one, other| one == other);
        assert_eq!(refused.is_ok(), may, "{caller} {author}");
    }
}

#[test]
fn one_step_back_needs_one_person() {
    use ActivationKind::{Activate, RollBack};
    let after = |kind| Some(activation(kind, ActivationState::Effective));
    let table = [
        (Activate, after(Activate), true),
        (Activate, after(RollBack), true),
        (Activate, None, true),
        (RollBack, after(Activate), false),
        (RollBack, after(RollBack), true),
        (RollBack, None, true),
    ];
    for (kind, in_force, needs) in table {
        assert_eq!(needs_second_person(true, kind, in_force.as_ref()), needs, "{kind:?}");
        assert!(!needs_second_person(false, kind, in_force.as_ref()));
    }
}

#[test]
fn a_roll_back_stands_on_what_it_went_back_to() {
    let state = ActivationState::Effective;
    let forward = activation(ActivationKind::Activate, state);
    assert_eq!(forward.standing(), Some(forward.id));
    let back = activation(ActivationKind::RollBack, state);
    assert_eq!(back.standing(), back.upon);
}
