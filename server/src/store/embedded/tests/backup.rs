//! Backups are taken under load, verify, and restore to a prefix.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::make::*;
use crate::store::conformance::make::*;
use crate::store::damage::{DamageKind, OpenError};
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

/// A store and its backup.
async fn mk_backup() -> (Place, std::path::PathBuf) {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 30).await;
    let copy = place.data.with_extension("backup");
    store.backup(&copy).await.unwrap();
    (place, copy)
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let (place, copy) = mk_backup().await;
    let into = place.data.with_extension("restored");
    let segment = copy.join("journal/0000000001.log");
    for path in [segment.clone(), copy.join("packs/0001.pack"), copy.join("head")] {
        let sound = fs::read(&path).unwrap();
        change(&path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        assert!(matches!(restore(&copy, &into), Err(OpenError::Damaged(_))), "{}", path.display());
        fs::write(path, sound).unwrap();
    }
    change(&segment, |bytes| bytes.truncate(bytes.len() - 1));
    match verify(&copy) {
        Err(OpenError::Damaged(damage)) => {
            assert_eq!(damage.kind, DamageKind::Shorter { entries: 29, signed: 30 });
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_restore_overwrites_nothing_and_sets_the_old_head_aside() {
    let (place, copy) = mk_backup().await;
    let refused = restore(&copy, &place.data);
    assert_eq!(refused, Err(OpenError::NotEmpty { path: place.data.clone() }));
    fs::remove_dir_all(&place.data).unwrap();
    let report = restore(&copy, &place.data).unwrap();
    assert!(report.former_head.is_some_and(|aside| aside.exists()));
    let (store, opened) = place.open();
    assert_eq!(opened.commit, 30);
    assert!(place.data.join("restored/head").exists());
    store.close().await;
}

#[tokio::test]
async fn a_restore_that_was_not_finished_is_not_opened() {
    let (place, copy) = mk_backup().await;
    let into = place.data.with_extension("restored");
    restore(&copy, &into).unwrap();
    fs::remove_file(into.join("store")).unwrap();
    let refused = EmbeddedStore::open(place.options_at(&into));
    assert!(matches!(refused.map(|_| ()), Err(OpenError::Format { .. })));
}
