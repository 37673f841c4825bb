//! What can go wrong with a database, and whether it passes.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::store::damage::OpenError;
use crate::store::{CommitError, ReadError};

/// Why a question to the database has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// A lost connection, a failover, a conflict of transactions: trying again
    /// may help.
    #[error("{0}")]
    Passing(String),
    /// The database has no room, or refuses.
    #[error("{0}")]
    Refused(String),
    /// What is stored cannot be what was stored.
    #[error("{0}")]
    Damaged(String),
    /// The database has lost what this server was told is durable, or is another.
    #[error("{0}")]
    History(String),
}

/// States of a database that pass: conflicts of transactions, failovers,
/// restarts, too many connections, and time limits.
const PASSING: [SqlState; 16] = [
    SqlState::T_R_SERIALIZATION_FAILURE,
    SqlState::T_R_DEADLOCK_DETECTED,
    // Another server took the numbers: its group is judged anew.
    SqlState::UNIQUE_VIOLATION,
    SqlState::NOT_NULL_VIOLATION,
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::READ_ONLY_SQL_TRANSACTION,
    SqlState::TOO_MANY_CONNECTIONS,
    SqlState::QUERY_CANCELED,
    SqlState::LOCK_NOT_AVAILABLE,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    SqlState::CONNECTION_EXCEPTION,
    SqlState::CONNECTION_DOES_NOT_EXIST,
    SqlState::CONNECTION_FAILURE,
    SqlState::SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
];

// === impl Trouble ===

impl Trouble {
    /// Whether trying again may help.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(_))
    }

    /// A row that is not what this server writes.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// The answer took too long.
    pub(super) fn timeout() -> Self {
        Self::Passing("it does not answer in time".to_owned())
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let message = match error.as_db_error() {
            Some(refusal) => format!("{} ({})", refusal.message(), refusal.code().code()),
            None => text_of(&error),
        };
        match error.code() {
            Some(state) if PASSING.contains(state) => Self::Passing(message),
            Some(_) => Self::Refused(message),
            // Without a state it is the connection that failed.
            None => Self::Passing(message),
        }
    }
}

impl From<PoolError> for Trouble {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::PostCreateHook(deadpool_postgres::HookError::Backend(error)) => error.into(),
            other => Self::Passing(text_of(&other)),
        }
    }
}

/// An error with its causes, which tell more than it does.
fn text_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(message) | Trouble::Refused(message) => Self::Unavailable { message },
            Trouble::Damaged(what) => Self::Damaged { what },
            Trouble::History(_) => Self::Stopped,
        }
    }
}

impl From<Trouble> for CommitError {
    /// For commits that have surely not happened.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(message) | Trouble::Refused(message) | Trouble::Damaged(message) => {
                Self::Unavailable { message }
            }
            Trouble::History(_) => Self::Stopped,
        }
    }
}

impl From<Trouble> for OpenError {
    fn from(trouble: Trouble) -> Self {
        Self::Database { message: trouble.to_string() }
    }
}
