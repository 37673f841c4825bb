//! The journal: append-only segments of commit frames, the truth of the store.
//!
//! `journal/NNNNNNNNNN.log`, numbered from 1 without gaps. A segment is a
//! header ([`segment`]) and frames ([`frame`]), one per commit, in order of
//! commit. Nothing here knows of the state; that is folded from the frames.

pub(crate) mod frame;
pub(crate) mod index;
pub(crate) mod reader;
pub(crate) mod scan;
pub(crate) mod segment;
mod survey;
pub(crate) mod writer;

/// A place in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The number of the segment; 0 before the first.
    pub(crate) segment: u64,
    /// The byte within its file.
    pub(crate) offset: u64,
}
