//! `EscalationService`: the queue, its answers, and the wait for them.

mod bulk;
mod conversation;

use futures::stream::unfold;
use pointsman_api::v1;
use pointsman_api::v1::await_resolutions_request::Scope as WireScope;
use pointsman_api::v1::escalation_service_server::EscalationService;
use pointsman_api::v1::resolve_escalation_request::Resolution;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, StreamCall, open, open_stream};
use super::convert::{self, actions, answer, claims, escalations, header, page, span, time};
use super::limits::fits;
use super::streams::Guarded;
use super::watches;
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::Circumstances;
use crate::domain::ids::EscalationId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::engine::Answer;
use crate::engine::await_resolutions::{Awaiting, Scope};
use crate::engine::escalations::ClaimStep;
use crate::engine::queue::ClaimNext;
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::views::EscalationView;
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
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let watch = watches::of_escalations(&self.0.engine, &caller, message).await?;
        answer(self.0.streams.guard(pass.resting_on(watch.need), watch.messages)?)
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

    async fn claim_next_escalation(
        &self,
        request: Request<v1::ClaimNextEscalationRequest>,
    ) -> Result<Response<v1::ClaimNextEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let v1::ClaimNextEscalationRequest { request_id, lanes, lease, takes_drills } = message;
        let command = ClaimNext { request_id, lanes, lease: span(lease), takes_drills };
        answer(claims::next(self.0.engine.claim_next(&caller, command).await?))
    }

    async fn hand_off_escalation(
        &self,
        request: Request<v1::HandOffEscalationRequest>,
    ) -> Result<Response<v1::HandOffEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = claims::hand_off(message)?;
        let (header, escalation) = shown(self.0.engine.pass_on(&caller, command).await?);
        answer(v1::HandOffEscalationResponse { header, escalation })
    }

    async fn assign_escalation(
        &self,
        request: Request<v1::AssignEscalationRequest>,
    ) -> Result<Response<v1::AssignEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = claims::assign(message)?;
        let (header, escalation) = shown(self.0.engine.pass_on(&caller, command).await?);
        answer(v1::AssignEscalationResponse { header, escalation })
    }

    async fn take_over_escalation(
        &self,
        request: Request<v1::TakeOverEscalationRequest>,
    ) -> Result<Response<v1::TakeOverEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = claims::take_over(message)?;
        let (header, escalation) = shown(self.0.engine.pass_on(&caller, command).await?);
        answer(v1::TakeOverEscalationResponse { header, escalation })
    }

    async fn snooze_escalation(
        &self,
        request: Request<v1::SnoozeEscalationRequest>,
    ) -> Result<Response<v1::SnoozeEscalationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = read_id(&message.escalation_id)?;
        let until = message.until_time.map(convert::point);
        let until = until.ok_or_else(|| convert::unspecified("until_time"))?;
        let step = ClaimStep::Snooze { epoch: message.claim_epoch, until };
        let (header, escalation) = self.step(&caller, &message.request_id, id, step).await?;
        answer(v1::SnoozeEscalationResponse { header, escalation })
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
        let is_preview = message.validate_only;
        let command = read_resolve(message)?;
        if is_preview {
            return self.preview(&caller, command).await;
        }
        let resolved = self.0.engine.resolve(&caller, command).await?;
        let (header, escalation) = shown(resolved);
        answer(v1::ResolveEscalationResponse { header, escalation, preview: None })
    }

    async fn preview_bulk_resolution(
        &self,
        request: Request<v1::PreviewBulkResolutionRequest>,
    ) -> Result<Response<v1::PreviewBulkResolutionResponse>, Status> {
        bulk::preview(&self.0.engine, request).await
    }

    async fn resolve_bulk(
        &self,
        request: Request<v1::ResolveBulkRequest>,
    ) -> Result<Response<v1::ResolveBulkResponse>, Status> {
        bulk::resolve(&self.0.engine, request).await
    }

    async fn ask_agent(
        &self,
        request: Request<v1::AskAgentRequest>,
    ) -> Result<Response<v1::AskAgentResponse>, Status> {
        conversation::ask_agent(&self.0.engine, request).await
    }

    async fn answer_question(
        &self,
        request: Request<v1::AnswerQuestionRequest>,
    ) -> Result<Response<v1::AnswerQuestionResponse>, Status> {
        conversation::answer_question(&self.0.engine, request).await
    }

    async fn list_questions(
        &self,
        request: Request<v1::ListQuestionsRequest>,
    ) -> Result<Response<v1::ListQuestionsResponse>, Status> {
        conversation::list_questions(&self.0.engine, request).await
    }

    async fn add_comment(
        &self,
        request: Request<v1::AddCommentRequest>,
    ) -> Result<Response<v1::AddCommentResponse>, Status> {
        conversation::add_comment(&self.0.engine, request).await
    }

    async fn list_comments(
        &self,
        request: Request<v1::ListCommentsRequest>,
    ) -> Result<Response<v1::ListCommentsResponse>, Status> {
        conversation::list_comments(&self.0.engine, request).await
    }

    async fn revert_resolution(
        &self,
        request: Request<v1::RevertResolutionRequest>,
    ) -> Result<Response<v1::RevertResolutionResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let escalation = read_id(&message.escalation_id)?;
        let (etag, rolls_back) = (message.etag, message.roll_back_run);
        let what = Reversed::Resolution { escalation, etag, rolls_back };
        let (request_id, reason) = (message.request_id, message.reason);
        let done = self.0.engine.reverse(&caller, Reverse { request_id, what, reason }).await?;
        let header = header(&done);
        answer(v1::RevertResolutionResponse { header, action: Some(actions::action(done.value)) })
    }

    async fn await_resolutions(
        &self,
        request: Request<v1::AwaitResolutionsRequest>,
    ) -> Result<Response<Self::AwaitResolutionsStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let scope = read_scope(message.scope)?;
        let heartbeat = span(message.heartbeat);
        let engine = &self.0.engine;
        let awaiting = engine.await_resolutions(&caller, scope, heartbeat).await?;
        let clock = engine.clone();
        let answers = unfold(Some(awaiting), move |awaiting| {
            let clock = clock.clone();
            async move { next_awaited(awaiting?, || clock.now()).await }
        });
        answer(self.0.streams.guard(pass, answers)?)
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

impl Escalations {
    /// What an answer would do; nothing is changed.
    async fn preview(
        &self,
        caller: &Principal,
        command: Resolve,
    ) -> Result<Response<v1::ResolveEscalationResponse>, Status> {
        let (view, preview) = self.0.engine.preview_resolution(caller, command).await?;
        let shown = escalations::escalation(view, self.0.engine.now());
        answer(v1::ResolveEscalationResponse {
            header: None,
            escalation: Some(shown),
            preview: Some(escalations::preview(preview)),
        })
    }
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
        reason_code: message.reason_code,
        confirmation: message.confirmation,
        circumstances: Circumstances {
            evidence: message.evidence_viewed,
            surface: message.surface,
            show_time: message.show_time.map(convert::point),
            decide_time: message.decide_time.map(convert::point),
        },
        verb: match message.resolution.ok_or_else(|| convert::unspecified("resolution"))? {
            Resolution::Approve(v1::Approve {}) => Verb::Approve,
            Resolution::Reject(v1::Reject { reason_code }) => Verb::Reject { reason_code },
            Resolution::Modify(v1::Modify { arguments, target }) => {
                Verb::Modify { arguments, target }
            }
            Resolution::Respond(v1::Respond { response }) => Verb::Respond { response },
            Resolution::Instruct(v1::Instruct { text }) => Verb::Instruct { text },
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
