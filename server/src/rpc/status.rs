//! The only mapping from the engine's errors to gRPC statuses.
//!
//! Every status carries exactly one `ErrorInfo` with a reason of
//! `error_reason.proto`, the domain `pointsman`, the dynamic parts of the
//! message as metadata, and `effect`. Nothing else in the server makes a
//! status, apart from [`super::foreign`], which repairs those of the transport.

mod answering;
mod overriding;
mod path;
mod transcript;

use std::collections::HashMap;

use pointsman_api::v1::ErrorReason as Reason;
use pointsman_api::{ERROR_DOMAIN, ERROR_EFFECT_KEY};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::domain::error::{Effect, Error, Resource};
use crate::domain::time::{Span, Timestamp};

/// The most characters of one metadata value; the status travels in a header.
const MAX_METADATA_CHARS: usize = 256;
/// The most characters of a message.
const MAX_MESSAGE_CHARS: usize = 1_024;
/// When to ask again once the open escalations were too many.
const RETRY_TOO_MANY_OPEN: Span = Span::from_secs(30);
/// When to open a stream again once they were too many.
const RETRY_TOO_MANY_WATCHES: Span = Span::from_secs(5);
/// When to try again once the disk was full: an operator has to act.
const RETRY_DISK_FULL: Span = Span::from_secs(60);
/// Who goes on with the cursor may do so at once.
const RETRY_SLOW_CONSUMER: Span = Span::from_millis(100);
const RETRY_STORE_UNAVAILABLE: Span = Span::from_secs(1);

/// What a status consists of, before it is encoded.
pub(super) struct Shape {
    code: Code,
    reason: Reason,
    metadata: Vec<(&'static str, String)>,
    extra: Extra,
}

/// The detail that goes with a code, beside the `ErrorInfo`.
enum Extra {
    None,
    BadField { field: String, problem: String },
    Precondition { kind: &'static str, subject: String },
    Retry { after: Span },
    Quota { subject: &'static str, after: Span },
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        log_cause(&error);
        shape(&error).into_status(error.to_string(), error.effect())
    }
}

// === impl Shape ===

impl Shape {
    /// A status of this code and reason, without anything beside.
    pub(super) const fn new(code: Code, reason: Reason) -> Self {
        Self { code, reason, metadata: Vec::new(), extra: Extra::None }
    }

    /// Adds a dynamic part of the message.
    pub(super) fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.metadata.push((key, value.to_string()));
        self
    }

