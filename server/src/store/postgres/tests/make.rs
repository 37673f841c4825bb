//! Databases to test in.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;

use crate::domain::time::Timestamp;
use crate::store::cluster::{Cluster, sql};
use crate::store::postgres::{PostgresOptions, PostgresStore};

/// A database of its own, a clock that ticks at each look, and directories for
/// servers.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) url: String,
    ticks: Arc<AtomicI64>,
}

pub(crate) fn mk_place() -> Place {
    mk_place_on(Cluster::shared())
}

pub(crate) fn mk_place_on(cluster: &Cluster) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let ticks = Arc::new(AtomicI64::new(1_700_000_000_000_000));
    Place { dir, url: cluster.database(), ticks }
}

impl Place {
    /// How the server with a name opens the store.
    pub(crate) fn options(&self, server: &str) -> PostgresOptions {
        let ticks = Arc::clone(&self.ticks);
        let clock = Arc::new(move || Timestamp::from_micros(ticks.fetch_add(1, Ordering::Relaxed)));
        PostgresOptions {
            connections: 4,
            ..PostgresOptions::new(&self.url, self.dir.path().join(server), clock)
        }
    }

    pub(crate) async fn open(&self, server: &str) -> PostgresStore {
        PostgresStore::open(self.options(server)).await.unwrap().0
    }

    /// Where a file of the test is.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// What the database says to some statements.
    pub(crate) fn sql(&self, statements: &str) -> String {
        sql(&self.url, statements).unwrap()
    }

    /// What the database server says to some statements that concern the database
    /// as a whole.
    pub(super) fn outside(&self, statements: &str) -> String {
        let (server, _) = self.url.rsplit_once('/').unwrap();
        sql(&format!("{server}/postgres"), statements).unwrap()
    }
}
