//! What the tasks of a store share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::bell::Bell;
use super::database::Database;
use super::heads::Heads;
use super::recent::Recent;
use super::rows::Head;
use super::trouble::Trouble;
use crate::store::caches::PayloadCache;
use crate::store::head::HeadKey;
use crate::store::stats::Counters;
use crate::store::{Clock, CommitRecord, SignedTreeHead, StoreFailure};

/// State that all tasks of a store share.
pub(super) struct Shared {
    pub(super) database: Database,
    pub(super) incarnation: Uuid,
    pub(super) clock: Clock,
    pub(super) key: HeadKey,
    pub(super) doorbell: watch::Sender<u64>,
    pub(super) failure: watch::Sender<Option<StoreFailure>>,
    pub(super) counters: Counters,
    pub(super) payloads: PayloadCache,
    pub(super) recent: RwLock<Recent>,
    /// The newest commit that anybody was told of here.
    pub(super) known: AtomicU64,
    /// Wakes the follower.
    pub(super) wake: Notify,
    pub(super) bell: Bell,
    pub(super) heads: Heads,
}

// === impl Shared ===

impl Shared {
    /// The newest commit that anybody was told of here.
    pub(super) fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    /// Notes that a commit is known here.
    pub(super) fn note(&self, commit: u64) {
        self.known.fetch_max(commit, Ordering::AcqRel);
    }

    /// Takes commits into memory and rings, as far as they follow on what is
    /// there; else the follower fetches what is missing.
    pub(super) fn extend(&self, commits: impl IntoIterator<Item = Arc<CommitRecord>>) {
        let (is_dense, last) = {
            let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
            (recent.extend(commits), recent.last())
        };
        if !is_dense {
            self.wake.notify_one();
        }
        self.note(last);
        self.doorbell.send_if_modified(|rung| {
            let is_newer = last > *rung;
            *rung = last.max(*rung);
            is_newer
        });
    }

    /// The newest commit in memory.
    pub(super) fn last(&self) -> u64 {
        self.recent.read().unwrap_or_else(PoisonError::into_inner).last()
    }

    /// Makes sure that a head is one of this store, and not behind what anybody
    /// was told here: a database that lost acknowledged commits in a failover
    /// must not go on as if nothing had been.
    ///
    /// `known` is what [`Shared::known`] was before the head was asked for.
    pub(super) fn check(&self, head: &Head, known: u64) -> Result<(), Trouble> {
        if head.incarnation != self.incarnation {
            return Err(Trouble::History("it holds another store".to_owned()));
        }
        if head.commit < known {
            return Err(Trouble::History(format!(
                "commit {known} was acknowledged, but the journal ends at commit {}",
                head.commit
            )));
        }
        Ok(())
    }

    /// Signs a head.
    pub(super) fn sign(&self, head: &Head) -> SignedTreeHead {
        let tree = &head.frontier;
        self.key.sign(tree.size(), tree.root(), head.commit, (self.clock)())
    }

    /// Notes why the store stopped; the first reason stays.
    pub(super) fn fail(&self, failure: StoreFailure) {
        self.failure.send_if_modified(|reason| {
            let is_first = reason.is_none();
            if is_first {
                if failure != StoreFailure::Closed {
                    tracing::error!(%failure, "the store has stopped");
                }
                *reason = Some(failure);
            }
            is_first
        });
    }

    /// Stops for good if a trouble is one that nothing but an operator can end, and
    /// first leaves a signature that keeps the next start from that database.
    pub(super) fn heed(&self, trouble: &Trouble) {
        if let Trouble::History(message) = trouble {
            self.heads.testify(|head| self.sign(head));
            self.fail(StoreFailure::History { message: message.clone() });
        }
    }
}
