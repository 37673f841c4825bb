//! Moves stores: everything or one tenant, between directories and databases.
//!
//! A copy reads the journal of one side in order, checks it as it goes, and writes
//! commits with the numbers, times, salts and payloads that they have. Then it reads
//! back what was stored, and compares: root, tenant's root, and the digest of the
//! state that the journal gives. Until that has gone well the new store is marked as
//! unfinished, and nothing opens it. It begins a life of its own.
//!
//! Source and sink of each kind of store are beside that store; here is what is the
//! same for all.

mod account;
pub(crate) mod batch;
mod fold;
mod select;
mod side;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use self::account::{Account, Copying};
use self::batch::Reading;
use self::side::{Sink, Source};
use super::BackupReport;
use super::damage::OpenError;
use super::embedded::FolderSink;
use super::postgres::RowsSource;
use crate::domain::digest::Digest;

/// Where a store is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A data directory, or a backup, that no server has open.
    Folder(PathBuf),
    /// A database.
    Database {
        /// Its address.
        url: String,
        /// Who signs its certificates, PEM; absent: the connection is not encrypted.
        ca_file: Option<PathBuf>,
    },
}

impl fmt::Debug for Place {
    /// Without the address of a database, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            Self::Database { .. } => f.write_str("Database"),
        }
    }
}

/// What a copy is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It reads and writes.
    Copying,
    /// It reads what was written, or folds a large state.
    Checking,
}

/// Hears how many commits were done in a phase.
pub type Progress = Arc<dyn Fn(Phase, u64) + Send + Sync>;

/// What a copy did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReport {
    /// The newest commit of the copy.
    pub commits: u64,
    /// Entries in the copy.
    pub entries: u64,
    /// Payloads in the copy.
    pub payloads: u64,
    /// Bytes of commits and payloads.
    pub bytes: u64,
    /// The root over the entries.
    pub root: Digest,
    /// The root over the tenant's entries, if one tenant was copied.
    pub tenant_root: Option<Digest>,
    /// The digest of the state.
    pub state_digest: Digest,
    /// The life of the store that begins.
    pub incarnation: Uuid,
    /// Where a signed head of a former store in this place was moved.
    pub former_head: Option<PathBuf>,
}

/// A store that was made.
pub(crate) struct Made {
    /// The life that begins.
    pub(crate) incarnation: Uuid,
    /// Where a signed head of a former store in this place was moved.
    pub(crate) former_head: Option<PathBuf>,
}

/// What examining a database found: it is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseReport {
    /// Commits read.
    pub commits: u64,
    /// Entries hashed again.
    pub entries: u64,
    /// Payloads checked against their commitments.
    pub payloads: u64,
    /// The root over the entries.
    pub root: Digest,
    /// The digest of the state, which is what the journal gives.
    pub state_digest: Digest,
}

/// Why nothing was copied. What was written so far is marked as unfinished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The store cannot be read, or is damaged.
    #[error("from: {0}")]
    Source(OpenError),
    /// The place cannot be written, or is not empty.
    #[error("to: {0}")]
    Sink(OpenError),
    /// No commit is of the tenant.
    #[error("there is no commit of tenant `{tenant}`")]
    NoTenant {
        /// The tenant.
        tenant: String,
    },
    /// A commit belongs to more than one tenant.
    #[error("commit {commit} is not of tenant `{tenant}` alone and cannot be parted")]
    Mixed {
        /// The commit.
        commit: u64,
        /// The tenant.
        tenant: String,
    },
    /// What was stored is not what was read.
    #[error("the copy does not verify: its {what} is {stored}, and {read} was read")]
    Differs {
        /// What differs.
        what: &'static str,
        /// What was read.
        read: String,
        /// What was stored.
        stored: String,
    },
}

/// Copies a store, or one tenant of it, into an empty place, and verifies the copy.
///
/// Of a database, what is committed when the copy begins is copied, and nothing
/// later.
pub async fn copy(
    from: &Place,
    to: &Place,
    tenant: Option<&str>,
    progress: Progress,
) -> Result<CopyReport, TransferError> {
    let source = Source::open(from).await.map_err(TransferError::Source)?;
    let mut sink = Sink::open(to).await.map_err(TransferError::Sink)?;
    let copying = Copying { tenant, selects: tenant.is_some(), progress: &progress };
    let read = copying.account(&source, Reading::Payloads, Some(&mut sink)).await?;
    if let Some(tenant) = tenant.filter(|_| read.commits == 0) {
        return Err(TransferError::NoTenant { tenant: tenant.to_owned() });
    }
    let written = sink.written().await.map_err(TransferError::Sink)?;
    let reading_back = Copying { selects: false, ..copying };
    let stored = reading_back.account(&written, Reading::Payloads, None).await;
    let stored = stored.map_err(TransferError::of_sink)?;
    read.compare(&stored)?;
    let finished = sink.finish(&stored.end).await.map_err(TransferError::Sink)?;
    let Account { commits, entries, payloads, bytes, root, tenant_root, state_digest, .. } = stored;
    Ok(CopyReport {
        commits,
        entries,
        payloads,
        bytes,
        root,
        tenant_root,
        state_digest,
        incarnation: finished.incarnation,
        former_head: finished.former_head,
    })
}

/// Verifies a shared store fully: every frame, number, leaf and payload, and that
/// the state is what the journal's writes give. Servers may be at work meanwhile.
pub async fn verify_database(
    url: &str,
    ca_file: Option<&Path>,
    progress: Progress,
) -> Result<DatabaseReport, OpenError> {
    let place = Place::Database { url: url.to_owned(), ca_file: ca_file.map(Path::to_owned) };
    let source = Source::open(&place).await?;
    let checking = Copying { tenant: None, selects: false, progress: &progress };
    let account = checking.account(&source, Reading::Payloads, None).await;
    let Account { commits, entries, payloads, root, state_digest, .. } =
        account.map_err(TransferError::into_open)?;
    Ok(DatabaseReport { commits, entries, payloads, root, state_digest })
}

/// Writes a backup of a database, up to a head, while commits go on; `sign` makes it
/// one.
pub(crate) async fn backup(
    source: RowsSource,
    into: &Path,
    sign: impl FnOnce(FolderSink) -> Result<u64, OpenError> + Send + 'static,
) -> Result<BackupReport, OpenError> {
    let mut sink = Sink::backup(into.to_owned());
    let mut pass = Source::Rows(Box::new(source)).start(Reading::Payloads);
    while let Some(batch) = pass.next().await {
        sink.write(batch).await?;
    }
    let end = pass.end().await?;
    let bytes = sink.finish_backup(sign).await?;
    Ok(BackupReport { commit: end.commit, entries: end.frontier.size(), bytes })
}

// === impl TransferError ===

impl TransferError {
    /// What went wrong while the copy was read back is the copy's fault.
    fn of_sink(self) -> Self {
        match self {
            Self::Source(error) => Self::Sink(error),
            other => other,
        }
    }

    fn into_open(self) -> OpenError {
        match self {
            Self::Source(error) | Self::Sink(error) => error,
            other => OpenError::Start { what: "the check", message: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests;
