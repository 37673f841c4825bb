//! The store trait: transactional ordered keys under an append-only journal.
//!
//! The engine writes its logic once against this trait, with optimistic retry:
//! it reads, decides, and commits a [`Transaction`] that names the versions it
//! has seen. A commit is atomic, durable when it is answered, and never
//! partly visible. Two engines implement it, one suite judges both
//! (`conformance`):
//!
//! - [`embedded`]: journal, payload packs and a sled projection on one disk;
//! - [`postgres`]: a database that speaks the PostgreSQL protocol, shared by any
//!   number of servers.
//!
//! What is *not* promised: two reads of one caller need not see the same
//! moment. A decision that rests on several keys names all of them in its
//! transaction.

pub(crate) mod ahead;
pub(crate) mod caches;
pub mod damage;
pub mod embedded;
mod errors;
pub(crate) mod files;
pub mod head;
pub(crate) mod journal;
pub mod keys;
pub(crate) mod lanes;
pub mod leaf;
pub(crate) mod ledger;
pub mod merkle;
pub(crate) mod packs;
pub(crate) mod place;
pub mod postgres;
pub mod records;
pub(crate) mod state;
pub mod stats;
pub(crate) mod tenant_root;
pub mod transfer;

// The same file starts databases for the end-to-end tests.
#[cfg(test)]
#[path = "../../tests/harness/postgres.rs"]
pub(crate) mod cluster;
#[cfg(test)]
mod conformance;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::errors::{CommitError, ReadError, StoreFailure};
pub use self::stats::StoreStats;

use crate::domain::digest::Digest;
use crate::domain::event::Event;
use crate::domain::payload::{PayloadDraft, PayloadRef};
use crate::domain::time::Timestamp;

/// Tells the time; injected, so that tests own it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The most bytes a key and its value may have together.
pub const MAX_RECORD_BYTES: usize = 4 * 1024;
/// The most writes one transaction may carry.
pub const MAX_WRITES: usize = 4_096;
/// The most bytes of payload one transaction may carry.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;
/// The most rows one scan returns.
pub const MAX_SCAN: usize = 1_024;
/// The most commits one read of the tail returns.
pub const MAX_TAIL: usize = 1_024;

/// The commit that last wrote a key. Compared for equality only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

/// A stored value and the commit that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The record's bytes.
    pub value: Bytes,
    /// The commit that wrote them.
    pub version: Version,
}

/// A half-open range of keys, `start <= key < end`, in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key of the range.
    pub start: Bytes,
    /// The first key beyond the range.
    pub end: Bytes,
}

/// From which end a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Lowest key first.
    Ascending,
    /// Highest key first.
    Descending,
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Keys with their values, in the direction asked for.
    pub rows: Vec<(Bytes, Versioned)>,
    /// Whether the range holds more than the limit allowed.
    pub has_more: bool,
    /// The newest commit the scan saw; every commit up to it is in the rows.
    pub commit: u64,
}

/// What must still be true when the transaction commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The key has exactly this version, or is absent.
    Key {
        /// The key.
        key: Bytes,
        /// Its version as read; `None`: it must not exist.
        version: Option<Version>,
    },
    /// The first `rows.len()` keys of the range (all of it, if `complete`) are
    /// the ones read, at the versions read.
    Range {
        /// The range as scanned, ascending.
        range: KeyRange,
        /// Keys and versions as read, in order.
        rows: Vec<(Bytes, Version)>,
        /// Whether the scan reached the end of the range.
        complete: bool,
    },
}

/// One state change: put a value, or remove the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: Bytes,
    /// The new value; `None` removes the key.
    pub value: Option<Bytes>,
}

/// How a commit queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitLane {
    /// Resolutions, claims, outcomes: goes on until the second disk watermark.
    #[default]
    Normal,
    /// New proposals, runs and checkpoints: refused from the first watermark.
    Intake,
    /// Stops and pauses: goes first, never refused for load.
    Exempt,
}

/// Everything one commit does; all of it happens, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The tenant whose `sequence` the events take.
    pub tenant: String,
    /// Who did it, as the journal records it.
    pub principal: String,
    /// The client's request id, where it gave one.
    pub request_id: Option<String>,
    /// How it queues.
    pub lane: CommitLane,
    /// What must still be true.
    pub expectations: Vec<Expectation>,
    /// The state changes.
    pub writes: Vec<Write>,
    /// The audit events, in order; may be empty for upkeep that nobody audits.
    pub events: Vec<Event>,
    /// The payloads that writes and events refer to.
    pub payloads: Vec<PayloadDraft>,
}

