//! Watching the queue for as long as somebody looks.
//!
//! The watch goes on with its cursor when the stream ends or breaks. If the
//! history behind the cursor is gone it starts over with a snapshot, and says so:
//! whoever shows the queue must then forget what it showed.

use std::time::Duration;

use futures::Stream;
use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::watch_escalations_response::Event;
use tonic::{Code, Streaming};

use crate::connect::{Connection, span};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Delays;

const HEARTBEAT: Duration = Duration::from_secs(10);
const SILENCE_FACTOR: u32 = 3;

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum QueueEvent {
    /// An open escalation, while the snapshot lasts.
    Snapshot(Box<v1::Escalation>),
    /// The snapshot is complete.
    SnapshotEnd(v1::SnapshotEnd),
    /// Something changed.
    Change(v1::EscalationChange),
    /// Nothing changed up to here; the stream is alive.
    Alive,
    /// The stream broke; what is shown may be old until the next event.
    Interrupted(Error),
    /// The history was lost: forget everything, a new snapshot follows.
    StartedOver(Error),
}

/// A watch of the queue that heals itself. Dropping it ends the stream.
#[derive(Debug)]
pub struct QueueWatch {
    connection: Connection,
    request: v1::WatchEscalationsRequest,
    stream: Option<Streaming<v1::WatchEscalationsResponse>>,
    delays: Delays,
    delay: Option<Duration>,
    server_time: Option<prost_types::Timestamp>,
    /// Whether the cursor came from this watch, so that nobody else is to blame.
    has_own_cursor: bool,
    is_over: bool,
}

// === impl QueueWatch ===

impl QueueWatch {
    pub(crate) fn new(connection: Connection, mut request: v1::WatchEscalationsRequest) -> Self {
        let delays = connection.stream_delays();
        request.heartbeat.get_or_insert_with(|| span(HEARTBEAT));
        Self {
            connection,
            request,
            stream: None,
            delays,
            delay: None,
            server_time: None,
            has_own_cursor: false,
            is_over: false,
        }
    }

    /// The cursor after the last event; empty before the first.
    pub fn cursor(&self) -> &str {
        &self.request.cursor
    }

    /// The server's clock at the last event.
    pub fn server_time(&self) -> Option<prost_types::Timestamp> {
        self.server_time
    }

    /// Waits for the next event. May be dropped and called again.
    ///
    /// Ends with `None` after an error; errors that pass by themselves come as
    /// [`QueueEvent::Interrupted`].
    pub async fn next(&mut self) -> Option<Result<QueueEvent>> {
        if self.is_over {
            return None;
        }
        let event = match self.read().await {
            Ok(event) => return Some(Ok(event)),
            Err(error) => self.recover(error),
        };
        self.is_over = event.is_err();
        Some(event)
    }

    /// The same events as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<QueueEvent>> {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
    }

    async fn read(&mut self) -> Result<QueueEvent> {
        loop {
            let silence = self.silence_limit();
            let Some(stream) = &mut self.stream else {
                self.open().await?;
                continue;
            };
            let message = tokio::time::timeout(silence, stream.message())
                .await
                .map_err(|_| Error::timeout(silence))??;
            match message {
                Some(message) => {
                    if let Some(event) = self.take(message) {
                        return Ok(event);
                    }
                }
                None => self.stream = None,
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
        let mut service = self.connection.escalation_service();
        let opening = service.watch_escalations(self.request.clone());
        let answer =
            tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))?;
        self.stream = Some(answer?.into_inner());
        Ok(())
    }

    fn take(&mut self, message: v1::WatchEscalationsResponse) -> Option<QueueEvent> {
        self.delays.reset();
        self.delay = None;
        if !message.cursor.is_empty() {
            self.request.cursor = message.cursor;
            self.has_own_cursor = true;
        }
        self.server_time = message.server_time.or(self.server_time);
        match message.event? {
            Event::Snapshot(escalation) => Some(QueueEvent::Snapshot(Box::new(escalation))),
            Event::SnapshotEnd(end) => Some(QueueEvent::SnapshotEnd(end)),
            Event::Change(change) => Some(QueueEvent::Change(change)),
            Event::Bookmark(_) | Event::Heartbeat(_) => Some(QueueEvent::Alive),
        }
    }

    /// Decides whether the watch goes on after an error.
    fn recover(&mut self, error: Error) -> Result<QueueEvent> {
        self.stream = None;
        let is_lost = match error.reason() {
            Some(ErrorReason::WatchCompacted) => !self.request.cursor.is_empty(),
            Some(ErrorReason::CursorInvalid) => self.has_own_cursor,
            _ => false,
        };
        if is_lost {
            self.has_own_cursor = false;
            self.request.cursor.clear();
            self.delay = None;
            return Ok(QueueEvent::StartedOver(error));
        }
        let passes = error.is_retryable_if_idempotent()
            || error.kind() == ErrorKind::Refused && error.code() == Code::ResourceExhausted;
        if !passes {
            return Err(error);
        }
        let asked = error.retry_after().unwrap_or_default();
        let delay = self.delay.or_else(|| self.delays.next()).unwrap_or(HEARTBEAT);
        self.delay = Some(delay.max(asked));
        Ok(QueueEvent::Interrupted(error))
    }

    fn silence_limit(&self) -> Duration {
        let heartbeat = self.request.heartbeat.and_then(|span| Duration::try_from(span).ok());
        heartbeat.unwrap_or(HEARTBEAT).max(Duration::from_secs(1)) * SILENCE_FACTOR
    }
}

#[cfg(test)]
mod tests;
