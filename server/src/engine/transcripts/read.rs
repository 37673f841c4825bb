//! Reading transcripts back.

use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::domain::transcript::Entry;
use crate::engine::{Engine, limits, read_error, validate};
use crate::store::records::{self, EntriesContent, EntriesRecord, TranscriptRecord};
use crate::store::{Direction, ReadError, keys};

/// How many records of entries one read fetches.
const RECORDS_PER_READ: usize = 64;

/// An entry as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As it was sent, or the note in its place.
    Entry(Entry),
    /// Entries whose words were erased.
    Erased {
        /// The first of them.
        first: u64,
        /// The last of them.
        through: u64,
        /// When the first was received.
        time: Timestamp,
    },
}

impl Shown {
    /// The number that it begins with.
    pub const fn first(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.number,
            Self::Erased { first, .. } => *first,
        }
    }

    /// The last number that it stands for.
    pub const fn through(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.through(),
            Self::Erased { through, .. } => *through,
        }
    }
}

/// Some entries of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntriesPage {
    /// The entries, in order.
    pub entries: Vec<Shown>,
    /// The number to go on from; none: that was all there is.
    pub next: Option<u64>,
    /// How far the transcript is.
    pub head: TranscriptRecord,
    /// Whether the caller is the agent that wrote it.
    pub is_own: bool,
}

impl Engine {
    /// Returns entries of a run's transcript, from a number on: 0 and 1 are the first.
    pub async fn list_entries(
        &self,
        caller: &Principal,
        run: RunId,
        from: u64,
        size: i32,
    ) -> Result<EntriesPage, Error> {
        let size = validate::page_size(size)?;
        let record = self.run_record(caller, run).await?;
        let head = self.transcript_head(&caller.tenant, run).await?;
        let mut entries = self.read_entries(&caller.tenant, run, from, size).await?;
        let next = entries.last().map(|last| last.through() + 1).filter(|next| *next <= head.last);
        entries.truncate(size);
        Ok(EntriesPage { entries, next, head, is_own: record.agent == caller.name })
    }

    /// How far a run's transcript is.
    pub(in crate::engine) async fn transcript_head(
        &self,
        tenant: &str,
        run: RunId,
    ) -> Result<TranscriptRecord, Error> {
        Ok(self.read(&keys::transcript(tenant, run)).await?.unwrap_or_default())
    }

    /// Reads entries from a number on, at most so many and about
    /// [`limits::PAGE_BYTES`] of text.
    pub(in crate::engine) async fn read_entries(
        &self,
        tenant: &str,
        run: RunId,
        from: u64,
        most: usize,
    ) -> Result<Vec<Shown>, Error> {
        let mut start = self.first_stored_with(tenant, run, from).await?;
        let (mut shown, mut bytes) = (Vec::new(), 0);
        loop {
            let range = keys::entries_from(tenant, run, start);
            let store = &self.0.store;
            let found = store.scan(range, Direction::Ascending, RECORDS_PER_READ).await;
            let found = found.map_err(read_error)?;
            for (_, row) in &found.rows {
                let record: EntriesRecord = records::decode(&row.value).map_err(read_error)?;
                start = record.last + 1;
                let all = self.words_of_entries(&record).await?;
                let wanted = all.into_iter().filter(|entry| entry.through() >= from);
                for entry in wanted {
                    bytes += bytes_of(&entry);
                    shown.push(entry);
                    if shown.len() >= most || bytes >= limits::PAGE_BYTES {
                        return Ok(shown);
                    }
                }
            }
            if !found.has_more {
                return Ok(shown);
            }
        }
    }

    /// The first number of those stored together with a number.
    async fn first_stored_with(&self, tenant: &str, run: RunId, from: u64) -> Result<u64, Error> {
        let range = keys::entries_until(tenant, run, from);
        let found = self.0.store.scan(range, Direction::Descending, 1).await.map_err(read_error)?;
        let before = found.rows.first().and_then(|(key, _)| keys::listed_entries(key));
        Ok(before.map_or(from, |(_, first)| first))
    }

    async fn words_of_entries(&self, record: &EntriesRecord) -> Result<Vec<Shown>, Error> {
        let bytes = match self.0.store.payload(&record.payload).await {
            Ok(bytes) => bytes,
            Err(ReadError::NoPayload { .. }) => {
                let EntriesRecord { first, last, from, .. } = *record;
                return Ok(vec![Shown::Erased { first, through: last, time: from }]);
            }
            Err(error) => return Err(read_error(error)),
        };
        let content: EntriesContent = records::decode(&bytes).map_err(read_error)?;
        Ok(content.entries.into_iter().map(Shown::Entry).collect())
    }
}

fn bytes_of(shown: &Shown) -> usize {
    match shown {
        Shown::Entry(entry) => entry.content.bytes(),
        Shown::Erased { .. } => 0,
    }
}
