//! A write or sync that fails: nothing is acknowledged any more.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::make::*;
use crate::domain::time::Timestamp;
use crate::store::StoreFailure;
use crate::store::conformance::make::*;
use crate::store::embedded::{EmbeddedStore, FaultPoint};
use crate::store::{CommitError, ReadError, Store, Transaction};

#[tokio::test]
async fn a_failed_write_or_sync_stops_the_store_for_good() {
    use FaultPoint::{SyncFrames, SyncPayloads, WriteFrames, WritePayloads};
    for broken in [WritePayloads, SyncPayloads, WriteFrames, SyncFrames] {
        let place = mk_place();
        let mut options = place.options();
        let (is_broken, attempts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (switch, count) = (Arc::clone(&is_broken), Arc::clone(&attempts));
        options.faults = Some(Arc::new(move |point| {
            if point != broken || !switch.load(Ordering::SeqCst) {
                return Ok(());
            }
            count.fetch_add(1, Ordering::SeqCst);
            Err(io::Error::other("the disk is gone"))
        }));
        let (store, _) = EmbeddedStore::open(options).unwrap();
        store.commit(mk_put("before", "1")).await.unwrap();
        is_broken.store(true, Ordering::SeqCst);
        let payloads = vec![mk_payload(1, "x", None)];
        let refused = store.commit(Transaction { payloads, ..mk_put("during", "1") }).await;
        assert_eq!(refused, Err(CommitError::Unknown));
        let failure = store.failure().await;
        assert_eq!(failure, StoreFailure::Journal { message: "the disk is gone".to_owned() });
        is_broken.store(false, Ordering::SeqCst);
        let refused = store.commit(mk_put("after", "1")).await;
        assert_eq!(refused, Err(CommitError::Stopped));
        assert_eq!(store.read(b"during").await, Err(ReadError::Stopped));
        assert_eq!(attempts.load(Ordering::SeqCst), 1, "a sync is never tried again");
        store.close().await;
        drop(store);
        let (store, _) = place.open();
        assert_eq!(text_of(&store, "before").await.unwrap(), "1");
        assert_eq!(text_of(&store, "after").await, None);
        store.commit(mk_put("again", "1")).await.unwrap();
    }
}

#[tokio::test]
async fn a_panic_of_the_storage_thread_stops_the_store() {
    let place = mk_place();
    let mut options = place.options();
    let is_broken = Arc::new(AtomicBool::new(false));
    let (switch, clock) = (Arc::clone(&is_broken), Arc::clone(&options.clock));
    options.clock = Arc::new(move || -> Timestamp {
        let is_storage = std::thread::current().name() == Some("store-storage");
        assert!(!(is_storage && switch.load(Ordering::SeqCst)), "the clock is broken");
        clock()
    });
    let (store, _) = EmbeddedStore::open(options).unwrap();
    store.commit(mk_put("before", "1")).await.unwrap();
    is_broken.store(true, Ordering::SeqCst);
    let refused = store.commit(mk_put("during", "1")).await;
    assert!(matches!(refused, Err(CommitError::Unknown | CommitError::Stopped)), "{refused:?}");
    assert_eq!(store.failure().await, StoreFailure::Panicked);
    assert_eq!(store.commit(mk_put("after", "1")).await, Err(CommitError::Stopped));
    drop(store);
    let (store, _) = place.open();
    assert_eq!(text_of(&store, "before").await.unwrap(), "1");
    assert_eq!(text_of(&store, "during").await, None);
}

#[tokio::test]
async fn a_panic_of_a_writing_thread_stops_the_store() {
    for broken in [FaultPoint::SyncFrames, FaultPoint::SyncPayloads] {
        let place = mk_place();
        let mut options = place.options();
        options.faults = Some(Arc::new(move |point| {
            assert!(point != broken, "broken");
            Ok(())
        }));
        let (store, _) = EmbeddedStore::open(options).unwrap();
        let payloads = vec![mk_payload(1, "x", None)];
        let refused = store.commit(Transaction { payloads, ..mk_put("a", "1") }).await;
        assert_eq!(refused, Err(CommitError::Unknown));
        assert!(matches!(store.failure().await, StoreFailure::Journal { .. }));
        assert_eq!(store.commit(mk_put("b", "1")).await, Err(CommitError::Stopped));
    }
}

#[tokio::test]
async fn closing_is_told_as_closed() {
    let place = mk_place();
    let (store, _) = place.open();
    store.close().await;
    assert_eq!(store.failure().await, StoreFailure::Closed);
}
