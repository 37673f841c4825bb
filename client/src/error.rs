//! The one error type of the crate, and what a caller may do about it.
//!
//! It reads the `google.rpc` details that the server sends. What it does not
//! know (an unknown reason, a proxy's plain status) it keeps and never takes for
//! success.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pointsman_api::ERROR_EFFECT_KEY;
use pointsman_api::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::credentials::CredentialError;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The server answered with an error.
    Refused,
    /// The server could not be reached, or the connection broke.
    Connection,
    /// The client's own time limit passed.
    Timeout,
    /// What the caller gave cannot be sent.
    InvalidInput,
    /// The server's answer makes no sense to this client; treated as a refusal.
    Protocol,
    /// A credential that the tool needs could not be resolved. The tool did not run;
    /// [`Error::metadata`] has its `credential` and its `reference`.
    Credential,
}

/// What a failed call has done on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// All of it: only the answer was lost.
    Applied,
    /// Perhaps; the same request_id finds out.
    Unknown,
}

/// A field of the request that the server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// Why a call failed.
#[derive(Clone)]
pub struct Error(Arc<Details>);

#[derive(Clone, Debug)]
struct Details {
    kind: ErrorKind,
    code: Code,
    message: String,
    reason: Option<ErrorReason>,
    reason_name: String,
    metadata: BTreeMap<String, String>,
    effect: Effect,
    violations: Vec<FieldViolation>,
    retry_after: Option<Duration>,
}

// === impl Error ===

impl Error {
    /// Where the error comes from.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The gRPC code; for local errors the one that fits best.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What went wrong, in the server's words.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's reason, if this client knows it.
    pub fn reason(&self) -> Option<ErrorReason> {
        self.0.reason
    }

    /// The server's reason as it was sent; empty: none.
    pub fn reason_name(&self) -> &str {
        &self.0.reason_name
    }

    /// One piece of the reason's metadata, such as `holder`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.0.metadata.get(key).map(String::as_str)
    }

    /// All of the reason's metadata.
    pub fn all_metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// What the failed call has done.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// The fields that the server refused.
    pub fn violations(&self) -> &[FieldViolation] {
        &self.0.violations
    }

    /// How long the server asks to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether trying again may help, and the failed call has certainly done
    /// nothing.
    pub fn is_retryable(&self) -> bool {
        self.0.effect == Effect::None && self.is_retryable_if_idempotent()
    }

    /// Whether the same call may be sent again if it reads only, or carries a
    /// request_id: UNAVAILABLE, a broken connection or an unknown effect.
    pub fn is_retryable_if_idempotent(&self) -> bool {
        match self.0.kind {
            ErrorKind::Refused => {
                self.0.code == Code::Unavailable || self.0.effect == Effect::Unknown
            }
            ErrorKind::Credential => self.0.code == Code::Unavailable,
            ErrorKind::Connection | ErrorKind::Timeout => true,
            ErrorKind::InvalidInput | ErrorKind::Protocol => false,
        }
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::local(ErrorKind::InvalidInput, Code::InvalidArgument, message, Effect::None)
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::local(ErrorKind::Protocol, Code::Internal, message, Effect::Applied)
    }

    pub(crate) fn timeout(limit: Duration) -> Self {
        Self::local(
            ErrorKind::Timeout,
            Code::DeadlineExceeded,
            format!("no answer within {limit:?}"),
            Effect::Unknown,
        )
    }

    /// A credential that is not resolved: no tool ran, and nothing was redeemed unless
    /// the grant was redeemed with its proposal.
    pub(crate) fn credential(failed: &CredentialError, is_redeemed: bool) -> Self {
        let left = match is_redeemed {
            true => "the tool did not run",
            false => "the grant is not redeemed, and the tool did not run",
        };
        let (kind, code) = (ErrorKind::Credential, failed.cause.code());
        let mut details = Details::local(kind, code, format!("{failed}; {left}"), Effect::None);
        details.metadata = BTreeMap::from([
            ("credential".to_owned(), failed.name.clone()),
            ("reference".to_owned(), failed.reference.clone()),
        ]);
        Self(Arc::new(details))
    }

    /// A connection that could not be made: nothing was sent.
    pub(crate) fn unreachable(address: &str, cause: &dyn std::error::Error) -> Self {
        Self::local(
            ErrorKind::Connection,
            Code::Unavailable,
            format!("cannot reach {address}: {}", deepest(cause)),
            Effect::None,
        )
    }

    fn local(kind: ErrorKind, code: Code, message: impl Into<String>, effect: Effect) -> Self {
        Self(Arc::new(Details::local(kind, code, message, effect)))
    }
}

impl Details {
    fn local(kind: ErrorKind, code: Code, message: impl Into<String>, effect: Effect) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            reason: None,
            reason_name: String::new(),
            metadata: BTreeMap::new(),
            effect,
            violations: Vec::new(),
            retry_after: None,
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info() else {
            return plain(&status);
        };
        let metadata: BTreeMap<_, _> = info.metadata.clone().into_iter().collect();
        let violations = details.bad_request().map(|bad| {
            bad.field_violations
                .iter()
                .map(|one| FieldViolation {
                    field: one.field.clone(),
                    description: one.description.clone(),
                })
                .collect()
        });
        Self(Arc::new(Details {
            kind: ErrorKind::Refused,
            code: status.code(),
            message: status.message().to_owned(),
            reason: ErrorReason::from_wire_name(&info.reason),
            reason_name: info.reason.clone(),
            effect: effect_of(metadata.get(ERROR_EFFECT_KEY).map(String::as_str)),
            metadata,
            violations: violations.unwrap_or_default(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if !self.0.reason_name.is_empty() {
            write!(f, " ({})", self.0.reason_name)?;
        }
        let told = |violation: &&FieldViolation| self.0.message.contains(&violation.description);
        for violation in self.0.violations.iter().filter(|violation| !told(violation)) {
            write!(f, "; `{}`: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}

/// What the server says the call did. Silence and new words count as unknown.
fn effect_of(word: Option<&str>) -> Effect {
    match word {
        Some("none") => Effect::None,
        Some("applied") => Effect::Applied,
        Some(_) | None => Effect::Unknown,
    }
}

/// A status without ErrorInfo: from tonic itself, or from something between.
fn plain(status: &Status) -> Error {
    let cause = std::error::Error::source(status);
    let (kind, effect) = match status.code() {
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::Aborted => {
            let never_sent = cause.is_some_and(|cause| chain_says(cause, "tcp connect error"));
            let effect = if never_sent { Effect::None } else { Effect::Unknown };
            (ErrorKind::Connection, effect)
        }
        Code::DeadlineExceeded => (ErrorKind::Timeout, Effect::Unknown),
        _ => (ErrorKind::Refused, Effect::None),
    };
    let message = match cause {
        Some(cause) => format!("{}: {}", status.message(), deepest(cause)),
        None if status.message().is_empty() => status.code().description().to_owned(),
        None => status.message().to_owned(),
    };
    Error::local(kind, status.code(), message, effect)
}

fn chain_says(error: &dyn std::error::Error, words: &str) -> bool {
    error.to_string().contains(words) || error.source().is_some_and(|next| chain_says(next, words))
}

/// The cause of all the causes.
pub(crate) fn deepest(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(next) => deepest(next),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
