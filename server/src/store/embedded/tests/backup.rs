//! Backups are taken under load, verify, and restore to a prefix.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::make::*;
use crate::store::conformance::make::*;
use crate::store::embedded::{EmbeddedStore, restore, verify};
use crate::store::{Store, TailFrom, Transaction};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_restores_to_a_prefix() {
    let place = mk_place();
    let mut options = place.options();
    (options.segment_bytes, options.pack_bytes) = (20_000, 20_000);
    let store = Arc::new(EmbeddedStore::open(options).unwrap().0);
    mk_history(&store, 100).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (writer, switch) = (Arc::clone(&store), Arc::clone(&is_over));
    let load = tokio::spawn(async move {
        let mut n = 1_000_u64;
        while !switch.load(Ordering::Relaxed) {
            n += 1;
            let payloads = vec![mk_payload(u128::from(n), mk_noise(n, 300), None)];
            let put = mk_put(&format!("k{}", n % 50), &n.to_string());
            writer.commit(Transaction { payloads, ..put }).await.unwrap();
        }
    });
    for round in 0..3 {
        let copy = place.data.with_extension(format!("backup{round}"));
        let report = store.backup(&copy).await.unwrap();
        assert!(report.commit >= 100 && report.bytes > 0);
        let verified = verify(&copy).unwrap();
        assert_eq!((verified.commits, verified.entries), (report.commit, report.entries));
        assert_eq!(verified.signed_entries, Some(report.entries));
        assert_eq!(verified.payloads, report.commit);
        let restored = place.data.with_extension(format!("restored{round}"));
        let made = restore(&copy, &restored).unwrap();
        assert_eq!((made.commit, made.entries), (report.commit, report.entries));
        let (again, opened) = EmbeddedStore::open(place.options_at(&restored)).unwrap();
        assert_eq!((opened.commit, opened.quarantined), (report.commit, None));
        let first = store.tail(TailFrom::Commit(0), 1_000).await.unwrap();
        let same = again.tail(TailFrom::Commit(0), 1_000).await.unwrap();
        assert_eq!(same, first[..same.len()]);
        let (life, former) = (again.info().await.unwrap(), store.info().await.unwrap());
        assert_ne!(life.incarnation, former.incarnation);
        assert_eq!(life.incarnation, made.incarnation);
        again.commit(mk_put("life", "goes on")).await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    load.await.unwrap();
    store.close().await;
}
