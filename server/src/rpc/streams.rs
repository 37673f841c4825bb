//! What every server stream has to keep: its place, its token, its age.
//!
//! A stream ends with OK when it is old, with `TOKEN_INVALID` soon after what was
//! shown for it stopped counting, with `ROLE_REQUIRED` or `NO_ROLE` soon after the role,
//! and with `STOPPING` when the server stops. It is pulled by its reader: nothing is
//! buffered here. One that a reader has taken nothing of for long loses its place, when
//! somebody else needs it, and ends with `SLOW_CONSUMER`.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use futures::stream::{Stream, poll_fn};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::auth::{Authenticate, Pass};
use super::limits::{self, Gauge, Place};
use crate::domain::error::{Effect, Error};
use crate::domain::time::Span;
use crate::telemetry::clock::Stopwatch;

/// A guarded stream of messages.
pub type Guarded<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Guards the streams of a server.
pub struct Streams<A> {
    authenticator: A,
    open: Arc<Gauge>,
    stopping: CancellationToken,
    recheck: Duration,
    /// After how long a reader that takes nothing can lose its place.
    stalled: Duration,
    count: AtomicU32,
    seats: Mutex<Vec<Weak<Seat>>>,
}

/// The place of one stream, which it may lose.
#[derive(Debug)]
struct Seat(Mutex<Seated>);

#[derive(Debug)]
struct Seated {
    place: Option<Place>,
    /// Runs since its reader was given something and has asked for no more.
    left: Option<Stopwatch>,
}

// === impl Seat ===

impl Seat {
    fn of(place: Place) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Seated { place: Some(place), left: None })))
    }

    /// Notes that the reader asks for more; whether it still has its place.
    fn asked(&self) -> bool {
        let mut seated = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_place = seated.place.is_some();
        if has_place {
            seated.left = None;
        }
        has_place
    }

    /// Notes that there is something to take.
    fn served(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left = Some(Stopwatch::start());
    }

    /// Gives the place back.
    fn leave(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).place = None;
    }

    /// Takes the place away from a reader that has taken nothing for long.
    fn reclaim(&self, stalled: Duration) {
        let mut seated = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seated.left.is_some_and(|left| left.elapsed() >= stalled) {
            seated.place = None;
        }
    }

    fn left_for(&self) -> Duration {
        let seated = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seated.left.map(Stopwatch::elapsed).unwrap_or_default()
    }
}

// === impl Streams ===

impl<A: Authenticate + Clone> Streams<A> {
    /// Lets as many streams be open as `open` has places, until `stopping`.
    pub const fn new(authenticator: A, open: Arc<Gauge>, stopping: CancellationToken) -> Self {
        Self {
            authenticator,
            open,
            stopping,
            recheck: limits::TOKEN_RECHECK,
            stalled: limits::STREAM_STALLED,
            count: AtomicU32::new(0),
            seats: Mutex::new(Vec::new()),
        }
    }

    /// How many are open now.
    pub const fn open(&self) -> &Arc<Gauge> {
        &self.open
    }

    /// Returns when the server stops: for calls that wait by themselves.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Guards a stream that was opened with `pass`.
    pub fn guard<T, S>(&self, pass: Pass, stream: S) -> Result<Guarded<T>, Error>
    where
        T: Send + 'static,
        S: Stream<Item = Result<T, Status>> + Send + 'static,
    {
        let seat = self.seat()?;
        let age =
            limits::spread(limits::STREAM_MAX_AGE, self.count.fetch_add(1, Ordering::Relaxed));
        let mut guarded = ended_by(stream, self.end_of(pass, age));
        let mut is_over = false;
        Ok(Box::pin(poll_fn(move |context| {
            if is_over {
                return Poll::Ready(None);
            }
            if !seat.asked() {
                is_over = true;
                return Poll::Ready(Some(Err(Status::from(too_slow(seat.left_for())))));
            }
            let next = guarded.as_mut().poll_next(context);
            match &next {
                Poll::Ready(Some(Ok(_))) => seat.served(),
                Poll::Ready(None | Some(Err(_))) => {
                    is_over = true;
                    seat.leave();
                }
                Poll::Pending => {}
            }
            next
        })))
    }

    /// Ends a part of a stream when what `pass` shows does not count any more. The place
    /// and the age are those of the whole.
    pub fn while_permitted<T, S>(&self, pass: Pass, stream: S) -> Guarded<T>
    where
        T: Send + 'static,
        S: Stream<Item = Result<T, Status>> + Send + 'static,
    {
        let lapse = self.lapse_of(pass);
        ended_by(stream, async move { Some(lapse.await) })
    }

    /// Takes a place: a free one, or that of a reader who has taken nothing for long.
    fn seat(&self) -> Result<Arc<Seat>, Error> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.open.enter().or_else(|| {
            for seat in seats.iter().filter_map(Weak::upgrade) {
                seat.reclaim(self.stalled);
            }
            self.open.enter()
        });
        let seat =
            Seat::of(place.ok_or_else(|| Error::TooManyWatches { limit: self.open.limit() })?);
        if seats.len() >= seats.capacity() {
            seats.retain(|seat| seat.strong_count() > 0);
        }
        seats.push(Arc::downgrade(&seat));
        Ok(seat)
    }

    /// Waits until a stream has to end; without a reason it ends well.
    fn end_of(&self, pass: Pass, age: Duration) -> impl Future<Output = Option<Error>> + use<A> {
        let (lapse, stopping) = (self.lapse_of(pass), self.stopping.clone());
        async move {
            tokio::select! {
                () = stopping.cancelled() => Some(Error::Stopping { effect: Effect::None }),
                error = lapse => Some(error),
                () = tokio::time::sleep(age) => None,
            }
        }
    }

    /// Waits until what is shown does not count any more.
    fn lapse_of(&self, pass: Pass) -> impl Future<Output = Error> + use<A> {
        let (authenticator, recheck) = (self.authenticator.clone(), self.recheck);
        async move {
            loop {
                tokio::time::sleep(recheck).await;
                if let Err(error) = pass.check(&authenticator).await {
                    break error;
                }
            }
        }
    }
}

/// A stream that ends when `end` says so.
fn ended_by<T, S, E>(stream: S, end: E) -> Guarded<T>
where
    T: Send + 'static,
    S: Stream<Item = Result<T, Status>> + Send + 'static,
    E: Future<Output = Option<Error>> + Send + 'static,
{
    let (mut stream, mut end, mut is_over) = (Box::pin(stream), Box::pin(end), false);
    // The end is asked first: a stream that always has more must end, too.
    Box::pin(poll_fn(move |context| {
        if is_over {
            return Poll::Ready(None);
        }
        let next = match end.as_mut().poll(context) {
            Poll::Ready(reason) => Poll::Ready(reason.map(|error| Err(Status::from(error)))),
            Poll::Pending => return stream.as_mut().poll_next(context),
        };
        is_over = true;
        next
    }))
}

fn too_slow(left: Duration) -> Error {
    let millis = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    Error::SlowConsumer { behind: Span::from_millis(millis), cursor: String::new() }
}

#[cfg(test)]
mod tests;
