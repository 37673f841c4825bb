//! Why the server did not start, or did not go on, and its exit code.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::tls::TlsError;
use crate::config::ConfigError;
use crate::domain::error::Error;
use crate::engine::policies::ActivateError;
use crate::facts::FactsError;
use crate::identity::IdentityError;
use crate::notices::NoticesError;
use crate::store::StoreFailure;
use crate::store::damage::OpenError;
use crate::telemetry::trace::TelemetryError;

/// The exit code of everything that has no other.
const EXIT_OTHER: u8 = 1;
/// The exit code of what an operator set wrong.
const EXIT_CONFIG: u8 = 2;
/// The exit code of damaged data.
const EXIT_DAMAGED: u8 = 3;
/// The exit code of a full disk.
const EXIT_DISK_FULL: u8 = 9;

/// Why the server ended other than it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is not safe, or makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Encryption cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A provider of facts cannot be set up.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// A channel of notices cannot be set up.
    #[error(transparent)]
    Notices(#[from] NoticesError),
    /// A provider of identities cannot be set up.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Logs or traces cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The policy file cannot be read.
    #[error("the policy `{path}` cannot be read: {cause}")]
    PolicyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The policy cannot be put in force.
    #[error("the policy cannot be put in force: {0}")]
    Policy(#[from] ActivateError),
    /// The data has well-known tokens and this is not `dev`.
    #[error(
        "the data was used by `dev` and has its well-known tokens; \
         revoke `dev-agent`, `dev-reviewer`, `dev-admin` and their like there, or use other data"
    )]
    DevTokens,
    /// The port cannot be had.
    #[error("cannot listen on `{address}`: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine cannot read what it needs at the start.
    #[error("cannot start: {0}")]
    Engine(#[from] Error),
    /// A part of the server does not fit together: a fault of its own.
    #[error("cannot start: {0}")]
    Internal(String),
    /// The store failed while the server ran.
    #[error("the store failed: {0}")]
    StoreFailed(StoreFailure),
}

// === impl RunError ===

impl RunError {
    /// The exit code: 2 what an operator set wrong, 3 damaged data, 9 a full
    /// disk, 1 the rest.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Tls(_)
            | Self::Facts(_)
            | Self::Notices(_)
            | Self::Identity(_)
            | Self::Telemetry(_)
            | Self::PolicyFile { .. }
            | Self::Policy(ActivateError::Document(_))
            | Self::DevTokens => EXIT_CONFIG,
            Self::Open(OpenError::Damaged(_)) | Self::Engine(Error::DataDamaged { .. }) => {
                EXIT_DAMAGED
            }
            Self::Open(OpenError::NoSpace { .. })
            | Self::StoreFailed(StoreFailure::DiskFull { .. })
            | Self::Engine(Error::DiskFull { .. })
            | Self::Policy(ActivateError::Engine(Error::DiskFull { .. })) => EXIT_DISK_FULL,
            Self::Policy(ActivateError::Engine(_))
            | Self::Listen { .. }
            | Self::Open(_)
            | Self::Engine(_)
            | Self::Internal(_)
            | Self::StoreFailed(_) => EXIT_OTHER,
        }
    }
}
