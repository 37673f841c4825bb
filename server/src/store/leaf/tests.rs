//! The golden leaf: these bytes never change.

use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::domain::event::EventKind;
use crate::domain::ids::{
    ActionId, AuthorityId, CheckpointId, DrillId, EscalationId, GrantId, IncidentId, NoticeId,
    OverrideId, PolicyActivationId, PolicyRevisionId, QueueSettingsId, ReviewId, RunId, TokenId,
};
use crate::domain::refusal::{Origin, Refusal};
use crate::store::merkle::leaf_hash;

fn mk_context(writes: Digest) -> LeafContext<'static> {
    LeafContext {
        tenant: "acme",
        sequence: 7,
        commit: 5,
        time: Timestamp::from_micros(1_700_000_000_000_000),
        principal: "agent:booker",
        writes,
    }
}

fn mk_event() -> Event {
    Event {
        kind: EventKind::EscalationOpened,
        subjects: Subjects {
            run: Some(RunId::new(Uuid::from_u128(1))),
            escalation: Some(EscalationId::new(Uuid::from_u128(2))),
            ..Subjects::default()
        },
        action_digest: Some(Digest::new([0xaa; 32])),
        payloads: vec![Digest::new([0xbb; 32])],
    }
}

#[test]
fn a_leaf_is_these_bytes() {
    let mut leaf = Vec::new();
    encode(&mk_context(Digest::new([0xcc; 32])), &mk_event(), &mut leaf);
    let mut want = Vec::new();
    let mut put = |bytes: &[u8]| {
        want.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        want.extend_from_slice(bytes);
    };
    put(b"pointsman.leaf.v1");
    put(b"acme");
    put(&[0, 0, 0, 0, 0, 0, 0, 7]);
    put(&[0, 0, 0, 0, 0, 0, 0, 5]);
    put(&1_700_000_000_000_000_i64.to_be_bytes());
    put(b"agent:booker");
    put(b"escalation.opened");
    let mut subjects = Vec::new();
    subjects.extend_from_slice(b"\0\0\0\0\0\0\0\x03run\0\0\0\0\0\0\0\x10");
    subjects.extend_from_slice(&1_u128.to_be_bytes());
    subjects.extend_from_slice(b"\0\0\0\0\0\0\0\x0aescalation\0\0\0\0\0\0\0\x10");
    subjects.extend_from_slice(&2_u128.to_be_bytes());
    put(&subjects);
    put(&[0xaa; 32]);
    put(&[0xbb; 32]);
    put(&[0xcc; 32]);
    assert_eq!(leaf, want);
    assert_eq!(
        leaf_hash(&leaf).to_string(),
        "326e2857cf2d9ac13eda14f7c5bb0d870ea71e76b9e19504c6f81be697cb1958"
    );
}

#[test]
fn the_digest_of_writes_tells_removed_from_empty() {
    let write = |value: Option<&'static str>| {
        writes_digest(&[9; 16], &[Write { key: Bytes::from("k"), value: value.map(Bytes::from) }])
    };
    assert_ne!(write(None), write(Some("")));
    assert_ne!(write(Some("")), writes_digest(&[9; 16], &[]));
}

#[test]
fn no_subject_can_be_taken_out_unseen() {
    let all = every_subject();
    let mut whole = Vec::new();
    let context = mk_context(Digest::new([0xcc; 32]));
    encode(&context, &Event { subjects: all.clone(), ..mk_event() }, &mut whole);
    let stored = serde_json::to_value(&all).unwrap();
    let names: Vec<_> = stored.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names.len(), 20);
    for name in names {
        let mut less = stored.clone();
        less.as_object_mut().unwrap().remove(&name);
        let subjects = serde_json::from_value(less).unwrap();
        let mut leaf = Vec::new();
        encode(&context, &Event { subjects, ..mk_event() }, &mut leaf);
        assert_ne!(leaf, whole, "{name}");
    }
}

fn every_subject() -> Subjects {
    let id = Uuid::from_u128;
    let time = Timestamp::from_micros(1);
    Subjects {
        run: Some(RunId::new(id(1))),
        action: Some(ActionId::new(id(2))),
        escalation: Some(EscalationId::new(id(3))),
        checkpoint: Some(CheckpointId::new(id(4))),
        grant: Some(GrantId::new(id(5))),
        token: Some(TokenId::new(id(6))),
        policy: Some(PolicyRevisionId::new(id(7))),
        activation: Some(PolicyActivationId::new(id(8))),
        notice: Some(NoticeId::new(id(9))),
        authority: Some(AuthorityId::new(id(10))),
        principal: Some("dora".to_owned()),
        queue_settings: Some(QueueSettingsId::new(id(11))),
        review: Some(ReviewId::new(id(12))),
        incident: Some(IncidentId::new(id(13))),
        drill: Some(DrillId::new(id(14))),
        overriding: Some(OverrideId::new(id(17))),
        entry: Some(18),
        count: Some(15),
        refused: Some(Refused {
            reason: Refusal::Unknown,
            origin: Origin::Public,
            count: 16,
            first_time: time,
            last_time: time,
        }),
        branch: Some(17),
    }
}
