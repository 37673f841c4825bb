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
