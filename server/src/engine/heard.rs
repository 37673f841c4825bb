//! What runs have heard, read once and kept at hand.
//!
//! The truth is in the store, where any server may add to it. With every message of
//! a run a mark is written, whose version tells whether what is at hand is all there
//! is; whoever judges by it makes that version a condition of the commit.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::sync::{Mutex, MutexGuard};
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
use crate::store::records::{self, EntriesContent, MessageForm, MessageRecord};
use crate::store::{Direction, KeyRange, Version, keys};

/// About how many bytes of memory all that is kept at hand may take.
const CACHE_BYTES: u64 = 96 << 20;
/// About how many bytes of memory one byte of text takes, made ready.
const BYTES_PER_BYTE: u64 = 8;
/// What a run takes beside its texts.
const BYTES_PER_RUN: u64 = 2 << 10;
/// How many runs are expected to be at hand.
const EXPECTED_RUNS: usize = 4_096;
/// How many of the last known messages are looked at again: a commit may put one in front
/// of them. One that comes later than that is not heard; values that only it holds are
/// from nowhere then, and somebody is asked.
const OVERLAP: usize = 128;
/// More new ones of one speaker than this are read like all.
const MOST_NEW: usize = 256;
/// Among so many locks runs are read.
const READERS: usize = 64;

/// What one run has heard up to a version of its mark.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    version: Option<Version>,
    /// The messages that were read, by speaker.
    known: [Known; 3],
    person_bytes: usize,
    bytes: u64,
    log: MessageLog,
    sources: Arc<Sources>,
}

/// What runs have heard, by run.
pub(super) struct HeardCache {
    cache: Cache<RunId, Arc<Heard>, ByText>,
    /// Whoever reads what a run has heard lets the others of that run wait for it.
    readers: [Mutex<()>; READERS],
}

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
        Self { cache, readers: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl HeardCache {
    fn at_hand(&self, run: RunId, version: Option<Version>) -> Option<Arc<Heard>> {
        self.cache.get(&run).filter(|heard| heard.version == version)
    }

    async fn reader(&self, run: RunId) -> Option<MutexGuard<'_, ()>> {
        let place = usize::from(*run.as_bytes().last()?) % READERS;
        Some(self.readers.get(place)?.lock().await)
    }
}

/// One message in the store.
type Listed = (Uuid, MessageRecord);

/// Who may have said something, in the order of [`Heard::known`].
const SPEAKERS: [Speaker; 3] = [Speaker::User, Speaker::Person, Speaker::Tool];

/// Which messages of one speaker were read.
#[derive(Clone, Debug, Default)]
struct Known {
    count: usize,
    /// The last of them, in order.
    last: Vec<Uuid>,
}

impl Known {
    fn note(&mut self, new: &[Listed]) {
        self.count += new.len();
        self.last.extend(new.iter().map(|(id, _)| *id));
        self.last.drain(..self.last.len().saturating_sub(OVERLAP));
    }

    /// Where to look for more: from the first on that is known still.
    fn range(&self, tenant: &str, run: RunId, speaker: Speaker) -> KeyRange {
        let mut range = keys::messages(tenant, run, speaker);
        if let Some(first) = self.last.first().filter(|_| self.count > self.last.len()) {
            range.start = keys::message(tenant, run, speaker, *first);
        }
        range
    }

