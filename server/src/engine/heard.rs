//! What runs have heard, read once and kept at hand.
//!
//! The truth is in the store, where any server may add to it. With every message of
//! a run a mark is written, whose version tells whether what is at hand is all there
//! is; whoever judges by it makes that version a condition of the commit.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use uuid::Uuid;

use super::operation::Tx;
use super::{Engine, limits, read_error};
use crate::domain::action::ActionContent;
use crate::domain::error::Error;
use crate::domain::escalation::ResolutionContent;
use crate::domain::ids::RunId;
use crate::domain::message::{self, Message, MessageLog, Speaker};
use crate::domain::policy::Sources;
use crate::domain::run::Run;
use crate::store::records::{self, MessageForm, MessageRecord};
use crate::store::{Direction, Version, keys};

/// About how many bytes of memory all that is kept at hand may take.
const CACHE_BYTES: u64 = 96 << 20;
/// About how many bytes of memory one byte of text takes, made ready.
const BYTES_PER_BYTE: u64 = 8;
/// What a run takes beside its texts.
const BYTES_PER_RUN: u64 = 2 << 10;
/// How many runs are expected to be at hand.
const EXPECTED_RUNS: usize = 4_096;

/// What one run has heard up to a version of its mark.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    version: Option<Version>,
    /// The messages that were read, by speaker, each in order.
    ids: [Vec<Uuid>; 3],
    person_bytes: usize,
    bytes: u64,
    log: MessageLog,
    sources: Arc<Sources>,
}

/// What runs have heard, by run.
pub(super) struct HeardCache(Cache<RunId, Arc<Heard>, ByText>);

#[derive(Clone, Debug)]
struct ByText;

impl Weighter<RunId, Arc<Heard>> for ByText {
    fn weight(&self, _: &RunId, heard: &Arc<Heard>) -> u64 {
        BYTES_PER_RUN + heard.bytes * BYTES_PER_BYTE
    }
}

impl Default for HeardCache {
    fn default() -> Self {
        // One shard, so that the largest run finds room in it.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(EXPECTED_RUNS)
            .weight_capacity(CACHE_BYTES)
            .build();
        let cache = options.map_or_else(
            |_| Cache::with_weighter(EXPECTED_RUNS, CACHE_BYTES, ByText),
            |options| {
                let (hasher, lifecycle) =
                    (DefaultHashBuilder::default(), DefaultLifecycle::default());
                Cache::with_options(options, ByText, hasher, lifecycle)
            },
        );
        Self(cache)
    }
}

/// One message in the store.
type Listed = (Uuid, MessageRecord);

impl Heard {
    /// What was heard, made ready to look values up in.
    pub(super) fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// The messages at hand, oldest first.
    pub(super) fn messages(&self) -> &[Message] {
        self.log.messages()
    }

    /// How many messages it was.
    pub(super) fn count(&self) -> u64 {
        self.log.messages().len() as u64 + self.log.dropped()
    }

    /// What a run has heard before anybody spoke. The goal of a run that another
    /// delegated is that one's word, and not its user's.
    fn of_goal(run: &Run, goal: &str) -> Self {
        let mut heard = Self::default();
        if run.parent.is_none() && !goal.is_empty() {
            heard.add(Message::user(goal));
        }
        heard
    }

    /// Adds a message. People's words that find no room are left out: values that
    /// only they hold are from nowhere then, and somebody is asked.
    fn add(&mut self, message: Message) {
        if message.speaker == Speaker::Person {
            let bytes = self.person_bytes + message.text.len();
            if bytes > limits::MAX_PERSON_BYTES {
                return;
            }
            self.person_bytes = bytes;
        }
        let dropped = self.log.dropped();
        if self.log.push(message).is_err() {
            return;
        }
        if self.log.dropped() > dropped {
            self.sources = Arc::new(Sources::read(&self.log));
            let messages = self.log.messages().iter();
            self.bytes = messages.map(|message| message.text.len() as u64).sum();
        } else if let Some(message) = self.log.messages().last() {
            Arc::make_mut(&mut self.sources).hear(message);
            self.bytes += message.text.len() as u64;
        }
    }

    /// Whether everything at hand is still the beginning of what there is.
    fn is_beginning_of(&self, listed: &[Vec<Listed>; 3]) -> bool {
        self.ids.iter().zip(listed).all(|(known, listed)| {
            known.len() <= listed.len() && known.iter().zip(listed).all(|(id, it)| *id == it.0)
        })
    }
}

