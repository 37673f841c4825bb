//! The reviewer's side: read the queue, claim, answer.

mod bulk;

use std::future::Future;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use pointsman_api::v1::resolve_escalation_request::Resolution;
use tonic::{Request, Response, Status};

use crate::connect::{AuthorizedChannel, Connection, promised};
use crate::error::Result;
use crate::watch::QueueWatch;

mod hands;

pub use hands::Next;

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
    /// A correction in words: nothing runs, and the agent is to propose anew.
    Instruct(String),
}

/// What a reviewer gives beside the answer. A text alone is a note.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// Why, in the reviewer's words; the agent sees it. May be empty.
    pub note: String,
    /// A code for the reason; may be empty.
    pub reason_code: String,
    /// The evidence of the briefing that was looked at, by its ids.
    pub evidence_viewed: Vec<String>,
    /// The value that the briefing wants typed; may be empty.
    pub confirmation: String,
    /// Where the answer is given, such as `cli`; may be empty.
    pub surface: String,
    /// When the question was shown.
    pub show_time: Option<prost_types::Timestamp>,
    /// When the answer was given.
    pub decide_time: Option<prost_types::Timestamp>,
}

impl From<&str> for Given {
    fn from(note: &str) -> Self {
        Self { note: note.to_owned(), ..Self::default() }
    }
}

impl From<String> for Given {
    fn from(note: String) -> Self {
        Self { note, ..Self::default() }
    }
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
        given: impl Into<Given>,
    ) -> Result<v1::Escalation> {
        let request = self.resolve_request(seen.into(), verdict, given.into());
        let changed = self
            .call(request, |mut service, request| async move {
                service.resolve_escalation(request).await
            })
            .await?;
        promised(changed.escalation, "escalation")
    }

    /// Says what an answer would do, or fails as it would; nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn preview(
        &self,
        seen: impl Into<Seen>,
        verdict: Verdict,
        given: impl Into<Given>,
    ) -> Result<v1::ResolutionPreview> {
        let request = self.resolve_request(seen.into(), verdict, given.into());
        let request = v1::ResolveEscalationRequest { validate_only: true, ..request };
        let said = self
            .call(request, |mut service, request| async move {
                service.resolve_escalation(request).await
            })
            .await?;
        promised(said.preview, "preview")
    }

    fn resolve_request(
        &self,
        seen: Seen,
        verdict: Verdict,
        given: Given,
    ) -> v1::ResolveEscalationRequest {
        v1::ResolveEscalationRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: seen.escalation_id,
            etag: seen.etag,
            action_digest: seen.action_digest,
            claim_epoch: seen.claim_epoch,
            note: given.note,
            resolution: Some(verdict.into_wire()),
            reason_code: given.reason_code,
            evidence_viewed: given.evidence_viewed,
            confirmation: given.confirmation,
            surface: given.surface,
            show_time: given.show_time,
            decide_time: given.decide_time,
            validate_only: false,
        }
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

    /// Corrects the action in words; nothing runs, and the agent is to propose anew.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn instruct(
        &self,
        seen: impl Into<Seen>,
        text: impl Into<String>,
    ) -> Result<v1::Escalation> {
        self.resolve(seen, Verdict::Instruct(text.into()), "").await
    }

    /// Asks the agent something before deciding.
    ///
    /// # Errors
    ///
    /// As `EscalationService.AskAgent`.
    pub async fn ask(
        &self,
        escalation_id: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<v1::AgentQuestion> {
        let request = v1::AskAgentRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            text: text.into(),
        };
        let asked = self
            .call(request, |mut service, request| async move { service.ask_agent(request).await })
            .await?;
        promised(asked.question, "question")
    }

    /// Notes something about an escalation for other people.
    ///
    /// # Errors
    ///
    /// As `EscalationService.AddComment`.
    pub async fn comment(
        &self,
        escalation_id: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<v1::Comment> {
        let request = v1::AddCommentRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: escalation_id.into(),
            text: text.into(),
        };
        let added = self
            .call(request, |mut service, request| async move { service.add_comment(request).await })
            .await?;
        promised(added.comment, "comment")
    }

    /// Returns a page of comments, as `EscalationService.ListComments`.
    ///
    /// # Errors
    ///
    /// As that call.
    pub async fn comments(
        &self,
        request: v1::ListCommentsRequest,
    ) -> Result<v1::ListCommentsResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_comments(request).await },
        )
        .await
    }

    /// Takes back what an answer permitted: withdrawn if it has not run, else undone by
    /// the counter-action that the policy declares.
    ///
    /// # Errors
    ///
    /// As `EscalationService.RevertResolution`.
    pub async fn revert(
        &self,
        seen: impl Into<Seen>,
        reason: impl Into<String>,
    ) -> Result<v1::Action> {
        self.take_back(seen.into(), reason.into(), false).await
    }

    /// The same, and takes the run back to the newest checkpoint before the question that
    /// is known to be good.
    ///
    /// # Errors
    ///
    /// As `EscalationService.RevertResolution`.
    pub async fn revert_and_roll_back(
        &self,
        seen: impl Into<Seen>,
        reason: impl Into<String>,
    ) -> Result<v1::Action> {
        self.take_back(seen.into(), reason.into(), true).await
    }

    async fn take_back(
        &self,
        seen: Seen,
        reason: String,
        roll_back_run: bool,
    ) -> Result<v1::Action> {
        let request = v1::RevertResolutionRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: seen.escalation_id,
            etag: seen.etag,
            reason,
            roll_back_run,
        };
        let done = self
            .call(request, |mut service, request| async move {
                service.revert_resolution(request).await
            })
            .await?;
        promised(done.action, "action")
    }

    /// Takes an action back, whoever or whatever allowed it.
    ///
    /// # Errors
    ///
    /// As `ActionService.ReverseAction`.
    pub async fn reverse_action(
        &self,
        action_id: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<v1::Action> {
        let request = v1::ReverseActionRequest {
            request_id: self.connection.new_request_id(),
            action_id: action_id.into(),
            reason: reason.into(),
        };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.action_service();
                async move { service.reverse_action(request).await }
            })
            .await?;
        promised(answer.action, "action")
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
            Self::Instruct(text) => Resolution::Instruct(v1::Instruct { text }),
        }
    }
}
