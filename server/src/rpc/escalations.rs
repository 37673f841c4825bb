//! `EscalationService`: the queue, its answers, and the wait for them.

use futures::stream::unfold;
use pointsman_api::v1;
use pointsman_api::v1::await_resolutions_request::Scope as WireScope;
use pointsman_api::v1::escalation_service_server::EscalationService;
use pointsman_api::v1::resolve_escalation_request::Resolution;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, StreamCall, open, open_stream};
use super::convert::{self, answer, escalations, header, page, span, time};
use super::limits::{fits, is_within_limit};
use super::streams::Guarded;
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::ids::EscalationId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::engine::Answer;
use crate::engine::await_resolutions::{Awaiting, Scope};
use crate::engine::escalations::ClaimStep;
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::views::EscalationView;
use crate::engine::watch::{EscalationWatch, Watch};
use crate::telemetry::trace;

/// Answers for escalations.
#[derive(Clone)]
pub(super) struct Escalations(pub(super) Shared);

#[tonic::async_trait]
impl EscalationService for Escalations {
    type WatchEscalationsStream = Guarded<v1::WatchEscalationsResponse>;
    type AwaitResolutionsStream = Guarded<v1::AwaitResolutionsResponse>;

    async fn get_escalation(
        &self,
        request: Request<v1::GetEscalationRequest>,
    ) -> Result<Response<v1::GetEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = read_id(&message.escalation_id)?;
        let view = self.0.engine.get_escalation(&caller, id).await?;
        let now = self.0.engine.now();
        answer(v1::GetEscalationResponse {
            escalation: Some(escalations::escalation(view, now)),
            server_time: Some(time(now)),
        })
    }

    async fn list_escalations(
        &self,
        request: Request<v1::ListEscalationsRequest>,
    ) -> Result<Response<v1::ListEscalationsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let state = escalations::read_state(convert::known("state", message.state)?);
        let filter = escalations::read_filter(message.filter)?;
        let depth = escalations::read_view(message.view)?;
        let page = page(message.page_size, message.page_token);
        let engine = &self.0.engine;
        let found = engine.list_escalations(&caller, page, state, &filter, depth).await?;
        let now = engine.now();
        let views = found.listed.items.into_iter();
        answer(fits(v1::ListEscalationsResponse {
            escalations: views.map(|view| escalations::escalation(view, now)).collect(),
            next_page_token: found.listed.next_page_token,
            open_count: found.open_count,
            server_time: Some(time(now)),
        })?)
    }

    async fn watch_escalations(
        &self,
        request: Request<v1::WatchEscalationsRequest>,
    ) -> Result<Response<Self::WatchEscalationsStream>, Status> {
        let StreamCall { caller, secret, message } = open_stream(request)?;
        let watch = Watch {
            cursor: message.cursor,
            filter: escalations::read_filter(message.filter)?,
            depth: escalations::read_view(message.view)?,
            heartbeat: span(message.heartbeat),
        };
        let watch = self.0.engine.watch_escalations(&caller, watch).await?;
        answer(self.0.streams.guard(&secret, unfold(Some(watch), next_watched))?)
    }

    async fn claim_escalation(
        &self,
        request: Request<v1::ClaimEscalationRequest>,
    ) -> Result<Response<v1::ClaimEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = read_id(&message.escalation_id)?;
        let step = ClaimStep::Claim(span(message.lease));
        let (header, escalation) = self.step(&caller, &message.request_id, id, step).await?;
        answer(v1::ClaimEscalationResponse { header, escalation })
    }

    async fn renew_claim(
        &self,
        request: Request<v1::RenewClaimRequest>,
    ) -> Result<Response<v1::RenewClaimResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = read_id(&message.escalation_id)?;
        let step = ClaimStep::Renew { epoch: message.claim_epoch, lease: span(message.lease) };
        let (header, escalation) = self.step(&caller, &message.request_id, id, step).await?;
        answer(v1::RenewClaimResponse { header, escalation })
    }

    async fn release_escalation(
        &self,
        request: Request<v1::ReleaseEscalationRequest>,
    ) -> Result<Response<v1::ReleaseEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = read_id(&message.escalation_id)?;
        let step = ClaimStep::Release { epoch: message.claim_epoch };
        let (header, escalation) = self.step(&caller, &message.request_id, id, step).await?;
        answer(v1::ReleaseEscalationResponse { header, escalation })
    }

    async fn resolve_escalation(
        &self,
        request: Request<v1::ResolveEscalationRequest>,
    ) -> Result<Response<v1::ResolveEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = read_resolve(message)?;
        let resolved = self.0.engine.resolve(&caller, command).await?;
        let (header, escalation) = shown(resolved);
        answer(v1::ResolveEscalationResponse { header, escalation })
    }

    async fn await_resolutions(
        &self,
        request: Request<v1::AwaitResolutionsRequest>,
    ) -> Result<Response<Self::AwaitResolutionsStream>, Status> {
        let StreamCall { caller, secret, message } = open_stream(request)?;
        let scope = read_scope(message.scope)?;
        let heartbeat = span(message.heartbeat);
        let engine = &self.0.engine;
        let awaiting = engine.await_resolutions(&caller, scope, heartbeat).await?;
        let clock = engine.clone();
        let answers = unfold(Some(awaiting), move |awaiting| {
            let clock = clock.clone();
            async move { next_awaited(awaiting?, || clock.now()).await }
        });
        answer(self.0.streams.guard(&secret, answers)?)
    }
}

