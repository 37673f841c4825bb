//! Expectations that hold, and that do not.

use super::Fixture;
use super::make::*;
use crate::store::{CommitError, Direction, Expectation, Store, Transaction, Version};

async fn commit_with(
    store: &dyn Store,
    expectations: Vec<Expectation>,
) -> Result<u64, CommitError> {
    let transaction = Transaction { expectations, ..mk_put("written", "x") };
    store.commit(transaction).await.map(|committed| committed.commit)
}

async fn mk_range_read(store: &dyn Store, limit: usize) -> Expectation {
    let range = mk_range("r/", "r0");
    let found = store.scan(range.clone(), Direction::Ascending, limit).await.unwrap();
    let rows = found.rows.into_iter().map(|(key, row)| (key, row.version)).collect();
    Expectation::Range { range, rows, complete: !found.has_more }
}

pub(crate) async fn a_changed_key_conflicts(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("a", "1")).await.unwrap();
    let seen = version_of(&*store, "a").await;
    commit_with(&*store, vec![mk_expected("a", seen)]).await.unwrap();
    store.commit(mk_put("a", "1")).await.unwrap();
    let refused = commit_with(&*store, vec![mk_expected("a", seen)]).await;
    assert_eq!(refused, Err(CommitError::Conflict));
}

pub(crate) async fn a_key_that_must_be_absent_conflicts(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    commit_with(&*store, vec![mk_expected("a", None)]).await.unwrap();
    store.commit(mk_put("a", "1")).await.unwrap();
    let refused = commit_with(&*store, vec![mk_expected("a", None)]).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    let refused = commit_with(&*store, vec![mk_expected("b", Some(Version(1)))]).await;
    assert_eq!(refused, Err(CommitError::Conflict));
}

pub(crate) async fn a_removed_key_conflicts(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("a", "1")).await.unwrap();
    let seen = version_of(&*store, "a").await;
    let removal = Transaction { writes: vec![mk_removal("a")], ..mk_tx() };
    store.commit(removal).await.unwrap();
    let refused = commit_with(&*store, vec![mk_expected("a", seen)]).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    commit_with(&*store, vec![mk_expected("a", None)]).await.unwrap();
}

pub(crate) async fn a_phantom_in_a_range_conflicts(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("r/1", "1")).await.unwrap();
    store.commit(mk_put("r/3", "3")).await.unwrap();
    let seen = mk_range_read(&*store, 10).await;
    commit_with(&*store, vec![seen.clone()]).await.unwrap();
    for intruder in ["r/0", "r/2", "r/9"] {
        store.commit(mk_put(intruder, "x")).await.unwrap();
        let refused = commit_with(&*store, vec![seen.clone()]).await;
        assert_eq!(refused, Err(CommitError::Conflict), "{intruder}");
        let removal = Transaction { writes: vec![mk_removal(intruder)], ..mk_tx() };
        store.commit(removal).await.unwrap();
        commit_with(&*store, vec![seen.clone()]).await.unwrap();
    }
    store.commit(mk_put("r/3", "3")).await.unwrap();
    assert_eq!(commit_with(&*store, vec![seen]).await, Err(CommitError::Conflict));
}

pub(crate) async fn a_change_beyond_what_was_read_of_a_range_does_not(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    for key in ["r/1", "r/2", "r/3"] {
        store.commit(mk_put(key, "x")).await.unwrap();
    }
    let seen = mk_range_read(&*store, 2).await;
    store.commit(mk_put("r/3", "changed")).await.unwrap();
    store.commit(mk_put("r/4", "new")).await.unwrap();
    store.commit(mk_put("s", "outside")).await.unwrap();
    commit_with(&*store, vec![seen.clone()]).await.unwrap();
    let removal = Transaction { writes: vec![mk_removal("r/2")], ..mk_tx() };
    store.commit(removal).await.unwrap();
    assert_eq!(commit_with(&*store, vec![seen]).await, Err(CommitError::Conflict));
}

pub(crate) async fn conflicts_survive_opening_again(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("r/1", "1")).await.unwrap();
    let seen = version_of(&*store, "r/1").await;
    let range = mk_range_read(&*store, 10).await;
    store.commit(mk_put("a", "1")).await.unwrap();
    store.close().await;
    let store = fixture.open().await;
    commit_with(&*store, vec![mk_expected("r/1", seen), range.clone()]).await.unwrap();
    store.commit(mk_put("r/1", "2")).await.unwrap();
    for stale in [mk_expected("r/1", seen), range, mk_expected("a", None)] {
        assert_eq!(commit_with(&*store, vec![stale]).await, Err(CommitError::Conflict));
    }
}
