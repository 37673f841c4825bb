//! What every server stream has to keep: its place, its token, its age.
//!
//! A stream ends with OK when it is old, with `TOKEN_INVALID` soon after what was
//! shown for it stopped counting, with `ROLE_REQUIRED` or `NO_ROLE` soon after the role, and with `STOPPING` when the server stops. It is
//! pulled by its reader: nothing is buffered here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::stream::{Stream, poll_fn};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::auth::{Authenticate, Pass};
use super::limits::{self, Gauge};
use crate::domain::error::{Effect, Error};

/// A guarded stream of messages.
pub type Guarded<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Guards the streams of a server.
pub struct Streams<A> {
    authenticator: A,
    open: Arc<Gauge>,
    stopping: CancellationToken,
    recheck: Duration,
    count: AtomicU32,
}

// === impl Streams ===

impl<A: Authenticate + Clone> Streams<A> {
    /// Lets as many streams be open as `open` has places, until `stopping`.
    pub const fn new(authenticator: A, open: Arc<Gauge>, stopping: CancellationToken) -> Self {
        let recheck = limits::TOKEN_RECHECK;
        Self { authenticator, open, stopping, recheck, count: AtomicU32::new(0) }
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
        S: Stream<Item = Result<T, Status>> + Send + 'static,
    {
        let limit = self.open.limit();
        let place = self.open.enter().ok_or(Error::TooManyWatches { limit })?;
        let age =
            limits::spread(limits::STREAM_MAX_AGE, self.count.fetch_add(1, Ordering::Relaxed));
        let mut end = Box::pin(self.end_of(pass, age));
        let mut stream = Box::pin(stream);
        let mut place = Some(place);
        // The end is asked first: a stream that always has more must end, too.
        Ok(Box::pin(poll_fn(move |context| {
            if place.is_none() {
                return Poll::Ready(None);
            }
            let next = match end.as_mut().poll(context) {
                Poll::Ready(reason) => {
                    place = None;
                    return Poll::Ready(reason.map(|error| Err(Status::from(error))));
                }
                Poll::Pending => stream.as_mut().poll_next(context),
            };
            if matches!(next, Poll::Ready(None | Some(Err(_)))) {
                place = None;
            }
            next
        })))
    }

    /// Waits until a stream has to end; without a reason it ends well.
    fn end_of(&self, pass: Pass, age: Duration) -> impl Future<Output = Option<Error>> + use<A> {
        let (authenticator, recheck) = (self.authenticator.clone(), self.recheck);
        let stopping = self.stopping.clone();
        let token_ends = async move {
            loop {
                tokio::time::sleep(recheck).await;
                if let Err(error) = pass.check(&authenticator).await {
                    break error;
                }
            }
        };
        async move {
            tokio::select! {
                () = stopping.cancelled() => Some(Error::Stopping { effect: Effect::None }),
                error = token_ends => Some(error),
                () = tokio::time::sleep(age) => None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
