//! Points in time and spans, as whole microseconds.
//!
//! Nothing here reads a clock: the time comes in from the engine's `Clock`.

use serde::{Deserialize, Serialize};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A point in time: microseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in microseconds; negative spans are possible.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(i64);

impl Timestamp {
    /// Makes a point in time from microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This time plus a span; saturates at the ends of the range.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to this time; negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds and the nanoseconds beyond them, as protobuf wants them.
    pub const fn to_seconds_nanos(self) -> (i64, i32) {
        let nanos = self.0.rem_euclid(MICROS_PER_SECOND) * 1_000;
        (self.0.div_euclid(MICROS_PER_SECOND), nanos as i32)
    }

    /// Big-endian bytes whose order is the order of time, for keys.
    pub const fn to_key_bytes(self) -> [u8; 8] {
        ((self.0 as u64) ^ (1 << 63)).to_be_bytes()
    }

    /// The inverse of [`Timestamp::to_key_bytes`].
    pub const fn from_key_bytes(bytes: [u8; 8]) -> Self {
        Self((u64::from_be_bytes(bytes) ^ (1 << 63)) as i64)
    }
}

impl Span {
    /// A span of no length.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// A span of microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The length in microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The length as a standard duration; a negative span becomes zero.
    pub const fn to_duration(self) -> std::time::Duration {
        std::time::Duration::from_micros(if self.0 > 0 { self.0 as u64 } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_bytes_keep_the_order_of_time() {
        let times = [i64::MIN, -1, 0, 1, 1_700_000_000_000_000, i64::MAX];
        let keys: Vec<_> = times.map(|t| Timestamp::from_micros(t).to_key_bytes()).to_vec();
        assert!(keys.is_sorted());
        for (time, key) in times.iter().zip(keys) {
            assert_eq!(Timestamp::from_key_bytes(key), Timestamp::from_micros(*time));
        }
    }

    #[test]
    fn times_before_the_epoch_have_positive_nanos() {
        assert_eq!(Timestamp::from_micros(-1).to_seconds_nanos(), (-1, 999_999_000));
    }
}
