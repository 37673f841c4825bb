//! The shared store: journal, payloads and state as tables of a database that
//! speaks the PostgreSQL protocol.
//!
//! Any number of servers share it, and none holds anything that another needs.
//! One task of each server commits ([`committer`]): it locks the head of the
//! journal, judges what is queued, appends, and is answered when the database has
//! made it durable. Another follows what the others commit ([`follower`]).
//!
//! Nothing here is special to PostgreSQL: no advisory locks, triggers or
//! sequences, and `LISTEN` is a hint only, beside polling.

mod bell;
mod committer;
mod database;
mod follower;
mod group;
mod heads;
mod options;
mod payloads;
mod queue;
mod reader;
mod recent;
mod rows;
mod schema;
mod session;
mod shared;
mod sink;
mod source;
mod trouble;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{Mutex, Notify, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

pub use self::options::PostgresOptions;
pub use self::schema::Migrated;

pub(crate) use self::sink::RowsSink;
pub(crate) use self::source::RowsSource;

use self::committer::Committer;
use self::database::Database;
use self::heads::{HeadFiles, Heads};
use self::queue::Queue;
use self::reader::Wanted;
use self::recent::Recent;
use self::rows::{Head, ReadHead, ReadRange, ReadSequence, ReadTail};
use self::shared::Shared;
use super::caches::payload_cache;
use super::damage::OpenError;
use super::embedded::FolderSink;
use super::lanes::Waiting;
use super::stats::Counters;
use super::{
    BackupReport, CommitError, CommitRecord, Committed, Direction, KeyRange, MAX_SCAN, MAX_TAIL,
    ReadError, Scan, SignedTreeHead, Store, StoreFailure, StoreInfo, StoreStats, TailFrom,
    Transaction, Versioned, files, place, transfer,
};
use crate::domain::digest::Digest;
use crate::domain::payload::PayloadRef;

/// The store in a database.
pub struct PostgresStore {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    wanted: Arc<Wanted>,
    committer: Mutex<Option<JoinHandle<()>>>,
    /// Ends with the store.
    helpers: Mutex<JoinSet<()>>,
    /// Keeps other processes out of this server's directory.
    lock: Mutex<Option<File>>,
}

/// What opening a store found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostgresReport {
    /// The newest commit.
    pub commit: u64,
    /// The entries in the journal.
    pub entries: u64,
}

/// Makes and changes the tables of a database as this version needs them.
pub async fn migrate(options: &PostgresOptions) -> Result<Migrated, OpenError> {
    let database = Database::new(options)?;
    let migrated = schema::migrate(&database, random_id()?).await;
    database.close();
    migrated
}

// === impl PostgresStore ===

impl PostgresStore {
    /// Opens the store, and makes sure that it goes on from what this server has
    /// signed: refuses with [`OpenError::Damaged`] if it does not.
    pub async fn open(options: PostgresOptions) -> Result<(Self, PostgresReport), OpenError> {
        let data = &options.data_dir;
        std::fs::create_dir_all(data).map_err(OpenError::medium("make", data))?;
        files::sync_dir(files::parent(data)).map_err(OpenError::medium("sync", data))?;
        let lock = place::lock(data)?;
        let key = place::key(data)?;
        let files = HeadFiles::of(&options);
        let heads = files.read(key.public_key())?;
        let database = Database::new(&options)?;
        if options.migrates {
            schema::migrate(&database, random_id()?).await?;
        } else {
            schema::check(&database).await?;
        }
        database.ask(&schema::Durability).await?;
        let now = database.ask(&ReadHead).await?;
        sink::require_finished(&now)?;
        heads::verify(&database, &files, &heads, &now).await?;
        let report = PostgresReport { commit: now.commit, entries: now.frontier.size() };
        let shared = Arc::new(Shared {
            database,
            incarnation: now.incarnation,
            clock: Arc::clone(&options.clock),
            key,
            doorbell: watch::Sender::new(now.commit),
            failure: watch::Sender::new(None),
            counters: Counters::default(),
            payloads: payload_cache(options.payload_cache_bytes),
            recent: RwLock::new(Recent::new(now.commit)),
            known: AtomicU64::new(now.commit),
            wake: Notify::new(),
            bell: bell::Bell::default(),
            heads: Heads::new(files, now),
        });
        Ok((Self::start(shared, &options, lock).await?, report))
    }

