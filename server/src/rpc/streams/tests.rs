//! Streams end when they must, and give their place back.

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;

use futures::stream;
use futures::{StreamExt as _, TryStreamExt as _};
use tonic::Code;

use super::*;
use crate::engine::Need;
use crate::engine::admission::Shown;
use crate::rpc::strangers::{Acquaintance, Strangers};

/// Every token counts until it does not.
#[derive(Clone)]
struct Revocable(Arc<AtomicBool>);

impl Authenticate for Revocable {
    type Principal = ();

    async fn authenticate(&self, _: Shown<'_>) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Ok(()) } else { Err(Error::TokenInvalid) }
    }

    fn permit((): &(), _: Need) -> Result<(), Error> {
        Ok(())
    }

    fn tenant((): &()) -> &'static str {
        "default"
    }
}

fn pass() -> Pass {
    let stranger = Strangers::new(1).enter(Ipv4Addr::LOCALHOST.into()).unwrap();
    Pass::new(Some("x"), &Acquaintance::new(stranger, None), Need::Nothing)
}

struct Setup {
    streams: Streams<Revocable>,
    stopping: CancellationToken,
    is_valid: Arc<AtomicBool>,
}

fn setup(places: usize) -> Setup {
    let stopping = CancellationToken::new();
    let is_valid = Arc::new(AtomicBool::new(true));
    let tokens = Revocable(Arc::clone(&is_valid));
    let mut streams = Streams::new(tokens, Gauge::new(places), stopping.clone());
    streams.recheck = Duration::from_millis(1);
    Setup { streams, stopping, is_valid }
}

#[tokio::test]
async fn what_the_stream_brings_passes_and_its_end_frees_the_place() {
    let Setup { streams, .. } = setup(1);
    let guarded = streams.guard(pass(), stream::iter([Ok(1), Ok(2)])).unwrap();
    let second = streams.guard(pass(), stream::pending::<Result<u8, Status>>());
    assert!(matches!(second, Err(Error::TooManyWatches { limit: 1 })));
    assert_eq!(guarded.try_collect::<Vec<_>>().await.unwrap(), [1, 2]);
    assert_eq!(streams.open().now(), 0);
}

#[tokio::test]
async fn a_dropped_stream_frees_its_place() {
    let Setup { streams, .. } = setup(1);
    drop(streams.guard(pass(), stream::pending::<Result<u8, Status>>()).unwrap());
    assert_eq!(streams.open().now(), 0);
}

#[tokio::test]
async fn who_takes_nothing_loses_the_place_to_somebody_else() {
    let Setup { mut streams, .. } = setup(1);
    let mut reader = streams.guard(pass(), stream::repeat_with(|| Ok(1))).unwrap();
    assert_eq!(reader.next().await.unwrap().unwrap(), 1);
    let refused = streams.guard(pass(), stream::pending::<Result<u8, Status>>());
    assert!(matches!(refused, Err(Error::TooManyWatches { limit: 1 })));
    streams.stalled = Duration::ZERO;
    let mut second = streams.guard(pass(), stream::iter([Ok(2)])).unwrap();
    let status = reader.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(reader.next().await.is_none());
    assert_eq!(second.next().await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn who_waits_for_more_keeps_the_place() {
    let Setup { mut streams, .. } = setup(1);
    let mut reader = streams.guard(pass(), stream::pending::<Result<u8, Status>>()).unwrap();
    assert!(futures::poll!(reader.next()).is_pending());
    streams.stalled = Duration::ZERO;
    let refused = streams.guard(pass(), stream::pending::<Result<u8, Status>>());
    assert!(matches!(refused, Err(Error::TooManyWatches { limit: 1 })));
}

#[tokio::test]
async fn a_part_ends_when_what_it_rests_on_does() {
    let Setup { streams, is_valid, .. } = setup(1);
    let mut part = streams.while_permitted(pass(), stream::pending::<Result<u8, Status>>());
    assert!(futures::poll!(part.next()).is_pending());
    is_valid.store(false, Ordering::Relaxed);
    assert_eq!(part.next().await.unwrap().unwrap_err().code(), Code::Unauthenticated);
    assert!(part.next().await.is_none());
}

#[tokio::test]
async fn stopping_ends_even_a_stream_that_always_has_more() {
    let Setup { streams, stopping, .. } = setup(1);
    let mut guarded = streams.guard(pass(), stream::repeat_with(|| Ok(1))).unwrap();
    assert_eq!(guarded.next().await.unwrap().unwrap(), 1);
    stopping.cancel();
    let status = guarded.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(guarded.next().await.is_none());
    assert_eq!(streams.open().now(), 0);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_no_longer_counts() {
    let Setup { streams, is_valid, .. } = setup(1);
    let mut guarded = streams.guard(pass(), stream::pending::<Result<u8, Status>>()).unwrap();
    is_valid.store(false, Ordering::Relaxed);
    assert_eq!(guarded.next().await.unwrap().unwrap_err().code(), Code::Unauthenticated);
    assert!(guarded.next().await.is_none());
}

#[tokio::test]
async fn an_old_stream_ends_well() {
    let Setup { streams, .. } = setup(1);
    let end = streams.end_of(pass(), Duration::ZERO).await;
    assert_eq!(end, None);
}
