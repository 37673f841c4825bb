//! Opening a store whose files were damaged, lost or left unfinished.

use std::fs;
use std::path::Path;

use super::make::*;
use crate::domain::digest::Digest;
use crate::store::conformance::make::*;
use crate::store::damage::{DamageKind, OpenError, SequenceGap};
use crate::store::embedded::EmbeddedStore;
use crate::store::{ReadError, Store, TailFrom, Transaction};

/// A closed store with a history, and the digest of its state.
async fn mk_closed() -> (Place, Digest) {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 400).await;
    let digest = store.state_digest().await.unwrap();
    store.close().await;
    (place, digest)
}

async fn rebuilds(change_sled: impl FnOnce(&Path), must_rebuild: bool) {
    let (place, digest) = mk_closed().await;
    change_sled(&place.data.join("sled"));
    let (store, report) = place.open();
    assert_eq!(store.state_digest().await.unwrap(), digest);
    assert_eq!(report.commit, 400);
    if must_rebuild {
        assert!(report.replayed == 400, "{report:?}");
    }
    store.commit(mk_put("after", "1")).await.unwrap();
    store.close().await;
    let (store, report) = place.open();
    assert_eq!((report.replayed, report.quarantined), (0, None));
    assert_eq!(text_of(&store, "after").await.unwrap(), "1");
}

#[tokio::test]
async fn a_lost_projection_is_rebuilt() {
    rebuilds(|sled| fs::remove_dir_all(sled).unwrap(), true).await;
}

#[tokio::test]
async fn an_emptied_projection_is_rebuilt() {
    rebuilds(|sled| fs::write(sled.join("db"), []).unwrap(), false).await;
}

#[tokio::test]
async fn a_truncated_projection_is_rebuilt() {
    let halve = |sled: &Path| {
        change(&sled.join("db"), |bytes| bytes.truncate(bytes.len() / 2 + 13));
    };
    rebuilds(halve, false).await;
}

#[tokio::test]
async fn a_garbled_projection_is_rebuilt() {
    for seed in 0..4 {
        rebuilds(
            |sled| {
                change(&sled.join("db"), |bytes| {
                    let noise = mk_noise(seed, 600);
                    for place in noise.chunks(3) {
                        let at = place.iter().fold(0, |at, byte| at << 8 | usize::from(*byte));
                        let length = bytes.len();
                        bytes[at % length] ^= 0xff;
                    }
                });
            },
            false,
        )
        .await;
    }
}

#[tokio::test]
async fn an_unfinished_snapshot_of_sled_is_deleted() {
    let (place, digest) = mk_closed().await;
    fs::write(place.data.join("sled/snap.FFFFFFFFFFFFFFF0.generating"), []).unwrap();
    let (store, report) = place.open();
    assert_eq!((report.deleted_snapshots, report.quarantined), (1, None));
    assert_eq!(store.state_digest().await.unwrap(), digest);
}

#[tokio::test]
async fn the_projection_of_another_store_is_set_aside() {
    let (place, digest) = mk_closed().await;
    let (other, _) = mk_closed().await;
    fs::remove_dir_all(place.data.join("sled")).unwrap();
    fs::rename(other.data.join("sled"), place.data.join("sled")).unwrap();
    let (store, report) = place.open();
    assert!(report.quarantined.is_some_and(|aside| aside.exists()));
    assert_eq!(store.state_digest().await.unwrap(), digest);
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_what_was_before_it_stays() {
    for lost in [1, 40, 150] {
        let place = mk_place();
        let (store, _) = place.open();
        mk_history(&store, 20).await;
        let before = store.state_digest().await.unwrap();
        store.commit(mk_put("torn", &"v".repeat(200))).await.unwrap();
        drop(store);
        change(&place.segment(1), |bytes| bytes.truncate(bytes.len() - lost));
        // Without sled nothing says that the last commit was ever synced.
        fs::remove_dir_all(place.data.join("sled")).unwrap();
        let (store, report) = place.open();
        assert_eq!(report.commit, 20);
        assert!(report.cut_bytes > 0);
        assert_eq!(store.state_digest().await.unwrap(), before);
        let next = store.commit(mk_put("next", "1")).await.unwrap();
        assert_eq!(next.commit, 21);
        store.close().await;
        assert_eq!(place.open().1.commit, 21);
    }
}

#[tokio::test]
async fn a_tail_that_sled_has_applied_was_answered_and_is_missed() {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 20).await;
    store.commit(mk_put("answered", "v")).await.unwrap();
    store.close().await;
    for head in [place.data.join("head"), place.outer_head()] {
        fs::remove_file(head).unwrap();
    }
    change(&place.segment(1), |bytes| bytes.truncate(bytes.len() - 1));
    let damage = damage_of(EmbeddedStore::open(place.options()));
    assert_eq!(damage.kind, DamageKind::Lost { applied: 21, journal: 20 });
    assert_eq!((damage.first_commit, damage.last_commit), (21, Some(21)));
}

