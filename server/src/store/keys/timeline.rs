//! Keys by which the timeline of a run is read from both ends: places in it, and the list
//! of what has no id of its own to be listed by.

use std::cmp::Ordering;

use bytes::{BufMut, Bytes, BytesMut};

use super::{ID_LENGTH, after, key, prefixed};
use crate::domain::ids::{EscalationId, OverrideId, RunId};
use crate::domain::overrides::OverrideScope;
use crate::domain::time::Timestamp;
use crate::store::{Direction, KeyRange};

const MICROS_PER_MILLI: i64 = 1_000;
/// How many bytes of an id are its time in milliseconds.
const MILLIS_LENGTH: usize = 6;

/// What a row of a timeline is; within a millisecond the rows are in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rank {
    /// The start of the run.
    Start = 0,
    /// A step of the transcript.
    Title = 1,
    /// An action.
    Action = 2,
    /// A question that did not come with its action.
    Question = 3,
    /// A checkpoint.
    Checkpoint = 4,
    /// A run below.
    Child = 5,
    /// A new path.
    Branch = 6,
    /// An override.
    Override = 7,
    /// The end of the run.
    End = 8,
}

/// Where a row stands in its timeline: by time in milliseconds, what it is, and its id or
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Milliseconds since the Unix epoch.
    pub millis: u64,
    /// What it is.
    pub rank: Rank,
    /// The id, or the number as sixteen bytes.
    pub id: [u8; ID_LENGTH],
}

// === impl Rank ===

impl Rank {
    /// The ranks, in their order.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Title,
        Self::Action,
        Self::Question,
        Self::Checkpoint,
        Self::Child,
        Self::Branch,
        Self::Override,
        Self::End,
    ];
}

// === impl Place ===

impl Place {
    /// How many bytes it has.
    pub const LENGTH: usize = 8 + 1 + ID_LENGTH;

    /// The place of what has an id that says when it was made.
    pub fn of_id(rank: Rank, id: [u8; ID_LENGTH]) -> Self {
        Self { millis: millis_of(&id), rank, id }
    }

    /// The place of what happened at a time.
    pub fn at(rank: Rank, time: Timestamp, id: [u8; ID_LENGTH]) -> Self {
        let millis = u64::try_from(time.as_micros() / MICROS_PER_MILLI).unwrap_or(0);
        Self { millis, rank, id }
    }

    /// The place of what has a number.
    pub fn numbered(rank: Rank, time: Timestamp, number: u64) -> Self {
        Self::at(rank, time, u128::from(number).to_be_bytes())
    }

    /// The number, where that is what it has.
    pub fn number(&self) -> u64 {
        self.id.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    /// Bytes whose order is that of the rows.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let (head, id) = bytes.split_at_mut(Self::LENGTH - ID_LENGTH);
        let (millis, rank) = head.split_at_mut(8);
        millis.copy_from_slice(&self.millis.to_be_bytes());
        rank.fill(self.rank as u8);
        id.copy_from_slice(&self.id);
        bytes
    }

    /// The inverse of [`Place::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, id) = bytes.split_last_chunk::<ID_LENGTH>()?;
        let (millis, rank) = head.split_first_chunk::<8>()?;
        let [rank] = rank else { return None };
        let rank = *Rank::ALL.get(usize::from(*rank))?;
        Some(Self { millis: u64::from_be_bytes(*millis), rank, id: *id })
    }

    /// The place that an entry of a run's list of what has no list of its own names.
    pub fn listed(key: &[u8]) -> Option<Self> {
        Self::from_bytes(key.last_chunk::<{ Self::LENGTH }>()?)
    }

    /// The part of a list of ids, all of one rank, that lies beyond this place.
    pub fn beyond(&self, list: KeyRange, rank: Rank, direction: Direction) -> KeyRange {
        let bound = match self.rank.cmp(&rank) {
            Ordering::Less => id_at(self.millis),
            Ordering::Equal => self.id,
            Ordering::Greater => id_at(self.millis + 1),
        };
        self.cut(list, &bound, self.rank == rank, direction)
    }

    /// The part of a run's list of places that lies beyond this one.
    pub fn beyond_noted(&self, list: KeyRange, direction: Direction) -> KeyRange {
        self.cut(list, &self.to_bytes(), true, direction)
    }

    fn cut(&self, list: KeyRange, bound: &[u8], is_own: bool, direction: Direction) -> KeyRange {
        let bound = joined(&list.start, bound);
        match direction {
            Direction::Ascending if is_own => KeyRange { start: after(&bound), ..list },
            Direction::Ascending => KeyRange { start: bound, ..list },
            Direction::Descending => KeyRange { end: bound, ..list },
        }
    }
}

fn joined(prefix: &Bytes, rest: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(prefix.len() + rest.len());
    bytes.put_slice(prefix);
    bytes.put_slice(rest);
    bytes.freeze()
}

fn millis_of(id: &[u8; ID_LENGTH]) -> u64 {
    id.iter().take(MILLIS_LENGTH).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The first id of a millisecond.
fn id_at(millis: u64) -> [u8; ID_LENGTH] {
    (u128::from(millis) << (8 * (ID_LENGTH - MILLIS_LENGTH))).to_be_bytes()
}

/// The entry of something in its run's timeline that no other list of the run has.
pub fn noted(tenant: &str, run: RunId, place: Place) -> Bytes {
    key(tenant, "run-noted", &[run.as_bytes(), &place.to_bytes()])
}

/// What is noted of a run, oldest first.
pub fn all_noted(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-noted", &[run.as_bytes()]))
}

/// The place of a question that did not come with its action.
pub fn question_place(id: EscalationId) -> Place {
    Place::of_id(Rank::Question, *id.as_bytes())
}

/// The entry of an override among those of its scope.
pub fn scope_override(tenant: &str, scope: &OverrideScope, id: OverrideId) -> Bytes {
    super::overrides::scoped(tenant, "scope-override", scope, id.as_bytes())
}

/// The overrides of a scope, oldest first.
pub fn scope_overrides(tenant: &str, scope: &OverrideScope) -> KeyRange {
    prefixed(&super::overrides::scoped(tenant, "scope-override", scope, &[]))
}

/// The entries of a list of ids that were made from one time on, and until another.
pub fn made_within(list: KeyRange, from: Timestamp, until: Option<Timestamp>) -> KeyRange {
    let millis = |time: Timestamp| Place::at(Rank::Start, time, [0; ID_LENGTH]).millis;
    let start = joined(&list.start, &id_at(millis(from)));
    let end = until.map(|until| joined(&list.start, &id_at(millis(until) + 1)));
    KeyRange { start, end: end.unwrap_or(list.end) }
}
