//! From hand to hand: claims, and how questions are passed on.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::claim_next_escalation_response::Next as WireNext;

use super::Reviewer;
use crate::connect::{promised, span};
use crate::error::Result;

/// The next question, or that there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The question, claimed, and why it is this one.
    Claimed(Box<v1::Escalation>, String),
    /// A drill in the place of a question: see [`Drills::answer`](crate::Drills::answer).
    Drill(Box<v1::DrillCard>),
    /// There is none now, and how much was looked at.
    Nothing(v1::NothingToClaim),
}

impl Reviewer {
    /// Claims an escalation; `None` leaves the lease to the server.
    ///
    /// # Errors
    ///
    /// As `EscalationService.ClaimEscalation`.
    pub async fn claim(
        &self,
        escalation_id: impl Into<String>,
        lease: Option<Duration>,
    ) -> Result<v1::Escalation> {
        let request = v1::ClaimEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            lease: lease.map(span),
        };
        let changed =
            self.call(request, |mut service, request| async move {
                service.claim_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Claims the question that is next, in these lanes; none named: in all.
    ///
    /// # Errors
    ///
    /// As `EscalationService.ClaimNextEscalation`.
    pub async fn claim_next(
        &self,
        lanes: impl IntoIterator<Item = String>,
        lease: Option<Duration>,
    ) -> Result<Next> {
        self.next(lanes.into_iter().collect(), lease, false).await
    }

    /// As [`Reviewer::claim_next`], for a caller that shows drills: if the settings of the
    /// queue name it among those who practise, it is given one now and then.
    ///
    /// # Errors
    ///
    /// As `EscalationService.ClaimNextEscalation`.
    pub async fn claim_next_or_drill(
        &self,
        lanes: impl IntoIterator<Item = String>,
        lease: Option<Duration>,
    ) -> Result<Next> {
        self.next(lanes.into_iter().collect(), lease, true).await
    }

    async fn next(
        &self,
        lanes: Vec<String>,
        lease: Option<Duration>,
        takes_drills: bool,
    ) -> Result<Next> {
        let request = v1::ClaimNextEscalationRequest {
            request_id: self.connection.new_request_id(),
            lanes,
            lease: lease.map(span),
            takes_drills,
        };
        let answer = self
            .call(request, |mut service, request| async move {
                service.claim_next_escalation(request).await
            })
            .await?;
        Ok(match promised(answer.next, "next")? {
            WireNext::Escalation(escalation) => Next::Claimed(Box::new(escalation), answer.why),
            WireNext::Drill(card) => Next::Drill(Box::new(card)),
            WireNext::Nothing(nothing) => Next::Nothing(nothing),
        })
    }

    /// Prolongs a claim from now on.
    ///
    /// # Errors
    ///
    /// As `EscalationService.RenewClaim`.
    pub async fn renew(
        &self,
        escalation_id: impl Into<String>,
        claim_epoch: u64,
        lease: Option<Duration>,
    ) -> Result<v1::Escalation> {
        let request = v1::RenewClaimRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            claim_epoch,
            lease: lease.map(span),
        };
        let changed = self
            .call(request, |mut service, request| async move { service.renew_claim(request).await })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Gives a claim back.
    ///
    /// # Errors
    ///
    /// As `EscalationService.ReleaseEscalation`.
    pub async fn release(
        &self,
        escalation_id: impl Into<String>,
        claim_epoch: u64,
    ) -> Result<v1::Escalation> {
        let request = v1::ReleaseEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            claim_epoch,
        };
        let changed = self
            .call(request, |mut service, request| async move {
                service.release_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Gives a claim back and puts the question aside until then.
    ///
    /// # Errors
    ///
    /// As `EscalationService.SnoozeEscalation`.
    pub async fn snooze(
        &self,
        escalation_id: impl Into<String>,
        claim_epoch: u64,
        until: prost_types::Timestamp,
    ) -> Result<v1::Escalation> {
        let request = v1::SnoozeEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            claim_epoch,
            until_time: Some(until),
        };
        let changed = self
            .call(request, |mut service, request| async move {
                service.snooze_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Gives what the caller holds to somebody else.
    ///
    /// # Errors
    ///
    /// As `EscalationService.HandOffEscalation`.
    pub async fn hand_off(
        &self,
        escalation_id: impl Into<String>,
        claim_epoch: u64,
        to: impl Into<String>,
        note: impl Into<String>,
    ) -> Result<v1::Escalation> {
        let request = v1::HandOffEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            claim_epoch,
            to: to.into(),
            note: note.into(),
            lease: None,
        };
        let changed = self
            .call(request, |mut service, request| async move {
                service.hand_off_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Gives what nobody holds to somebody, as a supervisor.
    ///
    /// # Errors
    ///
    /// As `EscalationService.AssignEscalation`.
    pub async fn assign(
        &self,
        escalation_id: impl Into<String>,
        to: impl Into<String>,
        note: impl Into<String>,
    ) -> Result<v1::Escalation> {
        let request = v1::AssignEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            to: to.into(),
            note: note.into(),
            lease: None,
        };
        let changed = self
            .call(request, |mut service, request| async move {
                service.assign_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Takes a question from whoever holds it, as a supervisor.
    ///
    /// # Errors
    ///
    /// As `EscalationService.TakeOverEscalation`.
    pub async fn take_over(
        &self,
        escalation_id: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<v1::Escalation> {
        let request = v1::TakeOverEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            reason: reason.into(),
            lease: None,
        };
        let changed = self
            .call(request, |mut service, request| async move {
                service.take_over_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }
}
