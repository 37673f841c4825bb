//! A large store there and back.

use super::make::*;
use crate::store::conformance::make::mk_event;
use crate::store::postgres::tests::make::mk_place;
use crate::store::{Store, Transaction};

const ENTRIES: u64 = 100_000;
/// How many commits are made before their entries are counted.
const COMMITS: u64 = 4_000;

/// Five entries in each audited commit, and payloads that are small.
fn mk_dense(n: u64) -> Transaction {
    let mut commit = mk_commit(n);
    if !commit.events.is_empty() {
        commit.events = vec![mk_event(); 5];
    }
    commit.payloads.retain(|payload| payload.bytes.len() < 1_000);
    commit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_entries_go_there_and_back() {
    let (ground, there) = (mk_ground(), mk_place());
    let (here, back) = (ground.dir("first"), ground.dir("back"));
    let store = ground.open_large(&here);
    let mut commits = 0;
    while store.info().await.unwrap().entries < ENTRIES {
        mk_groups(&store, commits..commits + COMMITS, mk_dense).await;
        commits += COMMITS;
    }
    let root = store.tree_head().await.unwrap().root;
    let state = store.state_digest().await.unwrap();
    store.close().await;
    let out = copied(&at_folder(&here), &at_rows(&there)).await;
    let home = copied(&at_rows(&there), &at_folder(&back)).await;
    for report in [&out, &home] {
        assert_eq!((report.root, report.state_digest), (root, state));
        assert!(report.entries >= ENTRIES);
    }
    assert!(export(&at_folder(&back)).await == export(&at_folder(&here)).await);
}
