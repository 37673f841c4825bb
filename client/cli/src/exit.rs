//! Exit codes, and how a command says that it failed: what, why, and what next.

use std::fmt;

use pointsman_api::v1::ErrorReason;
use pointsman_client::{Effect, Error, ErrorKind};

use crate::output::escape::inline;
use crate::output::time;

/// What a command tells the shell. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; approved and the command succeeded.
    Ok,
    /// It failed; standard error says why.
    Failure,
    /// The command line makes no sense, or the server refuses a field.
    Usage,
    /// There is no such thing, or it is not the caller's to see. For `serve`,
    /// `restore` and `doctor`: the store is damaged.
    NotFound,
    /// No token, or one that does not count.
    Unauthenticated,
    /// A role, a limit or the policy forbids it.
    NotPermitted,
    /// Somebody else was faster, or something changed meanwhile.
    Conflict,
    /// It expired.
    Expired,
    /// The caller's own time limit passed; the question is still open.
    TimedOut,
    /// There is no room on the disk.
    DiskFull,
    /// A person rejected it.
    Rejected,
    /// It was stopped from outside.
    Stopped,
    /// Something stored does not verify.
    NotVerified,
    /// What the command behind `gate`, or a server in this process, returned.
    Command(u8),
}

/// A failure, in words for a person and a code for a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    next: Option<String>,
}

// === impl Exit ===

impl Exit {
    /// The number for the shell.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Unauthenticated => 4,
            Self::NotPermitted => 5,
            Self::Conflict => 6,
            Self::Expired => 7,
            Self::TimedOut => 8,
            Self::DiskFull => 9,
            Self::Rejected => 10,
            Self::Stopped => 11,
            Self::NotVerified => 12,
            Self::Command(code) => code,
        }
    }

    /// The code of a refusal by the server.
    #[expect(
        clippy::too_many_lines,
        reason = "one exhaustive match, so that a new reason fails here"
    )]
    pub(crate) fn of_reason(reason: ErrorReason) -> Self {
        use ErrorReason as R;
        match reason {
            R::InvalidField
            | R::ArgumentsMalformed
            | R::SecretFound
            | R::PageTokenInvalid
            | R::CursorInvalid
            | R::RolesConflict
            | R::PolicyInvalid
            | R::QueueSettingsInvalid
            | R::ReasonRequired
            | R::EvidenceRequired
            | R::ConfirmationRequired => Self::Usage,
            R::RunNotFound
            | R::ActionNotFound
            | R::EscalationNotFound
            | R::CheckpointNotFound
            | R::GrantNotFound
            | R::TokenNotFound
            | R::PolicyNotFound
            | R::PolicyActivationNotFound
            | R::AuthorityNotFound
            | R::PrincipalNotFound
            | R::NoticeNotFound
            | R::QuestionNotFound
            | R::NoticeChannelNotFound
            | R::QueueSettingsNotFound
            | R::ReviewNotFound
            | R::IncidentNotFound
            | R::BranchNotFound
            | R::DrillNotFound
            | R::OverrideNotFound => Self::NotFound,
            R::RunStopped | R::StartsHeld => Self::Stopped,
            R::TokenInvalid => Self::Unauthenticated,
            R::NoRole
            | R::RoleRequired
            | R::SelfReview
            | R::DelegationTooDeep
            | R::MessagesFull
            | R::DeniedByPolicy
            | R::AgentPaused
            | R::RunPaused
            | R::OverrideNeedsSecond
            | R::AuthorityExceeded
            | R::FeedbackNotConsented
            | R::NotRouted
            | R::SecondPersonRequired => Self::NotPermitted,
            R::RequestIdReused
            | R::RepeatOfOpen
            | R::RunNotRunning
            | R::EntryGap
            | R::SessionSuperseded
            | R::BranchAbandoned
            | R::ToolClosed
            | R::CheckpointForeign
            | R::CheckpointStaleParent
            | R::NoGoodCheckpoint
            | R::EffectsChanged
            | R::EscalationClosed
            | R::AlreadyVoted
            | R::AlreadyReversed
            | R::VotesFull
            | R::QuestionsFull
            | R::CommentsFull
            | R::QuestionAnswered
            | R::NotReversible
            | R::ApprovalVoid
            | R::ClaimedByOther
            | R::ClaimLost
            | R::EtagMismatch
            | R::DigestMismatch
            | R::GrantRedeemed
            | R::GrantRevoked
            | R::ResumptionLost
            | R::ResumptionClosed
            | R::ActionNotRedeemed
            | R::OutcomeAlreadyReported
            | R::BackupExists
            | R::WatchCompacted
            | R::PolicyChanged
            | R::ProfilesChanged
            | R::QueueSettingsChanged
            | R::PolicyInForce
            | R::NoFormerPolicy
            | R::PolicyTestsFailed
            | R::PolicyOutOfBounds
            | R::PolicyActivationClosed
            | R::NoticeClosed
            | R::ReviewClosed
            | R::AlreadyReviewed
            | R::ReviewClaimLost
            | R::IncidentClosed
            | R::DrillNotHeld
            | R::OverrideClosed
            | R::NotHeld => Self::Conflict,
            R::GrantExpired => Self::Expired,
            R::DataDamaged | R::CheckpointTampered => Self::NotVerified,
            R::DiskFull => Self::DiskFull,
            R::Unspecified
            | R::TooManyOpen
            | R::TooManyEscalations
            | R::TooManyWatches
            | R::SlowConsumer
            | R::MessageTooLarge
            | R::Overloaded
            | R::Stopping
            | R::StoreUnavailable
            | R::Internal
            | R::Unimplemented
            | R::BackupFailed
            | R::DeadlineExceeded => Self::Failure,
        }
    }

    fn of_error(error: &Error) -> Self {
        match error.reason() {
            Some(ErrorReason::EscalationClosed) if error.metadata("state") == Some("expired") => {
                Self::Expired
            }
            Some(reason) => Self::of_reason(reason),
            None => match error.kind() {
                ErrorKind::InvalidInput => Self::Usage,
                ErrorKind::Refused => of_code(error.code()),
                ErrorKind::Connection
                | ErrorKind::Timeout
                | ErrorKind::Protocol
                | ErrorKind::Credential => Self::Failure,
            },
        }
    }
}

