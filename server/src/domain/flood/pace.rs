//! How many there were lately, in constant space.

use serde::{Deserialize, Serialize};

use crate::domain::time::{Span, Timestamp};

/// Counts of the window that runs and of the one before it. What there was lately is the
/// first and, of the second, the share that the window has not run through: exact where
/// things come evenly, and never more than the two together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    start: Timestamp,
    before: u64,
    current: u64,
}

impl Pace {
    /// Counts so many.
    pub fn add(&mut self, count: u64, now: Timestamp, window: Span) {
        *self = self.at(now, window);
        self.current = self.current.saturating_add(count);
    }

    /// How many there were in the window that ends now.
    pub fn lately(&self, now: Timestamp, window: Span) -> u64 {
        let Self { start, before, current } = self.at(now, window);
        let (length, gone) = (window.as_micros().max(1), now.since(start).as_micros());
        let left = u128::try_from(length.saturating_sub(gone).clamp(0, length)).unwrap_or(0);
        let share = u128::from(before) * left / u128::from(length.unsigned_abs());
        current.saturating_add(u64::try_from(share).unwrap_or(u64::MAX))
    }

    /// The counts as of now.
    fn at(self, now: Timestamp, window: Span) -> Self {
        let gone = now.since(self.start).as_micros();
        let length = window.as_micros().max(1);
        match gone {
            ..0 => self,
            _ if gone < length => self,
            _ if gone < length.saturating_mul(2) => {
                Self { start: self.start.plus(window), before: self.current, current: 0 }
            }
            _ => Self { start: now, before: 0, current: 0 },
        }
    }
}
