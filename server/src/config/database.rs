//! The database that several servers share.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a shared store is. It may hold a password, so it prints without.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

/// How a shared store begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

// === impl StoreUrl ===

impl StoreUrl {
    /// Names a store.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is the address of a database.
    pub fn is_database(&self) -> bool {
        SCHEMES.iter().any(|scheme| self.0.starts_with(scheme))
    }
}

impl fmt::Display for StoreUrl {
    /// The address without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else { return f.write_str("…") };
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        // Parameters may name a password too.
        let place = place.split_once('?').map_or(place, |(place, _)| place);
        write!(f, "{scheme}://{place}")
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// How the database is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Who signs the database's certificates, PEM; absent: no encryption.
    pub ca_file: Option<PathBuf>,
    /// Connections to it, at most.
    pub connections: usize,
    /// Whether a start makes and changes the tables.
    pub migrate: bool,
    /// Whether other servers' commits are heard of by `LISTEN` too.
    pub listen: bool,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { ca_file: None, connections: 16, migrate: true, listen: true }
    }
}
