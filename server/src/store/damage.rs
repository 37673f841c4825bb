//! Why a store cannot be opened, to the exact commit and sequence.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was found wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// A frame cannot be read although later ones can.
    #[error("{reason}, and sound frames follow")]
    Frame {
        /// What is wrong with it.
        reason: String,
    },
    /// A frame is sound but not the one that must stand here.
    #[error("the frame of commit {found} stands where commit {expected} must be")]
    Order {
        /// The commit that must stand here.
        expected: u64,
        /// The commit that does.
        found: u64,
    },
    /// A segment is missing, doubled, or stands in another's place.
    #[error("segment {expected} is missing or is another one")]
    Segment {
        /// The number it must have.
        expected: u64,
    },
    /// A file of the store is not there.
    #[error("it is missing")]
    Missing,
    /// A file of the store holds something else.
    #[error("it cannot be read")]
    Garbled,
    /// A backup goes on behind its end.
    #[error("there is more than the signed head covers")]
    Beyond,
    /// The journal ends before the last signed head.
    #[error("the journal has {entries} entries, but a signed head covers {signed}")]
    Shorter {
        /// The entries that are there.
        entries: u64,
        /// The entries that were signed.
        signed: u64,
    },
    /// The journal has another history than the signed head.
    #[error("the root over {signed} entries is not the one that was signed")]
    Root {
        /// The entries that were signed.
        signed: u64,
    },
    /// The journal ends before a commit that sled has applied, which happens only
    /// after the sync: what was answered is lost.
    #[error("commit {applied} was acknowledged, but the journal ends at commit {journal}")]
    Lost {
        /// The newest commit that sled has applied.
        applied: u64,
        /// The newest commit of the journal.
        journal: u64,
    },
    /// The signed head is not one of this store.
    #[error("the signed head cannot be read or is not signed with this store's key")]
    Head,
    /// A row of a table is not what a server writes.
    #[error("{what}")]
    Row {
        /// What is wrong with it.
        what: String,
    },
    /// A commit that was answered has lost a payload.
    #[error("payload {id} is missing or damaged")]
    Payload {
        /// The payload's id.
        id: uuid::Uuid,
    },
}

/// Sequences of one tenant that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceGap {
    /// The tenant.
    pub tenant: String,
    /// The first lost sequence.
    pub first: u64,
    /// The last lost sequence.
    pub last: u64,
}

/// Damage that the store does not repair by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What was found.
    pub kind: DamageKind,
    /// In which file; of a database, in which table.
    pub file: PathBuf,
    /// At which byte; of a database, 0.
    pub offset: u64,
    /// The first commit concerned.
    pub first_commit: u64,
    /// The last commit concerned, where it is known.
    pub last_commit: Option<u64>,
    /// The sequences concerned, as far as what follows tells.
    pub sequences: Vec<SequenceGap>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, file, offset, first_commit, last_commit, sequences } = self;
        match kind {
            DamageKind::Row { .. } => write!(f, "table `{}`", file.display())?,
            _ => write!(f, "{} at byte {offset}", file.display())?,
        }
        write!(f, ": {kind}; concerned: commit {first_commit}")?;
        match last_commit {
            Some(last) if last > first_commit => write!(f, " to {last}")?,
            Some(_) => {}
            None => write!(f, " and perhaps later ones")?,
        }
        for gap in sequences {
            write!(f, ", sequence {} to {} of tenant `{}`", gap.first, gap.last, gap.tenant)?;
        }
        Ok(())
    }
}

/// Why a store was not opened, restored or verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error("`{}` is in use by another process", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The journal is damaged before its tail; nothing was changed.
    #[error("the store is damaged: {0}")]
    Damaged(Box<Damage>),
    /// The directory was written by another version, or by something else.
    #[error("`{}` has a format that this version cannot read", path.display())]
    Format {
        /// The file that says so.
        path: PathBuf,
    },
    /// A restore was asked for into a place that is in use.
    #[error("`{}` is not empty", path.display())]
    NotEmpty {
        /// The place.
        path: PathBuf,
    },
    /// A copy or a restore into this place was not finished.
    #[error("{place} holds an unfinished copy: empty it, and copy again")]
    Unfinished {
        /// The folder, or the database.
        place: String,
    },
    /// There is no room for what opening, restoring or verifying has to write.
    /// Nothing that was acknowledged is lost, and with more room it goes on.
    #[error("no room on the disk of `{}`: {message}", path.display())]
    NoSpace {
        /// What could not be written.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// Reading or writing failed.
    #[error("{what} `{}`: {message}", path.display())]
    Medium {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The database cannot be reached, or cannot be used.
    #[error("the database: {message}")]
    Database {
        /// What it said, or what is wrong with it.
        message: String,
    },
    /// A part of the store could not be started.
    #[error("cannot start {what}: {message}")]
    Start {
        /// Which part.
        what: &'static str,
        /// Why.
        message: String,
    },
}

impl OpenError {
    /// Makes an adapter that tells what was being done when I/O failed.
    pub(crate) fn medium<'a>(
        what: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |error| {
            let (path, message) = (path.to_owned(), error.to_string());
            if is_full(&error) {
                Self::NoSpace { path, message }
            } else {
                Self::Medium { what, path, message }
            }
        }
    }
}

/// Whether the disk, or the caller's share of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Damage {
    /// Damage to a file as a whole: which commits it concerns is not known.
    pub(crate) fn of_file(kind: DamageKind, file: PathBuf) -> Self {
        let (offset, first_commit) = (0, 1);
        Self { kind, file, offset, first_commit, last_commit: None, sequences: Vec::new() }
    }

    /// Damage to a row of a table that concerns a commit.
    pub(crate) fn of_row(table: &'static str, what: impl Into<String>, commit: u64) -> Self {
        let kind = DamageKind::Row { what: what.into() };
        Self {
            first_commit: commit,
            last_commit: Some(commit),
            ..Self::of_file(kind, PathBuf::from(table))
        }
    }
}

impl From<Damage> for OpenError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Box::new(damage))
    }
}
