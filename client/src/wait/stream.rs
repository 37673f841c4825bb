//! The one stream of answers per agent, opened again whenever it ends.

use std::sync::Arc;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::await_resolutions_response::Event;
use tonic::{Code, Streaming};

use super::Shared;
use crate::connect::{Connection, span};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Delays;

/// The longest silence that the server is asked to keep.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// After this silence the stream counts as broken.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How long late waits gather before the stream starts over for them.
const GATHER: Duration = Duration::from_millis(20);

/// Why a stream is over.
enum End {
    /// The server ended it in good order, or a late wait needs the beginning.
    Renew,
    /// It broke.
    Broken(Error),
}

/// Reads streams until one is refused for good.
pub(super) async fn follow(connection: Connection, shared: Arc<Shared>) {
    let mut delays = connection.stream_delays();
    loop {
        let error = match read_one(&connection, &shared, &mut delays).await {
            End::Renew => continue,
            End::Broken(error) => error,
        };
        if is_final(&error) {
            shared.fail_all(&error);
            return;
        }
        let delay = delays.next().unwrap_or(HEARTBEAT);
        tracing::debug!(%error, ?delay, "stream of answers broke, opening another");
        tokio::time::sleep(delay.max(error.retry_after().unwrap_or_default())).await;
    }
}

async fn read_one(connection: &Connection, shared: &Shared, delays: &mut Delays) -> End {
    let mut stream = match open(connection).await {
        Ok(stream) => stream,
        Err(error) => return End::Broken(error),
    };
    let mut is_working = false;
    loop {
        let message = tokio::select! {
            message = tokio::time::timeout(SILENCE_LIMIT, stream.message()) => message,
            () = shared.start_over.notified() => {
                tokio::time::sleep(GATHER).await;
                return End::Renew;
            }
        };
        match message {
            Ok(Ok(Some(message))) => {
                is_working = true;
                delays.reset();
                match message.event {
                    Some(Event::Resumption(resumption)) => shared.deliver(resumption),
                    Some(Event::Question(question)) => shared.ask(question),
                    _ => {}
                }
            }
            Ok(Ok(None)) if is_working => return End::Renew,
            Ok(Ok(None)) => return End::Broken(Error::protocol("the stream ended at once")),
            Ok(Err(status)) => return End::Broken(status.into()),
            Err(_) => return End::Broken(Error::timeout(SILENCE_LIMIT)),
        }
    }
}

async fn open(connection: &Connection) -> Result<Streaming<v1::AwaitResolutionsResponse>> {
    let request = v1::AwaitResolutionsRequest { scope: None, heartbeat: Some(span(HEARTBEAT)) };
    let limit = connection.attempt_limit();
    let mut service = connection.escalation_service();
    match tokio::time::timeout(limit, service.await_resolutions(request)).await {
        Ok(answer) => Ok(answer?.into_inner()),
        Err(_) => Err(Error::timeout(limit)),
    }
}

/// Whether no later stream can fare better with the same token and server.
fn is_final(error: &Error) -> bool {
    error.kind() == ErrorKind::Refused
        && matches!(
            error.code(),
            Code::Unauthenticated
                | Code::PermissionDenied
                | Code::InvalidArgument
                | Code::Unimplemented
        )
}
