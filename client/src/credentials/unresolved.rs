//! Why there is no secret, in words that have none in them.

use std::path::PathBuf;
use std::time::Duration;

use pointsman_api::v1;
use tonic::Code;

/// Why a reference is not resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unresolved {
    /// The reference has no scheme, or nothing after it.
    #[error("it is not of the form `scheme:name`")]
    Malformed,
    /// The program registered no [`Resolver`](super::Resolver) for it.
    #[error("this program has no resolver for `{scheme}:…`")]
    NoResolver {
        /// The scheme.
        scheme: String,
    },
    /// The program did not allow it, such as a file outside of its folder.
    #[error("this program does not allow it: {rule}")]
    NotAllowed {
        /// What is allowed.
        rule: String,
    },
    /// It names nothing that exists.
    #[error("{what} does not exist")]
    Missing {
        /// What does not exist.
        what: String,
    },
    /// It cannot be read.
    #[error("{what} cannot be read: {problem}")]
    Unreadable {
        /// What cannot be read.
        what: String,
        /// Why.
        problem: String,
    },
    /// Everybody on the machine may read or change it.
    #[error("everybody on this machine can get at `{}`: chmod o= it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// What was found is no secret.
    #[error("what was found is not a secret: {problem}")]
    NoSecret {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What the resolver needs itself cannot be had, such as the secret of the
    /// program at the token endpoint.
    #[error("its {part} cannot be had: {cause}")]
    Needs {
        /// What is needed.
        part: &'static str,
        /// Why it cannot be had.
        cause: Box<Unresolved>,
    },
    /// The token endpoint says no: RFC 6749, section 5.2.
    #[error("the token endpoint refuses: {error}{}", in_brackets(description))]
    Refused {
        /// The error code, such as `invalid_grant`.
        error: String,
        /// The endpoint's own words; empty: none that can be shown.
        description: String,
    },
    /// The token endpoint, or what else keeps the secret, cannot answer now.
    #[error("{what} cannot answer now: {problem}")]
    Unavailable {
        /// Who cannot answer.
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// The token endpoint's answer makes no sense.
    #[error("the token endpoint's answer makes no sense: {problem}")]
    Garbled {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The token endpoint gave a new refresh token, and it could not be kept. It is
    /// kept in memory and tried again with the next resolve.
    #[error("the new refresh token could not be kept: {cause}")]
    NotKept {
        /// Why.
        cause: Box<Unresolved>,
    },
    /// It took too long.
    #[error("it took longer than {limit:?}")]
    TooSlow {
        /// How long it may take.
        limit: Duration,
    },
    /// The secrets lapse faster than they can be used.
    #[error("what was given for it lapses before it can be used")]
    Lapsed,
    /// There are more references than a checkpoint may have.
    #[error("an action has at most 32 credentials")]
    TooMany,
    /// Two references have the same name.
    #[error("another credential of the action has the same name")]
    SameName,
    /// A resolver of the program's own failed.
    #[error("{problem}")]
    Other {
        /// What went wrong; without any secret.
        problem: String,
        /// Whether trying again may help.
        is_retryable: bool,
    },
}

/// A credential of an action that is not resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credential `{}` is not resolved (`{}`): {cause}", name.escape_debug(), reference.escape_debug())]
pub struct CredentialError {
    /// What the agent calls it.
    pub name: String,
    /// The reference.
    pub reference: String,
    /// Why there is no secret.
    pub cause: Unresolved,
}

// === impl Unresolved ===

impl Unresolved {
    /// Whether trying again may help without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::TooSlow { .. } | Self::NotKept { .. } => true,
            Self::Garbled { .. } | Self::Lapsed => true,
            Self::Needs { cause, .. } => cause.is_retryable(),
            Self::Other { is_retryable, .. } => *is_retryable,
            Self::Malformed
            | Self::NoResolver { .. }
            | Self::NotAllowed { .. }
            | Self::Missing { .. }
            | Self::Unreadable { .. }
            | Self::Exposed { .. }
            | Self::NoSecret { .. }
            | Self::Refused { .. }
            | Self::TooMany
            | Self::SameName => false,
        }
    }

    /// The gRPC code that fits best.
    pub(crate) fn code(&self) -> Code {
        match self.is_retryable() {
            true => Code::Unavailable,
            false => Code::FailedPrecondition,
        }
    }
}

impl CredentialError {
    pub(super) fn new(reference: &v1::CredentialRef, cause: Unresolved) -> Self {
        let v1::CredentialRef { name, reference } = reference.clone();
        Self { name, reference, cause }
    }
}

fn in_brackets(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!(" ({description})") }
}
