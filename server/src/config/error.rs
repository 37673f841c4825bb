//! Why a configuration cannot be used.

use std::net::SocketAddr;

use super::MAX_FACT_PROVIDERS;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value or the file cannot be read.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(#[from] ::config::ConfigError),
    /// The address of a store is none of a database.
    #[error("`store` must begin with `postgres://`; for a folder, set `data_dir` alone")]
    StoreUrl,
    /// A command that needs a database was given none.
    #[error("no database is named: set `store` to `postgres://…`")]
    NoDatabase,
    /// Listening there would not be safe.
    #[error("`listen` = `{0}` is reachable from outside: set `tls.cert_file` and `tls.key_file`")]
    NotEncrypted(SocketAddr),
    /// Well-known secrets would be reachable from outside.
    #[error("`dev` has well-known tokens and listens on loopback only, not on `{0}`")]
    DevBeyondLoopback(SocketAddr),
    /// Two keys go together.
    #[error("`{present}` needs `{absent}` as well")]
    Incomplete {
        /// The key that is set.
        present: &'static str,
        /// The key that is not.
        absent: &'static str,
    },
    /// A place that would be lost with the data.
    #[error("`{key}` lies inside `data_dir`: what it guards would be lost with it")]
    InsideData {
        /// The key.
        key: &'static str,
    },
    /// A provider of facts that must not, or cannot, be asked.
    #[error("`{key}`: {problem}")]
    FactProvider {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More providers of facts than there may be.
    #[error("`facts.providers` has {count} providers, at most {MAX_FACT_PROVIDERS}")]
    TooManyProviders {
        /// How many there are.
        count: usize,
    },
    /// A channel of notices that cannot be one.
    #[error("`{key}`: {problem}")]
    Notices {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A provider of identities that cannot be one.
    #[error("`{key}`: {problem}")]
    Identity {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A number that makes no sense.
    #[error("`{key}` must be {want}")]
    Number {
        /// The key.
        key: &'static str,
        /// What it must be.
        want: &'static str,
    },
}