impl Escalations {
    async fn step(
        &self,
        caller: &Principal,
        request_id: &str,
        id: EscalationId,
        step: ClaimStep,
    ) -> Result<(Option<v1::ResponseHeader>, Option<v1::Escalation>), Error> {
        self.0.engine.claim(caller, request_id, id, step).await.map(shown)
    }
}

async fn next_watched(
    watch: Option<EscalationWatch>,
) -> Option<(Result<v1::WatchEscalationsResponse, Status>, Option<EscalationWatch>)> {
    let mut watch = watch?;
    Some(match watch.next().await {
        Ok(item) => match fits(within_limit(escalations::watched(item))) {
            Ok(message) => (Ok(message), Some(watch)),
            Err(status) => (Err(status), None),
        },
        Err(error) => (Err(error.into()), None),
    })
}

fn within_limit(mut message: v1::WatchEscalationsResponse) -> v1::WatchEscalationsResponse {
    if !is_within_limit(&message) {
        escalations::slim(&mut message);
    }
    message
}

async fn next_awaited(
    mut awaiting: Awaiting,
    now: impl Fn() -> Timestamp,
) -> Option<(Result<v1::AwaitResolutionsResponse, Status>, Option<Awaiting>)> {
    match awaiting.next().await {
        Ok(event) => {
            let message = convert::resumptions::awaited(event?, now());
            Some((Ok(message), Some(awaiting)))
        }
        Err(error) => Some((Err(error.into()), None)),
    }
}

fn shown(answer: Answer<EscalationView>) -> (Option<v1::ResponseHeader>, Option<v1::Escalation>) {
    let (header, now) = (header(&answer), answer.time);
    (header, Some(escalations::escalation(answer.value, now)))
}

fn read_id(text: &str) -> Result<EscalationId, Error> {
    let id = convert::id("escalation_id", text)?;
    trace::escalation(&id);
    Ok(id)
}

fn read_resolve(message: v1::ResolveEscalationRequest) -> Result<Resolve, Error> {
    Ok(Resolve {
        escalation: read_id(&message.escalation_id)?,
        request_id: message.request_id,
        etag: message.etag,
        action_digest: Digest::from_slice(&message.action_digest)
            .ok_or_else(|| Error::field("action_digest", "want 32 bytes"))?,
        claim_epoch: message.claim_epoch,
        note: message.note,
        verb: match message.resolution.ok_or_else(|| convert::unspecified("resolution"))? {
            Resolution::Approve(v1::Approve {}) => Verb::Approve,
            Resolution::Reject(v1::Reject { reason_code }) => Verb::Reject { reason_code },
            Resolution::Modify(v1::Modify { arguments, target }) => {
                Verb::Modify { arguments, target }
            }
            Resolution::Respond(v1::Respond { response }) => Verb::Respond { response },
        },
    })
}

fn read_scope(scope: Option<WireScope>) -> Result<Scope, Error> {
    Ok(match scope {
        None => Scope::Agent,
        Some(WireScope::RunId(run)) => Scope::Run(convert::id("run_id", &run)?),
        Some(WireScope::Wait(wait)) => Scope::Wait {
            escalation: convert::id("wait.escalation_id", &wait.escalation_id)?,
            wait: convert::id("wait.wait_id", &wait.wait_id)?,
        },
    })
}
