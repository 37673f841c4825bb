//! All or nothing, numbers, limits, ends.

use super::Fixture;
use super::make::*;
use crate::store::{
    CommitError, MAX_PAYLOAD_BYTES, MAX_RECORD_BYTES, MAX_WRITES, TailFrom, Transaction, head,
};

pub(crate) async fn a_conflict_has_no_effect(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("a", "1")).await.unwrap();
    let before = store.info().await.unwrap();
    let payload = mk_payload(1, "lost", None);
    let reference = payload.reference;
    let transaction = Transaction {
        expectations: vec![mk_expected("b", None), mk_expected("a", None)],
        writes: vec![mk_write("b", "1"), mk_removal("a")],
        payloads: vec![payload],
        ..mk_put("c", "1")
    };
    assert_eq!(store.commit(transaction).await, Err(CommitError::Conflict));
    let after = store.info().await.unwrap();
    assert_eq!((after.commit, after.entries), (before.commit, before.entries));
    assert_eq!(text_of(&*store, "a").await.unwrap(), "1");
    for key in ["b", "c"] {
        assert_eq!(text_of(&*store, key).await, None);
    }
    assert!(store.payload(&reference).await.is_err());
    assert_eq!(store.tail(TailFrom::Commit(before.commit), 10).await.unwrap(), []);
    assert_eq!(store.sequence("acme").await.unwrap(), 1);
}

pub(crate) async fn limits_refuse_without_effect(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let writes = (0..=MAX_WRITES).map(|n| mk_write(&n.to_string(), "")).collect();
    let too_many = Transaction { writes, ..mk_tx() };
    let too_long = mk_put("k", &"v".repeat(MAX_RECORD_BYTES));
    let payloads = vec![mk_payload(1, vec![0; MAX_PAYLOAD_BYTES + 1], None)];
    let too_heavy = Transaction { payloads, ..mk_tx() };
    for transaction in [too_many, too_long, too_heavy] {
        let refused = store.commit(transaction).await;
        assert!(matches!(refused, Err(CommitError::TooLarge { .. })), "{refused:?}");
    }
    assert_eq!(store.info().await.unwrap().commit, 0);
    let longest = "v".repeat(MAX_RECORD_BYTES - 1);
    store.commit(mk_put("k", &longest)).await.unwrap();
    let writes = (0..MAX_WRITES).map(|n| mk_write(&n.to_string(), "v")).collect();
    store.commit(Transaction { writes, ..mk_tx() }).await.unwrap();
    store.close().await;
    let store = fixture.open().await;
    assert_eq!(text_of(&*store, "k").await.unwrap(), longest);
    assert_eq!(text_of(&*store, "4095").await.unwrap(), "v");
}

pub(crate) async fn commits_are_dense_and_times_never_run_back(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let mut last = store.commit(mk_tx()).await.unwrap();
    assert_eq!((last.commit, last.sequence), (1, 0));
    for _ in 0..20 {
        let next = store.commit(mk_put("k", "v")).await.unwrap();
        assert_eq!((next.commit, next.sequence), (last.commit + 1, last.sequence + 1));
        assert!(next.time >= last.time);
        last = next;
    }
    store.close().await;
    let store = fixture.open().await;
    let next = store.commit(mk_put("k", "v")).await.unwrap();
    assert_eq!((next.commit, next.sequence), (last.commit + 1, last.sequence + 1));
    assert!(next.time >= last.time);
}

pub(crate) async fn a_closed_store_takes_nothing(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("a", "1")).await.unwrap();
    store.close().await;
    store.close().await;
    assert_eq!(store.commit(mk_put("b", "1")).await, Err(CommitError::Stopped));
    let store = fixture.open().await;
    assert_eq!(text_of(&*store, "a").await.unwrap(), "1");
    assert_eq!(text_of(&*store, "b").await, None);
}

pub(crate) async fn tree_heads_are_signed_and_grow(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let empty = store.tree_head().await.unwrap();
    assert!(empty.size == 0 && head::verify(&empty));
    store.commit(mk_put("a", "1")).await.unwrap();
    let one = store.tree_head().await.unwrap();
    assert!(one.size == 1 && one.commit == 1 && head::verify(&one));
    assert_ne!(one.root, empty.root);
    assert_eq!(head::from_note(&head::to_note(&one), &one.public_key), Some(one.clone()));
    store.close().await;
    let again = fixture.open().await.tree_head().await.unwrap();
    assert_eq!((again.size, again.root, again.public_key), (1, one.root, one.public_key));
}
