//! Callers: who they are, and what became of a call.

use pointsman_client::{Connection, Effect, Error, ErrorKind};
use tonic::{Response, Status};
use uuid::Uuid;

/// The ready-made tokens of a server in dev mode.
pub const AGENT: &str = "dev-agent";
/// The ready-made reviewer.
pub const REVIEWER: &str = "dev-reviewer";
/// The token of the supervisor.
pub const SUPERVISOR: &str = "dev-supervisor";
/// The token of the policy author.
pub const AUTHOR: &str = "dev-author";
/// The token of the auditor.
pub const AUDITOR: &str = "dev-auditor";
/// The ready-made admin.
pub const ADMIN: &str = "dev-admin";

/// What became of a call.
#[derive(Debug)]
pub enum Called<T> {
    /// It was answered: its effect is durable.
    Done(T),
    /// It was refused, and did nothing.
    Refused(Error),
    /// Nobody knows: the server or the connection went away.
    Lost(Error),
}

/// Connects lazily, so that a caller may be made before its server.
pub fn connect(address: &str, token: &str) -> Connection {
    Connection::builder(address).token(token).connect_lazy().unwrap()
}

/// Sorts an answer.
pub fn called<T>(answer: Result<Response<T>, Status>) -> Called<T> {
    match answer {
        Ok(answer) => Called::Done(answer.into_inner()),
        Err(status) => {
            let error = Error::from(status);
            let is_refused = error.kind() == ErrorKind::Refused && error.effect() == Effect::None;
            if is_refused { Called::Refused(error) } else { Called::Lost(error) }
        }
    }
}

/// A fresh request id.
pub fn request_id() -> String {
    Uuid::now_v7().to_string()
}

impl<T> Called<T> {
    /// The answer, where nothing else is expected.
    #[track_caller]
    pub fn done(self) -> T {
        match self {
            Self::Done(answer) => answer,
            Self::Refused(error) | Self::Lost(error) => panic!("not done: {error:?}"),
        }
    }

    /// The refusal's reason, where nothing else is expected.
    #[track_caller]
    pub fn refused(self) -> String
    where
        T: std::fmt::Debug,
    {
        match self {
            Self::Refused(error) => error.reason_name().to_owned(),
            other => panic!("not refused: {other:?}"),
        }
    }
}
