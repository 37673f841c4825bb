//! `OverrideService`: takes what people do to runs in flight, and brings it to the agents.

use pointsman_api::v1;
use pointsman_api::v1::override_service_server::OverrideService;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, StreamCall, open, open_stream};
use super::convert::overrides::{
    overriding, read_at_end, read_kind, read_redirect, read_said, read_scope,
};
use super::convert::{self, answer, header, page, span, time};
use super::limits::fits;
use super::streams::Guarded;
use super::watches;
use crate::engine::overrides::{Acknowledge, Filter, RequestOverride};
use crate::telemetry::trace;

/// Answers for overrides.
#[derive(Clone)]
pub(super) struct Overrides(pub(super) Shared);

#[tonic::async_trait]
impl OverrideService for Overrides {
    type WatchOverrideStream = Guarded<v1::WatchOverrideResponse>;

    async fn request_override(
        &self,
        request: Request<v1::RequestOverrideRequest>,
    ) -> Result<Response<v1::RequestOverrideResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = RequestOverride {
            request_id: message.request_id,
            kind: read_kind(message.kind)?,
            scope: read_scope(message.scope)?,
            reason: message.reason,
            ttl: span(message.ttl),
            at_end: read_at_end(message.at_end)?,
            run_etag: message.run_etag,
            redirect: message.redirect.map(read_redirect).transpose()?,
        };
        if let Some(run) = command.scope.run() {
            trace::run(&run);
        }
        let requested = self.0.engine.request_override(&caller, command).await?;
        let header = header(&requested);
        let r#override = Some(overriding(requested.value));
        answer(v1::RequestOverrideResponse { header, r#override })
    }

    async fn confirm_override(
        &self,
        request: Request<v1::ConfirmOverrideRequest>,
    ) -> Result<Response<v1::ConfirmOverrideResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("override_id", &message.override_id)?;
        let confirmed = self.0.engine.confirm_override(&caller, &message.request_id, id).await?;
        let header = header(&confirmed);
        let r#override = Some(overriding(confirmed.value));
        answer(v1::ConfirmOverrideResponse { header, r#override })
    }

    async fn get_override(
        &self,
        request: Request<v1::GetOverrideRequest>,
    ) -> Result<Response<v1::GetOverrideResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("override_id", &message.override_id)?;
        let found = self.0.engine.get_override(&caller, id).await?;
        let server_time = Some(time(self.0.engine.now()));
        answer(fits(v1::GetOverrideResponse { r#override: Some(overriding(found)), server_time })?)
    }

    async fn list_overrides(
        &self,
        request: Request<v1::ListOverridesRequest>,
    ) -> Result<Response<v1::ListOverridesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let filter = Filter {
            run: convert::optional_id("run_id", &message.run_id)?,
            agent: message.agent,
            is_in_force: message.in_force,
        };
        let page = page(message.page_size, message.page_token);
        let listed = self.0.engine.list_overrides(&caller, page, &filter).await?;
        answer(fits(v1::ListOverridesResponse {
            overrides: listed.items.into_iter().map(overriding).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn watch_override(
        &self,
        request: Request<v1::WatchOverrideRequest>,
    ) -> Result<Response<Self::WatchOverrideStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let watch = watches::of_override(&self.0.engine, &caller, message).await?;
        answer(self.0.streams.guard(pass.resting_on(watch.need), watch.messages)?)
    }

    async fn receive_overrides(
        &self,
        request: Request<v1::ReceiveOverridesRequest>,
    ) -> Result<Response<v1::ReceiveOverridesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run = convert::id("run_id", &message.run_id)?;
        trace::run(&run);
        let receiving = self.0.engine.receive_overrides(&caller, run, span(message.wait));
        let received = tokio::select! {
            received = receiving => received?,
            // Whoever waits asks again elsewhere; nothing was marked that is not sent.
            () = self.0.streams.stopping() => Vec::new(),
        };
        answer(fits(v1::ReceiveOverridesResponse {
            overrides: received.into_iter().map(overriding).collect(),
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn acknowledge_override(
        &self,
        request: Request<v1::AcknowledgeOverrideRequest>,
    ) -> Result<Response<v1::AcknowledgeOverrideResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = Acknowledge {
            request_id: message.request_id,
            id: convert::id("override_id", &message.override_id)?,
            run: convert::id("run_id", &message.run_id)?,
            said: read_said(message.state)?,
            words: message.words,
            still_running: message.still_running,
        };
        trace::run(&command.run);
        let acknowledged = self.0.engine.acknowledge_override(&caller, command).await?;
        let header = header(&acknowledged);
        let r#override = Some(overriding(acknowledged.value));
        answer(v1::AcknowledgeOverrideResponse { header, r#override })
    }
}
