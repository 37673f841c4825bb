//! The session of a run: what the agent thinks and says goes up, what people decide
//! comes down, over one stream that is opened again whenever it breaks.
//!
//! Entries are kept here until the server says that they are durable, and are sent again
//! after a break. What is kept is bounded: an agent that says more than can be sent is
//! told so.

mod buffer;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use pointsman_api::v1;
use pointsman_api::v1::transcript_entry::Content;
use pointsman_api::v1::transcript_message::Role;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::AbortHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;

use self::buffer::Buffer;
use crate::agent::RunHandle;
use crate::error::{Error, Result};

/// How many updates are kept for a listener that does not listen.
const UPDATES_KEPT: usize = 256;

/// What a session tells its agent.
#[derive(Clone, Debug)]
pub enum SessionUpdate {
    /// A person overrides the run; the same comes again, in every new stream, until
    /// `RunHandle::acknowledge` has said how far the run is.
    Override(Box<v1::Override>),
    /// A person answered; the same comes again until it is acknowledged.
    Resumption(Box<v1::Resumption>),
    /// A reviewer asks something before deciding.
    Question(v1::AgentQuestion),
    /// What the model should be told of the policy.
    Guidance(v1::SessionGuidance),
    /// The server would not store an entry; a note that it was withheld went in its place.
    Withheld(v1::SessionRefusal),
    /// The stream broke and is being opened again.
    Interrupted(Error),
    /// It is open again, under another attempt.
    Reopened {
        /// The attempt.
        attempt: u64,
    },
    /// The listener fell behind, and so many updates are gone. What people decided and
    /// asked is kept by the server: `ReasoningService.ReceiveUpdates` has it.
    Missed(u64),
}

/// How far a session is.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Every entry up to this number is durable.
    durable: u64,
    /// Why the session is over.
    ended: Option<Error>,
}

/// A session of one run. Dropping it ends it at once; [`close`](Self::close) waits until
/// all is durable.
#[derive(Debug)]
pub struct Session {
    run_id: String,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    buffer: Mutex<Buffer>,
    /// Rings when there is something to send, or nothing more will be.
    rung: Notify,
    progress: watch::Sender<Progress>,
    updates: broadcast::Sender<SessionUpdate>,
}

impl Shared {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, update: SessionUpdate) {
        let _nobody_may_listen = self.updates.send(update);
    }

    fn end(&self, error: Error) {
        self.progress.send_modify(|progress| {
            progress.ended.get_or_insert(error);
        });
    }
}

// === impl RunHandle ===

impl RunHandle {
    /// Opens the session of this run. It shuts out sessions of the run that other
    /// processes have open, and is opened again by itself when it breaks.
    ///
    /// # Errors
    ///
    /// As `ReasoningService.OpenSession`, when the first stream cannot be opened.
    pub async fn open_session(&self) -> Result<Session> {
        let connection = self.agent().connection().clone();
        let run_id = self.run_id().to_owned();
        let opened = stream::open(&connection, &run_id).await?;
        let through = opened.opened.durable_through;
        let shared = Arc::new(Shared {
            buffer: Mutex::new(Buffer::after(through)),
            rung: Notify::new(),
            progress: watch::Sender::new(Progress { durable: through, ended: None }),
            updates: broadcast::Sender::new(UPDATES_KEPT),
        });
        let going = stream::go_on(connection, run_id.clone(), Arc::clone(&shared), opened);
        let task = tokio::spawn(going).abort_handle();
        Ok(Session { run_id, shared, task })
    }
}

// === impl Session ===

impl Session {
    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Adds an entry; answers its number. It is sent at once, and not durable by this.
    ///
    /// # Errors
    ///
    /// The session is over, or so much waits to be durable that there is no room:
    /// [`wait_durable`](Self::wait_durable) waits for some.
    pub fn push(&self, content: Content) -> Result<u64> {
        if let Some(error) = &self.shared.progress.borrow().ended {
            return Err(error.clone());
        }
        let number = self.shared.buffer().push(content)?;
        self.shared.rung.notify_one();
        Ok(number)
    }

    /// Adds a piece of what the model thinks, at most 16 KiB.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn reasoning(&self, text: impl Into<String>) -> Result<u64> {
        self.push(Content::Reasoning(v1::Reasoning { text: text.into() }))
    }

    /// Adds a message: at most 16 KiB of a user, else 64 KiB.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn message(&self, role: Role, text: impl Into<String>) -> Result<u64> {
        let message = v1::TranscriptMessage { role: role.into(), text: text.into() };
        self.push(Content::Message(message))
    }

    /// Says that a step of the work begins; its title has at most 256 bytes.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn step(&self, title: impl Into<String>) -> Result<u64> {
        self.push(Content::Step(v1::Step { title: title.into() }))
    }

    /// Says what the agent is about to do, and why; at most 2 KiB each.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn intent(&self, text: impl Into<String>, why: impl Into<String>) -> Result<u64> {
        self.push(Content::Intent(v1::Intent { text: text.into(), why: why.into() }))
    }

    /// Every entry up to this number is durable.
    pub fn durable_through(&self) -> u64 {
        self.shared.progress.borrow().durable
    }

    /// Waits until every entry up to a number is durable.
    ///
    /// # Errors
    ///
    /// The session is over.
    pub async fn wait_durable(&self, number: u64) -> Result<()> {
        let mut progress = self.shared.progress.subscribe();
        let reached = progress.wait_for(|it| it.durable >= number || it.ended.is_some()).await;
        let reached = reached.map_err(|_| Error::protocol("the session has gone"))?;
        match &reached.ended {
            Some(error) if reached.durable < number => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// What the server says from now on, as it comes.
    pub fn updates(&self) -> impl Stream<Item = SessionUpdate> + Send + use<> {
        BroadcastStream::new(self.shared.updates.subscribe())
            .map(|update| update.unwrap_or_else(|lagged| SessionUpdate::Missed(missed(&lagged))))
    }

    /// Waits until all is durable, and ends the session.
    ///
    /// # Errors
    ///
    /// As for [`wait_durable`](Self::wait_durable).
    pub async fn close(self) -> Result<()> {
        let last = self.shared.buffer().last();
        self.wait_durable(last).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const fn missed(lagged: &tokio_stream::wrappers::errors::BroadcastStreamRecvError) -> u64 {
    let tokio_stream::wrappers::errors::BroadcastStreamRecvError::Lagged(count) = lagged;
    *count
}
