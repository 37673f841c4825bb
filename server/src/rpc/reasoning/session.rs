//! The two directions of a session, as one stream of messages.
//!
//! Each direction is a stream of its own: reading from the agent stops while it has sent
//! more than is durable, and what it is told goes on all the same.

use futures::stream::{self, Stream, StreamExt as _};
use pointsman_api::v1;
use pointsman_api::v1::open_session_request::Event as Said;
use pointsman_api::v1::open_session_response::Event as Told;
use tonic::{Status, Streaming};

use super::super::convert::overrides::{overriding, read_said};
use super::super::convert::{self, conversation, resumptions, span, time, transcripts};
use super::super::limits::MAX_PAYLOAD_REQUEST_BYTES;
use super::super::{foreign, status};
use crate::domain::error::Error;
use crate::domain::principal::Principal;
use crate::engine::Engine;
use crate::engine::overrides::Acknowledge;
use crate::engine::transcripts::{
    MAX_ENTRIES, MAX_OUTSTANDING, OpenSession, Opened, Refusal, SessionEvent, Upward,
};
use crate::telemetry::trace;

type Message = Result<v1::OpenSessionResponse, Status>;
type Incoming = Streaming<v1::OpenSessionRequest>;

/// Opens a session by the first message of a stream; answers what the agent is told.
pub(super) async fn open(
    engine: &Engine,
    caller: &Principal,
    mut incoming: Incoming,
) -> Result<impl Stream<Item = Message> + use<>, Status> {
    let session = engine.open_session(caller, first(&mut incoming).await?).await?;
    let told = engine.clone();
    let opened = stamped(engine, Told::Opened(opened(engine, session.opened)));
    let downward = session.downward.map(move |event| match event {
        Ok(event) => Ok(stamped(&told, said(event))),
        Err(error) => Err(Status::from(error)),
    });
    let heard = engine.clone();
    let upward = stream::unfold(Some((incoming, session.upward)), hear);
    let upward = upward.filter_map(move |answer| {
        let message = answer.transpose().map(|it| it.map(|it| stamped(&heard, it)));
        async move { message }
    });
    // The way down says when all is over; the way up may end long before.
    let both = stream::select(downward.map(Some).chain(stream::iter([None])), upward.map(Some));
    let both = both.take_while(|message| std::future::ready(message.is_some()));
    Ok(stream::iter([Ok(opened)]).chain(both.filter_map(std::future::ready)))
}

/// Reads the message that opens a session.
async fn first(incoming: &mut Incoming) -> Result<OpenSession, Status> {
    let event = incoming.message().await?.and_then(|message| message.event);
    let later = |field| Error::field(field, "comes after `open`, which is the first message");
    let open = match event {
        Some(Said::Open(open)) => open,
        Some(Said::Entries(_)) => return Err(later("entries").into()),
        Some(Said::Heartbeat(_)) => return Err(later("heartbeat").into()),
        Some(Said::Acknowledgement(_)) => return Err(later("acknowledgement").into()),
        None => return Err(Error::field("open", "required: it is the first message").into()),
    };
    let run = convert::id("open.run_id", &open.run_id)?;
    trace::run(&run);
    Ok(OpenSession { run: Some(run), heartbeat: span(open.heartbeat) })
}

/// Takes the next message of an agent; answers what there is to say of it.
async fn hear(
    state: Option<(Incoming, Upward)>,
) -> Option<(Result<Option<Told>, Status>, Option<(Incoming, Upward)>)> {
    let (mut incoming, mut upward) = state?;
    let message = match incoming.message().await {
        Ok(Some(message)) => message,
        Ok(None) => {
            upward.end();
            return None;
        }
        Err(status) => {
            return Some((Err(foreign::explain(&status, MAX_PAYLOAD_REQUEST_BYTES)), None));
        }
    };
    match take(&mut upward, message).await {
        Ok(answer) => Some((Ok(answer), Some((incoming, upward)))),
        Err(error) => Some((Err(error.into()), None)),
    }
}

