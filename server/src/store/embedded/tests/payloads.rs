//! Chunks that are equal within a run are stored once.

use std::fs;

use uuid::Uuid;

use super::make::*;
use crate::domain::ids::RunId;
use crate::store::conformance::make::*;
use crate::store::{Store, Transaction};

/// Stores ten states that differ a little; answers the size of the pack.
async fn stored_bytes(run_of: impl Fn(u64) -> Option<RunId>) -> u64 {
    let place = mk_place();
    let (store, _) = place.open();
    let mut state = mk_noise(1, 100_000);
    for n in 0..10 {
        let at = 7_000 * n as usize;
        state.splice(at..at, mk_noise(n + 100, 30));
        let payload = mk_payload(u128::from(n) + 1, state.clone(), run_of(n));
        let reference = payload.reference;
        let payloads = vec![payload];
        store.commit(Transaction { payloads, ..mk_tx() }).await.unwrap();
        assert_eq!(store.shared.packs.read(&reference).unwrap(), state);
    }
    fs::metadata(place.pack(1)).unwrap().len()
}

#[tokio::test]
async fn equal_chunks_of_a_run_are_stored_once() {
    let run = RunId::new(Uuid::from_u128(1));
    let together = stored_bytes(|_| Some(run)).await;
    assert!(together < 350_000, "{together}");
}

#[tokio::test]
async fn chunks_are_not_shared_between_runs_or_without_one() {
    let apart = stored_bytes(|n| Some(RunId::new(Uuid::from_u128(n.into())))).await;
    let whole = stored_bytes(|_| None).await;
    assert!(apart > 1_000_000 && whole > 1_000_000, "{apart} {whole}");
}

#[tokio::test]
async fn only_a_small_and_sound_payload_is_read_at_once() {
    let place = mk_place();
    let (store, _) = place.open();
    let (small, large) =
        (mk_payload(1, mk_noise(1, 1_000), None), mk_payload(2, mk_noise(2, 100_000), None));
    let (kept, cut) = (small.reference, large.reference);
    let payloads = vec![small.clone(), large];
    store.commit(Transaction { payloads, ..mk_tx() }).await.unwrap();
    let packs = &store.shared.packs;
    // Not every file system can tell whether it would have to wait.
    assert!(packs.read_at_once(&kept).is_none_or(|bytes| bytes == small.bytes));
    assert_eq!(packs.read_at_once(&cut), None);
    let another = mk_payload(3, mk_noise(3, 1_000), None).reference;
    assert_eq!(packs.read_at_once(&another), None);

    let mut bytes = fs::read(place.pack(1)).unwrap();
    bytes[500] ^= 1;
    fs::write(place.pack(1), bytes).unwrap();
    assert_eq!(packs.read_at_once(&kept), None);
    assert!(packs.read(&kept).is_err());
}

#[tokio::test]
async fn a_payload_that_was_read_is_kept() {
    let place = mk_place();
    let payload = mk_payload(1, mk_noise(1, 1_000), None);
    let reference = payload.reference;
    {
        let (store, _) = place.open();
        let payloads = vec![payload.clone()];
        store.commit(Transaction { payloads, ..mk_tx() }).await.unwrap();
        store.close().await;
    }
    let (store, _) = place.open();
    assert_eq!(store.shared.cached_payload(&reference), None);
    assert_eq!(store.payload(&reference).await.unwrap(), payload.bytes);
    assert_eq!(store.shared.cached_payload(&reference), Some(payload.bytes));
}