#[tokio::test]
async fn damage_before_the_tail_is_refused_and_nothing_is_changed() {
    let place = mk_place();
    let (store, _) = place.open();
    for n in 0..9 {
        store.commit(mk_put(&format!("k{n}"), "v")).await.unwrap();
    }
    drop(store);
    change(&place.segment(1), |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    let before = fs::read(place.segment(1)).unwrap();
    let damage = damage_of(EmbeddedStore::open(place.options()));
    assert!(matches!(damage.kind, DamageKind::Frame { .. }));
    let commit = damage.first_commit;
    assert_eq!(damage.last_commit, Some(commit));
    let gap = SequenceGap { tenant: "acme".to_owned(), first: commit, last: commit };
    assert_eq!(damage.sequences, [gap]);
    assert_eq!(fs::read(place.segment(1)).unwrap(), before);
}

#[tokio::test]
async fn a_tail_commit_without_its_payload_was_never_answered_and_is_cut() {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 5).await;
    let before = store.state_digest().await.unwrap();
    let payloads = vec![mk_payload(99, mk_noise(99, 3_000), None)];
    store.commit(Transaction { payloads, ..mk_put("lost", "1") }).await.unwrap();
    drop(store);
    change(&place.pack(1), |bytes| bytes.truncate(bytes.len() - 1_000));
    // Without sled nothing says that the commit was ever answered.
    fs::remove_dir_all(place.data.join("sled")).unwrap();
    let (store, report) = place.open();
    assert_eq!((report.commit, report.cut_commits), (5, 1));
    assert_eq!(store.state_digest().await.unwrap(), before);
    store.commit(mk_put("next", "1")).await.unwrap();
}

#[tokio::test]
async fn an_answered_commit_without_its_payload_is_damage() {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 5).await;
    store.close().await;
    change(&place.pack(1), |bytes| bytes.truncate(bytes.len() - 10));
    let damage = damage_of(EmbeddedStore::open(place.options()));
    assert!(matches!(damage.kind, DamageKind::Payload { .. }));
    assert_eq!(damage.first_commit, 5);
}

#[tokio::test]
async fn a_payload_lost_long_ago_does_not_keep_the_store_shut() {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 5).await;
    store.close().await;
    change(&place.pack(1), |bytes| bytes[100] ^= 1);
    let (store, _) = place.open();
    let first = mk_payload(1, mk_noise(0, 200), None).reference;
    let refused = store.payload(&first).await;
    assert!(matches!(refused, Err(ReadError::NoPayload { .. } | ReadError::Damaged { .. })));
}

#[tokio::test]
async fn a_store_is_opened_by_one_process_at_a_time() {
    let place = mk_place();
    let (store, _) = place.open();
    let second = EmbeddedStore::open(place.options());
    assert!(matches!(second.map(|_| ()), Err(OpenError::Locked { .. })));
    drop(store);
    place.open();
}

#[tokio::test]
async fn history_in_many_segments_and_packs_is_read_back() {
    let place = mk_place();
    let mut options = place.options();
    (options.segment_bytes, options.pack_bytes) = (4_096, 4_096);
    let (store, _) = EmbeddedStore::open(options.clone()).unwrap();
    mk_history(&store, 300).await;
    let all = store.tail(TailFrom::Commit(0), 1_000).await.unwrap();
    let digest = store.state_digest().await.unwrap();
    drop(store);
    assert!(place.segment(10).exists() && place.pack(10).exists());
    fs::remove_file(place.data.join("packs/0003.idx")).unwrap();
    change(&place.data.join("packs/0004.idx"), |bytes| bytes[50] ^= 1);
    let (store, report) = EmbeddedStore::open(options).unwrap();
    assert_eq!(report.commit, 300);
    assert_eq!(store.tail(TailFrom::Commit(0), 1_000).await.unwrap(), all);
    let from = TailFrom::Sequence { tenant: "beta".to_owned(), after: 60 };
    assert_eq!(store.tail(from, 1_000).await.unwrap().len(), 15);
    assert_eq!(store.state_digest().await.unwrap(), digest);
    for n in 0..300 {
        let payload = mk_payload(u128::from(n) + 1_u128, mk_noise(n, 200), None);
        assert_eq!(store.payload(&payload.reference).await.unwrap(), payload.bytes);
    }
}

#[tokio::test]
async fn files_made_ahead_hold_the_same_history() {
    let place = mk_place();
    let mut options = place.options();
    (options.segment_bytes, options.pack_bytes) = (1 << 20, 1 << 20);
    let (store, _) = EmbeddedStore::open(options.clone()).unwrap();
    let mut n = 0;
    let mut commit = async || {
        n += 1;
        let writes = (0..7).map(|k| mk_write(&format!("k{}", n % 9 + k), &"v".repeat(3_000)));
        let payloads = vec![mk_payload(n, mk_noise(n as u64, 20_000), None)];
        let transaction = Transaction { writes: writes.collect(), payloads, ..mk_put("", "") };
        store.commit(transaction).await.unwrap()
    };
    while !place.segment(4).exists() || !place.pack(4).exists() {
        commit().await;
    }
    let last = commit().await.commit;
    let digest = store.state_digest().await.unwrap();
    let all = store.tail(TailFrom::Commit(0), 1_000).await.unwrap();
    drop(store);
    for _ in 0..2 {
        let (store, report) = EmbeddedStore::open(options.clone()).unwrap();
        assert_eq!((report.commit, report.cut_bytes, report.quarantined), (last, 0, None));
        assert_eq!(store.state_digest().await.unwrap(), digest);
        assert_eq!(store.tail(TailFrom::Commit(0), 1_000).await.unwrap(), all);
        for n in 1..=u128::from(last) {
            let payload = mk_payload(n, mk_noise(n as u64, 20_000), None);
            assert_eq!(store.payload(&payload.reference).await.unwrap(), payload.bytes);
        }
        store.close().await;
        let verified = crate::store::embedded::verify(&place.data).unwrap();
        assert_eq!((verified.payloads, verified.has_torn_tail), (last, false));
    }
}
