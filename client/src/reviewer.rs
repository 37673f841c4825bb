//! The reviewer's side: read the queue, claim, answer.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use pointsman_api::v1::resolve_escalation_request::Resolution;
use tonic::{Request, Response, Status};

use crate::connect::{AuthorizedChannel, Connection, promised, span};
use crate::error::Result;
use crate::watch::QueueWatch;

type Service = EscalationServiceClient<AuthorizedChannel>;

/// A person, or a program that stands in for one, who answers questions.
#[derive(Clone, Debug)]
pub struct Reviewer {
    connection: Connection,
}

/// An escalation and the server's clock when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The escalation, in full.
    pub escalation: v1::Escalation,
    /// The server's clock, to compare with due and expire times.
    pub server_time: Option<prost_types::Timestamp>,
}

/// What a reviewer has seen: the server refuses an answer to anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The escalation.
    pub escalation_id: String,
    /// Its etag when it was shown.
    pub etag: String,
    /// The digest of what was shown.
    pub action_digest: Bytes,
    /// The epoch of the reviewer's claim; 0 without one.
    pub claim_epoch: u64,
}

/// What the reviewer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The action may run as shown.
    Approve,
    /// The action must not run; with a code for the reason, which may be empty.
    Reject(String),
    /// An edited action may run in its place.
    Modify {
        /// The edited arguments: the bytes of one JSON object.
        arguments: Bytes,
        /// The edited target; none: as proposed.
        target: Option<String>,
    },
    /// An answer in the tool's place.
    Respond(Bytes),
}

// === impl Seen ===

impl From<&v1::Escalation> for Seen {
    fn from(escalation: &v1::Escalation) -> Self {
        Self {
            escalation_id: escalation.escalation_id.clone(),
            etag: escalation.etag.clone(),
            action_digest: escalation.action_digest.clone(),
            claim_epoch: escalation.claim.as_ref().map_or(0, |claim| claim.claim_epoch),
        }
    }
}

// === impl Reviewer ===

impl Reviewer {
    /// Makes a reviewer of a connection whose token has the reviewer role.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns a page of escalations, as `EscalationService.ListEscalations`.
    ///
    /// # Errors
    ///
    /// As that call.
    pub async fn list(
        &self,
        request: v1::ListEscalationsRequest,
    ) -> Result<v1::ListEscalationsResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_escalations(request).await },
        )
        .await
    }

    /// Returns one escalation with its whole briefing.
    ///
    /// # Errors
    ///
    /// As `EscalationService.GetEscalation`.
    pub async fn get(&self, escalation_id: impl Into<String>) -> Result<Shown> {
        let request = v1::GetEscalationRequest { escalation_id: escalation_id.into() };
        let answer =
            self.call(request, |mut service, request| async move {
                service.get_escalation(request).await
            })
            .await?;
        let escalation = promised(answer.escalation, "escalation")?;
        Ok(Shown { escalation, server_time: answer.server_time })
    }

    /// Watches the queue from its present state, or from a cursor.
    pub fn watch(&self, request: v1::WatchEscalationsRequest) -> QueueWatch {
        QueueWatch::new(self.connection.clone(), request)
    }

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

    /// Answers a question. Exactly one answer takes effect.
    ///
    /// # Errors
    ///
    /// As `EscalationService.ResolveEscalation`; ESCALATION_CLOSED says who was
    /// faster.
    pub async fn resolve(
        &self,
        seen: impl Into<Seen>,
        verdict: Verdict,
        note: impl Into<String>,
    ) -> Result<v1::Escalation> {
        let seen = seen.into();
        let request = v1::ResolveEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: seen.escalation_id,
            etag: seen.etag,
            action_digest: seen.action_digest,
            claim_epoch: seen.claim_epoch,
            note: note.into(),
            resolution: Some(verdict.into_wire()),
        };
        let changed = self
            .call(request, |mut service, request| async move {
                service.resolve_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Approves the action as shown.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn approve(&self, seen: impl Into<Seen>, note: &str) -> Result<v1::Escalation> {
        self.resolve(seen, Verdict::Approve, note).await
    }

    /// Rejects the action, with a code and words for the reason.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn reject(
        &self,
        seen: impl Into<Seen>,
        reason_code: &str,
        note: &str,
    ) -> Result<v1::Escalation> {
        self.resolve(seen, Verdict::Reject(reason_code.to_owned()), note).await
    }

    /// Lets an edited action run in the place of the proposed one.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve); DENIED_BY_POLICY refuses the edit.
    pub async fn modify(
        &self,
        seen: impl Into<Seen>,
        arguments: impl Into<Bytes>,
        note: &str,
    ) -> Result<v1::Escalation> {
        let verdict = Verdict::Modify { arguments: arguments.into(), target: None };
        self.resolve(seen, verdict, note).await
    }

    /// Answers in the tool's place; nothing runs.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn respond(
        &self,
        seen: impl Into<Seen>,
        response: impl Into<Bytes>,
        note: &str,
    ) -> Result<v1::Escalation> {
        self.resolve(seen, Verdict::Respond(response.into()), note).await
    }

    /// The shape of every call: what is asked, and by which method.
    async fn call<M, T, Fut>(
        &self,
        request: M,
        method: impl Fn(Service, Request<M>) -> Fut,
    ) -> Result<T>
    where
        M: Clone,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let connection = &self.connection;
        connection.send(request, |request| method(connection.escalation_service(), request)).await
    }
}

// === impl Verdict ===

impl Verdict {
    fn into_wire(self) -> Resolution {
        match self {
            Self::Approve => Resolution::Approve(v1::Approve {}),
            Self::Reject(reason_code) => Resolution::Reject(v1::Reject { reason_code }),
            Self::Modify { arguments, target } => {
                Resolution::Modify(v1::Modify { arguments, target })
            }
            Self::Respond(response) => Resolution::Respond(v1::Respond { response }),
        }
    }
}