    /// Adds a dynamic part that may be unknown.
    fn with_optional(self, key: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Names the field that is wrong.
    pub(super) fn field(mut self, field: &str, problem: &str) -> Self {
        self.extra = Extra::BadField { field: cut(field), problem: cut(problem) };
        self.with("field", field)
    }

    /// Names what is not in the state that the call needs.
    fn subject(mut self, key: &'static str, subject: &str) -> Self {
        self.extra = Extra::Precondition { kind: self.reason.wire_name(), subject: cut(subject) };
        self.with(key, subject)
    }

    /// Says when to try again.
    fn retry(mut self, after: Span) -> Self {
        self.extra = Extra::Retry { after };
        self
    }

    /// Names the limit that was reached and when to try again.
    pub(super) fn quota(mut self, subject: &'static str, after: Span) -> Self {
        self.extra = Extra::Quota { subject, after };
        self
    }

    /// Encodes the status with its details.
    pub(super) fn into_status(self, message: impl AsRef<str>, effect: Effect) -> Status {
        let message: String = message.as_ref().chars().take(MAX_MESSAGE_CHARS).collect();
        let mut metadata: HashMap<String, String> =
            self.metadata.iter().map(|(key, value)| ((*key).to_owned(), cut(value))).collect();
        metadata.insert(ERROR_EFFECT_KEY.to_owned(), effect_name(effect).to_owned());
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason.wire_name(), ERROR_DOMAIN, metadata);
        match self.extra {
            Extra::None => {}
            Extra::BadField { field, problem } => {
                details.add_bad_request_violation(field, problem);
            }
            Extra::Precondition { kind, subject } => {
                details.add_precondition_failure_violation(kind, subject, message.as_str());
            }
            Extra::Retry { after } => {
                details.set_retry_info(Some(after.to_duration()));
            }
            Extra::Quota { subject, after } => {
                details.set_retry_info(Some(after.to_duration()));
                details.add_quota_failure_violation(subject, message.as_str());
            }
        }
        Status::with_error_details(self.code, message, details)
    }
}

/// Which code, reason and details every error has: the table of the API.
#[expect(clippy::too_many_lines, reason = "one exhaustive match, so that a new error fails here")]
fn shape(error: &Error) -> Shape {
    use Error as E;
    let new = Shape::new;
    match error {
        E::InvalidField { field, problem } => {
            new(Code::InvalidArgument, Reason::InvalidField).field(field, problem)
        }
        E::ArgumentsMalformed { field, problem, position } => {
            new(Code::InvalidArgument, Reason::ArgumentsMalformed)
                .field(field, problem)
                .with("position", position)
        }
        E::SecretFound { place, pattern } => new(Code::InvalidArgument, Reason::SecretFound)
            .field(place, "holds what looks like a secret")
            .with("where", place)
            .with("pattern", pattern),
        E::PageTokenInvalid => new(Code::InvalidArgument, Reason::PageTokenInvalid)
            .field("page_token", "is damaged or belongs to another filter"),
        E::CursorInvalid { problem } => new(Code::InvalidArgument, Reason::CursorInvalid)
            .field("cursor", problem)
            .with("problem", problem),
        E::RolesConflict => new(Code::InvalidArgument, Reason::RolesConflict)
            .field("roles", "an agent neither answers nor writes policies"),
        E::RequestIdReused { request_id } => {
            new(Code::AlreadyExists, Reason::RequestIdReused).with("request_id", request_id)
        }
        E::TokenInvalid => new(Code::Unauthenticated, Reason::TokenInvalid),
        E::NoRole(principal) => {
            new(Code::PermissionDenied, Reason::NoRole).with("principal", principal)
        }
        E::RoleRequired { role } => {
            new(Code::PermissionDenied, Reason::RoleRequired).with("role", role)
        }
        E::SelfReview { escalation } => {
            new(Code::PermissionDenied, Reason::SelfReview).with("escalation_id", escalation)
        }
        E::AlreadyVoted { escalation, by, at } => failed(Reason::AlreadyVoted)
            .subject("escalation_id", escalation)
            .with("by", by)
            .with("at", rfc3339(*at)),
        E::NotRouted { escalation, why } => {
            let denied = new(Code::PermissionDenied, Reason::NotRouted);
            denied.with("escalation_id", escalation).with("why", why)
        }
        E::Answer(error) => answering::shape(error),
        E::Path(error) => path::shape(error),
        E::Override(error) => overriding::shape(error),
        E::Transcript(error) => transcript::shape(error),
        E::AuthorityExceeded { subject, limit, stake, who_can } => {
            new(Code::PermissionDenied, Reason::AuthorityExceeded)
                .with("subject", subject)
                .with("limit", limit)
                .with("stake", stake)
                .with("who_can", who_can)
        }
        E::ApprovalVoid { action, approver, why } => failed(Reason::ApprovalVoid)
            .subject("action_id", action)
            .with("approver", approver)
            .with("why", why),
        E::AlreadyReversed { action, by, at } => failed(Reason::AlreadyReversed)
            .subject("action_id", action)
            .with("by", by)
            .with("at", rfc3339(*at)),
        E::NotReversible { action, state, why } => failed(Reason::NotReversible)
            .subject("action_id", action)
            .with("state", state)
            .with("why", why),
        E::NotFound { resource, id } => {
            new(Code::NotFound, not_found_reason(*resource)).with(id_key(*resource), id)
        }
        E::RunNotRunning { run, state } => {
            failed(Reason::RunNotRunning).subject("run_id", run).with("state", state)
        }
        E::MessagesFull { run, messages, bytes } => failed(Reason::MessagesFull)
            .subject("run_id", run)
            .with("messages", messages)
            .with("bytes", bytes),
        E::DelegationTooDeep { hops, limit } => failed(Reason::DelegationTooDeep)
            .subject("hops", &hops.to_string())
            .with("limit", limit),
        E::EscalationClosed { escalation, state, by, at } => failed(Reason::EscalationClosed)
            .subject("escalation_id", escalation)
            .with("state", state)
            .with("at", rfc3339(*at))
            .with_optional("by", by.as_ref()),
        E::ClaimedByOther { escalation, holder, until } => failed(Reason::ClaimedByOther)
            .subject("escalation_id", escalation)
            .with("holder", holder)
            .with("until", rfc3339(*until)),
        E::ClaimLost { escalation, epoch } => {
            failed(Reason::ClaimLost).subject("escalation_id", escalation).with("epoch", epoch)
        }
        E::EtagMismatch { resource, id, etag } => {
            new(Code::Aborted, Reason::EtagMismatch).with(id_key(*resource), id).with("etag", etag)
        }
        E::DigestMismatch { action, escalation, what } => failed(Reason::DigestMismatch)
            .subject("action_id", action)
            .with("what", what)
            .with_optional("escalation_id", escalation.as_ref()),
        E::GrantRedeemed { grant, at } => {
            failed(Reason::GrantRedeemed).subject("grant_id", grant).with("at", rfc3339(*at))
        }
        E::GrantExpired { grant, at } => {
            failed(Reason::GrantExpired).subject("grant_id", grant).with("at", rfc3339(*at))
        }
        E::GrantRevoked { grant } => failed(Reason::GrantRevoked).subject("grant_id", grant),
        E::ResumptionLost { escalation, epoch } => {
            failed(Reason::ResumptionLost).subject("escalation_id", escalation).with("epoch", epoch)
        }
        E::ResumptionClosed { escalation } => {
            failed(Reason::ResumptionClosed).subject("escalation_id", escalation)
        }
        E::DeniedByPolicy { rule, reason } => {
            failed(Reason::DeniedByPolicy).subject("rule", rule).with("reason", reason)
        }
        E::PolicyInvalid { place, problem } => new(Code::InvalidArgument, Reason::PolicyInvalid)
            .field("document", &format!("{place}: {problem}"))
            .with("place", place)
            .with("problem", problem),
        E::QueueSettingsInvalid { place, problem } => {
            new(Code::InvalidArgument, Reason::QueueSettingsInvalid)
                .field("document", &format!("{place}: {problem}"))
                .with("place", place)
                .with("problem", problem)
        }
        E::QueueSettingsChanged { current, by, at } => {
            new(Code::Aborted, Reason::QueueSettingsChanged)
                .with_optional("current_settings_id", current.as_ref())
                .with_optional("by", by.as_ref())
                .with_optional("at", at.map(rfc3339))
        }
        E::PolicyTestsFailed { failed: count, case, problem } => failed(Reason::PolicyTestsFailed)
            .subject("case", case)
            .with("failed", count)
            .with("problem", problem),
        E::PolicyOutOfBounds { missed } => failed(Reason::PolicyOutOfBounds)
            .subject("bound", missed.kind.name())
            .with("limit", missed.limit)
            .with("figure", missed.figure().unwrap_or_default())
            .with("gated", missed.gated)
            .with("labels", missed.labels),
        E::PolicyChanged { current, by, at } => {
            let changed =
                new(Code::Aborted, Reason::PolicyChanged).with("current_revision_id", current);
            changed.with_optional("by", by.as_ref()).with_optional("at", at.map(rfc3339))
        }
        E::ProfilesChanged { current } => {
            new(Code::Aborted, Reason::ProfilesChanged).with("current_version", current)
        }
        E::PolicyInForce { policy } => failed(Reason::PolicyInForce).subject("revision_id", policy),
        E::NoFormerPolicy { policy } => {
            failed(Reason::NoFormerPolicy).subject("revision_id", policy)
        }
        E::ActivationClosed { activation, state, by, at } => failed(Reason::PolicyActivationClosed)
            .subject("activation_id", activation)
            .with("state", state)
            .with("at", rfc3339(*at))
            .with_optional("by", by.as_ref()),
        E::SecondPersonRequired { activation } => {
            new(Code::PermissionDenied, Reason::SecondPersonRequired)
                .with("activation_id", activation)
        }
        E::ActionNotRedeemed { action, state } => {
            failed(Reason::ActionNotRedeemed).subject("action_id", action).with("state", state)
        }
        E::OutcomeAlreadyReported { action } => {
            failed(Reason::OutcomeAlreadyReported).subject("action_id", action)
        }
        E::NoticeClosed { notice, state, at } => failed(Reason::NoticeClosed)
            .subject("notice_id", notice)
            .with("state", state)
            .with("at", rfc3339(*at)),
        E::ReviewClosed { review, state, at } => failed(Reason::ReviewClosed)
            .subject("review_id", review)
            .with("state", state)
            .with("at", rfc3339(*at)),
        E::AlreadyReviewed { review, by, at } => failed(Reason::AlreadyReviewed)
            .subject("review_id", review)
            .with("by", by)
            .with("at", rfc3339(*at)),
        E::ReviewClaimLost { review, epoch } => {
            failed(Reason::ReviewClaimLost).subject("review_id", review).with("epoch", epoch)
        }
        E::IncidentClosed { incident, state, by, at } => failed(Reason::IncidentClosed)
            .subject("incident_id", incident)
            .with("state", state)
            .with("by", by)
            .with("at", rfc3339(*at)),
        E::FeedbackNotConsented { setting } => {
            failed(Reason::FeedbackNotConsented).subject("setting", setting)
        }
        E::DrillNotHeld { drill } => failed(Reason::DrillNotHeld).subject("drill_id", drill),
        E::BackupExists { name } => failed(Reason::BackupExists).subject("name", name),
        E::BackupFailed { cause } => failed(Reason::BackupFailed).subject("cause", cause),
        E::WatchCompacted { oldest } => {
            new(Code::OutOfRange, Reason::WatchCompacted).with("oldest_sequence", oldest)
        }
        E::SlowConsumer { behind, cursor } => new(Code::ResourceExhausted, Reason::SlowConsumer)
            .quota("behind", RETRY_SLOW_CONSUMER)
            .with("behind_ms", behind.as_micros() / 1_000)
            .with("cursor", cursor),
        E::RepeatOfOpen { escalation, run } => new(Code::AlreadyExists, Reason::RepeatOfOpen)
            .with("escalation_id", escalation)
            .with("run_id", run),
        E::TooManyEscalations { scope, whose, per_minute, retry_after } => {
            new(Code::ResourceExhausted, Reason::TooManyEscalations)
                .quota(scope.name(), *retry_after)
                .with("scope", scope.name())
                .with("whose", whose)
                .with("per_minute", per_minute)
        }
        E::AgentPaused { agent, by, at, escalation } => failed(Reason::AgentPaused)
            .subject("agent", agent)
            .with("by", by)
            .with("at", rfc3339(*at))
            .with_optional("escalation_id", escalation.as_ref()),
        E::TooManyOpen { scope, limit } => new(Code::ResourceExhausted, Reason::TooManyOpen)
            .quota(scope, RETRY_TOO_MANY_OPEN)
            .with("scope", scope)
            .with("limit", limit),
        E::TooManyWatches { limit } => new(Code::ResourceExhausted, Reason::TooManyWatches)
            .quota("streams", RETRY_TOO_MANY_WATCHES)
            .with("limit", limit),
        E::DiskFull { free_bytes } => new(Code::ResourceExhausted, Reason::DiskFull)
            .quota("disk", RETRY_DISK_FULL)
            .with("free_bytes", free_bytes),
        E::Overloaded { retry_after } => {
            new(Code::Unavailable, Reason::Overloaded).retry(*retry_after)
        }
        E::Stopping { effect: _ } => new(Code::Unavailable, Reason::Stopping),
        E::StoreUnavailable { cause: _ } => {
            new(Code::Unavailable, Reason::StoreUnavailable).retry(RETRY_STORE_UNAVAILABLE)
        }
        E::DataDamaged { cause: _ } => new(Code::DataLoss, Reason::DataDamaged),
        E::Internal { cause: _ } => new(Code::Internal, Reason::Internal),
    }
}

/// The reason of an error, and the field it is about, for an answer in which it is a part.
pub(super) fn reason_and_field(error: &Error) -> (&'static str, String) {
    let shape = shape(error);
    let field = match shape.extra {
        Extra::BadField { field, .. } => field,
        _ => String::new(),
    };
    (shape.reason.wire_name(), field)
}

/// The reason of an error, for an answer in which a refusal is a part.
pub(super) fn reason(error: &Error) -> Reason {
    shape(error).reason
}

/// Whether an error says what is wrong with what was sent, and sending something else
/// helps.
pub(super) fn is_about_input(error: &Error) -> bool {
    let code = shape(error).code;
    matches!(code, Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition)
}

/// The cause of a fault goes to the log and to nobody else.
fn log_cause(error: &Error) {
    match error {
        Error::Internal { cause } => tracing::error!(cause, "a call met an internal fault"),
        Error::DataDamaged { cause } => tracing::error!(cause, "a call met damaged data"),
        Error::StoreUnavailable { cause } => tracing::warn!(cause, "a call met no database"),
        _ => {}
    }
}

const fn failed(reason: Reason) -> Shape {
    Shape::new(Code::FailedPrecondition, reason)
}

const fn not_found_reason(resource: Resource) -> Reason {
    match resource {
        Resource::Run => Reason::RunNotFound,
        Resource::Action => Reason::ActionNotFound,
        Resource::Escalation => Reason::EscalationNotFound,
        Resource::Checkpoint => Reason::CheckpointNotFound,
        Resource::Grant => Reason::GrantNotFound,
        Resource::Token => Reason::TokenNotFound,
        Resource::Policy => Reason::PolicyNotFound,
        Resource::PolicyActivation => Reason::PolicyActivationNotFound,
        Resource::Authority => Reason::AuthorityNotFound,
        Resource::Principal => Reason::PrincipalNotFound,
        Resource::Question => Reason::QuestionNotFound,
        Resource::Notice => Reason::NoticeNotFound,
        Resource::NoticeChannel => Reason::NoticeChannelNotFound,
        Resource::QueueSettings => Reason::QueueSettingsNotFound,
        Resource::Review => Reason::ReviewNotFound,
        Resource::Incident => Reason::IncidentNotFound,
        Resource::Drill => Reason::DrillNotFound,
        Resource::Override => Reason::OverrideNotFound,
    }
}

const fn id_key(resource: Resource) -> &'static str {
    match resource {
        Resource::Run => "run_id",
        Resource::Action => "action_id",
        Resource::Escalation => "escalation_id",
        Resource::Checkpoint => "checkpoint_id",
        Resource::Grant => "grant_id",
        Resource::Token => "token_id",
        Resource::Policy => "revision_id",
        Resource::PolicyActivation => "activation_id",
        Resource::Authority => "authority_id",
        Resource::Principal => "principal",
        Resource::Question => "question_id",
        Resource::Notice => "notice_id",
        Resource::NoticeChannel => "channel",
        Resource::QueueSettings => "settings_id",
        Resource::Review => "review_id",
        Resource::Incident => "incident_id",
        Resource::Drill => "drill_id",
        Resource::Override => "override_id",
    }
}

const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "none",
        Effect::Applied => "applied",
        Effect::Unknown => "unknown",
    }
}

fn rfc3339(time: Timestamp) -> String {
    let (seconds, nanos) = time.to_seconds_nanos();
    prost_types::Timestamp { seconds, nanos }.to_string()
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_METADATA_CHARS).collect()
}

#[cfg(test)]
mod tests;
