//! One tenant moves alone, with all that is its own.

use std::path::Path;

use bytes::Bytes;

use super::make::*;
use crate::store::keys::{self, KeyOwner};
use crate::store::postgres::tests::make::mk_place;
use crate::store::transfer::{CopyReport, Place, TransferError, copy};
use crate::store::{CommitRecord, ReadError, Store, TailFrom};

const COMMITS: u64 = 400;

async fn moved(from: &Place, to: &Path) -> CopyReport {
    copy(from, &at_folder(to), Some("acme"), quiet()).await.unwrap()
}

/// What belongs to the tenant, as the commits in which it was written say.
fn is_acmes((key, value): &(Bytes, Bytes)) -> bool {
    match keys::owner(key) {
        KeyOwner::Tenant(tenant) => tenant == "acme",
        KeyOwner::Writer => value == "acme",
        KeyOwner::Store => false,
    }
}

/// The tenant's audited commits, but for their numbers.
async fn history(store: &dyn Store) -> Vec<CommitRecord> {
    let records = store.tail(TailFrom::Commit(0), 1_000).await.unwrap();
    let its = records.iter().filter(|it| it.tenant == "acme" && !it.events.is_empty());
    its.map(|record| CommitRecord { commit: 0, ..CommitRecord::clone(record) }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_takes_all_and_only_what_is_its_own() {
    let (ground, there) = (mk_ground(), mk_place());
    let here = ground.filled("first", COMMITS).await;
    copied(&at_folder(&here), &at_rows(&there)).await;
    let [alone, again] = ["alone", "again"].map(|name| ground.dir(name));
    let report = moved(&at_folder(&here), &alone).await;
    let from_rows = moved(&at_rows(&there), &again).await;
    assert_eq!(CopyReport { incarnation: report.incarnation, ..from_rows }, report);

    let (source, copy) = (ground.open(&here), ground.open(&alone));
    let expected: Vec<_> = state(&source).await.into_iter().filter(is_acmes).collect();
    assert_eq!(state(&copy).await, expected);
    assert!(expected.iter().any(|(key, _)| key.starts_with(b"!secret/")));
    assert!(expected.iter().any(|(key, _)| key.starts_with(b"!timer/")));
    assert_eq!(history(&copy).await, history(&source).await);
    let root = source.tree_head().await.unwrap().root;
    assert_ne!(copy.tree_head().await.unwrap().root, root);
    assert!(report.tenant_root.is_some_and(|tenants| tenants != report.root));
    for (reference, bytes) in payloads(COMMITS, Some("acme")) {
        assert_eq!(copy.payload(&reference).await.unwrap(), bytes);
    }
    for (reference, _) in payloads(COMMITS, Some("beta")) {
        let id = reference.id;
        assert_eq!(copy.payload(&reference).await, Err(ReadError::NoPayload { id }));
    }
    assert_eq!(copy.sequence("beta").await.unwrap(), 0);
    let sequence = source.sequence("acme").await.unwrap();
    assert_eq!(copy.sequence("acme").await.unwrap(), sequence);
    let next = copy.commit(mk_commit(COMMITS + 1)).await.unwrap();
    let events = mk_commit(COMMITS + 1).events.len() as u64;
    assert_eq!((next.commit, next.sequence), (report.commits + 1, sequence + events));
    let entries: u64 = history(&source).await.iter().map(|record| record.events.len() as u64).sum();
    assert_eq!(report.entries, entries);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_of_a_tenant_survives_a_second_move() {
    let (ground, there) = (mk_ground(), mk_place());
    let here = ground.filled("first", COMMITS).await;
    let alone = ground.dir("alone");
    let first = moved(&at_folder(&here), &alone).await;
    let second = copy(&at_folder(&alone), &at_rows(&there), Some("acme"), quiet()).await.unwrap();
    assert_eq!((second.tenant_root, second.root), (first.tenant_root, first.root));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_tenant_is_refused_and_nothing_made() {
    let ground = mk_ground();
    let here = at_folder(&ground.filled("first", 20).await);
    let into = ground.dir("into");
    let refused = copy(&here, &at_folder(&into), Some("nobody"), quiet()).await;
    assert_eq!(refused, Err(TransferError::NoTenant { tenant: "nobody".to_owned() }));
    assert!(!into.exists());
}
