//! Little free space: who is refused, and what is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::make::*;
use crate::store::conformance::make::*;
use crate::store::embedded::ballast::Ballast;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, Space, Watermarks};
use crate::store::{CommitError, CommitLane, Store, Transaction};

const MIB: u64 = 1 << 20;

/// Options for a disk whose free bytes the test sets.
fn mk_disk(place: &Place, total: u64) -> (EmbeddedOptions, Arc<AtomicU64>) {
    let mut options = place.options();
    let free = Arc::new(AtomicU64::new(total));
    let probe = Arc::clone(&free);
    options.free_space = Arc::new(move |_| Ok(Space { free: probe.load(Ordering::SeqCst), total }));
    (options, free)
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_by_lane_and_recovers() {
    let place = mk_place();
    let (mut options, free) = mk_disk(&place, 10_000);
    options.watermarks = Watermarks { intake_bytes: 100, intake_percent: 5, normal_bytes: 50 };
    let store = Arc::new(EmbeddedStore::open(options).unwrap().0);
    for (free_bytes, intake, normal) in [
        (500, true, true),
        (499, false, true),
        (50, false, true),
        (49, false, false),
        (0, false, false),
        (900, true, true),
    ] {
        free.store(free_bytes, Ordering::SeqCst);
        for (lane, is_taken, watermark_bytes) in [
            (CommitLane::Intake, intake, 500),
            (CommitLane::Normal, normal, 50),
            (CommitLane::Exempt, true, 0),
        ] {
            let answer = store.commit(Transaction { lane, ..mk_put("k", "v") }).await;
            if is_taken {
                assert!(answer.is_ok(), "{lane:?} at {free_bytes}");
            } else {
                assert_eq!(answer, Err(CommitError::DiskFull { free_bytes, watermark_bytes }));
            }
        }
    }
    assert_eq!(store.stats().disk_refusals, 6);
}

/// The least free bytes at which a lane is taken.
fn watermark(lane: CommitLane, total: u64) -> u64 {
    match Watermarks::default().check(lane, Space { free: 0, total }) {
        Err(CommitError::DiskFull { watermark_bytes, .. }) => watermark_bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn watermarks_leave_most_of_a_small_disk_to_use() {
    for (total, intake, normal) in
        [(64, 16, 4), (256, 64, 16), (512, 128, 32), (2_048, 512, 32), (102_400, 10_240, 32)]
    {
        assert_eq!(watermark(CommitLane::Intake, total * MIB), intake * MIB, "of {total} MiB");
        assert_eq!(watermark(CommitLane::Normal, total * MIB), normal * MIB, "of {total} MiB");
    }
}

#[tokio::test]
async fn the_ballast_is_given_up_on_a_full_disk_and_laid_in_when_there_is_room() {
    let place = mk_place();
    let (mut options, free) = mk_disk(&place, 64 * MIB);
    options.ballast_bytes = 64 * MIB;
    let (_, report) = EmbeddedStore::open(options.clone()).unwrap();
    let ballast = place.data.join("ballast");
    assert!(!report.ballast_released);
    assert_eq!(std::fs::metadata(&ballast).unwrap().len(), 8 * MIB, "an eighth of the disk");

    free.store(8 * MIB, Ordering::SeqCst);
    let (_, report) = EmbeddedStore::open(options.clone()).unwrap();
    assert!(!report.ballast_released && ballast.exists());

    free.store(8 * MIB - 1, Ordering::SeqCst);
    let (_, report) = EmbeddedStore::open(options.clone()).unwrap();
    assert!(report.ballast_released && !ballast.exists());

    let mut again = Ballast::new(&options);
    free.store(24 * MIB, Ordering::SeqCst);
    again.lay();
    assert!(!ballast.exists());
    free.store(24 * MIB + 1, Ordering::SeqCst);
    // What somebody left who was killed while laying it in.
    std::fs::write(place.data.join("ballast.tmp"), b"").unwrap();
    again.lay();
    assert_eq!(std::fs::metadata(&ballast).unwrap().len(), 8 * MIB);
    assert!(!place.data.join("ballast.tmp").exists());
}

#[tokio::test]
async fn giving_up_the_ballast_lets_answers_through_and_nothing_new_in() {
    for total in [64, 512, 4_096, 1_048_576] {
        let place = mk_place();
        let (options, _) = mk_disk(&place, total * MIB);
        let most = EmbeddedOptions::new(&place.data, options.clock).ballast_bytes;
        let ballast = most.min(total * MIB / 8);
        assert!(ballast < watermark(CommitLane::Intake, total * MIB));
        assert!(ballast >= 2 * watermark(CommitLane::Normal, total * MIB));
    }
}

#[tokio::test]
async fn a_projection_that_is_rebuilt_goes_where_there_is_no_room_for_two() {
    let place = mk_place();
    let (options, free) = mk_disk(&place, 64 * MIB);
    let (store, _) = EmbeddedStore::open(options.clone()).unwrap();
    mk_history(&store, 100).await;
    let digest = store.state_digest().await.unwrap();
    store.close().await;
    drop(store);
    std::fs::write(place.data.join("sled/conf"), b"segment_size: x\n").unwrap();
    free.store(1_000, Ordering::SeqCst);
    let (store, report) = EmbeddedStore::open(options).unwrap();
    assert_eq!((report.quarantined, report.replayed), (None, 100));
    assert_eq!(store.state_digest().await.unwrap(), digest);
}