async fn take(upward: &mut Upward, message: v1::OpenSessionRequest) -> Result<Option<Told>, Error> {
    match message.event {
        Some(Said::Entries(sent)) => {
            let refusal = upward.take(transcripts::read_drafts("entries", sent.entries)?).await?;
            Ok(refusal.map(refused))
        }
        Some(Said::Acknowledgement(sent)) => acknowledge(upward, sent).await.map(Some),
        Some(Said::Heartbeat(v1::SessionHeartbeat {})) => {
            upward.touch();
            Ok(None)
        }
        Some(Said::Open(_)) => Err(Error::field("open", "only the first message opens a session")),
        None => Err(convert::unspecified("event")),
    }
}

/// Takes what an agent says of an override. What is wrong with it is told, and the session
/// goes on; a fault of the server ends it.
async fn acknowledge(upward: &Upward, sent: v1::SessionAcknowledgement) -> Result<Told, Error> {
    let override_id = sent.override_id.clone();
    let acknowledged = match read_acknowledgement(upward, sent) {
        Ok(command) => upward.acknowledge(command).await,
        Err(error) => Err(error),
    };
    match acknowledged {
        Ok(view) => Ok(Told::Override(overriding(view))),
        Err(error) if status::is_about_input(&error) => {
            Ok(Told::Refusal(v1::SessionRefusal { override_id, ..wrong(&error) }))
        }
        Err(error) => Err(error),
    }
}

fn read_acknowledgement(
    upward: &Upward,
    sent: v1::SessionAcknowledgement,
) -> Result<Acknowledge, Error> {
    let v1::SessionAcknowledgement { override_id, state, words, still_running } = sent;
    Ok(Acknowledge {
        request_id: String::new(),
        id: convert::id("override_id", &override_id)?,
        run: upward.run(),
        said: read_said(state)?,
        words,
        still_running,
    })
}

fn stamped(engine: &Engine, event: Told) -> v1::OpenSessionResponse {
    v1::OpenSessionResponse { server_time: Some(time(engine.now())), event: Some(event) }
}

fn opened(engine: &Engine, opened: Opened) -> v1::SessionOpened {
    v1::SessionOpened {
        attempt: opened.attempt,
        durable_through: opened.through,
        max_outstanding: MAX_OUTSTANDING as u32,
        max_entries: MAX_ENTRIES as u32,
        byte_count: opened.spent.bytes,
        max_byte_count: engine.transcript_limits().bytes,
    }
}

fn said(event: SessionEvent) -> Told {
    match event {
        SessionEvent::Durable { through, spent } => Told::Durable(v1::SessionDurable {
            durable_through: through,
            byte_count: spent.bytes,
            truncated_count: spent.cut_entries,
        }),
        SessionEvent::Override(view) => Told::Override(overriding(*view)),
        SessionEvent::Resumption(view) => Told::Resumption(resumptions::resumption(*view)),
        SessionEvent::Question(view) => Told::Question(conversation::question(*view)),
        SessionEvent::Guidance(revision, guidance) => {
            Told::Guidance(transcripts::guidance(revision, guidance))
        }
        SessionEvent::Heartbeat(next) => {
            Told::Heartbeat(v1::Heartbeat { next_time: Some(time(next)) })
        }
    }
}

fn refused(refusal: Refusal) -> Told {
    match refusal {
        Refusal::Gap { expected } => Told::Gap(v1::SessionGap { expected_entry: expected }),
        Refusal::Refused { number, error } => {
            Told::Refusal(v1::SessionRefusal { entry: number, ..wrong(&error) })
        }
    }
}

/// What is wrong with something, whatever it is.
fn wrong(error: &Error) -> v1::SessionRefusal {
    let (reason, field) = status::reason_and_field(error);
    let (reason, message) = (reason.to_owned(), error.to_string());
    v1::SessionRefusal { reason, message, field, ..v1::SessionRefusal::default() }
}
