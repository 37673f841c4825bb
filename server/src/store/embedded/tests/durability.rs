//! What is seen when, who goes first, who is refused for space.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::make::*;
use crate::store::conformance::make::*;
use crate::store::embedded::{EmbeddedStore, FaultPoint};
use crate::store::lanes::MAX_GROUP;
use crate::store::{CommitError, CommitLane, Direction, Store, TailFrom, Transaction};

/// Holds the journal thread before its sync.
#[derive(Default)]
struct Gate {
    is_shut: Mutex<bool>,
    changed: Condvar,
    is_reached: AtomicBool,
}

impl Gate {
    fn set(&self, is_shut: bool) {
        *self.is_shut.lock().unwrap() = is_shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let shut = self.is_shut.lock().unwrap();
        self.is_reached.store(*shut, Ordering::SeqCst);
        drop(self.changed.wait_while(shut, |is_shut| *is_shut).unwrap());
    }

    async fn reached(&self) {
        while !self.is_reached.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }
}

fn mk_gated(place: &Place) -> (Arc<EmbeddedStore>, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let mut options = place.options();
    let held = Arc::clone(&gate);
    options.faults = Some(Arc::new(move |point| {
        if point == FaultPoint::SyncFrames {
            held.pass();
        }
        Ok(())
    }));
    (Arc::new(EmbeddedStore::open(options).unwrap().0), gate)
}

async fn commit(store: &Arc<EmbeddedStore>, tx: Transaction) -> Result<u64, CommitError> {
    store.commit(tx).await.map(|committed| committed.commit)
}

#[tokio::test]
async fn what_is_not_synced_is_not_seen() {
    let place = mk_place();
    let (store, gate) = mk_gated(&place);
    gate.set(true);
    let writer = Arc::clone(&store);
    let waiting = tokio::spawn(async move { commit(&writer, mk_put("a", "1")).await });
    gate.reached().await;
    assert_eq!(store.read(b"a").await.unwrap(), None);
    assert_eq!(store.info().await.unwrap().commit, 0);
    assert_eq!(store.tail(TailFrom::Commit(0), 9).await.unwrap(), []);
    assert_eq!(*store.doorbell().borrow(), 0);
    assert!(!waiting.is_finished());
    gate.set(false);
    assert_eq!(waiting.await.unwrap(), Ok(1));
    assert_eq!(text_of(&*store, "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_stop_is_synced_next_however_many_commits_wait() {
    let place = mk_place();
    let (store, gate) = mk_gated(&place);
    gate.set(true);
    let sent = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for n in 0..1_200 {
        let (store, sent) = (Arc::clone(&store), Arc::clone(&sent));
        tasks.push(tokio::spawn(async move {
            // Queued within the same poll.
            sent.fetch_add(1, Ordering::Relaxed);
            commit(&store, mk_put(&format!("k{n}"), "v")).await
        }));
        if n == 0 {
            gate.reached().await;
        }
    }
    // One group is being synced, the next is full, the rest waits. Only once all are sent:
    // the queue has this depth while it fills as well.
    while sent.load(Ordering::Relaxed) < 1_200 {
        tokio::task::yield_now().await;
    }
    while store.stats().queue_depth != 1_199 - MAX_GROUP as u64 {
        tokio::task::yield_now().await;
    }
    let (stopper, asked) = (Arc::clone(&store), Arc::clone(&sent));
    let stop = tokio::spawn(async move {
        asked.fetch_add(1, Ordering::Relaxed);
        commit(&stopper, Transaction { lane: CommitLane::Exempt, ..mk_put("stop", "v") }).await
    });
    // Queued at the first poll, and then let into the full group.
    while sent.load(Ordering::Relaxed) < 1_201 {
        tokio::task::yield_now().await;
    }
    while store.stats().queue_depth != 1_199 - MAX_GROUP as u64 {
        tokio::task::yield_now().await;
    }
    gate.set(false);
    let mut last = 0;
    for task in tasks {
        last = last.max(task.await.unwrap().unwrap());
    }
    assert_eq!(stop.await.unwrap(), Ok(2 + MAX_GROUP as u64));
    assert_eq!(last, 1_201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_later_read_sees_a_commit_however_small_the_cache() {
    let place = mk_place();
    let mut options = place.options();
    (options.cache_bytes, options.payload_cache_bytes) = (600, 600);
    let store = Arc::new(EmbeddedStore::open(options).unwrap().0);
    let mut tasks = Vec::new();
    for writer in 0..8_u64 {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            let key = format!("w{writer}");
            for n in 0..150_u64 {
                let payload = mk_payload(u128::from(writer * 1_000 + n) + 1, mk_noise(n, 90), None);
                let reference = payload.reference;
                let put = mk_put(&key, &n.to_string());
                let transaction = Transaction { payloads: vec![payload], ..put };
                let commit = store.commit(transaction).await.unwrap().commit;
                assert_eq!(text_of(&*store, &key).await.unwrap(), n.to_string());
                let range = mk_range("w", "x");
                let found = store.scan(range, Direction::Descending, 100).await.unwrap();
                let mine = found.rows.iter().find(|(name, _)| *name == mk_bytes(&key)).unwrap();
                assert_eq!(mine.1.value, mk_bytes(&n.to_string()));
                assert!(found.commit >= commit);
                assert!(*store.doorbell().borrow() >= commit);
                assert_eq!(store.payload(&reference).await.unwrap(), mk_noise(n, 90));
                let tail = store.tail(TailFrom::Commit(commit - 1), 1).await.unwrap();
                assert_eq!(tail[0].writes, [mk_write(&key, &n.to_string())]);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.commits, 1_200);
    assert!(stats.cache_misses > 0);
}
