//! Where in the journal a commit or a tenant's sequence is, roughly.
//!
//! Bounded: an index that grows beyond its capacity forgets every second
//! entry, and the reader scans a little further. Rebuilt at every start.

use std::collections::HashMap;

use super::Position;
use super::frame::Frame;

/// The most places kept for the whole journal.
const COMMIT_CAPACITY: usize = 64 * 1024;
/// The most places kept for one tenant.
const TENANT_CAPACITY: usize = 4 * 1024;

/// Ascending keys with a value each, of which every n-th is kept.
#[derive(Clone, Debug)]
struct Sparse<T> {
    capacity: usize,
    stride: u64,
    seen: u64,
    entries: Vec<(u64, T)>,
}

impl<T: Copy> Sparse<T> {
    fn new(capacity: usize) -> Self {
        Self { capacity, stride: 1, seen: 0, entries: Vec::new() }
    }

    fn push(&mut self, key: u64, value: T) {
        if self.seen.is_multiple_of(self.stride) {
            self.entries.push((key, value));
        }
        self.seen += 1;
        if self.entries.len() > self.capacity {
            let mut keep = false;
            self.entries.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
        }
    }

    /// The value of the greatest kept key that is not above `key`.
    fn floor(&self, key: u64) -> Option<T> {
        let after = self.entries.partition_point(|(kept, _)| *kept <= key);
        self.entries.get(after.checked_sub(1)?).map(|(_, value)| *value)
    }
}

/// The sparse index of a journal.
#[derive(Clone, Debug)]
pub(crate) struct JournalIndex {
    commits: Sparse<Position>,
    tenants: HashMap<String, Sparse<u64>>,
}

impl Default for JournalIndex {
    fn default() -> Self {
        Self { commits: Sparse::new(COMMIT_CAPACITY), tenants: HashMap::new() }
    }
}

impl JournalIndex {
    /// Notes where a frame begins.
    pub(crate) fn note(&mut self, frame: &Frame, at: Position) {
        let sequence = (!frame.events.is_empty()).then_some(frame.first_sequence);
        self.note_commit(frame.commit, at, &frame.tenant, sequence);
    }

    /// Notes where a commit begins, and its first sequence where it has events.
    pub(crate) fn note_commit(
        &mut self,
        commit: u64,
        at: Position,
        tenant: &str,
        first_sequence: Option<u64>,
    ) {
        self.commits.push(commit, at);
        let Some(sequence) = first_sequence else {
            return;
        };
        if let Some(places) = self.tenants.get_mut(tenant) {
            places.push(sequence, commit);
        } else {
            let mut places = Sparse::new(TENANT_CAPACITY);
            places.push(sequence, commit);
            self.tenants.insert(tenant.to_owned(), places);
        }
    }

    /// Where to begin reading for a commit: at it or before it.
    pub(crate) fn place_of(&self, commit: u64) -> Option<Position> {
        self.commits.floor(commit)
    }

    /// A commit at or before the one that holds the tenant's sequence.
    pub(crate) fn commit_before(&self, tenant: &str, sequence: u64) -> Option<u64> {
        self.tenants.get(tenant)?.floor(sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_index_thins_out_and_still_finds_the_floor() {
        let mut index = Sparse::new(8);
        for key in 0..1_000_u64 {
            index.push(key * 10, key);
        }
        assert!(index.entries.len() <= 9);
        for probe in [0, 5, 4_321, 9_990] {
            let found = index.floor(probe).unwrap();
            assert!(found * 10 <= probe);
            assert!(probe - found * 10 < 10 * index.stride);
        }
        assert_eq!(Sparse::<u64>::new(8).floor(3), None);
    }
}
