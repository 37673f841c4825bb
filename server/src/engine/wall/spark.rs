//! How busy a run was in the last two minutes.

use crate::domain::time::{Span, Timestamp};

/// How many spans are shown.
pub const SPANS: usize = 12;
/// How long each of them is.
const SPAN: Span = Span::from_secs(10);

/// Counts of events in spans of equal length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spark {
    /// The number of the newest span.
    newest: i64,
    /// The counts, the oldest first.
    counts: [u32; SPANS],
}

const fn span_of(time: Timestamp) -> i64 {
    time.as_micros() / SPAN.as_micros()
}

impl Spark {
    /// Counts an event.
    pub(super) fn note(&mut self, time: Timestamp) {
        self.move_to(span_of(time));
        let behind = usize::try_from(self.newest - span_of(time)).unwrap_or(SPANS);
        if let Some(count) = self.counts.iter_mut().rev().nth(behind) {
            *count = count.saturating_add(1);
        }
    }

    fn move_to(&mut self, newest: i64) {
        let by = usize::try_from(newest - self.newest).unwrap_or(0);
        if by == 0 {
            return;
        }
        self.counts.rotate_left(by.min(SPANS));
        self.counts.iter_mut().rev().take(by).for_each(|count| *count = 0);
        self.newest = newest;
    }

    /// The counts as of a time, the oldest first.
    pub(super) fn at(&self, now: Timestamp) -> [u32; SPANS] {
        let mut moved = self.clone();
        moved.move_to(span_of(now));
        moved.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_move_out_to_the_left() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut spark = Spark::default();
        for seconds in [1_000, 1_001, 1_015, 1_119, 1_005] {
            spark.note(at(seconds));
        }
        assert_eq!(spark.at(at(1_119)), [3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(spark.at(at(1_130)), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(spark.at(at(9_000)), [0; SPANS]);
    }
}
