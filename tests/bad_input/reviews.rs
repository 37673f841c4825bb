//! Valid requests about reviews.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_client::Reviews;
use prost::Message;

use super::requests::World;
use crate::harness::api::{ADMIN, REVIEWER, request_id};
use crate::harness::fixture::span;

const YEAR_2000: prost_types::Timestamp = prost_types::Timestamp { seconds: 946_684_800, nanos: 1 };

impl World {
    pub(super) async fn review_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let request_id = request_id();
        let (agent, rule_id) = ("agent".to_owned(), "sampled".to_owned());
        let message = match method {
            "GetReview" => {
                let review_id = self.held_review().await.review_id;
                v1::GetReviewRequest { review_id }.encode_to_vec()
            }
            "ListReviews" => v1::ListReviewsRequest {
                page_size: 5,
                page_token: String::new(),
                state: v1::review::State::Open.into(),
                agent,
                rule_id,
            }
            .encode_to_vec(),
            "ClaimNextReview" => {
                let lease = Some(span(Duration::from_secs(60)));
                v1::ClaimNextReviewRequest { request_id, agent, rule_id, lease }.encode_to_vec()
            }
            "SubmitReview" => {
                let held = self.held_review().await;
                v1::SubmitReviewRequest {
                    request_id,
                    claim_epoch: held.claim.unwrap().claim_epoch,
                    review_id: held.review_id,
                    etag: held.etag,
                    judgement: v1::Judgement::WrongAction.into(),
                    severity: 2,
                    note: "for a test".to_owned(),
                }
                .encode_to_vec()
            }
            "SkipReview" => {
                let held = self.held_review().await;
                v1::SkipReviewRequest {
                    request_id,
                    claim_epoch: held.claim.unwrap().claim_epoch,
                    review_id: held.review_id,
                    reason: "for a test".to_owned(),
                }
                .encode_to_vec()
            }
            "GetReviewStats" => v1::GetReviewStatsRequest {
                since_time: Some(YEAR_2000),
                until_time: Some(YEAR_2000),
                agent,
                rule_id,
            }
            .encode_to_vec(),
            _ => return self.incident_request(method).await,
        };
        (REVIEWER, message)
    }

    async fn incident_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let request_id = request_id();
        let message = match method {
            "RaiseIncident" => {
                let message = v1::RaiseIncidentRequest {
                    request_id,
                    action_id: self.sampled().await,
                    judgement: v1::Judgement::WrongAction.into(),
                    severity: 2,
                    reason: "for a test".to_owned(),
                };
                return (REVIEWER, message.encode_to_vec());
            }
            "GetIncident" => {
                let incident_id = self.incident().await;
                v1::GetIncidentRequest { incident_id }.encode_to_vec()
            }
            "ListIncidents" => v1::ListIncidentsRequest {
                page_size: 5,
                page_token: String::new(),
                state: v1::incident::State::Open.into(),
                agent: "agent".to_owned(),
                rule_id: "sampled".to_owned(),
            }
            .encode_to_vec(),
            "AcknowledgeIncident" => {
                let incident_id = self.incident().await;
                v1::AcknowledgeIncidentRequest { request_id, incident_id }.encode_to_vec()
            }
            "CloseIncident" => {
                let (incident_id, resolution) = (self.incident().await, "for a test".to_owned());
                v1::CloseIncidentRequest { request_id, incident_id, resolution }.encode_to_vec()
            }
            _ => panic!("no valid request for {method}: add one"),
        };
        (ADMIN, message)
    }

    pub(super) async fn insight_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let message = match method {
            "ExportFeedback" => {
                self.put_settings("version: 1\nfeedback: {export: labelled}").await;
                v1::ExportFeedbackRequest {
                    since_time: Some(YEAR_2000),
                    until_time: Some(YEAR_2000),
                    agent: "agent".to_owned(),
                    tool: "sample_it".to_owned(),
                    rule_id: "sampled".to_owned(),
                }
                .encode_to_vec()
            }
            _ => panic!("no valid request for {method}: add one"),
        };
        (ADMIN, message)
    }

    /// An incident that nobody sees to.
    async fn incident(&self) -> String {
        let reviews = Reviews::new(self.fixture.connection(REVIEWER));
        let (action, judgement) = (self.sampled().await, v1::Judgement::WrongAction);
        let raised = reviews.raise_incident(action, judgement, 1, "for a test").await;
        raised.unwrap().incident_id
    }

    /// A review that the reviewer holds.
    async fn held_review(&self) -> v1::Review {
        self.sampled().await;
        let reviews = Reviews::new(self.fixture.connection(REVIEWER));
        reviews.claim_next("", "", None).await.unwrap().unwrap()
    }
}
