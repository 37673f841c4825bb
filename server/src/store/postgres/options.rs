//! How a store in a database is opened, and what opening it found.

use std::path::PathBuf;

use crate::store::Clock;

/// Connections for reading and committing, at most.
const DEFAULT_CONNECTIONS: usize = 16;
/// Payloads kept in memory for readers.
const DEFAULT_PAYLOAD_CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// How to open a store.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where the database is: `postgres://user:password@host1,host2/name`, with
    /// `target_session_attrs=read-write` where there is more than one host.
    pub url: String,
    /// Who signs the certificates of the database, PEM; absent: the connection is
    /// not encrypted.
    pub ca_file: Option<PathBuf>,
    /// This server's own directory: its signing key and its signed head. No two
    /// servers share one.
    pub data_dir: PathBuf,
    /// Where the signed head is kept outside the data directory.
    pub head_file: PathBuf,
    /// The clock that commits are timed by.
    pub clock: Clock,
    /// How many connections there are at most, beside the one that listens.
    pub connections: usize,
    /// How many bytes of payloads are kept in memory.
    pub payload_cache_bytes: u64,
    /// Whether other servers' commits are heard of by `LISTEN` too. Polling is
    /// the truth; where `LISTEN` does not work, nothing needs to be set.
    pub listens: bool,
    /// Whether tables are made and changed at the start, as a newer version needs
    /// them.
    pub migrates: bool,
}

impl PostgresOptions {
    /// The defaults for a database and a directory of this server's own.
    pub fn new(url: impl Into<String>, data_dir: impl Into<PathBuf>, clock: Clock) -> Self {
        let data_dir = data_dir.into();
        let mut head_file = data_dir.clone().into_os_string();
        head_file.push(".head");
        Self {
            url: url.into(),
            ca_file: None,
            data_dir,
            head_file: head_file.into(),
            clock,
            connections: DEFAULT_CONNECTIONS,
            payload_cache_bytes: DEFAULT_PAYLOAD_CACHE_BYTES,
            listens: true,
            migrates: true,
        }
    }
}
