//! The second queue: judging afterwards what was decided without a person.

use std::future::Future;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::review_service_client::ReviewServiceClient;
use tonic::{Request, Response, Status};

use crate::connect::{AuthorizedChannel, Connection, promised, span};
use crate::error::Result;

type Service = ReviewServiceClient<AuthorizedChannel>;

/// Calls `ReviewService`: reviewers judge, everybody but agents reads.
#[derive(Clone, Debug)]
pub struct Reviews {
    connection: Connection,
}

/// What a reviewer says of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What.
    pub judgement: v1::Judgement,
    /// How grave the mistake is, 0 to 3.
    pub severity: u32,
    /// Why; may be empty.
    pub note: String,
}

impl Reviews {
    /// Makes a caller of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns one review with what is judged.
    ///
    /// # Errors
    ///
    /// As `ReviewService.GetReview`.
    pub async fn get(&self, review_id: impl Into<String>) -> Result<v1::Review> {
        let request = v1::GetReviewRequest { review_id: review_id.into() };
        let answer = self
            .call(request, |mut service, request| async move { service.get_review(request).await })
            .await?;
        promised(answer.review, "review")
    }

    /// Returns a page of reviews.
    ///
    /// # Errors
    ///
    /// As `ReviewService.ListReviews`.
    pub async fn list(&self, request: v1::ListReviewsRequest) -> Result<v1::ListReviewsResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_reviews(request).await },
        )
        .await
    }

    /// Claims the oldest review that the caller may judge, of any agent and rule where
    /// those are empty; none: there is none.
    ///
    /// # Errors
    ///
    /// As `ReviewService.ClaimNextReview`.
    pub async fn claim_next(
        &self,
        agent: impl Into<String>,
        rule_id: impl Into<String>,
        lease: Option<Duration>,
    ) -> Result<Option<v1::Review>> {
        let request = v1::ClaimNextReviewRequest {
            request_id: self.connection.new_request_id(),
            agent: agent.into(),
            rule_id: rule_id.into(),
            lease: lease.map(span),
        };
        let answer = self
            .call(request, |mut service, request| async move {
                service.claim_next_review(request).await
            })
            .await?;
        Ok(answer.review)
    }

    /// Says something of the action of a review that the caller holds.
    ///
    /// # Errors
    ///
    /// As `ReviewService.SubmitReview`.
    pub async fn submit(&self, held: &v1::Review, said: Said) -> Result<v1::Review> {
        let request = v1::SubmitReviewRequest {
            request_id: self.connection.new_request_id(),
            review_id: held.review_id.clone(),
            etag: held.etag.clone(),
            claim_epoch: epoch_of(held),
            judgement: said.judgement.into(),
            severity: said.severity,
            note: said.note,
        };
        let answer =
            self.call(request, |mut service, request| async move {
                service.submit_review(request).await
            })
            .await?;
        promised(answer.review, "review")
    }

    /// Passes a review that the caller holds on to others.
    ///
    /// # Errors
    ///
    /// As `ReviewService.SkipReview`.
    pub async fn skip(&self, held: &v1::Review, reason: impl Into<String>) -> Result<v1::Review> {
        let request = v1::SkipReviewRequest {
            request_id: self.connection.new_request_id(),
            review_id: held.review_id.clone(),
            claim_epoch: epoch_of(held),
            reason: reason.into(),
        };
        let answer = self
            .call(request, |mut service, request| async move { service.skip_review(request).await })
            .await?;
        promised(answer.review, "review")
    }

    /// Counts what reviewers found.
    ///
    /// # Errors
    ///
    /// As `ReviewService.GetReviewStats`.
    pub async fn stats(
        &self,
        request: v1::GetReviewStatsRequest,
    ) -> Result<v1::GetReviewStatsResponse> {
        self.call(
            request,
            |mut service, request| async move { service.get_review_stats(request).await },
        )
        .await
    }

    /// Says that an action is a mistake.
    ///
    /// # Errors
    ///
    /// As `ReviewService.RaiseIncident`.
    pub async fn raise_incident(
        &self,
        action_id: impl Into<String>,
        judgement: v1::Judgement,
        severity: u32,
        reason: impl Into<String>,
    ) -> Result<v1::Incident> {
        let request = v1::RaiseIncidentRequest {
            request_id: self.connection.new_request_id(),
            action_id: action_id.into(),
            judgement: judgement.into(),
            severity,
            reason: reason.into(),
        };
        let answer =
            self.call(request, |mut service, request| async move {
                service.raise_incident(request).await
            })
            .await?;
        promised(answer.incident, "incident")
    }

    /// Returns one incident.
    ///
    /// # Errors
    ///
    /// As `ReviewService.GetIncident`.
    pub async fn incident(&self, incident_id: impl Into<String>) -> Result<v1::Incident> {
        let request = v1::GetIncidentRequest { incident_id: incident_id.into() };
        let answer =
            self.call(request, |mut service, request| async move {
                service.get_incident(request).await
            })
            .await?;
        promised(answer.incident, "incident")
    }

    /// Returns a page of incidents, the newest first.
    ///
    /// # Errors
    ///
    /// As `ReviewService.ListIncidents`.
    pub async fn incidents(
        &self,
        request: v1::ListIncidentsRequest,
    ) -> Result<v1::ListIncidentsResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_incidents(request).await },
        )
        .await
    }

    /// Says that the caller sees to an incident.
    ///
    /// # Errors
    ///
    /// As `ReviewService.AcknowledgeIncident`.
    pub async fn acknowledge_incident(
        &self,
        incident_id: impl Into<String>,
    ) -> Result<v1::Incident> {
        let request = v1::AcknowledgeIncidentRequest {
            request_id: self.connection.new_request_id(),
            incident_id: incident_id.into(),
        };
        let answer = self
            .call(request, |mut service, request| async move {
                service.acknowledge_incident(request).await
            })
            .await?;
        promised(answer.incident, "incident")
    }

    /// Says what was done about an incident, which is over by that.
    ///
    /// # Errors
    ///
    /// As `ReviewService.CloseIncident`.
    pub async fn close_incident(
        &self,
        incident_id: impl Into<String>,
        resolution: impl Into<String>,
    ) -> Result<v1::Incident> {
        let request = v1::CloseIncidentRequest {
            request_id: self.connection.new_request_id(),
            incident_id: incident_id.into(),
            resolution: resolution.into(),
        };
        let answer =
            self.call(request, |mut service, request| async move {
                service.close_incident(request).await
            })
            .await?;
        promised(answer.incident, "incident")
    }

    async fn call<M, T, F>(&self, message: M, call: impl Fn(Service, Request<M>) -> F) -> Result<T>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let call = |request| call(self.connection.review_service(), request);
        self.connection.send(message, call).await
    }
}

/// The epoch of the caller's claim; 0, which never counts, without one.
fn epoch_of(held: &v1::Review) -> u64 {
    held.claim.as_ref().map_or(0, |claim| claim.claim_epoch)
}
