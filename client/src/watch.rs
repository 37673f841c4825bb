//! Watching the queue, or runs, for as long as somebody looks.
//!
//! The watch goes on with its cursor when the stream ends or breaks. If the
//! history behind the cursor is gone it starts over with a snapshot, and says so:
//! whoever shows what is watched must then forget what it showed.

use futures::Stream;
use pointsman_api::v1;
use pointsman_api::v1::watch_escalations_response::Event as QueueMessage;
use pointsman_api::v1::watch_runs_response::Event as RunMessage;
use tonic::{Response, Status, Streaming};

use crate::connect::Connection;
use crate::error::{Error, Result};
use crate::healing::{Healable, Healed, Healing};

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum WatchEvent<I, C> {
    /// Something as it is, while the snapshot lasts.
    Snapshot(Box<I>),
    /// The snapshot is complete.
    SnapshotEnd(v1::SnapshotEnd),
    /// Something changed.
    Change(C),
    /// Nothing changed up to here; the stream is alive.
    Alive,
    /// The stream broke; what is shown may be old until the next event.
    Interrupted(Error),
    /// The history was lost: forget everything, a new snapshot follows.
    StartedOver(Error),
}

/// What a watch of the queue tells.
pub type QueueEvent = WatchEvent<v1::Escalation, v1::EscalationChange>;
/// A watch of the queue that heals itself. Dropping it ends the stream.
pub type QueueWatch = Watch<v1::WatchEscalationsRequest>;
/// What a watch of runs tells.
pub type RunsEvent = WatchEvent<v1::Run, v1::RunChange>;
/// A watch of runs that heals itself. Dropping it ends the stream.
pub type RunsWatch = Watch<v1::WatchRunsRequest>;

/// What can be watched: the request of its watch.
pub trait Watched: Healable {
    /// One thing of the snapshot.
    type Item: Send;
    /// What one commit changed.
    type Change: Send;

    /// The event of a message, and the server's clock at it.
    fn told(message: Self::Message) -> Told<Self::Item, Self::Change>;
}

/// What a message tells, and the server's clock.
pub type Told<I, C> = (Option<WatchEvent<I, C>>, Option<prost_types::Timestamp>);

/// A watch that heals itself. Dropping it ends the stream.
#[derive(Debug)]
pub struct Watch<R: Watched> {
    stream: Healing<R>,
    server_time: Option<prost_types::Timestamp>,
}

// === impl Watch ===

impl<R: Watched> Watch<R> {
    pub(crate) fn new(connection: Connection, request: R) -> Self {
        Self { stream: Healing::new(connection, request), server_time: None }
    }

    /// The cursor after the last event; empty before the first.
    pub fn cursor(&self) -> &str {
        self.stream.cursor()
    }

    /// The server's clock at the last event.
    pub fn server_time(&self) -> Option<prost_types::Timestamp> {
        self.server_time
    }

    /// Waits for the next event. May be dropped and called again.
    ///
    /// Ends with `None` after an error; errors that pass by themselves come as
    /// [`WatchEvent::Interrupted`].
    pub async fn next(&mut self) -> Option<Result<WatchEvent<R::Item, R::Change>>> {
        loop {
            let message = match self.stream.next().await? {
                Ok(Healed::Message(message)) => message,
                Ok(Healed::Interrupted(error)) => return Some(Ok(WatchEvent::Interrupted(error))),
                Ok(Healed::StartedOver(error)) => return Some(Ok(WatchEvent::StartedOver(error))),
                Err(error) => return Some(Err(error)),
            };
            let (event, server_time) = R::told(message);
            self.server_time = server_time.or(self.server_time);
            if let Some(event) = event {
                return Some(Ok(event));
            }
        }
    }

    /// The same events as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<WatchEvent<R::Item, R::Change>>> {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
    }
}

impl Healable for v1::WatchEscalationsRequest {
    type Message = v1::WatchEscalationsResponse;

    async fn open(
        self,
        connection: &Connection,
    ) -> std::result::Result<Response<Streaming<Self::Message>>, Status> {
        connection.escalation_service().watch_escalations(self).await
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
}

impl Watched for v1::WatchEscalationsRequest {
    type Item = v1::Escalation;
    type Change = v1::EscalationChange;

    fn told(message: Self::Message) -> Told<Self::Item, Self::Change> {
        let event = message.event.map(|event| match event {
            QueueMessage::Snapshot(escalation) => WatchEvent::Snapshot(Box::new(escalation)),
            QueueMessage::SnapshotEnd(end) => WatchEvent::SnapshotEnd(end),
            QueueMessage::Change(change) => WatchEvent::Change(change),
            QueueMessage::Bookmark(_) | QueueMessage::Heartbeat(_) => WatchEvent::Alive,
        });
        (event, message.server_time)
    }
}

impl Healable for v1::WatchRunsRequest {
    type Message = v1::WatchRunsResponse;

    async fn open(
        self,
        connection: &Connection,
    ) -> std::result::Result<Response<Streaming<Self::Message>>, Status> {
        connection.run_service().watch_runs(self).await
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
}

impl Watched for v1::WatchRunsRequest {
    type Item = v1::Run;
    type Change = v1::RunChange;

    fn told(message: Self::Message) -> Told<Self::Item, Self::Change> {
        let event = message.event.map(|event| match event {
            RunMessage::Snapshot(run) => WatchEvent::Snapshot(Box::new(run)),
            RunMessage::SnapshotEnd(end) => WatchEvent::SnapshotEnd(end),
            RunMessage::Change(change) => WatchEvent::Change(change),
            RunMessage::Bookmark(_) | RunMessage::Heartbeat(_) => WatchEvent::Alive,
        });
        (event, message.server_time)
    }
}

#[cfg(test)]
mod tests;
