//! Why a commit or a read did not happen, and why a store stops for good.

/// Why a commit did not happen. Unless it says otherwise, it had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// An expectation did not hold: read again and retry.
    #[error("a key changed between reading and committing")]
    Conflict,
    /// The transaction breaks a limit of the store.
    #[error("the transaction has {actual} {what}, more than {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        actual: usize,
        /// How much there may be.
        limit: usize,
    },
    /// The disk is nearly full and this lane is refused.
    #[error("the disk has {free_bytes} bytes free, fewer than {watermark_bytes}")]
    DiskFull {
        /// Free bytes.
        free_bytes: u64,
        /// The watermark they fell below.
        watermark_bytes: u64,
    },
    /// The commit queue is full: try again later.
    #[error("the commit queue is full")]
    Busy,
    /// The store stopped, or lost its database; whether this commit is durable
    /// is not known.
    #[error("the store went away before it answered")]
    Unknown,
    /// The database cannot be reached, or refuses: it took nothing.
    #[error("the database is unavailable: {message}")]
    Unavailable {
        /// What it said last.
        message: String,
    },
    /// The store is stopped: it took nothing.
    #[error("the store is stopped")]
    Stopped,
}

/// Why a read did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store is stopped.
    #[error("the store is stopped")]
    Stopped,
    /// The store has lost or damaged what was asked for.
    #[error("stored data is damaged: {what}")]
    Damaged {
        /// What is damaged.
        what: String,
    },
    /// The payload is not there (any more).
    #[error("payload {id} is not in the store")]
    NoPayload {
        /// The payload's id.
        id: uuid::Uuid,
    },
    /// The tail no longer reaches back that far.
    #[error("history before sequence {oldest} is compacted")]
    Compacted {
        /// The oldest sequence (or commit) still there.
        oldest: u64,
    },
    /// The database cannot be reached.
    #[error("the database is unavailable: {message}")]
    Unavailable {
        /// What it said last.
        message: String,
    },
    /// Reading failed in the medium or its driver.
    #[error("reading failed: {message}")]
    Medium {
        /// What the medium said.
        message: String,
    },
}

/// Why a store stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// The journal or a pack could not be written or synced.
    #[error("writing the journal failed: {message}")]
    Journal {
        /// What the system said.
        message: String,
    },
    /// The disk is full; with room for it, the next start goes on.
    #[error("the disk is full: {message}")]
    DiskFull {
        /// What could not be written.
        message: String,
    },
    /// sled failed; the next start rebuilds it.
    #[error("the projection failed: {message}")]
    Projection {
        /// What it said.
        message: String,
    },
    /// The database holds less than this server was told, or another store.
    #[error("the database has another history: {message}")]
    History {
        /// What does not fit.
        message: String,
    },
    /// A thread panicked.
    #[error("a thread of the store panicked")]
    Panicked,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
