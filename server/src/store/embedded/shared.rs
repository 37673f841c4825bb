//! What the storage thread has made visible, for every other thread.
//!
//! Only the storage thread writes here, in [`Shared::publish`] and on a miss
//! of the cache. So an old value can never replace a newer one.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

use super::space::{FreeSpace, Space};
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;
use crate::store::caches::{PayloadCache, RecordCache};
use crate::store::head::HeadKey;
use crate::store::journal::Position;
use crate::store::journal::index::JournalIndex;
use crate::store::merkle::Frontier;
use crate::store::packs::PackEnd;
use crate::store::packs::locate::Packs;
use crate::store::stats::{Counters, StoreStats};
use crate::store::{Clock, CommitRecord, SignedTreeHead, StoreFailure, StoreInfo, Versioned};

/// The most commits kept in memory for the tail.
const RING_COMMITS: usize = 16_384;
/// The most bytes of writes kept in memory for the tail.
const RING_BYTES: usize = 32 * 1024 * 1024;
/// The newest durable moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Published {
    pub(super) commit: u64,
    pub(super) time: Timestamp,
    pub(super) frontier: Frontier,
    pub(super) journal: Position,
    pub(super) packs: PackEnd,
}

/// A commit as it is published: the record, where it begins, its bytes.
pub(super) struct PublishedCommit {
    pub(super) record: Arc<CommitRecord>,
    pub(super) at: Position,
    pub(super) bytes: usize,
}

/// Recent commits, densely numbered.
#[derive(Default)]
pub(super) struct Ring {
    pub(super) records: VecDeque<(Arc<CommitRecord>, usize)>,
    bytes: usize,
}

impl Ring {
    /// The oldest commit in the ring.
    pub(super) fn first(&self) -> Option<u64> {
        self.records.front().map(|(record, _)| record.commit)
    }

    fn push(&mut self, record: Arc<CommitRecord>, bytes: usize) {
        self.bytes += bytes;
        self.records.push_back((record, bytes));
        while self.records.len() > RING_COMMITS || self.bytes > RING_BYTES {
            let Some((_, bytes)) = self.records.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

/// Where the parts of a store are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) data: PathBuf,
    pub(super) journal: PathBuf,
    pub(super) packs: PathBuf,
    pub(super) sled: PathBuf,
    pub(super) head: PathBuf,
    pub(super) outer_head: PathBuf,
}

/// State that all threads of a store share.
pub(super) struct Shared {
    pub(super) places: Places,
    pub(super) incarnation: Uuid,
    pub(super) clock: Clock,
    pub(super) free_space: FreeSpace,
    pub(super) key: HeadKey,
    pub(super) packs: Arc<Packs>,
    pub(super) doorbell: watch::Sender<u64>,
    pub(super) failure: watch::Sender<Option<StoreFailure>>,
    pub(super) counters: Counters,
    pub(super) published: Mutex<Published>,
    pub(super) ring: RwLock<Ring>,
    pub(super) index: RwLock<JournalIndex>,
    pub(super) sequences: RwLock<HashMap<String, u64>>,
    pub(super) records: RecordCache,
    pub(super) payloads: PayloadCache,
}

impl Shared {
    /// A key as the cache knows it: `None` if it does not, `Some(None)` if the
    /// key is known to be absent.
    pub(super) fn cached(&self, key: &[u8]) -> Option<Option<Versioned>> {
        let found = self.records.get(key);
        let counter = match found {
            Some(_) => &self.counters.cache_hits,
            None => &self.counters.cache_misses,
        };
        counter.add(1);
        found
    }

    /// A payload that was stored or read lately.
    pub(super) fn cached_payload(&self, reference: &PayloadRef) -> Option<Bytes> {
        let (stored, bytes) = self.payloads.get(&reference.id)?;
        (stored == *reference).then_some(bytes)
    }

    /// Remembers a payload that was just stored or read.
    pub(super) fn keep_payload(&self, reference: &PayloadRef, bytes: &Bytes) {
        self.payloads.insert(reference.id, (*reference, bytes.clone()));
    }

    /// Makes a synced group visible: history first, then the doorbell.
    pub(super) fn publish(&self, commits: Vec<PublishedCommit>, now: Published) {
        let commit = now.commit;
        {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            let mut sequences = self.sequences.write().unwrap_or_else(PoisonError::into_inner);
            let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
            for PublishedCommit { record, at, bytes } in commits {
                let events = record.events.len() as u64;
                let first = (events > 0).then_some(record.first_sequence);
                index.note_commit(record.commit, at, &record.tenant, first);
                if let Some(first) = first {
                    let last = first + events - 1;
                    if let Some(sequence) = sequences.get_mut(&record.tenant) {
                        *sequence = last;
                    } else {
                        sequences.insert(record.tenant.clone(), last);
                    }
                }
                ring.push(record, bytes);
            }
            *self.published.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
        self.doorbell.send_replace(commit);
    }

    /// The newest durable moment.
    pub(super) fn now(&self) -> Published {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A tenant's newest sequence.
    pub(super) fn sequence(&self, tenant: &str) -> u64 {
        let sequences = self.sequences.read().unwrap_or_else(PoisonError::into_inner);
        sequences.get(tenant).copied().unwrap_or(0)
    }

    /// Signs the head of what is durable.
    pub(super) fn tree_head(&self) -> SignedTreeHead {
        let Published { commit, frontier, .. } = self.now();
        self.key.sign(frontier.size(), frontier.root(), commit, (self.clock)())
    }

    /// What the store is and how far it is.
    pub(super) fn info(&self) -> StoreInfo {
        let now = self.now();
        StoreInfo {
            engine: "embedded",
            incarnation: self.incarnation,
            commit: now.commit,
            entries: now.frontier.size(),
            free_bytes: self.space().map(|space| space.free),
        }
    }

    /// How full the disk is; `None` if it does not say.
    pub(super) fn space(&self) -> Option<Space> {
        (self.free_space)(&self.places.data).ok()
    }

    /// Notes why the store stopped; the first reason stays.
    pub(super) fn fail(&self, failure: StoreFailure) {
        self.failure.send_if_modified(|reason| {
            let is_first = reason.is_none();
            if is_first {
                *reason = Some(failure);
            }
            is_first
        });
    }

    /// The counters as they stand.
    pub(super) fn stats(&self, queue_depth: usize) -> StoreStats {
        self.counters.snapshot(queue_depth)
    }
}
