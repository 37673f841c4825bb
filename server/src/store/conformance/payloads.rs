//! Payloads: round trips, damage, runs.

use uuid::Uuid;

use super::Fixture;
use super::make::*;
use crate::domain::ids::RunId;
use crate::domain::payload::PayloadRef;
use crate::store::{ReadError, Transaction};

pub(crate) async fn payloads_read_back(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let run = RunId::new(Uuid::from_u128(1));
    let sizes = [0, 1, 100, 8 * 1024, 8 * 1024 + 1, 300_000];
    let payloads: Vec<_> = sizes
        .iter()
        .enumerate()
        .flat_map(|(n, size)| {
            let bytes = mk_noise(n as u64, *size);
            let number = n as u128 * 2 + 1;
            [mk_payload(number, bytes.clone(), None), mk_payload(number + 1, bytes, Some(run))]
        })
        .collect();
    store.commit(Transaction { payloads: payloads.clone(), ..mk_tx() }).await.unwrap();
    for payload in &payloads {
        assert_eq!(store.payload(&payload.reference).await.unwrap(), payload.bytes);
    }
    store.close().await;
    let store = fixture.open().await;
    for payload in &payloads {
        assert_eq!(store.payload(&payload.reference).await.unwrap(), payload.bytes);
    }
    let wrong = PayloadRef { size: 3, ..payloads[4].reference };
    assert!(matches!(store.payload(&wrong).await, Err(ReadError::Damaged { .. })));
}

pub(crate) async fn an_unknown_payload_is_not_there(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let reference = mk_payload(77, "never stored", None).reference;
    let id = reference.id;
    assert_eq!(store.payload(&reference).await, Err(ReadError::NoPayload { id }));
}

pub(crate) async fn a_damaged_payload_is_refused(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let first = mk_payload(1, mk_noise(1, 1_000), None);
    let payloads = vec![first.clone()];
    store.commit(Transaction { payloads, ..mk_put("a", "1") }).await.unwrap();
    // A later payload, so that the damaged one is not the torn end of a pack.
    let payloads = vec![mk_payload(2, mk_noise(2, 1_000), None)];
    store.commit(Transaction { payloads, ..mk_put("b", "1") }).await.unwrap();
    store.commit(mk_put("c", "1")).await.unwrap();
    store.close().await;
    fixture.damage_payloads().await;
    let store = fixture.open().await;
    let refused = store.payload(&first.reference).await;
    let is_refused =
        matches!(refused, Err(ReadError::Damaged { .. } | ReadError::NoPayload { .. }));
    assert!(is_refused, "{refused:?}");
    assert_eq!(text_of(&*store, "a").await.unwrap(), "1");
}

pub(crate) async fn successive_states_of_a_run_read_back(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let run = RunId::new(Uuid::from_u128(1));
    let mut state = mk_noise(9, 60_000);
    let mut stored = Vec::new();
    for n in 0..10_u64 {
        state.splice(30_000..30_000, mk_noise(n, 50));
        let payload = mk_payload(u128::from(n) + 1, state.clone(), Some(run));
        stored.push(payload.clone());
        store.commit(Transaction { payloads: vec![payload], ..mk_tx() }).await.unwrap();
    }
    store.close().await;
    let store = fixture.open().await;
    for payload in stored {
        assert_eq!(store.payload(&payload.reference).await.unwrap(), payload.bytes);
    }
}
