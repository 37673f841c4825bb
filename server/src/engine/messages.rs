//! What a run hears: its user's words and what tools answer, as its agent tells
//! them; outcomes and people's answers come in with their own calls.

use bytes::Bytes;
use uuid::Uuid;

use super::operation::{Answer, Operation, Tx};
use super::runs::own_running;
use super::{Engine, authorize, limits, validate};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::RunId;
use crate::domain::message::Speaker;
use crate::domain::payload::PayloadRef;
use crate::domain::principal::Principal;
use crate::domain::secrets::refuse_secrets;
use crate::store::records::{MessageForm, MessageRecord, SaidRecord};
use crate::store::{CommitLane, keys};

/// One message that an agent tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What the user said.
    User {
        /// The words.
        text: String,
    },
    /// What a tool answered that was not proposed here.
    Tool {
        /// The tool.
        tool: String,
        /// Its answer.
        text: String,
    },
}

/// Tells what a run has heard.
#[derive(Clone, Debug, Default)]
pub struct AppendMessages {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The run.
    pub run: Option<RunId>,
    /// The messages, oldest first.
    pub messages: Vec<Told>,
}

impl Told {
    /// Who says it, which tool if it is one, and the words.
    pub(super) fn parts(&self) -> (Speaker, Option<&str>, &str) {
        match self {
            Self::User { text } => (Speaker::User, None, text),
            Self::Tool { tool, text } => (Speaker::Tool, Some(tool), text),
        }
    }
}

struct Appending<'a> {
    command: &'a AppendMessages,
    run: RunId,
}

impl Operation for Appending<'_> {
    type Output = ();
    const METHOD: &'static str = "AppendMessages";
    const LANE: CommitLane = CommitLane::Intake;

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.run.as_bytes());
        for message in &self.command.messages {
            match message {
                Told::User { text } => hasher.field(&[0]).field(text.as_bytes()),
                Told::Tool { tool, text } => {
                    hasher.field(&[1]).field(tool.as_bytes()).field(text.as_bytes())
                }
            };
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let run = own_running(tx, self.run).await?;
        self.make_room(tx).await?;
        let mut payloads = Vec::with_capacity(self.command.messages.len());
        for message in &self.command.messages {
            let (speaker, tool, text) = message.parts();
            let tool = tool.map(str::to_owned);
            let payload = tx.bytes(Bytes::copy_from_slice(text.as_bytes()), None)?;
            let form = MessageForm::Text;
            let (part, time) = (None, tx.now);
            tx.heard(run.id, MessageRecord { speaker, tool, form, payload, part, time })?;
            payloads.push(payload);
        }
        let subjects = Subjects { run: Some(run.id), ..Subjects::default() };
        tx.event_about(EventKind::RunMessagesAppended, subjects, None, &payloads);
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

impl Appending<'_> {
    /// Counts the user's words, which are never dropped, and refuses too many.
    async fn make_room(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let texts = self.command.messages.iter().filter_map(|message| match message {
            Told::User { text } => Some(text.len()),
            Told::Tool { .. } => None,
        });
        let texts: Vec<usize> = texts.collect();
        if tx.count_said(self.run, &texts).await? {
            return Ok(());
        }
        let (messages, bytes) = (limits::MAX_USER_MESSAGES as u64, limits::MAX_USER_BYTES as u64);
        Err(Error::MessagesFull { run: self.run.to_string(), messages, bytes })
    }
}

impl Tx<'_> {
    /// Counts words of a run's user, each by its bytes; whether all of them find room.
    /// Otherwise none is counted.
    pub(super) async fn count_said(&mut self, run: RunId, texts: &[usize]) -> Result<bool, Error> {
        if texts.is_empty() {
            return Ok(true);
        }
        let key = keys::run_said(self.tenant(), run);
        let mut said = self.get::<SaidRecord>(key.clone()).await?.unwrap_or_default();
        said.messages += texts.len() as u64;
        said.bytes += texts.iter().sum::<usize>() as u64;
        let (messages, bytes) = (limits::MAX_USER_MESSAGES as u64, limits::MAX_USER_BYTES as u64);
        if said.messages > messages || said.bytes > bytes {
            return Ok(false);
        }
        self.put(key, &said)?;
        Ok(true)
    }

    /// Notes that a run has heard something. Nothing is expected, so that reports
    /// of one run do not stand in each other's way.
    pub(super) fn heard(&mut self, run: RunId, message: MessageRecord) -> Result<(), Error> {
        let tenant = self.tenant();
        let key = keys::message(tenant, run, message.speaker, self.next_id());
        self.put(key, &message)?;
        self.mark(keys::run_heard(tenant, run));
        Ok(())
    }

    /// Notes what a reviewer said or wrote.
    pub(super) fn heard_person(
        &mut self,
        run: RunId,
        form: MessageForm,
        payload: PayloadRef,
    ) -> Result<(), Error> {
        let (speaker, time) = (Speaker::Person, self.now);
        self.heard(run, MessageRecord { speaker, tool: None, form, payload, part: None, time })
    }
}

/// Checks each of the messages that stand in the request's field `list`.
pub(super) fn check(list: &str, messages: &[Told]) -> Result<(), Error> {
    if messages.len() > limits::MAX_MESSAGES {
        let problem = format!("want at most {} messages", limits::MAX_MESSAGES);
        return Err(Error::field(list, problem));
    }
    for (place, message) in messages.iter().enumerate() {
        let field = |name: &str| format!("{list}[{place}].{name}");
        let (text, limit) = match message {
            Told::User { text } => (text, limits::MAX_USER_MESSAGE_BYTES),
            Told::Tool { tool, text } => {
                validate::tool(&field("tool"), tool)?;
                (text, limits::MAX_TOOL_MESSAGE_BYTES)
            }
        };
        validate::required(&field("text"), text.as_bytes())?;
        validate::length(&field("text"), text.as_bytes(), limit)?;
        refuse_secrets(&field("text"), text.as_bytes())?;
    }
    Ok(())
}

impl Engine {
    /// Notes what a run of the calling agent has heard. Policies judge later
    /// proposals by it.
    pub async fn append_messages(
        &self,
        caller: &Principal,
        command: AppendMessages,
    ) -> Result<Answer<()>, Error> {
        let by = authorize::agent(caller)?;
        if command.messages.is_empty() {
            return Err(Error::field("messages", "want at least one message"));
        }
        check("messages", &command.messages)?;
        let run = command.run.ok_or_else(|| Error::field("run_id", "required"))?;
        let appending = Appending { command: &command, run };
        self.transact(&by, &command.request_id, &appending).await
    }
}
