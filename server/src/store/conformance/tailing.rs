//! The tail and the doorbell.

use std::sync::Arc;

use super::Fixture;
use super::make::*;
use crate::store::{CommitRecord, Store, TailFrom, Transaction};

async fn mk_history(store: &dyn Store) {
    for n in 0..12 {
        let transaction = Transaction {
            tenant: if n % 3 == 0 { "beta" } else { "acme" }.to_owned(),
            request_id: (n % 2 == 0).then(|| format!("request-{n}")),
            events: vec![mk_event(); n % 4],
            ..mk_put(&format!("k{n}"), &n.to_string())
        };
        store.commit(transaction).await.unwrap();
    }
}

async fn of_acme(store: &dyn Store, after: u64, limit: usize) -> Vec<Arc<CommitRecord>> {
    let from = TailFrom::Sequence { tenant: "acme".to_owned(), after };
    store.tail(from, limit).await.unwrap()
}

pub(crate) async fn replays_all_commits_in_order(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    mk_history(&*store).await;
    let all = store.tail(TailFrom::Commit(0), 100).await.unwrap();
    assert_eq!(all.len(), 12);
    for (n, record) in all.iter().enumerate() {
        assert_eq!(record.commit, n as u64 + 1);
        assert_eq!(record.tenant, if n % 3 == 0 { "beta" } else { "acme" });
        assert_eq!(record.principal, "agent:test");
        assert_eq!(record.request_id.is_some(), n % 2 == 0);
        assert_eq!(record.events, vec![mk_event(); n % 4]);
        assert_eq!(record.writes, [mk_write(&format!("k{n}"), &n.to_string())]);
    }
    assert_eq!(store.tail(TailFrom::Commit(4), 3).await.unwrap(), all[4..7]);
    assert_eq!(store.tail(TailFrom::Commit(12), 3).await.unwrap(), []);
    assert_eq!(store.tail(TailFrom::Commit(99), 3).await.unwrap(), []);
}

pub(crate) async fn replays_one_tenant_from_a_sequence(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    mk_history(&*store).await;
    let all = of_acme(&*store, 0, 100).await;
    assert!(all.iter().all(|record| record.tenant == "acme" && !record.events.is_empty()));
    let last = store.sequence("acme").await.unwrap();
    for after in 0..=last + 1 {
        let found = of_acme(&*store, after, 100).await;
        let wanted: Vec<_> = all
            .iter()
            .filter(|record| record.first_sequence + record.events.len() as u64 > after + 1)
            .cloned()
            .collect();
        assert_eq!(found, wanted, "after {after}");
    }
    assert_eq!(of_acme(&*store, 0, 2).await, all[..2]);
    let nobody = TailFrom::Sequence { tenant: "nobody".to_owned(), after: 0 };
    assert_eq!(store.tail(nobody, 9).await.unwrap(), []);
}

pub(crate) async fn replays_the_same_after_opening_again(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    mk_history(&*store).await;
    let all = store.tail(TailFrom::Commit(0), 100).await.unwrap();
    let acme = of_acme(&*store, 3, 100).await;
    store.close().await;
    let store = fixture.open().await;
    assert_eq!(store.tail(TailFrom::Commit(0), 100).await.unwrap(), all);
    assert_eq!(of_acme(&*store, 3, 100).await, acme);
    store.commit(mk_put("new", "v")).await.unwrap();
    assert_eq!(store.tail(TailFrom::Commit(0), 100).await.unwrap().len(), 13);
    assert_eq!(store.tail(TailFrom::Commit(11), 100).await.unwrap().len(), 2);
    assert_eq!(of_acme(&*store, 3, 100).await.len(), acme.len() + 1);
}

pub(crate) async fn the_doorbell_rings(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let mut bell = store.doorbell();
    assert_eq!(*bell.borrow_and_update(), 0);
    let commit = store.commit(mk_put("a", "1")).await.unwrap().commit;
    bell.wait_for(|heard| *heard >= commit).await.unwrap();
    assert_eq!(store.tail(TailFrom::Commit(0), 9).await.unwrap().len(), 1);
    store.close().await;
    assert_eq!(*fixture.open().await.doorbell().borrow(), commit);
}

pub(crate) async fn a_commit_without_events_takes_no_sequence(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("a", "1")).await.unwrap();
    let silent = Transaction { events: Vec::new(), ..mk_put("b", "1") };
    assert_eq!(store.commit(silent).await.unwrap().sequence, 1);
    assert_eq!(store.commit(mk_put("c", "1")).await.unwrap().sequence, 2);
    let all = store.tail(TailFrom::Commit(0), 9).await.unwrap();
    let firsts: Vec<_> = all.iter().map(|record| record.first_sequence).collect();
    assert_eq!(firsts, [1, 2, 2]);
    assert_eq!(of_acme(&*store, 1, 9).await, all[2..]);
}
