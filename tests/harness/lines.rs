//! The servers that one caller may use. With several it does what any client behind
//! a list of addresses does: it sends a call without an answer again, with the same
//! request id, to the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pointsman_client::{Connection, Error};
use tokio::time::timeout;
use tonic::{Response, Status};

use super::api::{Called, called, connect};
use super::ledger::Ledger;
use super::poll::at_moment;

/// How long one try may take: longer than a server has patience with its database.
const TRY: Duration = Duration::from_secs(15);
/// How long a caller goes on asking before nobody serves.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a caller waits before it asks the next server.
const PAUSE: Duration = Duration::from_millis(10);
/// One of so many callers who hear nothing is gone for good itself, and never knows.
const GIVES_UP: u64 = 10;

/// The servers of a caller, in turn.
pub struct Lines {
    connections: Vec<Connection>,
    at: usize,
    /// Where changes are noted; none: the caller has one server, and ends with it.
    ledger: Option<Arc<Ledger>>,
}

// === impl Lines ===

impl Lines {
    /// One server; what it does not answer is lost.
    pub fn to_one(address: &str, token: &str) -> Self {
        Self { connections: vec![connect(address, token)], at: 0, ledger: None }
    }

    /// Several servers, of which the one at `at` is asked first.
    pub fn to_several(addresses: &[String], at: usize, token: &str, ledger: Arc<Ledger>) -> Self {
        let connections: Vec<_> = addresses.iter().map(|address| connect(address, token)).collect();
        Self { at: at % connections.len(), connections, ledger: Some(ledger) }
    }

    /// Whether a call without an answer means that there is nobody left to ask.
    pub const fn end_with_their_server(&self) -> bool {
        self.ledger.is_none()
    }

    /// Calls until there is an answer that is one, or the caller gives up: then it may
    /// have happened, unless every server said that it has not.
    pub async fn call<M: Clone, T>(
        &mut self,
        message: M,
        method: impl AsyncFn(Connection, M) -> Result<Response<T>, Status>,
    ) -> Called<T> {
        let began = Instant::now();
        let mut is_lost = false;
        loop {
            let line = self.connections[self.at].clone();
            let answer = match timeout(TRY, method(line, message.clone())).await {
                Ok(answer) => called(answer),
                Err(_) => Called::Lost(Error::from(Status::deadline_exceeded("no answer"))),
            };
            let Some(ledger) = &self.ledger else { return answer };
            let error = match answer {
                Called::Lost(error) => {
                    is_lost = true;
                    error
                }
                Called::Refused(error) if error.is_retryable_if_idempotent() => error,
                answer => return answer,
            };
            assert!(began.elapsed() < PATIENCE, "nobody serves for {PATIENCE:?}: {error:?}");
            let pulse = ledger.pulse();
            pulse.switch();
            if pulse.switches().is_multiple_of(GIVES_UP) {
                return if is_lost { Called::Lost(error) } else { Called::Refused(error) };
            }
            self.at = (self.at + 1) % self.connections.len();
            at_moment(PAUSE).await;
        }
    }
}
