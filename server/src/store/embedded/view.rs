//! The state as seen through layers that sled does not have yet.
//!
//! Newer layers hide older ones, and all of them hide sled. A removed key
//! stays in its layer as a slot without a value, so that it hides the key
//! below.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::projection::{Projection, ProjectionError};
use crate::store::{Direction, KeyRange, Version, Versioned};

/// A key's newest write: a value, or that it was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) value: Option<Bytes>,
    pub(super) version: Version,
}

impl Slot {
    /// The slot as readers see it.
    pub(super) fn to_versioned(&self) -> Option<Versioned> {
        let version = self.version;
        self.value.clone().map(|value| Versioned { value, version })
    }
}

/// State changes by key.
pub(super) type Layer = BTreeMap<Bytes, Slot>;

/// Layers over sled, the newest first.
pub(super) struct View<'a> {
    pub(super) layers: &'a [&'a Layer],
    pub(super) projection: &'a Projection,
}

type Row = Result<(Bytes, Slot), ProjectionError>;

impl<'a> View<'a> {
    /// A key as the layers know it; `None` if only sled can tell.
    pub(super) fn layered(&self, key: &[u8]) -> Option<&'a Slot> {
        self.layers.iter().find_map(|layer| layer.get(key))
    }

    /// Reads one key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ProjectionError> {
        match self.layered(key) {
            Some(slot) => Ok(slot.to_versioned()),
            None => self.projection.get(key),
        }
    }

    /// Reads a range, in a direction.
    pub(super) fn range(&self, range: &KeyRange, direction: Direction) -> Merge<'a> {
        if range.start >= range.end {
            return Merge { sources: Vec::new(), direction };
        }
        let mut sources: Vec<Source<'a>> = Vec::with_capacity(self.layers.len() + 1);
        for layer in self.layers {
            let rows = layer.range(range.start.clone()..range.end.clone());
            let rows = rows.map(|(key, slot)| Ok((key.clone(), slot.clone())));
            sources.push(Source::new(rows, direction));
        }
        sources.push(Source::new(self.projection.range(range).map(below), direction));
        Merge { sources, direction }
    }

    /// Reads everything, in ascending order.
    pub(super) fn all(&self) -> Merge<'a> {
        let direction = Direction::Ascending;
        let mut sources: Vec<Source<'a>> = Vec::with_capacity(self.layers.len() + 1);
        for layer in self.layers {
            let rows = layer.iter().map(|(key, slot)| Ok((key.clone(), slot.clone())));
            sources.push(Source::new(rows, direction));
        }
        sources.push(Source::new(self.projection.all().map(below), direction));
        Merge { sources, direction }
    }
}

fn below(row: Result<(Bytes, Versioned), ProjectionError>) -> Row {
    row.map(|(key, found)| (key, Slot { value: Some(found.value), version: found.version }))
}

/// One layer's rows, one of them looked at ahead.
struct Source<'a> {
    rows: Box<dyn Iterator<Item = Row> + 'a>,
    next: Option<Row>,
}

impl<'a> Source<'a> {
    fn new(rows: impl DoubleEndedIterator<Item = Row> + 'a, direction: Direction) -> Self {
        let mut rows: Box<dyn Iterator<Item = Row> + 'a> = match direction {
            Direction::Ascending => Box::new(rows),
            Direction::Descending => Box::new(rows.rev()),
        };
        let next = rows.next();
        Self { rows, next }
    }

    fn take(&mut self) -> Option<Row> {
        std::mem::replace(&mut self.next, self.rows.next())
    }
}

/// The rows of several layers in one order, the newest layer's where several
/// have the key.
pub(super) struct Merge<'a> {
    sources: Vec<Source<'a>>,
    direction: Direction,
}

impl Merge<'_> {
    /// The next key in order; an error stands before every key.
    fn next_key(&self) -> Option<Option<Bytes>> {
        let mut best: Option<&Bytes> = None;
        for source in &self.sources {
            match &source.next {
                None => {}
                Some(Err(_)) => return Some(None),
                Some(Ok((key, _))) => {
                    let is_better = best.is_none_or(|best| match self.direction {
                        Direction::Ascending => key < best,
                        Direction::Descending => key > best,
                    });
                    if is_better {
                        best = Some(key);
                    }
                }
            }
        }
        best.map(|key| Some(key.clone()))
    }

    fn take_error(&mut self) -> Option<ProjectionError> {
        self.sources.iter_mut().find_map(|source| {
            if !matches!(source.next, Some(Err(_))) {
                return None;
            }
            source.take()?.err()
        })
    }

    /// Takes the newest slot of a key and steps every source past it.
    fn take_key(&mut self, key: &Bytes) -> Option<Slot> {
        let mut newest = None;
        for source in &mut self.sources {
            let is_here = matches!(&source.next, Some(Ok((next, _))) if next == key);
            if is_here && let Some(Ok((_, slot))) = source.take() {
                newest.get_or_insert(slot);
            }
        }
        newest
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<(Bytes, Versioned), ProjectionError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(key) = self.next_key()? else {
                return self.take_error().map(Err);
            };
            if let Some(found) = self.take_key(&key)?.to_versioned() {
                return Some(Ok((key, found)));
            }
        }
    }
}