/// A refusal that is not one of ours: a proxy's, or a newer server's.
fn of_code(code: tonic::Code) -> Exit {
    match code {
        tonic::Code::Unauthenticated => Exit::Unauthenticated,
        tonic::Code::PermissionDenied => Exit::NotPermitted,
        tonic::Code::NotFound => Exit::NotFound,
        tonic::Code::InvalidArgument => Exit::Usage,
        tonic::Code::FailedPrecondition | tonic::Code::Aborted => Exit::Conflict,
        _ => Exit::Failure,
    }
}

// === impl Failure ===

impl Failure {
    /// A failure with its words.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), next: None }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// What went wrong, without what may be done next.
    pub(crate) fn what(&self) -> &str {
        self.what.trim_end_matches('.')
    }

    /// What may be done next.
    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = Exit::of_error(&error);
        let failure = Self::new(exit, what_of(&error));
        match next_of(&error) {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what.trim_end_matches('.'))?;
        if let Some(next) = &self.next {
            write!(f, "\n       {next}")?;
        }
        Ok(())
    }
}

fn what_of(error: &Error) -> String {
    let meta = |key| error.metadata(key).map(inline);
    let clock = |key| {
        let time = error.metadata(key).and_then(time::parse);
        time.map(|time| time::clock(&time, Some(&time::local_now()))).unwrap_or_default()
    };
    match error.reason() {
        Some(ErrorReason::EscalationClosed) => {
            let id = meta("escalation_id").unwrap_or_else(|| "the escalation".into());
            let state = meta("state").unwrap_or_else(|| "closed".into());
            let by = meta("by").map(|by| format!(" by {by}")).unwrap_or_default();
            format!("{id} was {state}{by} {}. Yours was not recorded", clock("at"))
        }
        Some(ErrorReason::ClaimedByOther) => {
            let holder = meta("holder").unwrap_or_else(|| "somebody else".into());
            let id = meta("escalation_id").unwrap_or_else(|| "the escalation".into());
            format!("{holder} holds {id} until {}. Yours was not recorded", clock("until"))
        }
        _ => {
            let mut what = inline(error.message());
            for violation in error.violations() {
                if !error.message().contains(&violation.description) {
                    what += &format!("; {}: ", inline(&violation.field));
                    what += &inline(&violation.description);
                }
            }
            if !error.reason_name().is_empty() {
                what += &format!(" ({})", inline(error.reason_name()));
            }
            what
        }
    }
}

fn next_of(error: &Error) -> Option<String> {
    let see = |id: &str| format!("See: pointsman esc get {}", inline(id));
    match error.reason() {
        Some(
            ErrorReason::EscalationClosed
            | ErrorReason::ClaimedByOther
            | ErrorReason::EtagMismatch
            | ErrorReason::ClaimLost
            | ErrorReason::RepeatOfOpen,
        ) => error.metadata("escalation_id").map(see),
        Some(ErrorReason::PolicyChanged) => Some(
            "See what it is now: pointsman policy show; and who: pointsman policy history".into(),
        ),
        Some(ErrorReason::QueueSettingsChanged) => {
            Some("See them: pointsman queue settings show; and who: … history".into())
        }
        Some(ErrorReason::ReasonRequired) => Some("Say why: --reason CODE, or --note TEXT".into()),
        Some(ErrorReason::EvidenceRequired) => {
            Some("Look at it, then name each one: --evidence ID".into())
        }
        Some(ErrorReason::ConfirmationRequired) => Some("Name it: --confirm VALUE".into()),
        Some(ErrorReason::PolicyActivationClosed) => Some("See: pointsman policy history".into()),
        Some(ErrorReason::TokenInvalid) => Some(
            "Log in: pointsman auth login; or set POINTSMAN_TOKEN. An admin makes tokens".into(),
        ),
        Some(ErrorReason::Stopping) if error.effect() == Effect::Unknown => {
            Some("It may have been done: look before you try again.".into())
        }
        Some(_) => error.retry_after().map(|after| format!("Try again in {after:?}.")),
        None => match (error.kind(), error.effect()) {
            (ErrorKind::Connection | ErrorKind::Timeout, effect) => {
                Some(connection_hint(error.message(), effect))
            }
            _ => None,
        },
    }
}

/// What is most often behind a connection that does not come up, or breaks.
fn connection_hint(message: &str, effect: Effect) -> String {
    let hint = if message.contains("invalid peer certificate") {
        "Who signed the server's certificate? Trust it: --tls-ca FILE"
    } else if message.contains("frame with invalid size") {
        "It may be encrypted: write the address with https://"
    } else if effect == Effect::None {
        "Is a server running there? Start one: pointsman dev"
    } else {
        "It may have been done: look before you try again."
    };
    hint.into()
}

#[cfg(test)]
mod tests;
