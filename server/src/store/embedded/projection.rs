//! The current state in sled: a cache of what the journal says.
//!
//! One tree. `d` and the key: eight bytes of version, big-endian, and the
//! value. `m` and a name: what the projection says of itself. Only the storage
//! thread comes here. Changes are applied in order of commit, and after them
//! how far they reach; every value is written as a whole, so replaying commits
//! over a state that already holds some of them ends in the same state.

use std::path::Path;

use bytes::Bytes;
use uuid::Uuid;

use super::view::Slot;
use crate::store::damage::is_full;
use crate::store::{KeyRange, Version, Versioned};

const DATA: u8 = b'd';
const FORMAT_KEY: &[u8] = b"mformat";
const APPLIED_KEY: &[u8] = b"mapplied";
const INCARNATION_KEY: &[u8] = b"mincarnation";
const FORMAT: &[u8] = b"1";
const VERSION_LENGTH: usize = 8;

/// How often sled writes and syncs by itself.
const FLUSH_EVERY_MS: u64 = 500;

/// What sled, or what is in it, did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProjectionError {
    /// sled failed.
    #[error("sled: {0}")]
    Sled(String),
    /// sled has no room on the disk.
    #[error("sled: {0}")]
    NoSpace(String),
    /// A record is not one of ours.
    #[error("a record is garbled")]
    Garbled,
    /// It belongs to another store, or was written by another version.
    #[error("it is of another store or format")]
    Foreign,
    /// It is ahead of the journal.
    #[error("it has applied commit {applied}, but the journal ends at {journal}")]
    Ahead {
        /// The commit it has applied.
        applied: u64,
        /// The journal's newest commit.
        journal: u64,
    },
}

impl From<sled::Error> for ProjectionError {
    fn from(error: sled::Error) -> Self {
        match &error {
            sled::Error::Io(io) if is_full(io) => Self::NoSpace(error.to_string()),
            _ => Self::Sled(error.to_string()),
        }
    }
}

/// sled, opened.
pub(super) struct Projection {
    db: sled::Db,
}

impl Projection {
    /// Opens sled and checks what is in it; answers the applied commit.
    ///
    /// Every record is read once: sled finds damage only when it comes across
    /// it.
    pub(super) fn open(
        dir: &Path,
        cache_bytes: u64,
        incarnation: Uuid,
    ) -> Result<(Self, u64), ProjectionError> {
        let db = sled::Config::new()
            .path(dir)
            .mode(sled::Mode::LowSpace)
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .open()?;
        let projection = Self { db };
        let applied = projection.check(incarnation)?;
        Ok((projection, applied))
    }

    /// Reads one record.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ProjectionError> {
        match self.db.get(data_key(key))? {
            Some(value) => Ok(Some(decode(&value)?)),
            None => Ok(None),
        }
    }

    /// Reads a range from both ends.
    pub(super) fn range(
        &self,
        range: &KeyRange,
    ) -> impl DoubleEndedIterator<Item = Result<(Bytes, Versioned), ProjectionError>> + use<> {
        self.db.range(data_key(&range.start)..data_key(&range.end)).map(decode_row)
    }

    /// Reads everything.
    pub(super) fn all(
        &self,
    ) -> impl DoubleEndedIterator<Item = Result<(Bytes, Versioned), ProjectionError>> + use<> {
        self.db.scan_prefix([DATA]).map(decode_row)
    }

    /// Applies state changes, and notes how far they reach if they complete a
    /// commit.
    ///
    /// Key by key: a batch of sled's seals a log buffer, writes it and syncs
    /// its range, and several hundred a second of those hold up the journal.
    /// Nothing needs the batch: sled recovers to a prefix of its log, and what
    /// is there beyond `applied` is written again by the replay.
    pub(super) fn apply<'a>(
        &self,
        slots: impl Iterator<Item = (&'a Bytes, &'a Slot)>,
        applied: Option<u64>,
    ) -> Result<(), ProjectionError> {
        for (key, slot) in slots {
            match &slot.value {
                Some(value) => {
                    let mut stored = Vec::with_capacity(VERSION_LENGTH + value.len());
                    stored.extend_from_slice(&slot.version.0.to_be_bytes());
                    stored.extend_from_slice(value);
                    self.db.insert(data_key(key), stored)?;
                }
                None => {
                    self.db.remove(data_key(key))?;
                }
            }
        }
        if let Some(applied) = applied {
            self.db.insert(APPLIED_KEY, &applied.to_be_bytes())?;
        }
        Ok(())
    }

    /// Writes what sled holds back, and syncs it by a handle of our own: its
    /// `flush` leaves that out on Linux.
    pub(super) fn flush(&self, dir: &Path) -> Result<(), ProjectionError> {
        self.db.flush()?;
        let synced = std::fs::File::open(dir.join("db")).and_then(|file| file.sync_data());
        synced.map_err(|error| sled::Error::from(error).into())
    }

    fn check(&self, incarnation: Uuid) -> Result<u64, ProjectionError> {
        let Some(format) = self.db.get(FORMAT_KEY)? else {
            if !self.db.is_empty() {
                return Err(ProjectionError::Foreign);
            }
            let mut batch = sled::Batch::default();
            batch.insert(FORMAT_KEY, FORMAT);
            batch.insert(INCARNATION_KEY, incarnation.as_bytes());
            batch.insert(APPLIED_KEY, &0_u64.to_be_bytes());
            self.db.apply_batch(batch)?;
            return Ok(0);
        };
        let owner = self.db.get(INCARNATION_KEY)?;
        if format != FORMAT || owner.is_none_or(|owner| owner != incarnation.as_bytes()) {
            return Err(ProjectionError::Foreign);
        }
        let applied = self.db.get(APPLIED_KEY)?.ok_or(ProjectionError::Garbled)?;
        let applied = applied.as_ref().try_into().map_err(|_| ProjectionError::Garbled)?;
        for row in self.all() {
            row?;
        }
        Ok(u64::from_be_bytes(applied))
    }
}

fn data_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(DATA);
    stored.extend_from_slice(key);
    stored
}

fn decode(stored: &[u8]) -> Result<Versioned, ProjectionError> {
    let (version, value) =
        stored.split_first_chunk::<VERSION_LENGTH>().ok_or(ProjectionError::Garbled)?;
    let version = Version(u64::from_be_bytes(*version));
    Ok(Versioned { value: Bytes::copy_from_slice(value), version })
}

fn decode_row(
    row: sled::Result<(sled::IVec, sled::IVec)>,
) -> Result<(Bytes, Versioned), ProjectionError> {
    let (key, value) = row?;
    let key = key.get(1..).ok_or(ProjectionError::Garbled)?;
    Ok((Bytes::copy_from_slice(key), decode(&value)?))
}
