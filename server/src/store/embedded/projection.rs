//! The current state in sled: a cache of what the journal says.
//!
//! One tree. `d` and a key: the [bucket][`super::bucket`] of the records from
//! that key on. `m` and a name: what the projection says of itself. Only the
//! storage thread comes here. Changes are applied in order of commit, and after
//! them how far they reach; every record is written as a whole, so replaying
//! commits over a state that already holds some of them ends in the same state.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::bucket::{self, Garbled, Piece};
use super::view::Slot;
use crate::store::damage::is_full;
use crate::store::{KeyRange, Versioned};

const DATA: u8 = b'd';
const FORMAT_KEY: &[u8] = b"mformat";
const APPLIED_KEY: &[u8] = b"mapplied";
const INCARNATION_KEY: &[u8] = b"mincarnation";
const FORMAT: &[u8] = b"2";

/// How often sled writes and syncs by itself.
const FLUSH_EVERY_MS: u64 = 500;

/// How long to wait for the threads of an earlier sled to let go of its files.
const PAUSE: Duration = Duration::from_millis(10);
/// How often to wait for them.
const MAX_PAUSES: u32 = 500;
/// How sled says that its files are in use; it has no kind of its own for it.
const IN_USE: &str = "could not acquire lock";

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

impl From<Garbled> for ProjectionError {
    fn from(_: Garbled) -> Self {
        Self::Garbled
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
        let projection = Self { db: open_when_free(dir, cache_bytes)? };
        let applied = projection.check(incarnation)?;
        Ok((projection, applied))
    }

    /// Reads one record.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ProjectionError> {
        match self.bucket_of(key)? {
            Some((_, bucket)) => Ok(bucket::find(&bucket, key)?),
            None => Ok(None),
        }
    }

    /// Reads a range from both ends.
    pub(super) fn range(
        &self,
        range: &KeyRange,
    ) -> impl DoubleEndedIterator<Item = Result<(Bytes, Versioned), ProjectionError>> + use<> {
        let (from, failure) = match self.bucket_of(&range.start) {
            Ok(Some((separator, _))) => (separator, None),
            Ok(None) => (data_key(&range.start).into(), None),
            Err(error) => (data_key(&range.end).into(), Some(Err(error))),
        };
        let (wanted, to) = (range.clone(), sled::IVec::from(data_key(&range.end)));
        let rows = self.db.range(from..to).flat_map(move |found| unpack(found, Some(&wanted)));
        failure.into_iter().chain(rows)
    }

    /// Reads everything.
    pub(super) fn all(
        &self,
    ) -> impl DoubleEndedIterator<Item = Result<(Bytes, Versioned), ProjectionError>> + use<> {
        self.db.scan_prefix([DATA]).flat_map(|found| unpack(found, None))
    }

    /// Applies state changes, sorted by key, and notes how far they reach if
    /// they complete a commit.
    ///
    /// Bucket by bucket: a batch of sled's seals a log buffer, writes it and
    /// syncs its range, and several hundred a second of those hold up the
    /// journal. Nothing needs the batch: sled recovers to a prefix of its log,
    /// and what is there beyond `applied` is written again by the replay.
    pub(super) fn apply(
        &self,
        changes: &[(&Bytes, &Slot)],
        applied: Option<u64>,
    ) -> Result<(), ProjectionError> {
        let mut rest = changes;
        while let Some((first, _)) = rest.first() {
            let (separator, bucket) = self
                .bucket_of(first)?
                .unwrap_or_else(|| (vec![DATA].into(), sled::IVec::default()));
            let count = match self.next_separator(&separator)? {
                Some(next) => rest.partition_point(|(key, _)| is_before(key, &next)),
                None => rest.len(),
            };
            let (now, later) = rest.split_at(count);
            if let Some(pieces) = bucket::merge(&bucket, now)? {
                self.replace(&separator, pieces)?;
            }
            rest = later;
        }
        if let Some(applied) = applied {
            self.db.insert(APPLIED_KEY, &applied.to_be_bytes())?;
        }
        Ok(())
    }

    /// Puts pieces in the place of a bucket.
    ///
    /// The last piece first: whatever prefix of these writes survives, every
    /// record is in the bucket in which it is looked for. What the old bucket
    /// then holds beyond its end is cut by the next start.
    fn replace(&self, separator: &[u8], pieces: Vec<Piece>) -> Result<(), ProjectionError> {
        let mut pieces = pieces.into_iter();
        let Some(first) = pieces.next() else {
            self.db.remove(separator)?;
            return Ok(());
        };
        for piece in pieces.rev() {
            self.put_piece(piece)?;
        }
        self.db.insert(separator, first.bytes)?;
        Ok(())
    }

    pub(super) fn put_piece(&self, piece: Piece) -> Result<(), ProjectionError> {
        self.db.insert(data_key(&piece.first), piece.bytes)?;
        Ok(())
    }

    /// The bucket in which a key belongs, with its own key.
    fn bucket_of(&self, key: &[u8]) -> Result<Option<(sled::IVec, sled::IVec)>, ProjectionError> {
        let found = self.db.range(..=data_key(key)).next_back().transpose()?;
        Ok(found.filter(|(separator, _)| separator.first() == Some(&DATA)))
    }

    /// Where the next bucket begins.
    fn next_separator(&self, separator: &[u8]) -> Result<Option<sled::IVec>, ProjectionError> {
        let next = self.db.get_gt(separator)?;
        Ok(next.map(|(key, _)| key).filter(|key| key.first() == Some(&DATA)))
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
        self.check_buckets()?;
        Ok(u64::from_be_bytes(applied))
    }

    /// Reads every record; cuts what an interrupted split left behind the end
    /// of a bucket.
    fn check_buckets(&self) -> Result<(), ProjectionError> {
        let mut last: Option<(sled::IVec, sled::IVec)> = None;
        for found in self.db.scan_prefix([DATA]) {
            let (separator, bucket) = found?;
            let rows = bucket::rows(&bucket).map(|row| row.map(|row| row.key));
            let keys = rows.collect::<Result<Vec<_>, _>>()?;
            let is_in_place = keys.first().is_none_or(|first| !is_before(first, &separator));
            if !is_in_place || !keys.is_sorted() {
                return Err(ProjectionError::Garbled);
            }
            if let Some((earlier, bucket)) = &last
                && let Some(kept) = bucket::before(bucket, separator.get(1..).unwrap_or_default())?
            {
                self.db.insert(earlier, kept)?;
            }
            last = Some((separator, bucket));
        }
        Ok(())
    }
}

