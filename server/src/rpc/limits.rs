//! Every limit of the wire, in one place, and the counters that hold them.
//!
//! What an operator may change is in `config.rs`; the rest is fixed here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prost::Message;
use tonic::Status;

use super::foreign;
use crate::domain::error::Effect;
use crate::domain::time::Span;

/// The largest request of a method that takes no payload, also after inflating.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// The largest request of a method that takes one: arguments, the state of a
/// checkpoint, an outcome.
pub const MAX_PAYLOAD_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// The largest answer or stream item: what clients accept unless told otherwise.
pub const MAX_ENCODED_BYTES: usize = 4 * 1024 * 1024;
/// How long a unary call may take.
pub const UNARY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call may take that waits up to 30 s by itself.
pub const LONG_POLL_TIMEOUT: Duration = Duration::from_secs(40);
/// How long a call may take that goes through many recorded actions: to judge them
/// again, or to learn from them.
pub const RECORDS_TIMEOUT: Duration = Duration::from_secs(120);
/// How long copying everything durable may take.
pub const BACKUP_TIMEOUT: Duration = Duration::from_secs(3_600);
/// After how long a stream ends cleanly, to be opened again elsewhere.
pub const STREAM_MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// For how long a reader may take nothing of a stream that has something for it, before
/// its place can go to somebody else.
pub const STREAM_STALLED: Duration = Duration::from_secs(60);
/// How many watches one stream may have.
pub const MAX_WATCH_PARTS: usize = 16;
/// How often the token of an open stream is looked at again.
pub const TOKEN_RECHECK: Duration = Duration::from_secs(4);
/// When a refused caller may try again.
pub const OVERLOAD_RETRY: Span = Span::from_millis(250);

/// The largest request that a call may have, as the door told the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLimit(pub(super) usize);

/// Counts what is going on now, up to a limit.
#[derive(Debug)]
pub struct Gauge {
    now: AtomicUsize,
    limit: usize,
}

/// One place under a [`Gauge`]'s limit, given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<Gauge>);

// === impl Gauge ===

impl Gauge {
    /// Nothing going on, and at most `limit` at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { now: AtomicUsize::new(0), limit })
    }

    /// Takes a place, unless all are taken.
    pub fn enter(self: &Arc<Self>) -> Option<Place> {
        if self.now.fetch_add(1, Ordering::Relaxed) < self.limit {
            return Some(Place(Arc::clone(self)));
        }
        self.now.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// How much is going on.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// How much there may be.
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Moves an age by up to a tenth either way, so that streams that were opened
/// together do not end together. Steps by the golden ratio, which spreads any
/// number of them evenly.
pub fn spread(age: Duration, count: u32) -> Duration {
    let step = f64::from(count) * 0.618_033_988_749_894_9;
    age.mul_f64(0.9 + 0.2 * step.fract())
}

/// Refuses an answer that no client would accept, while it can be explained.
///
/// For pages and stream items, whose size the caller chooses.
pub(super) fn fits<M: Message>(message: M) -> Result<M, Status> {
    if is_within_limit(&message) {
        return Ok(message);
    }
    Err(foreign::too_large(MAX_ENCODED_BYTES, Effect::None))
}

/// The same for the answer to a mutation, which has taken effect.
pub(super) fn fits_after<M: Message>(message: M) -> Result<M, Status> {
    if is_within_limit(&message) {
        return Ok(message);
    }
    Err(foreign::too_large(MAX_ENCODED_BYTES, Effect::Applied))
}

/// Whether clients accept a message of this size.
pub(super) fn is_within_limit(message: &impl Message) -> bool {
    message.encoded_len() <= MAX_ENCODED_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_gives_places_up_to_its_limit_and_takes_them_back() {
        let gauge = Gauge::new(2);
        let first = gauge.enter();
        let second = gauge.enter();
        assert!(first.is_some() && second.is_some() && gauge.enter().is_none());
        drop(first);
        assert!(gauge.enter().is_some());
        assert_eq!((gauge.now(), gauge.limit()), (1, 2));
    }

    #[test]
    fn ages_lie_within_a_tenth_and_apart() {
        let age = Duration::from_secs(1_000);
        let mut ages: Vec<_> = (0..100).map(|count| spread(age, count).as_millis()).collect();
        ages.sort_unstable();
        assert!(ages[0] >= 900_000 && ages[99] <= 1_100_000);
        let widest = ages.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < 6_000, "{widest} ms lie between two of a hundred");
    }
}
