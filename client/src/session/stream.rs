//! The stream of a session, opened again whenever it ends.

use std::sync::Arc;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::open_session_request::Event as Said;
use pointsman_api::v1::open_session_response::Event as Told;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use super::{SessionUpdate, Shared};
use crate::connect::{Connection, promised, span};
use crate::error::{Error, ErrorKind, Result};

/// The longest silence that the server is asked to keep, and that is kept to it.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// After this silence the stream counts as broken.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How many messages wait in the client for the connection.
const MESSAGES_WAITING: usize = 2;

/// A stream that is open.
pub(super) struct Open {
    /// What the server said first.
    pub(super) opened: v1::SessionOpened,
    up: mpsc::Sender<v1::OpenSessionRequest>,
    down: Streaming<v1::OpenSessionResponse>,
}

/// Opens a stream.
pub(super) async fn open(connection: &Connection, run_id: &str) -> Result<Open> {
    let limit = connection.attempt_limit();
    let opening = open_now(connection, run_id);
    tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))?
}

async fn open_now(connection: &Connection, run_id: &str) -> Result<Open> {
    let (up, messages) = mpsc::channel(MESSAGES_WAITING);
    let open = v1::SessionOpen { run_id: run_id.to_owned(), heartbeat: Some(span(HEARTBEAT)) };
    let first = v1::OpenSessionRequest { event: Some(Said::Open(open)) };
    up.send(first).await.map_err(|_| gone())?;
    let mut service = connection.reasoning_service();
    let mut down = service.open_session(ReceiverStream::new(messages)).await?.into_inner();
    let event = down.message().await?.and_then(|message| message.event);
    let opened = match event {
        Some(Told::Opened(opened)) => Some(opened),
        _ => None,
    };
    Ok(Open { opened: promised(opened, "opened")?, up, down })
}

fn gone() -> Error {
    Error::protocol("the stream has gone")
}

/// Keeps a session going until it is refused for good.
pub(super) async fn go_on(
    connection: Connection,
    run_id: String,
    shared: Arc<Shared>,
    first: Open,
) {
    let mut delays = connection.stream_delays();
    let mut open_now = Some(first);
    loop {
        let error = match open_now.take() {
            Some(stream) => {
                delays.reset();
                run(stream, &shared).await
            }
            None => match open(&connection, &run_id).await {
                Ok(stream) => {
                    shared.tell(SessionUpdate::Reopened { attempt: stream.opened.attempt });
                    open_now = Some(stream);
                    continue;
                }
                Err(error) => Some(error),
            },
        };
        // It ended in good order: it was old.
        let Some(error) = error else { continue };
        if is_final(&error) {
            shared.end(error);
            return;
        }
        let delay = delays.next().unwrap_or(HEARTBEAT);
        let delay = delay.max(error.retry_after().unwrap_or_default());
        shared.tell(SessionUpdate::Interrupted(error));
        tokio::time::sleep(delay).await;
    }
}

/// Sends and listens until the stream ends; without an error it ended well.
async fn run(stream: Open, shared: &Shared) -> Option<Error> {
    let Open { opened, up, mut down } = stream;
    let mut durable = opened.durable_through;
    if let Err(error) = catch_up(shared, durable) {
        return Some(error);
    }
    let window = u64::from(opened.max_outstanding.max(1));
    let most = opened.max_entries.max(1) as usize;
    let mut beat = tokio::time::interval(HEARTBEAT);
    let mut silent_until = tokio::time::Instant::now() + SILENCE_LIMIT;
    loop {
        // Room first: what is taken out of the buffer is sent for sure.
        let sending = async {
            let place = up.reserve().await.ok()?;
            loop {
                let entries = shared.buffer().next(most, durable + window);
                if !entries.is_empty() {
                    let event = Some(Said::Entries(v1::SessionEntries { entries }));
                    place.send(v1::OpenSessionRequest { event });
                    return Some(());
                }
                shared.rung.notified().await;
            }
        };
        tokio::select! {
            message = down.message() => match message {
                Ok(Some(message)) => {
                    silent_until = tokio::time::Instant::now() + SILENCE_LIMIT;
                    hear(shared, message, &mut durable);
                }
                Ok(None) => return None,
                Err(status) => return Some(status.into()),
            },
            sent = sending => if sent.is_none() {
                // Why it has gone, the other direction says.
                match down.message().await {
                    Ok(Some(message)) => hear(shared, message, &mut durable),
                    Ok(None) => return None,
                    Err(status) => return Some(status.into()),
                }
            },
            _ = beat.tick() => {
                let event = Some(Said::Heartbeat(v1::SessionHeartbeat {}));
                // Whatever else waits to be sent is a sign of life as well.
                let _full_or_gone = up.try_send(v1::OpenSessionRequest { event });
            }
            () = tokio::time::sleep_until(silent_until) => {
                return Some(Error::timeout(SILENCE_LIMIT));
            }
        }
    }
}

/// Goes on behind what the server has.
fn catch_up(shared: &Shared, durable: u64) -> Result<()> {
    let known = shared.progress.borrow().durable;
    let mut buffer = shared.buffer();
    if durable < known || durable > buffer.last() {
        let last = buffer.last();
        drop(buffer);
        let error = Error::protocol(format!(
            "the server has {durable} entries of the run, of which {known} were durable and \
             {last} were sent: somebody else writes it, or it has lost some"
        ));
        shared.end(error.clone());
        return Err(error);
    }
    buffer.forget(durable);
    buffer.rewind(durable + 1);
    drop(buffer);
    note_durable(shared, durable);
    Ok(())
}

fn note_durable(shared: &Shared, durable: u64) {
    shared.progress.send_modify(|progress| progress.durable = progress.durable.max(durable));
}

fn hear(shared: &Shared, message: v1::OpenSessionResponse, durable: &mut u64) {
    match message.event {
        Some(Told::Durable(now)) => {
            *durable = (*durable).max(now.durable_through);
            shared.buffer().forget(*durable);
            note_durable(shared, *durable);
        }
        Some(Told::Gap(gap)) => {
            shared.buffer().rewind(gap.expected_entry);
        }
        Some(Told::Refusal(refusal)) if refusal.override_id.is_empty() => {
            shared.buffer().withhold(&refusal);
            shared.tell(SessionUpdate::Withheld(refusal));
        }
        Some(Told::Override(it)) => shared.tell(SessionUpdate::Override(Box::new(it))),
        Some(Told::Resumption(resumption)) => {
            shared.tell(SessionUpdate::Resumption(Box::new(resumption)));
        }
        Some(Told::Question(question)) => shared.tell(SessionUpdate::Question(question)),
        Some(Told::Guidance(guidance)) => shared.tell(SessionUpdate::Guidance(guidance)),
        Some(Told::Opened(_) | Told::Refusal(_) | Told::Heartbeat(_)) | None => {}
    }
}

/// Whether no later stream can fare better.
fn is_final(error: &Error) -> bool {
    error.kind() == ErrorKind::Protocol
        || error.kind() == ErrorKind::Refused
            && matches!(
                error.code(),
                Code::Unauthenticated
                    | Code::PermissionDenied
                    | Code::InvalidArgument
                    | Code::NotFound
                    | Code::FailedPrecondition
                    | Code::Unimplemented
            )
}