/// Opens sled, after the threads of an earlier one in this process have ended:
/// dropping it does not wait for them. Other processes are kept out by the lock
/// of the data directory.
fn open_when_free(dir: &Path, cache_bytes: u64) -> Result<sled::Db, sled::Error> {
    let config = sled::Config::new()
        .path(dir)
        .mode(sled::Mode::LowSpace)
        .cache_capacity(cache_bytes)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    for _ in 0..MAX_PAUSES {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains(IN_USE) => {
                std::thread::sleep(PAUSE);
            }
            opened => return opened,
        }
    }
    config.open()
}

fn data_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(DATA);
    stored.extend_from_slice(key);
    stored
}

/// Whether a key stands before the bucket with this key of sled.
fn is_before(key: &[u8], separator: &[u8]) -> bool {
    separator.get(1..).is_some_and(|separator| key < separator)
}

type Unpacked = Vec<Result<(Bytes, Versioned), ProjectionError>>;

/// The records of a bucket, or those of them that are wanted.
fn unpack(
    found: sled::Result<(sled::IVec, sled::IVec)>,
    wanted: Option<&KeyRange>,
) -> std::vec::IntoIter<Result<(Bytes, Versioned), ProjectionError>> {
    let (_, bucket) = match found {
        Ok(found) => found,
        Err(error) => return vec![Err(error.into())].into_iter(),
    };
    let is_wanted = |key: &[u8]| {
        wanted.is_none_or(|range| key >= range.start.as_ref() && key < range.end.as_ref())
    };
    let rows = bucket::rows(&bucket).filter_map(|row| match row {
        Ok(row) => {
            let key = is_wanted(row.key).then(|| Bytes::copy_from_slice(row.key))?;
            Some(Ok((key, row.to_versioned())))
        }
        Err(Garbled) => Some(Err(ProjectionError::Garbled)),
    });
    rows.collect::<Unpacked>().into_iter()
}
