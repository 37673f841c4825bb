//! The people of the load, and the workers that take up what they said.

use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;

use super::{Caller, Gone, tolerate};
use crate::harness::api::{Called, request_id};
use crate::harness::ledger::{Known, Try};
use crate::harness::poll::at_moment;

/// How long somebody without work waits before looking again.
const IDLE: Duration = Duration::from_millis(3);

/// Refusals of somebody who was too late.
const LOST_RACES: &[&str] = &[
    "ESCALATION_CLOSED",
    "CLAIMED_BY_OTHER",
    "CLAIM_LOST",
    "ETAG_MISMATCH",
    "OVERLOADED",
    "DISK_FULL",
    "RUN_PAUSED",
    "RUN_STOPPED",
    "RUN_NOT_RUNNING",
];

impl Caller {
    pub(super) async fn review(&mut self) -> Result<(), Gone> {
        let request = v1::ListEscalationsRequest {
            page_size: 20,
            view: v1::EscalationView::Full.into(),
            ..Default::default()
        };
        let listed = self
            .lines
            .call(request, async |line, request| {
                line.escalation_service().list_escalations(request).await
            })
            .await;
        let Called::Done(page) = listed else { return Err(Gone) };
        let shown = page.escalations.iter().map(|one| one.escalation_id.clone());
        self.ledger.book().shown.extend(shown);
        let count = page.escalations.len();
        if count == 0 {
            at_moment(IDLE).await;
            return Ok(());
        }
        let escalation = page.escalations.into_iter().nth(self.seed.below(count)).unwrap();
        if !self.seed.chance(50) {
            return self.resolve(&escalation, 0).await;
        }
        let request = v1::ClaimEscalationRequest {
            request_id: request_id(),
            escalation_id: escalation.escalation_id.clone(),
            lease: None,
        };
        match self
            .lines
            .call(request, async |line, request| {
                line.escalation_service().claim_escalation(request).await
            })
            .await
        {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                let escalation = answer.escalation.unwrap();
                // An answer that was lost and asked for again shows the question as it is by
                // then: a stop may have closed it.
                match escalation.claim.as_ref().map(|claim| claim.claim_epoch) {
                    Some(epoch) => self.resolve(&escalation, epoch).await,
                    None => Ok(()),
                }
            }
            Called::Refused(error) => tolerate(&error, LOST_RACES),
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn resolve(&mut self, escalation: &v1::Escalation, epoch: u64) -> Result<(), Gone> {
        use v1::resolution::Kind;
        use v1::resolve_escalation_request::Resolution;
        let arguments = &escalation.briefing.as_ref().unwrap().arguments;
        let (kind, resolution) = match self.seed.below(7) {
            0 => (Kind::Rejected, Resolution::Reject(v1::Reject::default())),
            1 => {
                let text = String::from_utf8(arguments.to_vec()).unwrap();
                let arguments = text.replace("1.50", "1.25").into();
                (Kind::Modified, Resolution::Modify(v1::Modify { arguments, target: None }))
            }
            2 => {
                let response = Bytes::from_static(b"\"ask again tomorrow\"");
                (Kind::Responded, Resolution::Respond(v1::Respond { response }))
            }
            3 => {
                let text = "ask for half of it".to_owned();
                (Kind::Instructed, Resolution::Instruct(v1::Instruct { text }))
            }
            _ => (Kind::Approved, Resolution::Approve(v1::Approve {})),
        };
        let id = &escalation.escalation_id;
        let at = {
            let mut book = self.ledger.book();
            let tries = book.tries.entry(id.clone()).or_default();
            tries.push(Try { kind, known: Known::Perhaps });
            tries.len() - 1
        };
        let request = v1::ResolveEscalationRequest {
            request_id: request_id(),
            escalation_id: id.clone(),
            etag: escalation.etag.clone(),
            action_digest: escalation.action_digest.clone(),
            claim_epoch: epoch,
            note: "seen".to_owned(),
            resolution: Some(resolution),
            ..v1::ResolveEscalationRequest::default()
        };
        match self
            .lines
            .call(request, async |line, request| {
                line.escalation_service().resolve_escalation(request).await
            })
            .await
        {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().tries.get_mut(id).unwrap()[at].known = Known::Done;
                Ok(())
            }
            Called::Refused(error) => {
                // Keeps the places of the other tries.
                let mut book = self.ledger.book();
                book.tries.get_mut(id).unwrap()[at].kind = Kind::Unspecified;
                tolerate(&error, LOST_RACES)
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    pub(super) async fn resume(&mut self) -> Result<(), Gone> {
        let request = v1::ClaimResumptionsRequest {
            request_id: request_id(),
            max_items: 5,
            wait: Some(prost_types::Duration { seconds: 0, nanos: 50_000_000 }),
            ..Default::default()
        };
        let answer = self
            .lines
            .call(request, async |line, request| {
                line.checkpoint_service().claim_resumptions(request).await
            })
            .await;
        let resumptions = match answer {
            Called::Done(answer) => answer.resumptions,
            Called::Refused(error) => return tolerate(&error, &["DISK_FULL", "OVERLOADED"]),
            Called::Lost(_) => return Err(Gone),
        };
        for resumption in resumptions {
            self.take_up(resumption).await?;
        }
        Ok(())
    }

    async fn take_up(&mut self, resumption: v1::Resumption) -> Result<(), Gone> {
        if let (Some(action), Some(grant)) = (resumption.action, resumption.grant) {
            let request = v1::RedeemGrantRequest {
                request_id: request_id(),
                grant_id: grant.grant_id,
                action_id: action.action_id,
                run_id: action.run_id,
                tool: action.tool,
                tool_schema_version: action.tool_schema_version,
                target: action.target,
                arguments: action.arguments,
                preconditions: action.preconditions,
            };
            let ended = ["RUN_NOT_RUNNING", "GRANT_REVOKED", "RESUMPTION_LOST", "DISK_FULL"];
            return self.redeem_and_report(request, &ended).await;
        }
        let request = v1::AcknowledgeResumptionRequest {
            request_id: request_id(),
            escalation_id: resumption.escalation_id,
            epoch: resumption.epoch,
        };
        let answer = self
            .lines
            .call(request, async |line, request| {
                line.checkpoint_service().acknowledge_resumption(request).await
            })
            .await;
        match answer {
            Called::Done(_) => Ok(()),
            Called::Refused(error) => tolerate(
                &error,
                &["RESUMPTION_LOST", "RESUMPTION_CLOSED", "RUN_STOPPED", "DISK_FULL"],
            ),
            Called::Lost(_) => Err(Gone),
        }
    }
}
