//! The watches, whichever service they are opened by: one stream of messages each.
//!
//! A watch is asked for its next message when its reader has taken the one before.

use std::future::Future;

use futures::stream::{BoxStream, StreamExt as _, unfold};
use pointsman_api::v1;
use pointsman_api::v1::watch_override_response::Event as OverrideEvent;
use tonic::Status;

use super::convert::overrides::overriding;
use super::convert::{self, escalations, run_watches, span, time, watches};
use super::limits::{fits, is_within_limit};
use crate::domain::error::Error;
use crate::domain::principal::Principal;
use crate::engine::overrides::{OverrideNews, OverrideWatch};
use crate::engine::transcripts::ReasoningWatch;
use crate::engine::watch::{EscalationWatch, RunWatch, Watch};
use crate::engine::{Engine, Need};

/// An open watch.
pub(super) struct Opened<M> {
    /// What the caller must be for as long as it goes on.
    pub(super) need: Need,
    /// Its messages.
    pub(super) messages: BoxStream<'static, Result<M, Status>>,
}

/// What can be asked for its next message.
trait Telling: Send + 'static {
    /// Its messages on the wire.
    type Message: Send + 'static;

    /// The next message.
    fn tell(&mut self) -> impl Future<Output = Result<Self::Message, Status>> + Send;
}

impl<M: Send + 'static> Opened<M> {
    fn of(need: Need, watch: impl Telling<Message = M>) -> Self {
        let messages = unfold(Some(watch), async |watch| {
            let mut watch = watch?;
            let told = watch.tell().await;
            let rest = told.is_ok().then_some(watch);
            Some((told, rest))
        });
        Self { need, messages: messages.boxed() }
    }
}

/// Opens a watch of the queue.
pub(super) async fn of_escalations(
    engine: &Engine,
    caller: &Principal,
    message: v1::WatchEscalationsRequest,
) -> Result<Opened<v1::WatchEscalationsResponse>, Error> {
    let watch = Watch {
        cursor: message.cursor,
        filter: escalations::read_filter(message.filter)?,
        depth: escalations::read_view(message.view)?,
        heartbeat: span(message.heartbeat),
    };
    let watch = engine.watch_escalations(caller, watch).await?;
    Ok(Opened::of(Need::Overseer, watch))
}

/// Opens a watch of runs.
pub(super) async fn of_runs(
    engine: &Engine,
    caller: &Principal,
    message: v1::WatchRunsRequest,
) -> Result<Opened<v1::WatchRunsResponse>, Error> {
    let watch = engine.watch_runs(caller, run_watches::read(message)?).await?;
    Ok(Opened::of(Need::to_see_others(caller), watch))
}

/// Opens a watch of what an agent thinks.
pub(super) async fn of_reasoning(
    engine: &Engine,
    caller: &Principal,
    message: v1::WatchReasoningRequest,
) -> Result<Opened<v1::WatchReasoningResponse>, Error> {
    let watch = engine.watch_reasoning(caller, watches::read(message)?).await?;
    Ok(Opened::of(Need::to_see_others(caller), watch))
}

/// Opens a watch of one override.
pub(super) async fn of_override(
    engine: &Engine,
    caller: &Principal,
    message: v1::WatchOverrideRequest,
) -> Result<Opened<v1::WatchOverrideResponse>, Error> {
    let id = convert::id("override_id", &message.override_id)?;
    let watch = engine.watch_override(caller, id, span(message.heartbeat)).await?;
    Ok(Opened::of(Need::Overseer, watch))
}

impl Telling for EscalationWatch {
    type Message = v1::WatchEscalationsResponse;

    async fn tell(&mut self) -> Result<Self::Message, Status> {
        let mut message = escalations::watched(self.next().await?);
        if !is_within_limit(&message) {
            escalations::slim(&mut message);
        }
        fits(message)
    }
}

impl Telling for RunWatch {
    type Message = v1::WatchRunsResponse;

    async fn tell(&mut self) -> Result<Self::Message, Status> {
        let mut message = run_watches::watched(self.next().await?);
        if !is_within_limit(&message) {
            run_watches::slim(&mut message);
        }
        fits(message)
    }
}

impl Telling for ReasoningWatch {
    type Message = v1::WatchReasoningResponse;

    async fn tell(&mut self) -> Result<Self::Message, Status> {
        fits(watches::item(self.next().await?))
    }
}

impl Telling for OverrideWatch {
    type Message = v1::WatchOverrideResponse;

    async fn tell(&mut self) -> Result<Self::Message, Status> {
        let event = match self.next().await? {
            OverrideNews::Changed(view) => OverrideEvent::Override(overriding(*view)),
            OverrideNews::Heartbeat(next_by) => OverrideEvent::NextBy(time(next_by)),
        };
        fits(v1::WatchOverrideResponse { event: Some(event) })
    }
}
