//! Everything moves, and is the same there.

use super::make::*;
use crate::store::conformance::make::mk_payload;
use crate::store::postgres::tests::make::mk_place;
use crate::store::{Store, Transaction, embedded};

const COMMITS: u64 = 600;

/// What a store says of itself, after it was opened, and that it goes on.
async fn is_whole(store: &dyn Store, report: &crate::store::transfer::CopyReport) {
    let head = store.tree_head().await.unwrap();
    assert_eq!((head.root, head.size, head.commit), (report.root, report.entries, COMMITS));
    assert_eq!(store.state_digest().await.unwrap(), report.state_digest);
    assert_eq!(store.info().await.unwrap().incarnation, report.incarnation);
    for (reference, bytes) in payloads(COMMITS, None) {
        assert_eq!(store.payload(&reference).await.unwrap(), bytes);
    }
    let before = store.sequence("acme").await.unwrap();
    let next = store.commit(mk_commit(COMMITS + 1)).await.unwrap();
    let events = mk_commit(COMMITS + 1).events.len() as u64;
    assert_eq!((next.commit, next.sequence), (COMMITS + 1, before + events));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_the_same_wherever_it_is_moved() {
    let (ground, there, further) = (mk_ground(), mk_place(), mk_place());
    let here = at_folder(&ground.filled("first", COMMITS).await);
    let store = ground.open(&ground.dir("first"));
    let first = (store.tree_head().await.unwrap().root, store.state_digest().await.unwrap());
    let mut lives = vec![store.info().await.unwrap().incarnation];
    store.close().await;
    let frames = export(&here).await;
    assert_eq!(frames.len() as u64, COMMITS);

    let [second, third] = ["second", "third"].map(|name| ground.dir(name));
    let places = [here, at_rows(&there), at_rows(&further), at_folder(&second), at_folder(&third)];
    let mut reports = Vec::new();
    for pair in places.windows(2) {
        let report = copied(&pair[0], &pair[1]).await;
        assert_eq!((report.root, report.state_digest), first, "{pair:?}");
        assert_eq!(report.commits, COMMITS);
        assert_eq!(report.payloads, payloads(COMMITS, None).len() as u64);
        assert!(export(&pair[1]).await == frames, "{pair:?}: other frames");
        lives.push(report.incarnation);
        reports.push(report);
    }
    lives.sort_unstable();
    lives.dedup();
    assert_eq!(lives.len(), places.len(), "every copy has a life of its own");

    is_whole(&there.open("one").await, &reports[0]).await;
    is_whole(&further.open("one").await, &reports[1]).await;
    for (dir, report) in [second, third].iter().zip(&reports[2..]) {
        let verified = embedded::verify(dir).unwrap();
        assert_eq!((verified.root, verified.signed_entries), (report.root, Some(report.entries)));
        is_whole(&ground.open(dir), report).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_stay_chunks() {
    let (ground, there) = (mk_ground(), mk_place());
    let here = ground.filled("first", 200).await;
    copied(&at_folder(&here), &at_rows(&there)).await;
    let stored = there.sql("SELECT count(*) FROM payload WHERE chunks IS NOT NULL");
    let chunked = payloads(200, None).iter().filter(|(_, bytes)| bytes.len() > 10_000).count();
    assert_eq!(stored.trim(), chunked.to_string());
    let back = ground.dir("back");
    copied(&at_rows(&there), &at_folder(&back)).await;
    let bytes = |dir: &std::path::Path| {
        let packs = std::fs::read_dir(dir.join("packs")).unwrap();
        packs
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().extension().is_some_and(|it| it == "pack"))
            .map(|entry| entry.metadata().unwrap().len())
            .sum::<u64>()
    };
    assert_eq!(bytes(&back), bytes(&here), "every chunk is stored once, as before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_store_moves_too() {
    let (ground, there) = (mk_ground(), mk_place());
    let here = ground.filled("first", 0).await;
    assert_eq!(copied(&at_folder(&here), &at_rows(&there)).await.commits, 0);
    let back = ground.dir("back");
    assert_eq!(copied(&at_rows(&there), &at_folder(&back)).await.entries, 0);
    assert_eq!(ground.open(&back).commit(mk_commit(1)).await.unwrap().commit, 1);
    assert_eq!(there.open("one").await.commit(mk_commit(1)).await.unwrap().commit, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_larger_than_what_goes_together_move_too() {
    const SIZE: usize = 3 * 1024 * 1024;
    let (ground, there) = (mk_ground(), mk_place());
    let here = ground.filled("first", 20).await;
    let store = ground.open(&here);
    let payloads: Vec<_> =
        (0..5).map(|n| mk_payload(1_000 + n, vec![n as u8; SIZE], None)).collect();
    let large = Transaction { payloads: payloads.clone(), ..mk_commit(21) };
    store.commit(large).await.unwrap();
    mk_history(&store, 9).await;
    store.close().await;
    let back = ground.dir("back");
    copied(&at_folder(&here), &at_rows(&there)).await;
    copied(&at_rows(&there), &at_folder(&back)).await;
    let store = ground.open(&back);
    for payload in payloads {
        assert_eq!(store.payload(&payload.reference).await.unwrap(), payload.bytes);
    }
}