impl Engine {
    /// What a run has heard; the commit fails if it has heard more by then.
    pub(super) async fn heard_by(
        &self,
        tx: &mut Tx<'_>,
        run: &Run,
        goal: &str,
    ) -> Result<Arc<Heard>, Error> {
        let mark = tx.look(keys::run_heard(tx.tenant(), run.id)).await?;
        let version = mark.map(|mark| mark.version);
        let cache = &self.0.heard.0;
        if let Some(heard) = cache.get(&run.id).filter(|heard| heard.version == version) {
            return Ok(heard);
        }
        let known = cache.remove(&run.id).map(|(_, heard)| Arc::unwrap_or_clone(heard));
        let heard = self.listen(tx.tenant(), run, goal, known).await?;
        let heard = Arc::new(Heard { version, ..heard });
        cache.insert(run.id, Arc::clone(&heard));
        Ok(heard)
    }

    /// Reads what a run has heard since, or all of it.
    async fn listen(
        &self,
        tenant: &str,
        run: &Run,
        goal: &str,
        known: Option<Heard>,
    ) -> Result<Heard, Error> {
        let listed = [
            self.listed(tenant, run.id, Speaker::User, limits::MAX_USER_MESSAGES).await?,
            self.listed(tenant, run.id, Speaker::Person, limits::MAX_PERSON_MESSAGES).await?,
            self.listed(tenant, run.id, Speaker::Tool, limits::MAX_TOOL_MESSAGES).await?,
        ];
        // A server whose clock is behind may have put one between those known.
        let known = known.filter(|heard| heard.is_beginning_of(&listed));
        let mut heard = known.unwrap_or_else(|| Heard::of_goal(run, goal));
        for (speaker, listed) in listed.iter().enumerate() {
            let first = heard.ids.get(speaker).map_or(0, Vec::len);
            let new = listed.get(first..).unwrap_or_default();
            let kept = new.len() - fitting(new);
            for (_, message) in new.iter().skip(kept) {
                heard.add(self.words_of(message).await?);
            }
            if let Some(ids) = heard.ids.get_mut(speaker) {
                ids.extend(new.iter().map(|(id, _)| *id));
            }
        }
        Ok(heard)
    }

    /// What one kind of speaker said, oldest first: of people the first, of tools the
    /// last of more than there may be.
    async fn listed(
        &self,
        tenant: &str,
        run: RunId,
        speaker: Speaker,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        let direction = match speaker {
            Speaker::Tool => Direction::Descending,
            Speaker::User | Speaker::Person => Direction::Ascending,
        };
        let range = keys::messages(tenant, run, speaker);
        let found = self.0.store.scan(range, direction, limit).await.map_err(read_error)?;
        let read = |(key, row): (bytes::Bytes, crate::store::Versioned)| {
            let id = keys::listed_message(&key).ok_or_else(|| Error::DataDamaged {
                cause: "the key of a message cannot be read".to_owned(),
            })?;
            Ok((id, records::decode(&row.value).map_err(read_error)?))
        };
        let mut listed: Vec<Listed> = found.rows.into_iter().map(read).collect::<Result<_, _>>()?;
        if direction == Direction::Descending {
            listed.reverse();
        }
        Ok(listed)
    }

    async fn words_of(&self, record: &MessageRecord) -> Result<Message, Error> {
        let bytes = match record.form {
            MessageForm::Text => {
                self.0.store.payload(&record.payload).await.map_err(read_error)?.to_vec()
            }
            MessageForm::Arguments => {
                self.payload::<ActionContent>(&record.payload).await?.arguments.to_vec()
            }
            MessageForm::Response => {
                self.payload::<ResolutionContent>(&record.payload).await?.response
            }
            MessageForm::Instruction => {
                self.payload::<ResolutionContent>(&record.payload).await?.instruction.into_bytes()
            }
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let tool = record.tool.clone();
        Ok(Message { speaker: record.speaker, tool, text, is_cut: false })
    }
}

/// How many of the last messages can be of any use: results in front of them would
/// be dropped again.
fn fitting(listed: &[Listed]) -> usize {
    let mut bytes = 0;
    let room = |(_, record): &&Listed| {
        let is_room = bytes <= message::MAX_LOG_BYTES;
        bytes += (record.payload.size as usize).min(message::MAX_TOOL_TEXT_BYTES);
        is_room || record.speaker != Speaker::Tool
    };
    listed.iter().rev().take_while(room).count()
}
