//! Many callers at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Fixture;
use super::make::*;
use crate::store::{CommitError, Store, TailFrom, Transaction};

const WRITERS: usize = 64;

async fn increment(store: &dyn Store) {
    loop {
        let found = store.read(b"counter").await.unwrap();
        let value: u64 = found
            .as_ref()
            .map_or(0, |found| std::str::from_utf8(&found.value).unwrap().parse().unwrap());
        let version = found.map(|found| found.version);
        let transaction = Transaction {
            expectations: vec![mk_expected("counter", version)],
            ..mk_put("counter", &(value + 1).to_string())
        };
        match store.commit(transaction).await {
            Ok(_) => return,
            Err(CommitError::Conflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

async fn join(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

pub(crate) async fn increments_with_retry_lose_nothing(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let mut tasks = Vec::new();
    for _ in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            for _ in 0..4 {
                increment(&*store).await;
            }
        }));
    }
    join(tasks).await;
    assert_eq!(text_of(&*store, "counter").await.unwrap(), (WRITERS * 4).to_string());
    assert_eq!(store.info().await.unwrap().commit, WRITERS as u64 * 4);
}

pub(crate) async fn one_of_many_creators_wins(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            let transaction = Transaction {
                expectations: vec![mk_expected("only", None)],
                ..mk_put("only", &writer.to_string())
            };
            store.commit(transaction).await.map(|_| writer)
        }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(writer) => winners.push(writer.to_string()),
            Err(error) => assert_eq!(error, CommitError::Conflict),
        }
    }
    assert_eq!(winners, [text_of(&*store, "only").await.unwrap()]);
}

pub(crate) async fn sequences_are_dense_per_tenant(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            for round in 0..3 {
                let transaction = Transaction {
                    tenant: format!("tenant{}", writer % 3),
                    events: vec![mk_event(); round],
                    ..mk_put(&format!("k{writer}"), "v")
                };
                store.commit(transaction).await.unwrap();
            }
        }));
    }
    join(tasks).await;
    for tenant in ["tenant0", "tenant1", "tenant2"] {
        let from = TailFrom::Sequence { tenant: tenant.to_owned(), after: 0 };
        let mut seen = BTreeSet::new();
        for record in store.tail(from, 1_000).await.unwrap() {
            for (sequence, _) in (record.first_sequence..).zip(&record.events) {
                assert!(seen.insert(sequence));
            }
        }
        let last = store.sequence(tenant).await.unwrap();
        assert_eq!(seen, (1..=last).collect());
    }
    let commits = store.tail(TailFrom::Commit(0), 1_000).await.unwrap();
    let numbers: Vec<_> = commits.iter().map(|record| record.commit).collect();
    assert_eq!(numbers, (1..=WRITERS as u64 * 3).collect::<Vec<_>>());
}
