//! Why a store stops for good.

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