    /// What of the listed is new; none: something came in front of what is known.
    fn news(&self, listed: Vec<Listed>) -> Option<Vec<Listed>> {
        let mut listed = listed.into_iter();
        let is_known = self.last.iter().all(|id| listed.next().is_some_and(|(it, _)| it == *id));
        is_known.then(|| listed.collect())
    }
}

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
        let kept = &self.0.heard;
        if let Some(heard) = kept.at_hand(run.id, version) {
            return Ok(heard);
        }
        let _reader = kept.reader(run.id).await;
        // Whoever read before this may have heard more: then the commit fails.
        let mark = self.0.store.read(&keys::run_heard(tx.tenant(), run.id)).await;
        let version = mark.map_err(read_error)?.map(|mark| mark.version);
        if let Some(heard) = kept.at_hand(run.id, version) {
            return Ok(heard);
        }
        let known = kept.cache.remove(&run.id).map(|(_, heard)| Arc::unwrap_or_clone(heard));
        let heard = self.listen(tx.tenant(), run, goal, known).await?;
        let heard = Arc::new(Heard { version, ..heard });
        kept.cache.insert(run.id, Arc::clone(&heard));
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
        let news = match &known {
            Some(heard) => self.news(tenant, run.id, heard).await?,
            None => None,
        };
        let (mut heard, news) = match (known, news) {
            (Some(heard), Some(news)) => (heard, news),
            _ => (Heard::of_goal(run, goal), self.all_heard(tenant, run.id).await?),
        };
        for (known, new) in news.into_iter().enumerate() {
            let kept = new.len() - fitting(&new);
            for (_, message) in new.iter().skip(kept) {
                heard.add(self.words_of(message).await?);
            }
            if let Some(known) = heard.known.get_mut(known) {
                known.note(&new);
            }
        }
        Ok(heard)
    }

    /// What each speaker said since, oldest first; none: it cannot be told apart from
    /// what is known.
    async fn news(
        &self,
        tenant: &str,
        run: RunId,
        heard: &Heard,
    ) -> Result<Option<[Vec<Listed>; 3]>, Error> {
        let mut news = [const { Vec::new() }; 3];
        for ((speaker, known), news) in SPEAKERS.into_iter().zip(&heard.known).zip(&mut news) {
            let most = most_of(speaker);
            if speaker != Speaker::Tool && known.count >= most {
                continue;
            }
            let (range, limit) = (known.range(tenant, run, speaker), known.last.len() + MOST_NEW);
            let (listed, has_more) = self.listed(range, Direction::Ascending, limit).await?;
            let Some(new) = known.news(listed).filter(|_| !has_more) else { return Ok(None) };
            *news = new;
            if speaker != Speaker::Tool {
                news.truncate(most - known.count);
            }
        }
        Ok(Some(news))
    }

    /// What each speaker said, oldest first: of people the first, of tools the last of
    /// more than there may be.
    async fn all_heard(&self, tenant: &str, run: RunId) -> Result<[Vec<Listed>; 3], Error> {
        let mut all = [const { Vec::new() }; 3];
        for (speaker, all) in SPEAKERS.into_iter().zip(&mut all) {
            let direction = match speaker {
                Speaker::Tool => Direction::Descending,
                Speaker::User | Speaker::Person => Direction::Ascending,
            };
            let range = keys::messages(tenant, run, speaker);
            (*all, _) = self.listed(range, direction, most_of(speaker)).await?;
            if direction == Direction::Descending {
                all.reverse();
            }
        }
        Ok(all)
    }

    /// Messages of a range, and whether there are more.
    async fn listed(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<(Vec<Listed>, bool), Error> {
        let found = self.0.store.scan(range, direction, limit).await.map_err(read_error)?;
        let read = |(key, row): (bytes::Bytes, crate::store::Versioned)| {
            let id = keys::listed_message(&key).ok_or_else(|| Error::DataDamaged {
                cause: "the key of a message cannot be read".to_owned(),
            })?;
            Ok((id, records::decode(&row.value).map_err(read_error)?))
        };
        let listed = found.rows.into_iter().map(read).collect::<Result<_, Error>>()?;
        Ok((listed, found.has_more))
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
            MessageForm::Entry => self.heard_entry(record).await?,
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let tool = record.tool.clone();
        Ok(Message { speaker: record.speaker, tool, text, is_cut: false })
    }
}

/// How many messages of one speaker are listed.
const fn most_of(speaker: Speaker) -> usize {
    match speaker {
        Speaker::User => limits::MAX_USER_MESSAGES,
        Speaker::Person => limits::MAX_PERSON_MESSAGES,
        Speaker::Tool => limits::MAX_TOOL_MESSAGES,
    }
}

impl Engine {
    /// The words of an entry of the transcript.
    async fn heard_entry(&self, record: &MessageRecord) -> Result<Vec<u8>, Error> {
        let content = self.payload::<EntriesContent>(&record.payload).await?;
        let number = record.part.map(|part| part.number);
        let found = content.entries.iter().find(|entry| Some(entry.number) == number);
        let heard = found.and_then(|entry| entry.content.heard());
        heard.map(|(_, _, words)| words.to_vec()).ok_or_else(|| Error::DataDamaged {
            cause: format!("payload {} lacks an entry that was heard", record.payload.id),
        })
    }
}

/// How many of the last messages can be of any use: results in front of them would
/// be dropped again.
fn fitting(listed: &[Listed]) -> usize {
    let mut bytes = 0;
    let room = |(_, record): &&Listed| {
        let is_room = bytes <= message::MAX_LOG_BYTES;
        let size = record.part.map_or(record.payload.size, |part| part.bytes);
        bytes += (size as usize).min(message::MAX_TOOL_TEXT_BYTES);
        is_room || record.speaker != Speaker::Tool
    };
    listed.iter().rev().take_while(room).count()
}