    async fn start(
        shared: Arc<Shared>,
        options: &PostgresOptions,
        lock: File,
    ) -> Result<Self, OpenError> {
        let queue = Arc::new(Queue::default());
        // From here on, what was found at the start cannot be lost unnoticed.
        let written = heads::write(&shared).await?;
        let committer = Committer {
            shared: Arc::clone(&shared),
            queue: Arc::clone(&queue),
            random: SystemRandom::new(),
            is_down: false,
        };
        let mut helpers = JoinSet::new();
        helpers.spawn(follower::follow(Arc::clone(&shared)));
        helpers.spawn(heads::keep(Arc::clone(&shared), written));
        if options.listens {
            let name = random_id()?.simple().to_string();
            helpers.spawn(follower::attend(Arc::clone(&shared), name));
        }
        let wanted = Arc::new(Wanted::default());
        for _ in 0..reader::TASKS {
            helpers.spawn(reader::run(shared.database.clone(), Arc::clone(&wanted)));
        }
        Ok(Self {
            shared,
            queue,
            wanted,
            committer: Mutex::new(Some(tokio::spawn(committer.run()))),
            helpers: Mutex::new(helpers),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// The head of the journal, not behind what was told here.
    async fn head(&self) -> Result<Head, ReadError> {
        let known = self.shared.known();
        let head = self.ask(&ReadHead).await?;
        self.shared.check(&head, known).inspect_err(|trouble| self.shared.heed(trouble))?;
        self.shared.note(head.commit);
        Ok(head)
    }

    async fn ask<Q: database::Question>(&self, question: &Q) -> Result<Q::Answer, ReadError> {
        if self.shared.failure.borrow().is_some() {
            return Err(ReadError::Stopped);
        }
        Ok(self.shared.database.ask(question).await?)
    }
}

impl Drop for PostgresStore {
    /// Stops as a crash would: what waits is refused, what is in hand is not
    /// waited for.
    fn drop(&mut self) {
        self.queue.stop();
        if let Some(committer) = self.committer.get_mut().take() {
            committer.abort();
        }
        self.wanted.close();
        self.shared.database.close();
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn read(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError> {
        if self.shared.failure.borrow().is_some() {
            return Err(ReadError::Stopped);
        }
        Ok(self.wanted.read(key).await?)
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Scan, ReadError> {
        let scan = self.ask(&ReadRange { range, direction, limit: limit.min(MAX_SCAN) }).await?;
        self.shared.note(scan.commit);
        Ok(scan)
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let weight = transaction.check_limits()?;
        let (answer, receiver) = oneshot::channel();
        self.queue.push(Waiting { transaction, weight, answer })?;
        // The committer answers, or it ended with the commit in hand.
        receiver.await.unwrap_or(Err(CommitError::Unknown))
    }

    async fn payload(&self, reference: &PayloadRef) -> Result<Bytes, ReadError> {
        if let Some((stored, bytes)) = self.shared.payloads.get(&reference.id)
            && stored == *reference
        {
            return Ok(bytes);
        }
        let found = self.ask(&payloads::ReadPayload(reference.id)).await?;
        let found = found.ok_or(ReadError::NoPayload { id: reference.id })?;
        let bytes = found.check(reference)?.bytes;
        self.shared.payloads.insert(reference.id, (*reference, bytes.clone()));
        Ok(bytes)
    }

    async fn tail(
        &self,
        from: TailFrom,
        limit: usize,
    ) -> Result<Vec<Arc<CommitRecord>>, ReadError> {
        let limit = limit.min(MAX_TAIL);
        let remembered = {
            let recent = self.shared.recent.read().unwrap_or_else(PoisonError::into_inner);
            // What anybody was told of here must be in the answer.
            let is_current = recent.last() >= self.shared.known();
            if is_current { recent.tail(&from, limit) } else { None }
        };
        if let Some(records) = remembered {
            return Ok(records);
        }
        let frames = self.ask(&ReadTail { from: &from, limit }).await?;
        Ok(frames.into_iter().map(|frame| Arc::new(frame.into_record())).collect())
    }

    fn doorbell(&self) -> watch::Receiver<u64> {
        self.shared.doorbell.subscribe()
    }

    async fn sequence(&self, tenant: &str) -> Result<u64, ReadError> {
        self.ask(&ReadSequence(tenant)).await
    }

    async fn info(&self) -> Result<StoreInfo, ReadError> {
        let head = self.head().await?;
        Ok(StoreInfo {
            engine: "shared",
            incarnation: head.incarnation,
            commit: head.commit,
            entries: head.frontier.size(),
            free_bytes: None,
        })
    }

    async fn tree_head(&self) -> Result<SignedTreeHead, ReadError> {
        Ok(self.shared.sign(&self.head().await?))
    }

    async fn state_digest(&self) -> Result<Digest, ReadError> {
        let client = self.shared.database.connection().await?;
        Ok(rows::state_digest(&client).await?)
    }

    async fn backup(&self, into: &Path) -> Result<BackupReport, ReadError> {
        let head = self.head().await?;
        let signed = self.shared.sign(&head);
        let incarnation = head.incarnation;
        let source = RowsSource::up_to(self.shared.database.clone(), head);
        let shared = Arc::clone(&self.shared);
        let sign = move |sink: FolderSink| sink.finish_backup(incarnation, &shared.key, &signed);
        transfer::backup(source, into, sign)
            .await
            .map_err(|error| ReadError::Medium { message: error.to_string() })
    }

    fn stats(&self) -> StoreStats {
        self.shared.counters.snapshot(self.queue.depth())
    }

    async fn failure(&self) -> StoreFailure {
        let mut failure = self.shared.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await;
        failed.ok().and_then(|failed| failed.clone()).unwrap_or(StoreFailure::Closed)
    }

    async fn close(&self) {
        self.queue.close();
        let committer = self.committer.lock().await.take();
        let Some(committer) = committer else { return };
        // A panic of it was reported where it happened.
        let _ = committer.await;
        self.queue.stop();
        self.helpers.lock().await.shutdown().await;
        self.wanted.close();
        if let Err(trouble) = heads::write(&self.shared).await {
            tracing::warn!(%trouble, "cannot write the last signed head");
        }
        self.shared.fail(StoreFailure::Closed);
        self.shared.database.close();
        drop(self.lock.lock().await.take());
    }
}

fn random_id() -> Result<Uuid, OpenError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| OpenError::Start {
        what: "the random source",
        message: "it gives nothing".to_owned(),
    })?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
pub(crate) mod tests;