impl Transaction {
    /// Checks it against the limits of every store; answers its bytes.
    pub(crate) fn check_limits(&self) -> Result<usize, CommitError> {
        let within = |what, actual, limit| {
            if actual > limit {
                Err(CommitError::TooLarge { what, actual, limit })
            } else {
                Ok(actual)
            }
        };
        within("writes", self.writes.len(), MAX_WRITES)?;
        within("events", self.events.len(), MAX_WRITES)?;
        let mut bytes = 0;
        for write in &self.writes {
            let record = write.key.len() + write.value.as_ref().map_or(0, Bytes::len);
            bytes += within("bytes in one record", record, MAX_RECORD_BYTES)?;
        }
        let payloads = self.payloads.iter().map(|payload| payload.bytes.len()).sum();
        Ok(bytes + within("bytes of payload", payloads, MAX_PAYLOAD_BYTES)?)
    }
}

/// The answer to a commit: it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number of the commit, dense over the whole store.
    pub commit: u64,
    /// The tenant's sequence after the commit's last event.
    pub sequence: u64,
    /// The commit's time: the clock, never running backwards.
    pub time: Timestamp,
}

/// One commit as the tail replays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// The number of the commit.
    pub commit: u64,
    /// When it was committed.
    pub time: Timestamp,
    /// The tenant it belongs to.
    pub tenant: String,
    /// Who did it.
    pub principal: String,
    /// The client's request id, where it gave one.
    pub request_id: Option<String>,
    /// The sequence of the first event; the others follow densely. Without
    /// events: the tenant's sequence before the commit, plus one.
    pub first_sequence: u64,
    /// The audit events.
    pub events: Vec<Event>,
    /// The state changes.
    pub writes: Vec<Write>,
}

/// From where a tail reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailFrom {
    /// Every tenant's commits with a number above this.
    Commit(u64),
    /// One tenant's commits that hold an event with a sequence above this.
    Sequence {
        /// The tenant.
        tenant: String,
        /// The last sequence already seen.
        after: u64,
    },
}

/// What the store is and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreInfo {
    /// `embedded` or `shared`.
    pub engine: &'static str,
    /// Changes with every restore, so that cursors of another life are told apart.
    pub incarnation: uuid::Uuid,
    /// The newest durable commit; 0 before the first.
    pub commit: u64,
    /// How many entries (leaves) the journal holds.
    pub entries: u64,
    /// Free bytes on the disk, where the store has one of its own.
    pub free_bytes: Option<u64>,
}

/// A signed head of the journal's Merkle tree (RFC 6962).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTreeHead {
    /// How many leaves the root covers.
    pub size: u64,
    /// The RFC 6962 root over them.
    pub root: Digest,
    /// The newest commit covered.
    pub commit: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// The Ed25519 public key.
    #[serde(with = "serde_bytes")]
    pub public_key: Vec<u8>,
    /// The signature over the head's text form.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}

/// What a backup wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// The newest commit in the backup.
    pub commit: u64,
    /// Entries in the backup.
    pub entries: u64,
    /// Bytes copied.
    pub bytes: u64,
}

/// A transactional, ordered, journalled key-value store.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads one key.
    async fn read(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError>;

    /// Reads at most `limit` (and [`MAX_SCAN`]) rows of a range, all as of one
    /// commit.
    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Scan, ReadError>;

    /// Commits a transaction; answers when it is durable and every later read
    /// sees it.
    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError>;

    /// Reads a payload and checks it against its commitment.
    async fn payload(&self, reference: &PayloadRef) -> Result<Bytes, ReadError>;

    /// Replays at most `limit` (and [`MAX_TAIL`]) commits; empty when there is
    /// nothing newer.
    async fn tail(&self, from: TailFrom, limit: usize)
    -> Result<Vec<Arc<CommitRecord>>, ReadError>;

    /// A doorbell that carries the newest durable commit. It may skip numbers;
    /// the truth is [`Store::tail`].
    fn doorbell(&self) -> tokio::sync::watch::Receiver<u64>;

    /// A tenant's newest sequence; 0 before its first event.
    async fn sequence(&self, tenant: &str) -> Result<u64, ReadError>;

    /// What the store is and how far it is.
    async fn info(&self) -> Result<StoreInfo, ReadError>;

    /// Signs and returns the head of the journal's tree, at its present size.
    async fn tree_head(&self) -> Result<SignedTreeHead, ReadError>;

    /// SHA-256 over every key, version and value in order: equal digests mean
    /// equal state.
    async fn state_digest(&self) -> Result<Digest, ReadError>;

    /// Copies everything durable at some moment of the call into an empty or
    /// absent directory, while commits go on.
    async fn backup(&self, into: &Path) -> Result<BackupReport, ReadError>;

    /// Counters since the store was opened.
    fn stats(&self) -> StoreStats;

    /// Waits until the store has failed for good. The process should then exit:
    /// nothing is acknowledged any more, and only a restart recovers.
    async fn failure(&self) -> StoreFailure;

    /// Stops taking commits, answers the ones in hand, and closes the files.
    async fn close(&self);
}
