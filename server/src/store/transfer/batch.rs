//! Commits on their way from one store to another.

use crate::domain::ids::RunId;
use crate::domain::payload::PayloadDraft;
use crate::store::damage::OpenError;
use crate::store::journal::frame::Frame;

/// The most commits that go together.
const MAX_COMMITS: usize = 256;
/// The most bytes of writes and payloads that go together, beyond the last commit.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What is read of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The commits alone.
    Frames,
    /// The commits, and their payloads too.
    Payloads,
}

/// A commit, with the payloads that were stored with it.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) frame: Frame,
    pub(crate) payloads: Vec<PayloadDraft>,
}

/// Commits that go together, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) commits: Vec<Commit>,
    bytes: usize,
}

// === impl Batch ===

impl Batch {
    /// Adds the next commit.
    pub(crate) fn push(&mut self, commit: Commit) {
        let size = |write: &crate::store::Write| {
            write.key.len() + write.value.as_ref().map_or(0, bytes::Bytes::len)
        };
        self.bytes += commit.frame.writes.iter().map(size).sum::<usize>();
        self.bytes += commit.payloads.iter().map(|payload| payload.bytes.len()).sum::<usize>();
        self.commits.push(commit);
    }

    /// Whether it should be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.commits.len() >= MAX_COMMITS || self.bytes >= MAX_BYTES
    }

    /// Why a source stops when nobody takes its batches any more.
    pub(crate) fn unwanted() -> OpenError {
        OpenError::Start { what: "the copy", message: "it was given up".to_owned() }
    }
}

/// The run within which the chunks of a commit's payloads are stored once.
pub(crate) fn scope_of(frame: &Frame) -> Option<RunId> {
    frame.events.iter().find_map(|event| event.subjects.run)
}
