//! Which chunks a run has stored lately.
//!
//! Successive checkpoints of a run differ little. Content-defined cuts find
//! the parts that stayed the same, wherever they moved. The memory is bounded:
//! a run that was not seen for a while is forgotten, and its next checkpoint
//! is stored once more in full.

use std::collections::{HashMap, VecDeque};

use fastcdc::v2020::FastCDC;
use uuid::Uuid;

use super::Location;
use crate::domain::digest::FieldHasher;
use crate::domain::ids::RunId;

/// Payloads above this are cut into chunks, if they belong to a run.
pub(crate) const CHUNKED_ABOVE_BYTES: usize = 8 * 1024;
/// The smallest, the usual and the greatest chunk.
const CHUNK_BYTES: [usize; 3] = [2 * 1024, 8 * 1024, 64 * 1024];
/// The most runs whose chunks are remembered.
const MAX_RUNS: usize = 1_024;
/// The most chunks remembered of one run.
const MAX_CHUNKS_PER_RUN: usize = 4_096;

const CHUNK_TAG: &str = "pointsman.chunk.v1";

/// Cuts bytes where their content says so.
pub(crate) fn cut(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let [least, usual, most] = CHUNK_BYTES;
    FastCDC::new(bytes, least, usual, most)
        .filter_map(|chunk| bytes.get(chunk.offset..chunk.offset + chunk.length))
}

/// The first bytes of every chunk's id, above all ids made from a time, so that
/// the payloads of a pack are a range of ids.
pub(crate) const ID_PREFIX: [u8; 2] = [0xff; 2];

/// Whether an id is a chunk's.
pub(crate) fn is_id(id: Uuid) -> bool {
    id.as_bytes().starts_with(&ID_PREFIX)
}

/// The id of a chunk: within a run, equal bytes have equal ids.
pub(crate) fn id(run: RunId, bytes: &[u8]) -> Uuid {
    let mut hasher = FieldHasher::new(CHUNK_TAG);
    hasher.field(run.as_bytes()).field(bytes);
    let digest = hasher.finish();
    let mut id = [0; 16];
    for (place, byte) in id.iter_mut().zip(ID_PREFIX.iter().chain(digest.as_bytes())) {
        *place = *byte;
    }
    Uuid::from_bytes(id)
}

/// The chunks of recent runs.
#[derive(Debug, Default)]
pub(crate) struct RecentChunks {
    runs: HashMap<RunId, HashMap<Uuid, Location>>,
    order: VecDeque<RunId>,
}

impl RecentChunks {
    /// Where the run has stored this chunk.
    pub(crate) fn find(&self, run: RunId, id: Uuid) -> Option<Location> {
        self.runs.get(&run)?.get(&id).copied()
    }

    /// Remembers where a run's chunk is.
    pub(crate) fn remember(&mut self, run: RunId, id: Uuid, at: Location) {
        if !self.runs.contains_key(&run) {
            self.order.push_back(run);
            if self.order.len() > MAX_RUNS
                && let Some(oldest) = self.order.pop_front()
            {
                self.runs.remove(&oldest);
            }
        }
        let chunks = self.runs.entry(run).or_default();
        if chunks.len() >= MAX_CHUNKS_PER_RUN {
            chunks.clear();
        }
        chunks.insert(id, at);
    }
}
