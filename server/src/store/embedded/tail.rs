//! Replays commits: recent ones from memory, older ones from the journal.

use std::sync::{Arc, PoisonError};

use super::shared::Shared;
use crate::store::journal::Position;
use crate::store::journal::reader::{self, JournalReadError};
use crate::store::journal::segment::HEADER_LENGTH;
use crate::store::{CommitRecord, MAX_TAIL, ReadError, TailFrom};

/// The very first place of a journal.
const BEGINNING: Position = Position { segment: 1, offset: HEADER_LENGTH as u64 };

/// Replays at most `limit` commits.
pub(super) async fn read(
    shared: &Arc<Shared>,
    from: TailFrom,
    limit: usize,
) -> Result<Vec<Arc<CommitRecord>>, ReadError> {
    let limit = limit.min(MAX_TAIL);
    let Some(start) = first_commit(shared, &from) else {
        return Ok(Vec::new());
    };
    if let Some(records) = from_memory(shared, &from, start, limit) {
        return Ok(records);
    }
    let shared = Arc::clone(shared);
    let read = tokio::task::spawn_blocking(move || from_journal(&shared, &from, start, limit));
    read.await.unwrap_or(Err(ReadError::Stopped))
}

/// A commit at or before the first one wanted; `None` if there is none yet.
fn first_commit(shared: &Shared, from: &TailFrom) -> Option<u64> {
    match from {
        TailFrom::Commit(after) => (shared.now().commit > *after).then_some(after + 1),
        TailFrom::Sequence { tenant, after } => {
            if shared.sequence(tenant) <= *after {
                return None;
            }
            let index = shared.index.read().unwrap_or_else(PoisonError::into_inner);
            Some(index.commit_before(tenant, after + 1).unwrap_or(1))
        }
    }
}

/// Whether a commit is one that was asked for.
fn is_wanted(from: &TailFrom, record: &CommitRecord) -> bool {
    match from {
        TailFrom::Commit(after) => record.commit > *after,
        TailFrom::Sequence { tenant, after } => {
            let last = record.first_sequence + record.events.len() as u64;
            !record.events.is_empty() && record.tenant == *tenant && last > after + 1
        }
    }
}

/// Replays from the ring, if it reaches back far enough.
fn from_memory(
    shared: &Shared,
    from: &TailFrom,
    start: u64,
    limit: usize,
) -> Option<Vec<Arc<CommitRecord>>> {
    let ring = shared.ring.read().unwrap_or_else(PoisonError::into_inner);
    let skipped = start.checked_sub(ring.first()?)?;
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let wanted = ring.records.range(skipped.min(ring.records.len())..);
    let wanted = wanted.filter(|(record, _)| is_wanted(from, record)).take(limit);
    Some(wanted.map(|(record, _)| Arc::clone(record)).collect())
}

fn from_journal(
    shared: &Shared,
    from: &TailFrom,
    start: u64,
    limit: usize,
) -> Result<Vec<Arc<CommitRecord>>, ReadError> {
    let end = shared.now().journal;
    let place = {
        let index = shared.index.read().unwrap_or_else(PoisonError::into_inner);
        index.place_of(start).unwrap_or(BEGINNING)
    };
    let mut records = Vec::new();
    if limit == 0 {
        return Ok(records);
    }
    reader::read_from(&shared.places.journal, place, end, &mut |frame| {
        let record = frame.into_record();
        if is_wanted(from, &record) {
            records.push(Arc::new(record));
        }
        records.len() < limit
    })
    .map_err(|error| match error {
        JournalReadError::Io(error) => ReadError::Medium { message: error.to_string() },
        damaged @ JournalReadError::Damaged { .. } => {
            ReadError::Damaged { what: damaged.to_string() }
        }
    })?;
    Ok(records)
}
