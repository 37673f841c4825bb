//! What people do to runs in flight, and what the agents answer.

use std::future::Future;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::r#override::{AtEnd, Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_api::v1::override_service_client::OverrideServiceClient;
use pointsman_api::v1::watch_override_response::Event;
use tonic::{Request, Response, Status, Streaming};

use crate::connect::{AuthorizedChannel, Connection, promised, span};
use crate::error::Result;
use crate::healing::{Healable, Healed, Healing};

type Service = OverrideServiceClient<AuthorizedChannel>;

/// The longest that the server lets a receiver wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Calls `OverrideService`: supervisors and admins ask, agents answer. A connection to the
/// listener of its own is answered however busy the server is.
#[derive(Clone, Debug)]
pub struct Overrides {
    connection: Connection,
}

/// What is to be done to a run, a tree of runs, an agent or the fleet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// What.
    pub kind: Kind,
    /// To whom; required.
    pub scope: Option<Scope>,
    /// Why; required, and told to the agent.
    pub reason: String,
    /// After what time it counts as timed out, and when a pause is over that ends by
    /// itself; 10 minutes unless given.
    pub ttl: Option<Duration>,
    /// What becomes of a pause then; it stays unless given.
    pub at_end: AtEnd,
    /// What a redirect tells the run; for a redirect only.
    pub redirect: Option<v1::Redirect>,
}

/// What an agent says of an override.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverrideAnswer {
    /// ACKNOWLEDGED, EFFECTIVE or REFUSED.
    pub state: State,
    /// What it was about to do and why; or why it refuses.
    pub words: String,
    /// What still runs.
    pub still_running: Vec<String>,
}

// === impl Overrides ===

impl Overrides {
    /// Makes a caller of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Asks for an override; unless it is pending, the server's part is in force when this
    /// returns.
    ///
    /// # Errors
    ///
    /// As `OverrideService.RequestOverride`.
    pub async fn request(&self, intent: Intent) -> Result<v1::Override> {
        let request = v1::RequestOverrideRequest {
            request_id: self.connection.new_request_id(),
            scope: Some(v1::OverrideScope { scope: intent.scope }),
            kind: intent.kind.into(),
            reason: intent.reason,
            ttl: intent.ttl.map(span),
            at_end: intent.at_end.into(),
            run_etag: String::new(),
            redirect: intent.redirect,
        };
        let answer =
            self.call(request, |mut service, request| async move {
                service.request_override(request).await
            })
            .await?;
        promised(answer.r#override, "override")
    }

    /// Confirms what another person asked for.
    ///
    /// # Errors
    ///
    /// As `OverrideService.ConfirmOverride`.
    pub async fn confirm(&self, override_id: impl Into<String>) -> Result<v1::Override> {
        let request_id = self.connection.new_request_id();
        let request = v1::ConfirmOverrideRequest { request_id, override_id: override_id.into() };
        let answer =
            self.call(request, |mut service, request| async move {
                service.confirm_override(request).await
            })
            .await?;
        promised(answer.r#override, "override")
    }

    /// Returns one override.
    ///
    /// # Errors
    ///
    /// As `OverrideService.GetOverride`.
    pub async fn get(&self, override_id: impl Into<String>) -> Result<v1::Override> {
        let request = v1::GetOverrideRequest { override_id: override_id.into() };
        let answer =
            self.call(request, |mut service, request| async move {
                service.get_override(request).await
            })
            .await?;
        promised(answer.r#override, "override")
    }

    /// Returns a page of overrides, the newest first.
    ///
    /// # Errors
    ///
    /// As `OverrideService.ListOverrides`.
    pub async fn list(
        &self,
        request: v1::ListOverridesRequest,
    ) -> Result<v1::ListOverridesResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_overrides(request).await },
        )
        .await
    }

    /// Watches one override.
    pub fn watch(&self, override_id: impl Into<String>) -> OverrideWatch {
        let override_id = override_id.into();
        let request = v1::WatchOverrideRequest { override_id, heartbeat: None };
        OverrideWatch(Healing::new(self.connection.clone(), request))
    }

    /// Brings what covers a run of the caller and it has not acknowledged, and waits up to
    /// 30 seconds for the first.
    ///
    /// # Errors
    ///
    /// As `OverrideService.ReceiveOverrides`.
    pub async fn receive(
        &self,
        run_id: impl Into<String>,
        wait: Duration,
    ) -> Result<Vec<v1::Override>> {
        let wait = wait.min(LONGEST_WAIT);
        let request = v1::ReceiveOverridesRequest { run_id: run_id.into(), wait: Some(span(wait)) };
        let answer = self.connection.send_and_wait(wait, request, |request| {
            let mut service = self.connection.override_service();
            async move { service.receive_overrides(request).await }
        });
        Ok(answer.await?.overrides)
    }

    /// Says how far a run of the caller is with an override.
    ///
    /// # Errors
    ///
    /// As `OverrideService.AcknowledgeOverride`.
    pub async fn acknowledge(
        &self,
        run_id: impl Into<String>,
        override_id: impl Into<String>,
        answer: OverrideAnswer,
    ) -> Result<v1::Override> {
        let request = v1::AcknowledgeOverrideRequest {
            request_id: self.connection.new_request_id(),
            override_id: override_id.into(),
            run_id: run_id.into(),
            state: answer.state.into(),
            words: answer.words,
            still_running: answer.still_running,
        };
        let answer = self
            .call(request, |mut service, request| async move {
                service.acknowledge_override(request).await
            })
            .await?;
        promised(answer.r#override, "override")
    }

    async fn call<M, T, F>(&self, message: M, call: impl Fn(Service, Request<M>) -> F) -> Result<T>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let call = |request| call(self.connection.override_service(), request);
        self.connection.send(message, call).await
    }
}

/// A watch of one override that heals itself. Dropping it ends the stream.
#[derive(Debug)]
pub struct OverrideWatch(Healing<v1::WatchOverrideRequest>);

// === impl OverrideWatch ===

impl OverrideWatch {
    /// Waits for the override as it is, then for each change. May be dropped and called
    /// again: after a break it begins with the override as it is by then.
    ///
    /// # Errors
    ///
    /// As `OverrideService.WatchOverride`; what passes by itself is tried again. After an
    /// error there is nothing more to wait for.
    pub async fn next(&mut self) -> Result<v1::Override> {
        loop {
            match self.0.next().await {
                Some(Ok(Healed::Message(message))) => {
                    if let Some(Event::Override(found)) = message.event {
                        return Ok(found);
                    }
                }
                Some(Ok(Healed::Interrupted(_) | Healed::StartedOver(_))) => {}
                Some(Err(error)) => return Err(error),
                None => return promised(None, "override"),
            }
        }
    }
}

impl Healable for v1::WatchOverrideRequest {
    type Message = v1::WatchOverrideResponse;

    async fn open(
        self,
        connection: &Connection,
    ) -> std::result::Result<Response<Streaming<Self::Message>>, Status> {
        connection.override_service().watch_override(self).await
    }

    fn heartbeat(&mut self) -> &mut Option<prost_types::Duration> {
        &mut self.heartbeat
    }
}
