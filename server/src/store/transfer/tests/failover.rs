//! The database dies under a copy, and comes back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::make::*;
use crate::store::Store;
use crate::store::cluster::Cluster;
use crate::store::transfer::{Phase, Place, Progress, copy};

const COMMITS: u64 = 1_600;
/// After how many copied commits the database is killed.
const KILL_EVERY: u64 = 600;

/// Kills the database while the next commits are written, and starts it again.
fn killing(cluster: &Arc<Mutex<Cluster>>, kills: &Arc<AtomicU64>) -> Progress {
    let (cluster, kills) = (Arc::clone(cluster), Arc::clone(kills));
    Arc::new(move |phase, commits| {
        let due = commits / KILL_EVERY;
        if phase == Phase::Copying && kills.fetch_max(due, Ordering::Relaxed) < due {
            let cluster = Arc::clone(&cluster);
            std::thread::spawn(move || {
                let mut cluster = cluster.lock().unwrap();
                cluster.kill();
                cluster.restart();
            });
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_outlives_the_database_that_it_reads_and_writes() {
    let ground = mk_ground();
    let here = ground.dir("first");
    let store = ground.open_large(&here);
    mk_groups(&store, 0..COMMITS, mk_commit).await;
    store.close().await;
    let cluster = Cluster::start();
    let there = Place::Database { url: cluster.database(), ca_file: None };
    let (cluster, kills) = (Arc::new(Mutex::new(cluster)), Arc::new(AtomicU64::new(0)));
    let out = copy(&at_folder(&here), &there, None, killing(&cluster, &kills)).await.unwrap();
    assert_eq!(kills.swap(0, Ordering::Relaxed), COMMITS / KILL_EVERY);
    let back = at_folder(&ground.dir("back"));
    let home = copy(&there, &back, None, killing(&cluster, &kills)).await.unwrap();
    assert_eq!((out.root, out.state_digest), (home.root, home.state_digest));
    assert!(export(&back).await == export(&at_folder(&here)).await);
}
