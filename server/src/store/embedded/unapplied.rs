//! Synced changes that sled does not have yet, in two layers: one that is
//! being applied, one that gathers meanwhile.
//!
//! A layer gathers for a second, or until it is large, or until the store is
//! idle: a key that is written several times in a row reaches sled once, one
//! that comes and goes (a timer, most often) not at all, and neighbours go into
//! their bucket together.

use std::ops::Bound;

use bytes::Bytes;

use super::projection::{Projection, ProjectionError};
use super::view::Layer;
use crate::domain::time::{Span, Timestamp};

/// How many records are applied to sled between two looks at the inbox.
const APPLY_SLICE: usize = 64;
/// How many gathered records are applied without waiting for more.
const FULL: usize = 32 * 1024;
/// The most synced records that sled may lack before new groups wait for it.
const MAX_UNAPPLIED: usize = 2 * FULL;
/// How long changes gather while the store is busy.
const GATHERING: Span = Span::from_secs(1);

/// A layer on its way into sled.
struct Applying {
    layer: Layer,
    /// The newest commit in it.
    commit: u64,
    /// The last key applied.
    cursor: Option<Bytes>,
    /// How many records are still to be applied.
    left: usize,
}

/// What sled lacks.
#[derive(Default)]
pub(super) struct Unapplied {
    gathered: Layer,
    /// The newest commit gathered.
    commit: u64,
    /// Since when the layer gathers.
    since: Option<Timestamp>,
    applying: Option<Applying>,
}

impl Unapplied {
    /// The layers, the newest first.
    pub(super) fn layers(&self) -> Vec<&Layer> {
        let mut layers = vec![&self.gathered];
        layers.extend(self.applying.as_ref().map(|applying| &applying.layer));
        layers
    }

    /// How many records sled lacks.
    pub(super) fn len(&self) -> usize {
        self.gathered.len() + self.applying.as_ref().map_or(0, |applying| applying.left)
    }

    /// Whether sled lacks nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether sled lacks so much that new groups have to wait.
    pub(super) fn is_too_much(&self) -> bool {
        self.len() > MAX_UNAPPLIED
    }

    /// Whether there is something to apply without waiting for more.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let is_old = self.since.is_some_and(|since| now.since(since) >= GATHERING);
        self.applying.is_some() || is_old || self.gathered.len() >= FULL
    }

    /// Puts the changes of a synced group on top.
    pub(super) fn gather(&mut self, layer: Layer, commit: u64, now: Timestamp) {
        self.commit = commit;
        if !layer.is_empty() {
            self.since.get_or_insert(now);
        }
        if self.gathered.is_empty() {
            self.gathered = layer;
        } else {
            self.gathered.extend(layer);
        }
    }

    /// Applies a slice of what is there.
    pub(super) fn apply_slice(&mut self, projection: &Projection) -> Result<(), ProjectionError> {
        let mut applying = match self.applying.take() {
            Some(applying) => applying,
            None if self.gathered.is_empty() => return Ok(()),
            None => self.begin(),
        };
        let from = applying.cursor.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = applying.layer.range((from, Bound::Unbounded));
        let slice: Vec<_> = rest.by_ref().take(APPLY_SLICE).collect();
        let is_complete = rest.next().is_none();
        projection.apply(&slice, is_complete.then_some(applying.commit))?;
        applying.left = applying.left.saturating_sub(slice.len());
        applying.cursor = slice.last().map(|(key, _)| (*key).clone());
        if !is_complete {
            self.applying = Some(applying);
        }
        Ok(())
    }

    fn begin(&mut self) -> Applying {
        let layer = std::mem::take(&mut self.gathered);
        self.since = None;
        Applying { left: layer.len(), commit: self.commit, cursor: None, layer }
    }
}
