//! Latencies as histograms: from a microsecond to an hour, three digits exact.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart, in microseconds.
const LONGEST: u64 = 3_600_000_000;
/// Significant digits that are kept.
const DIGITS: u8 = 3;

/// Any number of measured spans.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// What is told of a latency, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Half took no longer.
    pub(crate) p50: f64,
    /// All but one in a hundred took no longer.
    pub(crate) p99: f64,
    /// None took longer.
    pub(crate) max: f64,
}

impl Default for Latency {
    #[expect(clippy::expect_used, reason = "the bounds are constants within the crate's limits")]
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Self(histogram.expect("invariant: constant bounds are valid"))
    }
}

impl Latency {
    /// Adds one span.
    pub(crate) fn record(&mut self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(LONGEST);
        self.0.saturating_record(micros);
    }

    /// Adds all of another.
    pub(crate) fn add(&mut self, other: &Self) {
        // Equal bounds cannot fail; whatever does is not worth a run's result.
        let _ = self.0.add(&other.0);
    }

    /// How many spans there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// What is told of it; zeros if nothing was measured.
    pub(crate) fn spread(&self) -> Spread {
        let at = |quantile| millis(self.0.value_at_quantile(quantile));
        Spread { p50: at(0.5), p99: at(0.99), max: millis(self.0.max()) }
    }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_told_in_milliseconds() {
        let mut latency = Latency::default();
        for millis in 1..=100 {
            latency.record(Duration::from_millis(millis));
        }
        let Spread { p50, p99, max } = latency.spread();
        assert!((50.0..50.1).contains(&p50), "{p50}");
        assert!((99.0..99.1).contains(&p99), "{p99}");
        assert!((100.0..100.1).contains(&max), "{max}");
        assert_eq!(Latency::default().spread(), Spread::default());
    }
}
