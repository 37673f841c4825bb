//! How much a run may write, and how fast.

use serde::{Deserialize, Serialize};

use super::{Content, CutCause, Entry};
use crate::domain::flood::{Bucket, Rate};
use crate::domain::time::Timestamp;

/// The most bytes of text that the transcript of one run holds.
pub const MAX_RUN_BYTES: u64 = 16 * 1024 * 1024;
/// The most pieces of reasoning that a run sends per minute in the long run: 64 a
/// second.
const MAX_CHUNKS_PER_MINUTE: u32 = 64 * 60;
/// The most that it sends at once after a pause: what a client had kept back while it
/// had no connection.
const MAX_CHUNKS_AT_ONCE: u32 = 256;

/// How much one run may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranscriptLimits {
    /// How often a piece of reasoning.
    pub chunks: Rate,
    /// How many bytes of text in all.
    pub bytes: u64,
}

impl Default for TranscriptLimits {
    fn default() -> Self {
        let chunks = Rate { per_minute: MAX_CHUNKS_PER_MINUTE, burst: MAX_CHUNKS_AT_ONCE };
        Self { chunks, bytes: MAX_RUN_BYTES }
    }
}

/// What a run has written, as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Bytes of text that are kept.
    pub bytes: u64,
    /// Entries that were left out.
    pub cut_entries: u64,
}

/// What is left to a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    spent: Spent,
    bucket: Bucket,
}

impl Allowance {
    /// What is left to a run that has written so much. What it sent lately is not
    /// remembered across a restart.
    pub fn after(spent: Spent) -> Self {
        Self { spent, bucket: Bucket::default() }
    }

    /// What the run has written.
    pub const fn spent(&self) -> Spent {
        self.spent
    }

    /// Lets an entry in as it is, or as a note that it was left out.
    pub fn admit(&mut self, entry: Entry, limits: &TranscriptLimits) -> Entry {
        let bytes = self.spent.bytes + entry.content.bytes() as u64;
        let cause = if bytes > limits.bytes {
            Some(CutCause::TooMuch)
        } else {
            self.too_fast(&entry.content, limits, entry.time)
        };
        if let Some(cause) = cause {
            self.spent.cut_entries += 1;
            return entry.cut(cause);
        }
        self.spent.bytes = bytes;
        entry
    }

    /// Only reasoning is limited by pace: it is what models pour out.
    fn too_fast(
        &mut self,
        content: &Content,
        limits: &TranscriptLimits,
        now: Timestamp,
    ) -> Option<CutCause> {
        let is_chunk = matches!(content, Content::Reasoning { .. });
        let is_late = is_chunk && self.bucket.take(limits.chunks, now).is_err();
        is_late.then_some(CutCause::TooFast)
    }
}
