//! Watching what the agent of a run thinks, for as long as somebody looks.

use std::time::Duration;

use futures::Stream;
use pointsman_api::v1;
use pointsman_api::v1::watch_reasoning_response::Event;
use tonic::{Code, Streaming};

use crate::connect::{Connection, span};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Delays;

const HEARTBEAT: Duration = Duration::from_secs(10);
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum ReasoningEvent {
    /// What is to be shown.
    Shown(Event),
    /// The stream broke; it goes on by itself behind what was shown.
    Interrupted(Error),
}

/// A watch of a run that heals itself. Dropping it ends the stream.
#[derive(Debug)]
pub struct ReasoningWatch {
    connection: Connection,
    request: v1::WatchReasoningRequest,
    stream: Option<Streaming<v1::WatchReasoningResponse>>,
    delays: Delays,
    delay: Option<Duration>,
    has_shown_snapshot: bool,
    is_over: bool,
}

// === impl ReasoningWatch ===

impl ReasoningWatch {
    /// Watches a run; the request says from where on and how much is shown.
    pub fn new(connection: Connection, mut request: v1::WatchReasoningRequest) -> Self {
        request.heartbeat.get_or_insert_with(|| span(HEARTBEAT));
        let delays = connection.stream_delays();
        Self {
            connection,
            request,
            stream: None,
            delays,
            delay: None,
            has_shown_snapshot: false,
            is_over: false,
        }
    }

    /// The cursor behind what was shown; empty before the first.
    pub fn cursor(&self) -> &str {
        &self.request.cursor
    }

    /// Waits for the next event. May be dropped and called again. Ends with `None` after
    /// an error; what passes by itself comes as [`ReasoningEvent::Interrupted`].
    pub async fn next(&mut self) -> Option<Result<ReasoningEvent>> {
        if self.is_over {
            return None;
        }
        let event = match self.read().await {
            Ok(event) => Ok(ReasoningEvent::Shown(event)),
            Err(error) => self.recover(error),
        };
        self.is_over = event.is_err();
        Some(event)
    }

    /// The same events as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<ReasoningEvent>> {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
    }

    async fn read(&mut self) -> Result<Event> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.open().await?;
                continue;
            };
            let message = tokio::time::timeout(SILENCE_LIMIT, stream.message())
                .await
                .map_err(|_| Error::timeout(SILENCE_LIMIT))??;
            let Some(message) = message else {
                self.stream = None;
                continue;
            };
            self.delays.reset();
            self.delay = None;
            if !message.cursor.is_empty() {
                self.request.cursor = message.cursor;
            }
            match message.event {
                // A stream that goes on begins with a snapshot of its own.
                Some(Event::SnapshotEnd(_)) if self.has_shown_snapshot => {}
                Some(event) => {
                    self.has_shown_snapshot |= matches!(event, Event::SnapshotEnd(_));
                    return Ok(event);
                }
                None => {}
            }
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
        let mut service = self.connection.reasoning_service();
        let opening = service.watch_reasoning(self.request.clone());
        let answer =
            tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))?;
        self.stream = Some(answer?.into_inner());
        Ok(())
    }

    /// Decides whether the watch goes on after an error.
    fn recover(&mut self, error: Error) -> Result<ReasoningEvent> {
        self.stream = None;
        let passes = error.is_retryable_if_idempotent()
            || error.kind() == ErrorKind::Refused && error.code() == Code::ResourceExhausted;
        if !passes {
            return Err(error);
        }
        let asked = error.retry_after().unwrap_or_default();
        let delay = self.delay.or_else(|| self.delays.next()).unwrap_or(HEARTBEAT);
        self.delay = Some(delay.max(asked));
        Ok(ReasoningEvent::Interrupted(error))
    }
}
