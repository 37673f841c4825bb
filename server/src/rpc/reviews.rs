//! `ReviewService`: what was decided without a person is judged afterwards.

mod incidents;

use pointsman_api::v1;
use pointsman_api::v1::review_service_server::ReviewService;
use tonic::{Request, Response, Status};

use super::caller::{Call, open};
use super::convert::reviews::{read_judgement, read_state, review, stats};
use super::convert::{self, answer, header, page, point, span, time};
use super::limits::{fits, fits_after};
use crate::engine::Engine;
use crate::engine::reviews::{ClaimNext, Filter, SkipReview, SubmitReview, Window};

/// Answers for reviewers.
#[derive(Clone)]
pub(super) struct Reviews(pub(super) Engine);

#[tonic::async_trait]
impl ReviewService for Reviews {
    async fn get_review(
        &self,
        request: Request<v1::GetReviewRequest>,
    ) -> Result<Response<v1::GetReviewResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("review_id", &message.review_id)?;
        let found = self.0.get_review(&caller, id).await?;
        let server_time = Some(time(self.0.now()));
        answer(fits(v1::GetReviewResponse { review: Some(review(found)), server_time })?)
    }

    async fn list_reviews(
        &self,
        request: Request<v1::ListReviewsRequest>,
    ) -> Result<Response<v1::ListReviewsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let state = read_state(message.state)?;
        let filter = Filter { state, agent: message.agent, rule: message.rule_id };
        let page = page(message.page_size, message.page_token);
        let listed = self.0.list_reviews(&caller, page, &filter).await?;
        answer(fits(v1::ListReviewsResponse {
            reviews: listed.items.into_iter().map(review).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.now())),
        })?)
    }

    async fn claim_next_review(
        &self,
        request: Request<v1::ClaimNextReviewRequest>,
    ) -> Result<Response<v1::ClaimNextReviewResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = ClaimNext {
            request_id: message.request_id,
            agent: message.agent,
            rule: message.rule_id,
            lease: span(message.lease),
        };
        let claimed = self.0.claim_next_review(&caller, command).await?;
        let header = header(&claimed);
        let review = claimed.value.map(review);
        answer(fits_after(v1::ClaimNextReviewResponse { header, review })?)
    }

    async fn submit_review(
        &self,
        request: Request<v1::SubmitReviewRequest>,
    ) -> Result<Response<v1::SubmitReviewResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = SubmitReview {
            request_id: message.request_id,
            review: convert::id("review_id", &message.review_id)?,
            etag: message.etag,
            epoch: message.claim_epoch,
            judgement: read_judgement(message.judgement)?,
            severity: message.severity,
            note: message.note,
        };
        let submitted = self.0.submit_review(&caller, command).await?;
        let header = header(&submitted);
        let review = Some(review(submitted.value));
        answer(fits_after(v1::SubmitReviewResponse { header, review })?)
    }

    async fn skip_review(
        &self,
        request: Request<v1::SkipReviewRequest>,
    ) -> Result<Response<v1::SkipReviewResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = SkipReview {
            request_id: message.request_id,
            review: convert::id("review_id", &message.review_id)?,
            epoch: message.claim_epoch,
            reason: message.reason,
        };
        let skipped = self.0.skip_review(&caller, command).await?;
        let header = header(&skipped);
        let review = Some(review(skipped.value));
        answer(fits_after(v1::SkipReviewResponse { header, review })?)
    }

    async fn get_review_stats(
        &self,
        request: Request<v1::GetReviewStatsRequest>,
    ) -> Result<Response<v1::GetReviewStatsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let window = Window {
            since: message.since_time.map(point),
            until: message.until_time.map(point),
            agent: message.agent,
            rule: message.rule_id,
        };
        let counted = stats(self.0.review_stats(&caller, window).await?);
        let server_time = Some(time(self.0.now()));
        answer(v1::GetReviewStatsResponse { server_time, ..counted })
    }

    async fn raise_incident(
        &self,
        request: Request<v1::RaiseIncidentRequest>,
    ) -> Result<Response<v1::RaiseIncidentResponse>, Status> {
        incidents::raise(&self.0, request).await
    }

    async fn get_incident(
        &self,
        request: Request<v1::GetIncidentRequest>,
    ) -> Result<Response<v1::GetIncidentResponse>, Status> {
        incidents::get(&self.0, request).await
    }

    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        incidents::list(&self.0, request).await
    }

    async fn acknowledge_incident(
        &self,
        request: Request<v1::AcknowledgeIncidentRequest>,
    ) -> Result<Response<v1::AcknowledgeIncidentResponse>, Status> {
        incidents::acknowledge(&self.0, request).await
    }

    async fn close_incident(
        &self,
        request: Request<v1::CloseIncidentRequest>,
    ) -> Result<Response<v1::CloseIncidentResponse>, Status> {
        incidents::close(&self.0, request).await
    }
}
