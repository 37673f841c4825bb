//! Recent commits in memory, for the tail.
//!
//! Densely numbered, as the database numbered them, whichever server made them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::store::{CommitRecord, TailFrom};

/// The most commits kept.
const MAX_COMMITS: usize = 16_384;
/// The most bytes of writes kept.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The newest commits that this server knows.
pub(super) struct Recent {
    records: VecDeque<(Arc<CommitRecord>, usize)>,
    bytes: usize,
    /// The newest commit known; the records end with it.
    last: u64,
}

// === impl Recent ===

impl Recent {
    /// Knows nothing but how far the journal is.
    pub(super) const fn new(last: u64) -> Self {
        Self { records: VecDeque::new(), bytes: 0, last }
    }

    /// The newest commit known.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Takes the next commits; those that are known already are passed over.
    /// Answers whether there is no gap before them.
    pub(super) fn extend(&mut self, commits: impl IntoIterator<Item = Arc<CommitRecord>>) -> bool {
        for record in commits {
            if record.commit > self.last + 1 {
                return false;
            }
            if record.commit == self.last + 1 {
                self.push(record);
            }
        }
        true
    }

    fn push(&mut self, record: Arc<CommitRecord>) {
        let bytes = weight(&record);
        self.last = record.commit;
        self.bytes += bytes;
        self.records.push_back((record, bytes));
        while self.records.len() > MAX_COMMITS || self.bytes > MAX_BYTES {
            let Some((_, bytes)) = self.records.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// Replays from memory; `None` if what is asked for reaches further back.
    pub(super) fn tail(&self, from: &TailFrom, limit: usize) -> Option<Vec<Arc<CommitRecord>>> {
        let first = self.records.front().map_or(self.last + 1, |(record, _)| record.commit);
        match from {
            TailFrom::Commit(after) => {
                let skipped = (after + 1).checked_sub(first)?;
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                let wanted = self.records.range(skipped.min(self.records.len())..);
                Some(wanted.take(limit).map(|(record, _)| Arc::clone(record)).collect())
            }
            TailFrom::Sequence { tenant, after } => {
                // From the newest back: who follows is nearly always near the end.
                let mut newer = Vec::new();
                let of_tenant = self.records.iter().rev().map(|(record, _)| record);
                for record in of_tenant.filter(|record| record.tenant == *tenant) {
                    let next = record.first_sequence + record.events.len() as u64;
                    if next <= after + 1 {
                        return Some(oldest_first(newer, limit));
                    }
                    if !record.events.is_empty() {
                        newer.push(Arc::clone(record));
                    }
                    if record.first_sequence <= after + 1 {
                        return Some(oldest_first(newer, limit));
                    }
                }
                None
            }
        }
    }
}

fn oldest_first(newer: Vec<Arc<CommitRecord>>, limit: usize) -> Vec<Arc<CommitRecord>> {
    newer.into_iter().rev().take(limit).collect()
}

/// The bytes of a commit, as far as they count.
fn weight(record: &CommitRecord) -> usize {
    let writes = record.writes.iter();
    writes.map(|write| write.key.len() + write.value.as_ref().map_or(0, |value| value.len())).sum()
}
