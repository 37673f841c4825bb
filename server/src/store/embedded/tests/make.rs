//! Builders and helpers of the embedded store's tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::time::Timestamp;
use crate::store::conformance::make::{mk_noise, mk_payload, mk_put, mk_removal, mk_write};
use crate::store::damage::{Damage, OpenError};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, OpenReport, Space, Watermarks};
use crate::store::{Store, Transaction};

/// A directory with a store in it, and a clock that ticks at each look.
pub(crate) struct Place {
    _guard: tempfile::TempDir,
    pub(crate) data: PathBuf,
    ticks: Arc<AtomicI64>,
}

pub(crate) fn mk_place() -> Place {
    let guard = tempfile::tempdir().unwrap();
    let data = guard.path().join("data");
    Place { _guard: guard, data, ticks: Arc::new(AtomicI64::new(1_700_000_000_000_000)) }
}

impl Place {
    pub(crate) fn options(&self) -> EmbeddedOptions {
        self.options_at(&self.data)
    }

    pub(crate) fn options_at(&self, data: &Path) -> EmbeddedOptions {
        let ticks = Arc::clone(&self.ticks);
        let clock = Arc::new(move || Timestamp::from_micros(ticks.fetch_add(1, Ordering::Relaxed)));
        EmbeddedOptions {
            ballast_bytes: 0,
            sled_cache_bytes: 8 * 1024 * 1024,
            watermarks: Watermarks { intake_bytes: 0, intake_percent: 0, normal_bytes: 0 },
            free_space: Arc::new(|_| Ok(Space { free: 1 << 40, total: 1 << 41 })),
            ..EmbeddedOptions::new(data, clock)
        }
    }

    pub(crate) fn open(&self) -> (EmbeddedStore, OpenReport) {
        EmbeddedStore::open(self.options()).unwrap()
    }

    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        self.data.join(format!("journal/{number:010}.log"))
    }

    pub(crate) fn pack(&self, number: u32) -> PathBuf {
        self.data.join(format!("packs/{number:04}.pack"))
    }

    pub(crate) fn outer_head(&self) -> PathBuf {
        self.data.with_extension("head")
    }
}

/// Some commits of two tenants, with removals and payloads.
pub(crate) async fn mk_history(store: &EmbeddedStore, commits: u64) {
    for n in 0..commits {
        let mut writes = vec![mk_write(&format!("k{}", n % 90), &format!("value {n}"))];
        if n % 5 == 0 {
            writes.push(mk_removal(&format!("k{}", (n + 40) % 90)));
        }
        let transaction = Transaction {
            tenant: if n % 4 == 0 { "beta" } else { "acme" }.to_owned(),
            writes,
            payloads: vec![mk_payload(u128::from(n) + 1, mk_noise(n, 200), None)],
            ..mk_put("", "")
        };
        store.commit(transaction).await.unwrap();
    }
}

/// The damage that opening is refused for.
pub(crate) fn damage_of(opened: Result<(EmbeddedStore, OpenReport), OpenError>) -> Damage {
    match opened {
        Err(OpenError::Damaged(damage)) => *damage,
        Err(other) => panic!("{other}"),
        Ok((_, report)) => panic!("opened: {report:?}"),
    }
}

/// Changes a file.
pub(crate) fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}
