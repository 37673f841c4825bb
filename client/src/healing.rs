//! One stream that heals itself, whatever is watched on it.
//!
//! It goes on with its cursor when the stream ends or breaks, waits longer each time, and
//! takes a stream for broken that is silent for three heartbeats. Where the history behind
//! the cursor is gone it starts over, and says so.

use std::future::Future;
use std::time::Duration;

use pointsman_api::v1::ErrorReason;
use tonic::{Code, Response, Status, Streaming};

use crate::connect::{Connection, span};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Delays;

/// The silence that the server may keep, unless the request says otherwise.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// After how many of them the stream counts as broken.
const SILENCE_FACTOR: u32 = 3;

/// The request of a watch: it is sent again with the cursor of the last message.
pub trait Healable: Clone + Send + 'static {
    /// What the server sends.
    type Message: Send + std::fmt::Debug;

    /// Opens the stream.
    fn open(
        self,
        connection: &Connection,
    ) -> impl Future<Output = std::result::Result<Response<Streaming<Self::Message>>, Status>> + Send;

    /// Where it goes on; none: it begins with what there is, every time.
    fn cursor(&mut self) -> Option<&mut String> {
        None
    }

    /// The longest silence.
    fn heartbeat(&mut self) -> &mut Option<prost_types::Duration>;

    /// Where it goes on after a message; empty: nowhere yet.
    fn cursor_after(_: &mut Self::Message) -> String {
        String::new()
    }

    /// Whether it begins anew where the history behind its cursor is gone.
    fn starts_over() -> bool {
        true
    }
}

/// What comes out of it.
#[derive(Debug)]
pub(crate) enum Healed<M> {
    /// A message.
    Message(M),
    /// The stream broke; it goes on by itself.
    Interrupted(Error),
    /// The history was lost, and the stream begins anew.
    StartedOver(Error),
}

/// A stream that heals itself. Dropping it ends the stream.
#[derive(Debug)]
pub(crate) struct Healing<R: Healable> {
    connection: Connection,
    request: R,
    stream: Option<Streaming<R::Message>>,
    silence: Duration,
    delays: Delays,
    delay: Option<Duration>,
    cursor: String,
    /// Whether the cursor came from this stream, so that nobody else is to blame.
    has_own_cursor: bool,
    is_over: bool,
}

// === impl Healing ===

impl<R: Healable> Healing<R> {
    pub(crate) fn new(connection: Connection, mut request: R) -> Self {
        let heartbeat = *request.heartbeat().get_or_insert_with(|| span(HEARTBEAT));
        let heartbeat = Duration::try_from(heartbeat).unwrap_or(HEARTBEAT);
        let cursor = request.cursor().cloned().unwrap_or_default();
        Self {
            delays: connection.stream_delays(),
            connection,
            request,
            stream: None,
            silence: heartbeat.max(Duration::from_secs(1)) * SILENCE_FACTOR,
            delay: None,
            cursor,
            has_own_cursor: false,
            is_over: false,
        }
    }

    /// Where it goes on; empty before the first message.
    pub(crate) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Waits for the next message. May be dropped and called again. Ends with `None` after
    /// an error that does not pass by itself.
    pub(crate) async fn next(&mut self) -> Option<Result<Healed<R::Message>>> {
        if self.is_over {
            return None;
        }
        let healed = match self.read().await {
            Ok(message) => Ok(Healed::Message(message)),
            Err(error) => self.recover(error),
        };
        self.is_over = healed.is_err();
        Some(healed)
    }

    async fn read(&mut self) -> Result<R::Message> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.open().await?;
                continue;
            };
            let message = tokio::time::timeout(self.silence, stream.message())
                .await
                .map_err(|_| Error::timeout(self.silence))??;
            let Some(mut message) = message else {
                self.stream = None;
                continue;
            };
            self.delays.reset();
            self.delay = None;
            let cursor = R::cursor_after(&mut message);
            if !cursor.is_empty() {
                self.cursor = cursor;
                self.has_own_cursor = true;
            }
            return Ok(message);
        }
    }

    async fn open(&mut self) -> Result<()> {
        if let Some(delay) = self.delay {
            tokio::time::sleep(delay).await;
            self.delay = None;
        }
        // An orderly end without any message must not make a busy loop.
        self.delay = self.delays.next();
        let limit = self.connection.attempt_limit();
        let mut request = self.request.clone();
        if let Some(cursor) = request.cursor() {
            cursor.clone_from(&self.cursor);
        }
        let opening = request.open(&self.connection);
        let answer =
            tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))?;
        self.stream = Some(answer?.into_inner());
        Ok(())
    }

    /// Decides whether it goes on after an error.
    fn recover(&mut self, error: Error) -> Result<Healed<R::Message>> {
        self.stream = None;
        let is_lost = match error.reason() {
            Some(ErrorReason::WatchCompacted) => !self.cursor.is_empty(),
            Some(ErrorReason::CursorInvalid) => self.has_own_cursor,
            _ => false,
        };
        if is_lost && R::starts_over() {
            self.has_own_cursor = false;
            self.cursor.clear();
            self.delay = None;
            return Ok(Healed::StartedOver(error));
        }
        let passes = error.is_retryable_if_idempotent()
            || error.kind() == ErrorKind::Refused && error.code() == Code::ResourceExhausted;
        if !passes {
            return Err(error);
        }
        let asked = error.retry_after().unwrap_or_default();
        let delay = self.delay.or_else(|| self.delays.next()).unwrap_or(HEARTBEAT);
        self.delay = Some(delay.max(asked));
        Ok(Healed::Interrupted(error))
    }
}
