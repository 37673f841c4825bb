//! Watching the wall: all runs at a glance.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::watch_wall_response::Event;
use tonic::Streaming;

use crate::connect::{Connection, span};
use crate::error::{Error, Result};
use crate::retry::Delays;

/// The longest silence that is asked for, unless the request says otherwise.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// How many heartbeats long silence may last until the stream counts as broken.
const SILENCE_FACTOR: u32 = 3;

/// What a watch of the wall tells.
#[derive(Clone, Debug)]
pub enum WallEvent {
    /// The wall, whole.
    Wall(v1::Wall),
    /// The last wall still holds.
    Unchanged(v1::WallHeartbeat),
    /// The stream broke; what is shown is old until the next wall, which comes by itself.
    Interrupted(Error),
}

/// A watch of the wall that heals itself. Dropping it ends the stream.
#[derive(Debug)]
pub struct WallWatch {
    connection: Connection,
    request: v1::WatchWallRequest,
    stream: Option<Streaming<v1::WatchWallResponse>>,
    delays: Delays,
    delay: Option<Duration>,
}

// === impl WallWatch ===

impl WallWatch {
    /// Watches the runs that the request names.
    pub fn new(connection: Connection, mut request: v1::WatchWallRequest) -> Self {
        request.heartbeat.get_or_insert_with(|| span(HEARTBEAT));
        let delays = connection.stream_delays();
        Self { connection, request, stream: None, delays, delay: None }
    }

    /// Looks closely at other runs from the next message on, at most 5.
    pub fn focus(&mut self, run_ids: Vec<String>) {
        self.request.focus_run_ids = run_ids;
        self.stream = None;
    }

    /// Waits for the next event. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// As `RunService.WatchWall`; what passes by itself comes as
    /// [`WallEvent::Interrupted`].
    pub async fn next(&mut self) -> Result<WallEvent> {
        loop {
            match self.read().await {
                Ok(Some(event)) => {
                    self.delays.reset();
                    self.delay = None;
                    return Ok(event);
                }
                // An orderly end: the stream was old.
                Ok(None) => self.stream = None,
                Err(error) if error.is_retryable_if_idempotent() => {
                    self.stream = None;
                    return Ok(WallEvent::Interrupted(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn read(&mut self) -> Result<Option<WallEvent>> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.open().await?;
                continue;
            };
            let silence = self.request.heartbeat.and_then(|it| Duration::try_from(it).ok());
            let silence = silence.unwrap_or(HEARTBEAT) * SILENCE_FACTOR;
            let message = tokio::time::timeout(silence, stream.message()).await;
            let Some(message) = message.map_err(|_| Error::timeout(silence))?? else {
                return Ok(None);
            };
            match message.event {
                Some(Event::Wall(wall)) => return Ok(Some(WallEvent::Wall(wall))),
                Some(Event::Heartbeat(it)) => return Ok(Some(WallEvent::Unchanged(it))),
                None => {}
            }
        }
    }

    async fn open(&mut self) -> Result<()> {
        if let Some(delay) = self.delay {
            tokio::time::sleep(delay).await;
        }
        // An orderly end without any message must not make a busy loop.
        self.delay = self.delays.next();
        let limit = self.connection.attempt_limit();
        let mut service = self.connection.run_service();
        let opening = service.watch_wall(self.request.clone());
        let answer =
            tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))?;
        self.stream = Some(answer?.into_inner());
        Ok(())
    }
}
