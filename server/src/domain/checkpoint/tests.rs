//! What a checkpoint's digest covers.

use uuid::Uuid;

use super::*;
use crate::domain::digest::sha256;

fn payload(bytes: &[u8]) -> PayloadRef {
    PayloadRef { id: Uuid::from_u128(9), commitment: sha256(bytes), size: 3 }
}

fn mk_checkpoint() -> Checkpoint {
    let mut checkpoint = Checkpoint {
        id: CheckpointId::new(Uuid::from_u128(2)),
        run: RunId::new(Uuid::from_u128(1)),
        agent: "claims".to_owned(),
        branch: 1,
        parent: Some(CheckpointId::new(Uuid::from_u128(3))),
        action: None,
        escalation: None,
        content: payload(b"content"),
        state: Some(StateRef { payload: payload(b"state"), base: None, depth: 0, size: 5 }),
        parent_digest: Some(sha256(b"parent")),
        digest: None,
        known_good: None,
        create_time: Timestamp::from_micros(7),
    };
    checkpoint.digest = Some(checkpoint.seal());
    checkpoint
}

/// A change of a stored checkpoint.
type Change = (&'static str, fn(&mut Checkpoint));

const CHANGES: &[Change] = &[
    ("id", |it| it.id = CheckpointId::new(Uuid::from_u128(4))),
    ("run", |it| it.run = RunId::new(Uuid::from_u128(4))),
    ("agent", |it| it.agent.push('2')),
    ("branch", |it| it.branch = 2),
    ("parent", |it| it.parent = None),
    ("parent's digest", |it| it.parent_digest = None),
    ("action", |it| it.action = Some(ActionId::new(Uuid::from_u128(4)))),
    ("escalation", |it| it.escalation = Some(EscalationId::new(Uuid::from_u128(4)))),
    ("content", |it| it.content = payload(b"other")),
    ("no state", |it| it.state = None),
    ("state", |it| it.state.as_mut().unwrap().payload = payload(b"other")),
    ("base", |it| it.state.as_mut().unwrap().base = it.parent),
    ("size", |it| it.state.as_mut().unwrap().size = 6),
    ("time", |it| it.create_time = Timestamp::from_micros(8)),
    ("no digest", |it| it.digest = None),
];

#[test]
fn nothing_of_a_checkpoint_can_be_changed_unseen() {
    assert!(mk_checkpoint().is_sound());
    for (name, change) in CHANGES {
        let mut changed = mk_checkpoint();
        change(&mut changed);
        assert!(!changed.is_sound(), "{name}");
    }
}

#[test]
fn a_mark_changes_nothing_that_is_sealed() {
    let mut marked = mk_checkpoint();
    marked.known_good =
        Some(KnownGood { by: "alice".to_owned(), note: None, time: Timestamp::from_micros(9) });
    assert!(marked.is_sound());
}

#[test]
fn it_follows_the_parent_that_it_was_saved_behind() {
    let child = mk_checkpoint();
    let mut parent = mk_checkpoint();
    parent.id = child.parent.unwrap();
    parent.digest = child.parent_digest;
    assert!(child.follows(&parent));
    let foreign = Checkpoint { run: RunId::new(Uuid::from_u128(4)), ..parent.clone() };
    assert!(!child.follows(&foreign));
    let changed = Checkpoint { digest: Some(sha256(b"changed")), ..parent };
    assert!(!child.follows(&changed));
}
