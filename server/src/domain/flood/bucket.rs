//! A token bucket that remembers one moment.

use crate::domain::time::{Span, Timestamp};

const MINUTE: i64 = 60_000_000;

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often per minute in the long run; 0: not limited.
    pub per_minute: u32,
    /// How often at once, after a pause; 0 counts as 1.
    pub burst: u32,
}

impl Rate {
    /// How long one waits for the next; none: it is not limited.
    fn interval(self) -> Option<i64> {
        (self.per_minute > 0).then(|| (MINUTE / i64::from(self.per_minute)).max(1))
    }
}

/// A bucket of tokens, as the moment at which it will be full again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full: Timestamp,
}

impl Bucket {
    /// Takes a token, or says when there will be one.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Span> {
        let Some(interval) = rate.interval() else { return Ok(()) };
        let full = self.full.max(now).plus(Span::from_micros(interval));
        let room = interval.saturating_mul(i64::from(rate.burst.max(1)));
        let missing = full.since(now).as_micros().saturating_sub(room);
        if missing > 0 {
            return Err(Span::from_micros(missing));
        }
        self.full = full;
        Ok(())
    }

    /// Puts a token back that was not used.
    pub fn give_back(&mut self, rate: Rate) {
        if let Some(interval) = rate.interval() {
            self.full = self.full.plus(Span::from_micros(-interval));
        }
    }

    /// Whether it is as good as new.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full <= now
    }
}
