//! The digest of the state that a journal's writes give, in bounded memory.
//!
//! The state is folded in passes over the journal. A pass holds the records from
//! one key on; when they become too many it lets go of the highest, and the next
//! pass begins with those. Most journals need one pass.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::domain::digest::Digest;
use crate::store::Version;
use crate::store::journal::frame::Frame;
use crate::store::state::StateHasher;

/// The most bytes of keys and values that a pass holds.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// A state, being folded.
pub(super) struct Fold {
    max_bytes: usize,
    start: Bytes,
    /// The first key that this pass leaves to the next.
    end: Option<Bytes>,
    records: BTreeMap<Bytes, (Version, Bytes)>,
    bytes: usize,
    hasher: StateHasher,
}

// === impl Fold ===

impl Fold {
    /// A fold before its first pass.
    pub(super) fn new() -> Self {
        Self::within(MAX_BYTES)
    }

    fn within(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            start: Bytes::new(),
            end: None,
            records: BTreeMap::new(),
            bytes: 0,
            hasher: StateHasher::default(),
        }
    }

    /// Takes the next frame of the pass.
    pub(super) fn enter(&mut self, frame: &Frame) {
        for write in &frame.writes {
            let is_later = self.end.as_ref().is_some_and(|end| write.key >= *end);
            if write.key < self.start || is_later {
                continue;
            }
            self.bytes += write.value.as_ref().map_or(0, |value| write.key.len() + value.len());
            let version = Version(frame.commit);
            let former = match &write.value {
                Some(value) => self.records.insert(write.key.clone(), (version, value.clone())),
                None => self.records.remove(&write.key),
            };
            self.bytes -= former.map_or(0, |(_, value)| write.key.len() + value.len());
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        while self.bytes > self.max_bytes && self.records.len() > 1 {
            let Some((key, (_, value))) = self.records.pop_last() else { return };
            self.bytes -= key.len() + value.len();
            self.end = Some(key);
        }
    }

    /// Ends a pass; answers whether another is needed.
    pub(super) fn turn(&mut self) -> bool {
        for (key, (version, value)) in std::mem::take(&mut self.records) {
            self.hasher.record(&key, version, &value);
        }
        self.bytes = 0;
        match self.end.take() {
            Some(end) => {
                self.start = end;
                true
            }
            None => false,
        }
    }

    /// The digest of the state, after the last pass.
    pub(super) fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::store::conformance::make::{mk_removal, mk_write};

    fn mk_frames() -> Vec<Frame> {
        let frame = |commit: u64| {
            let key = |n: u64| format!("acme/run/{}", n % 37);
            let mut writes = vec![mk_write(&key(commit * 7), &format!("value {commit}"))];
            if commit.is_multiple_of(3) {
                writes.push(mk_removal(&key(commit * 11)));
            }
            Frame {
                commit,
                group: commit,
                time: Timestamp::from_micros(1),
                tenant: "acme".to_owned(),
                principal: String::new(),
                request_id: None,
                first_sequence: 1,
                leaf_index: 0,
                events: Vec::new(),
                writes,
                salt: [0; 16],
                payloads: Vec::new(),
            }
        };
        (1..=300).map(frame).collect()
    }

    fn digest_within(max_bytes: usize) -> (Digest, u32) {
        let (mut fold, mut passes) = (Fold::within(max_bytes), 0);
        loop {
            mk_frames().iter().for_each(|frame| fold.enter(frame));
            passes += 1;
            if !fold.turn() {
                return (fold.finish(), passes);
            }
        }
    }

    #[test]
    fn many_passes_give_the_digest_of_one() {
        let (whole, passes) = digest_within(usize::MAX);
        assert_eq!(passes, 1);
        let (parted, passes) = digest_within(100);
        assert!(passes > 5, "{passes}");
        assert_eq!(parted, whole);
    }
}
