//! The embedded store: journal, payload packs and a sled projection.
//!
//! Two threads. The *storage* thread ([`storage`]) owns sled and the order of
//! commits: it validates, numbers and encodes. The *journal* thread
//! ([`syncer`]) appends a group of commits and syncs it. While a group is being
//! synced, the storage thread applies earlier ones to sled and serves reads.
//! What is not synced is seen by validation only, never by a reader.
//!
//! The journal is the truth; sled holds no more than can be rebuilt from it.

mod backup;
mod ballast;
mod bucket;
mod copy;
mod group;
mod heads;
mod identity;
mod inbox;
mod lifecycle;
mod options;
mod projection;
mod rebuild;
mod recovery;
mod restore;
mod shared;
mod sink;
mod source;
mod space;
mod storage;
mod syncer;
mod tail;
mod unapplied;
mod verify;
mod view;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot, watch};

pub use self::options::{EmbeddedOptions, FaultPoint, Faults, OpenReport};
pub use self::restore::{RestoreReport, restore};
pub use self::space::{FreeSpace, Space, Watermarks};
pub use self::verify::{VerifyReport, verify};

pub(crate) use self::sink::FolderSink;
pub(crate) use self::source::FolderSource;

use self::inbox::{Ask, Inbox};
use self::shared::Shared;
use super::damage::OpenError;
use super::lanes::Waiting;
use super::{
    BackupReport, CommitError, CommitRecord, Committed, Direction, KeyRange, ReadError, Scan,
    SignedTreeHead, Store, StoreFailure, StoreInfo, StoreStats, TailFrom, Transaction, Versioned,
};
use crate::domain::digest::Digest;
use crate::domain::payload::PayloadRef;
use crate::store::packs::locate::PayloadError;

/// How many reads may wait for the storage thread at once.
const MAX_WAITING_READS: usize = 1_024;

/// The store in a directory of one machine.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    waiting_reads: Semaphore,
    threads: lifecycle::Threads,
}

impl EmbeddedStore {
    /// Opens the store, repairs what may be repaired, and starts it.
    ///
    /// Blocks: a large journal takes seconds. Refuses with
    /// [`OpenError::Damaged`] rather than lose what was answered.
    pub fn open(options: EmbeddedOptions) -> Result<(Self, OpenReport), OpenError> {
        let (shared, inbox, threads, report) = lifecycle::start(options)?;
        let waiting_reads = Semaphore::new(MAX_WAITING_READS);
        Ok((Self { shared, inbox, waiting_reads, threads }, report))
    }

    /// Sends a question to the storage thread and waits for the answer.
    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, ReadError>>) -> Ask + Send,
    ) -> Result<T, ReadError> {
        let _permit = self.waiting_reads.acquire().await.map_err(|_| ReadError::Stopped)?;
        let (sender, receiver) = oneshot::channel();
        self.inbox.ask(question(sender));
        receiver.await.unwrap_or(Err(ReadError::Stopped))
    }
}

impl Drop for EmbeddedStore {
    /// Stops without a final head and without catching up sled, as a crash
    /// would, but waits for the threads, so that the directory is free.
    fn drop(&mut self) {
        self.inbox.abandon();
        self.threads.join();
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn read(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError> {
        if let Some(found) = self.shared.cached(key) {
            return Ok(found);
        }
        let key = Bytes::copy_from_slice(key);
        self.ask(|answer| Ask::Read { key, answer }).await
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Scan, ReadError> {
        self.ask(|answer| Ask::Scan { range, direction, limit, answer }).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let weight = transaction.check_limits()?;
        let (answer, receiver) = oneshot::channel();
        self.inbox.commit(Waiting { transaction, weight, answer })?;
        // The storage thread answers, or it died with the commit in hand.
        receiver.await.unwrap_or(Err(CommitError::Unknown))
    }

    async fn payload(&self, reference: &PayloadRef) -> Result<Bytes, ReadError> {
        if let Some(bytes) = self.shared.cached_payload(reference) {
            return Ok(bytes);
        }
        // What the system has at hand costs less to read than to send away for.
        if let Some(bytes) = self.shared.packs.read_at_once(reference) {
            self.shared.keep_payload(reference, &bytes);
            return Ok(bytes);
        }
        let (packs, reference) = (Arc::clone(&self.shared.packs), *reference);
        let read = tokio::task::spawn_blocking(move || packs.read(&reference));
        match read.await {
            Ok(Ok(bytes)) => {
                self.shared.keep_payload(&reference, &bytes);
                Ok(bytes)
            }
            Ok(Err(error)) => Err(payload_error(reference, &error)),
            Err(_) => Err(ReadError::Stopped),
        }
    }

    async fn tail(
        &self,
        from: TailFrom,
        limit: usize,
    ) -> Result<Vec<Arc<CommitRecord>>, ReadError> {
        tail::read(&self.shared, from, limit).await
    }

    fn doorbell(&self) -> watch::Receiver<u64> {
        self.shared.doorbell.subscribe()
    }

    async fn sequence(&self, tenant: &str) -> Result<u64, ReadError> {
        Ok(self.shared.sequence(tenant))
    }

    async fn info(&self) -> Result<StoreInfo, ReadError> {
        Ok(self.shared.info())
    }

    async fn tree_head(&self) -> Result<SignedTreeHead, ReadError> {
        Ok(self.shared.tree_head())
    }

    async fn state_digest(&self) -> Result<Digest, ReadError> {
        self.ask(|answer| Ask::StateDigest { answer }).await
    }

    async fn backup(&self, into: &Path) -> Result<BackupReport, ReadError> {
        let (shared, into) = (Arc::clone(&self.shared), into.to_owned());
        let copy = tokio::task::spawn_blocking(move || backup::write(&shared, &into));
        copy.await.unwrap_or(Err(ReadError::Stopped))
    }

    fn stats(&self) -> StoreStats {
        self.shared.stats(self.inbox.depth())
    }

    async fn failure(&self) -> StoreFailure {
        let mut failure = self.shared.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await;
        failed.ok().and_then(|failed| failed.clone()).unwrap_or(StoreFailure::Closed)
    }

    async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        self.inbox.close(sender);
        // An error means that the storage thread is gone, which is as closed.
        let _ = receiver.await;
    }
}

fn payload_error(reference: PayloadRef, error: &PayloadError) -> ReadError {
    match error {
        PayloadError::Missing => ReadError::NoPayload { id: reference.id },
        PayloadError::Damaged => ReadError::Damaged { what: format!("payload {}", reference.id) },
        PayloadError::Io(error) => ReadError::Medium { message: error.to_string() },
    }
}

#[cfg(test)]
pub(crate) mod tests;
