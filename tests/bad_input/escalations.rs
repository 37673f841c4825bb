//! Valid requests about questions and claims.

use std::time::Duration;

use pointsman_api::v1;
use prost::Message;

use super::requests::World;
use crate::harness::api::{AGENT, REVIEWER, request_id};
use crate::harness::fixture::span;

/// Beyond the end of the test: what lapses leaves an event of its own.
const LEASE: Duration = Duration::from_secs(15 * 60);

impl World {
    #[expect(clippy::too_many_lines, reason = "one exhaustive match over the methods")]
    pub(super) async fn escalation_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let heartbeat = Some(span(Duration::from_secs(1)));
        let request_id = request_id();
        let filter = Some(v1::EscalationFilter {
            lane: "main".to_owned(),
            min_severity: v1::SeverityTier::Low.into(),
            agent: "agent".to_owned(),
            run_id: self.run.run_id().to_owned(),
        });
        let message = match method {
            "GetEscalation" => {
                let escalation_id = self.open().await.escalation_id().to_owned();
                v1::GetEscalationRequest { escalation_id }.encode_to_vec()
            }
            "ListEscalations" => v1::ListEscalationsRequest {
                page_size: 5,
                state: v1::escalation::State::Open.into(),
                filter,
                view: v1::EscalationView::Full.into(),
                ..Default::default()
            }
            .encode_to_vec(),
            "WatchEscalations" => v1::WatchEscalationsRequest {
                filter,
                view: v1::EscalationView::Full.into(),
                heartbeat,
                ..Default::default()
            }
            .encode_to_vec(),
            "ClaimEscalation" => v1::ClaimEscalationRequest {
                request_id,
                escalation_id: self.open().await.escalation_id().to_owned(),
                lease: Some(span(LEASE)),
            }
            .encode_to_vec(),
            "ClaimNextEscalation" => {
                self.open().await;
                v1::ClaimNextEscalationRequest {
                    request_id,
                    lanes: vec!["main".to_owned()],
                    lease: Some(span(LEASE)),
                    takes_drills: true,
                }
                .encode_to_vec()
            }
            "HandOffEscalation" => {
                let claimed = self.claimed().await;
                v1::HandOffEscalationRequest {
                    request_id,
                    claim_epoch: claimed.claim.unwrap().claim_epoch,
                    escalation_id: claimed.escalation_id,
                    to: "supervisor".to_owned(),
                    note: "yours".to_owned(),
                    lease: Some(span(LEASE)),
                }
                .encode_to_vec()
            }
            "AssignEscalation" => v1::AssignEscalationRequest {
                request_id,
                escalation_id: self.open().await.escalation_id().to_owned(),
                to: "reviewer".to_owned(),
                note: "yours".to_owned(),
                lease: Some(span(LEASE)),
            }
            .encode_to_vec(),
            "TakeOverEscalation" => v1::TakeOverEscalationRequest {
                request_id,
                escalation_id: self.open().await.escalation_id().to_owned(),
                reason: "it is urgent".to_owned(),
                lease: Some(span(LEASE)),
            }
            .encode_to_vec(),
            "SnoozeEscalation" => {
                let claimed = self.claimed().await;
                v1::SnoozeEscalationRequest {
                    request_id,
                    claim_epoch: claimed.claim.unwrap().claim_epoch,
                    escalation_id: claimed.escalation_id,
                    until_time: Some(in_an_hour()),
                }
                .encode_to_vec()
            }
            "RenewClaim" => {
                let claimed = self.claimed().await;
                v1::RenewClaimRequest {
                    request_id,
                    claim_epoch: claimed.claim.unwrap().claim_epoch,
                    escalation_id: claimed.escalation_id,
                    lease: Some(span(LEASE)),
                }
                .encode_to_vec()
            }
            "ReleaseEscalation" => {
                let claimed = self.claimed().await;
                v1::ReleaseEscalationRequest {
                    request_id,
                    claim_epoch: claimed.claim.unwrap().claim_epoch,
                    escalation_id: claimed.escalation_id,
                }
                .encode_to_vec()
            }
            "ResolveEscalation" => {
                let claimed = self.claimed().await;
                let modify = v1::Modify { arguments: "{}".into(), target: Some("B-2".to_owned()) };
                v1::ResolveEscalationRequest {
                    request_id,
                    escalation_id: claimed.escalation_id,
                    etag: claimed.etag,
                    action_digest: claimed.action_digest,
                    claim_epoch: claimed.claim.unwrap().claim_epoch,
                    note: "edited".to_owned(),
                    resolution: Some(v1::resolve_escalation_request::Resolution::Modify(modify)),
                    reason_code: "wrong_amount".to_owned(),
                    evidence_viewed: Vec::new(),
                    confirmation: "1".to_owned(),
                    surface: "test".to_owned(),
                    show_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
                    decide_time: Some(prost_types::Timestamp { seconds: 2, nanos: 0 }),
                    validate_only: false,
                }
                .encode_to_vec()
            }
            "RevertResolution" => {
                let wait = self.open().await;
                let seen = self.fixture.shown(wait.escalation_id()).await;
                let resolved = self.fixture.reviewer().approve(&seen, "fine").await.unwrap();
                v1::RevertResolutionRequest {
                    request_id,
                    escalation_id: resolved.escalation_id,
                    etag: resolved.etag,
                    reason: "for a test".to_owned(),
                    roll_back_run: false,
                }
                .encode_to_vec()
            }
            "AwaitResolutions" => {
                let details = self.open().await.details().clone();
                let wait =
                    v1::WaitRef { escalation_id: details.escalation_id, wait_id: details.wait_id };
                let scope = Some(v1::await_resolutions_request::Scope::Wait(wait));
                let message = v1::AwaitResolutionsRequest { heartbeat, scope }.encode_to_vec();
                return (AGENT, message);
            }
            other => return Box::pin(self.conversation_request(other)).await,
        };
        (REVIEWER, message)
    }

    async fn claimed(&self) -> v1::Escalation {
        let wait = self.open().await;
        self.fixture.reviewer().claim(wait.escalation_id(), None).await.unwrap()
    }
}

/// Beyond the end of the test: what comes back on time leaves an event of its own.
fn in_an_hour() -> prost_types::Timestamp {
    let now = std::time::SystemTime::now() + Duration::from_secs(60 * 60);
    prost_types::Timestamp::from(now)
}
