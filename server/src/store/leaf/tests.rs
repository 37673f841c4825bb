//! The golden leaf: these bytes never change.

use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::domain::event::EventKind;
use crate::domain::ids::{EscalationId, RunId};
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
