//! Stores of two tenants, and what can be compared of stores.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use crate::domain::ids::RunId;
use crate::domain::payload::{PayloadDraft, PayloadRef};
use crate::domain::time::Timestamp;
use crate::store::conformance::make::{mk_event, mk_noise, mk_payload, mk_removal, mk_write};
use crate::store::embedded::tests::make as folder;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::keys::{self, Timer, TimerKind};
use crate::store::postgres::tests::make as rows;
use crate::store::transfer::batch::Reading;
use crate::store::transfer::side::Source;
use crate::store::transfer::{CopyReport, Place, Progress, TransferError, copy};
use crate::store::{Direction, Store, Transaction, Write};

/// Directories, databases and clocks.
pub(super) struct Ground {
    pub(super) folder: folder::Place,
}

pub(super) fn mk_ground() -> Ground {
    Ground { folder: folder::mk_place() }
}

impl Ground {
    pub(super) fn dir(&self, name: &str) -> std::path::PathBuf {
        self.folder.data.with_file_name(name)
    }

    /// Small segments and packs, so that there are several.
    fn options(&self, dir: &Path) -> EmbeddedOptions {
        EmbeddedOptions {
            segment_bytes: 20_000,
            pack_bytes: 100_000,
            ..self.folder.options_at(dir)
        }
    }

    pub(super) fn open(&self, dir: &Path) -> EmbeddedStore {
        EmbeddedStore::open(self.options(dir)).unwrap().0
    }

    /// As a server has it.
    pub(super) fn open_large(&self, dir: &Path) -> EmbeddedStore {
        EmbeddedStore::open(self.folder.options_at(dir)).unwrap().0
    }

    /// A directory with a history in it.
    pub(super) async fn filled(&self, name: &str, commits: u64) -> std::path::PathBuf {
        let dir = self.dir(name);
        let store = self.open(&dir);
        mk_history(&store, commits).await;
        store.close().await;
        dir
    }
}

pub(super) fn at_folder(dir: &Path) -> Place {
    Place::Folder(dir.to_owned())
}

pub(super) fn at_rows(place: &rows::Place) -> Place {
    Place::Database { url: place.url.clone(), ca_file: None }
}

pub(super) fn quiet() -> Progress {
    Arc::new(|_, _| ())
}

pub(super) async fn copied(from: &Place, to: &Place) -> CopyReport {
    copy(from, to, None, quiet()).await.unwrap()
}

pub(super) async fn refused(from: &Place, to: &Place) -> TransferError {
    copy(from, to, None, quiet()).await.unwrap_err()
}

fn mk_timer(tenant: &str, n: u64) -> Write {
    let id = u128::from(n).to_be_bytes();
    let time = Timestamp::from_micros(n as i64);
    let timer = Timer { time, kind: TimerKind::Due, id, tenant: tenant.to_owned() };
    Write { key: timer.key(), value: Some(Bytes::from_static(b"due")) }
}

/// The state of a run, which differs little from the one before.
fn mk_state(n: u64) -> PayloadDraft {
    let mut state = mk_noise(9, 20_000);
    state[10_000] ^= n as u8;
    mk_payload(u128::from(n) + 1, state, Some(RunId::new(uuid::Uuid::from_u128(7))))
}

/// The n-th commit: removals, payloads whole and in chunks, secrets, timers,
/// request ids, and now and then upkeep that nobody audits.
pub(super) fn mk_commit(n: u64) -> Transaction {
    let tenant = if n.is_multiple_of(4) { "beta" } else { "acme" };
    let mut writes = vec![mk_write(&format!("{tenant}/run/{}", n % 90), &format!("value {n}"))];
    if n % 10 == 9 {
        writes = vec![
            mk_removal(&format!("acme/request/{}", n - 4)),
            mk_removal(&format!("beta/request/{}", n - 5)),
            mk_write("!swept/requests", &n.to_string()),
        ];
        let principal = "system/sweeper".to_owned();
        let tenant = "default".to_owned();
        return Transaction { tenant, principal, writes, ..Transaction::default() };
    }
    writes.push(mk_write(&format!("{tenant}/request/{n}"), "answer"));
    match n % 5 {
        0 => writes.push(mk_removal(&format!("{tenant}/run/{}", (n + 40) % 90))),
        1 => writes.push(mk_write(&format!("!secret/{n}"), tenant)),
        2 => writes.push(mk_timer(tenant, n)),
        _ => {}
    }
    let payloads = match n % 7 {
        0 => vec![mk_state(n)],
        1 | 2 => vec![mk_payload(u128::from(n) + 1, mk_noise(n, 300), None)],
        _ => Vec::new(),
    };
    Transaction {
        tenant: tenant.to_owned(),
        principal: format!("agent:{}", n % 3),
        request_id: Some(n.to_string()),
        writes,
        events: (0..=n % 3).map(|_| mk_event()).collect(),
        payloads,
        ..Transaction::default()
    }
}

pub(super) async fn mk_history(store: &dyn Store, commits: u64) {
    for n in 0..commits {
        store.commit(mk_commit(n)).await.unwrap();
    }
}

/// A history in groups as large as they come.
pub(super) async fn mk_groups(
    store: &dyn Store,
    commits: Range<u64>,
    make: impl Fn(u64) -> Transaction,
) {
    const AT_ONCE: u64 = 2_000;
    for first in commits.clone().step_by(AT_ONCE as usize) {
        let group = first..commits.end.min(first + AT_ONCE);
        for committed in join_all(group.map(|n| store.commit(make(n)))).await {
            committed.unwrap();
        }
    }
}

/// Every payload of the first commits, of one tenant or of all.
pub(super) fn payloads(commits: u64, tenant: Option<&str>) -> Vec<(PayloadRef, Bytes)> {
    (0..commits)
        .map(mk_commit)
        .filter(|commit| tenant.is_none_or(|tenant| commit.tenant == tenant))
        .flat_map(|commit| commit.payloads)
        .map(|payload| (payload.reference, payload.bytes))
        .collect()
}

/// Every commit of a store, byte by byte, without what is a file's own.
pub(super) async fn export(place: &Place) -> Vec<Vec<u8>> {
    let source = Source::open(place).await.unwrap();
    let mut pass = source.start(Reading::Frames);
    let mut frames = Vec::new();
    while let Some(batch) = pass.next().await {
        for commit in batch.commits {
            let mut bytes = Vec::new();
            commit.frame.encode(0, &mut bytes).unwrap();
            frames.push(bytes);
        }
    }
    pass.end().await.unwrap();
    frames
}

/// Keys and values, without versions.
pub(super) async fn state(store: &dyn Store) -> Vec<(Bytes, Bytes)> {
    let mut range = keys::prefixed(&Bytes::from_static(b"!"));
    range.end = Bytes::from_static(b"\x7f");
    let mut rows = Vec::new();
    loop {
        let scan = store.scan(range.clone(), Direction::Ascending, 500).await.unwrap();
        rows.extend(scan.rows.into_iter().map(|(key, found)| (key, found.value)));
        if !scan.has_more {
            return rows;
        }
        range.start = keys::after(&rows.last().unwrap().0);
    }
}
