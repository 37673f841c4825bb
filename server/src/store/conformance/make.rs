//! Builders for the suite.

use bytes::Bytes;
use uuid::Uuid;

use crate::domain::event::{Event, EventKind, Subjects};
use crate::domain::ids::RunId;
use crate::domain::payload::PayloadDraft;
use crate::store::{Expectation, KeyRange, Store, Transaction, Version, Write};

/// A transaction of tenant `acme` without anything in it.
pub(crate) fn mk_tx() -> Transaction {
    Transaction {
        tenant: "acme".to_owned(),
        principal: "agent:test".to_owned(),
        ..Transaction::default()
    }
}

/// A transaction that puts one key and has one event.
pub(crate) fn mk_put(key: &str, value: &str) -> Transaction {
    Transaction { writes: vec![mk_write(key, value)], events: vec![mk_event()], ..mk_tx() }
}

pub(crate) fn mk_write(key: &str, value: &str) -> Write {
    Write { key: mk_bytes(key), value: Some(mk_bytes(value)) }
}

pub(crate) fn mk_removal(key: &str) -> Write {
    Write { key: mk_bytes(key), value: None }
}

pub(crate) fn mk_event() -> Event {
    let subjects = Subjects { run: Some(RunId::new(Uuid::from_u128(7))), ..Subjects::default() };
    Event { kind: EventKind::RunStarted, subjects, action_digest: None, payloads: Vec::new() }
}

pub(crate) fn mk_range(start: &str, end: &str) -> KeyRange {
    KeyRange { start: mk_bytes(start), end: mk_bytes(end) }
}

pub(crate) fn mk_expected(key: &str, version: Option<Version>) -> Expectation {
    Expectation::Key { key: mk_bytes(key), version }
}

pub(crate) fn mk_bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A payload whose id and salt follow from a number.
pub(crate) fn mk_payload(
    number: u128,
    bytes: impl Into<Bytes>,
    run: Option<RunId>,
) -> PayloadDraft {
    PayloadDraft::new(Uuid::from_u128(number), [number as u8; 16], bytes.into(), run).unwrap()
}

/// Bytes that look random and follow from a seed.
pub(crate) fn mk_noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect()
}

/// The value of a key as text.
pub(crate) async fn text_of(store: &dyn Store, key: &str) -> Option<String> {
    let found = store.read(key.as_bytes()).await.unwrap();
    found.map(|found| String::from_utf8(found.value.to_vec()).unwrap())
}

/// The version of a key.
pub(crate) async fn version_of(store: &dyn Store, key: &str) -> Option<Version> {
    store.read(key.as_bytes()).await.unwrap().map(|found| found.version)
}
