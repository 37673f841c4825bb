//! Watching what the agent of a run thinks, for as long as somebody looks.

use futures::Stream;
use pointsman_api::v1;
use pointsman_api::v1::watch_reasoning_response::Event;
use tonic::{Response, Status, Streaming};

use crate::connect::Connection;
use crate::error::{Error, Result};
use crate::healing::{Healable, Healed, Healing};

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
    stream: Healing<v1::WatchReasoningRequest>,
    has_shown_snapshot: bool,
}

// === impl ReasoningWatch ===

impl ReasoningWatch {
    /// Watches a run; the request says from where on and how much is shown.
    pub fn new(connection: Connection, request: v1::WatchReasoningRequest) -> Self {
        Self { stream: Healing::new(connection, request), has_shown_snapshot: false }
    }

    /// The cursor behind what was shown; empty before the first.
    pub fn cursor(&self) -> &str {
        self.stream.cursor()
    }

    /// Waits for the next event. May be dropped and called again. Ends with `None` after
    /// an error; what passes by itself comes as [`ReasoningEvent::Interrupted`].
    pub async fn next(&mut self) -> Option<Result<ReasoningEvent>> {
        loop {
            let message = match self.stream.next().await? {
                Ok(Healed::Message(message)) => message,
                Ok(Healed::Interrupted(error) | Healed::StartedOver(error)) => {
                    return Some(Ok(ReasoningEvent::Interrupted(error)));
                }
                Err(error) => return Some(Err(error)),
            };
            match message.event {
                // A stream that goes on begins with a snapshot of its own.
                Some(Event::SnapshotEnd(_)) if self.has_shown_snapshot => {}
                Some(event) => {
                    self.has_shown_snapshot |= matches!(event, Event::SnapshotEnd(_));
                    return Some(Ok(ReasoningEvent::Shown(event)));
                }
                None => {}
            }
        }
    }

    /// The same events as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<ReasoningEvent>> {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
    }
}

impl Healable for v1::WatchReasoningRequest {
    type Message = v1::WatchReasoningResponse;

    async fn open(
        self,
        connection: &Connection,
    ) -> std::result::Result<Response<Streaming<Self::Message>>, Status> {
        connection.reasoning_service().watch_reasoning(self).await
    }

    fn cursor(&mut self) -> Option<&mut String> {
        Some(&mut self.cursor)
    }

    fn heartbeat(&mut self) -> &mut Option<prost_types::Duration> {
        &mut self.heartbeat
    }

    fn cursor_after(message: &mut Self::Message) -> String {
        std::mem::take(&mut message.cursor)
    }

    /// What was shown of a transcript that is lost cannot be forgotten here.
    fn starts_over() -> bool {
        false
    }
}
