//! The pump: stores what all tracks have taken, many runs in one commit.
//!
//! It goes on by itself: while one commit is under way the next entries gather, so that
//! the more there is the fewer commits it costs. What one agent's runs have said goes
//! into one commit, whose principal is that agent; the commits of all agents are made
//! at once, and the store syncs them together.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;

use super::track::{Taken, Track};
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::payload::PayloadRef;
use crate::domain::time::Span;
use crate::domain::transcript::{Content, Entry, Kind};
use crate::engine::operation::{self, Tx};
use crate::engine::{DEFAULT_TENANT, Engine, limits, read_error};
use crate::store::keys::{Place, Rank};
use crate::store::records::{
    self, EntriesContent, EntriesRecord, EntryPart, MessageForm, MessageRecord, TranscriptRecord,
};
use crate::store::{CommitLane, Committed, Expectation, Version, keys};

/// The most runs that are stored at once.
const MAX_RUNS: usize = 512;
/// The most entries that are stored at once, of all runs.
const MAX_ENTRIES: usize = 1_024;
/// The most bytes that are stored at once, of all runs, beyond the last entry.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes of one run that are stored at once, beyond the last entry.
const MAX_RUN_BYTES: usize = 512 * 1024;
/// How long to sleep when there is nothing to store.
const IDLE_SLEEP: Span = Span::from_secs(60);

/// What a commit is to store of a run.
struct Part {
    track: Arc<Track>,
    taken: Taken,
}

impl Engine {
    /// Stores what is taken, until the store stops.
    pub(in crate::engine) async fn run_transcripts(&self) -> Result<(), Error> {
        let clock = &self.0.clock;
        loop {
            while self.store_transcripts().await? {}
            tokio::select! {
                () = self.0.transcripts.rung.notified() => {}
                () = clock.sleep_until(self.now().plus(IDLE_SLEEP)) => {}
            }
            // A server that stores nothing must see all the same that its store has stopped.
            self.0.store.sequence(DEFAULT_TENANT).await.map_err(read_error)?;
        }
    }

    /// Stores what is taken, as much as fits at once; whether there was anything.
    pub(in crate::engine) async fn store_transcripts(&self) -> Result<bool, Error> {
        let parts = self.drain();
        if parts.is_empty() {
            return Ok(false);
        }
        let mut of_agents: HashMap<(String, String), Vec<Part>> = HashMap::new();
        for part in parts {
            let by = &part.track.by;
            let whose = (by.tenant().to_owned(), by.name().to_owned());
            of_agents.entry(whose).or_default().push(part);
        }
        let stored = join_all(of_agents.into_values().map(|parts| self.store_parts(parts))).await;
        stored.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(true)
    }

    /// Takes out what is to be stored next.
    fn drain(&self) -> Vec<Part> {
        let transcripts = &self.0.transcripts;
        let (mut entries, mut bytes) = (MAX_ENTRIES, MAX_BYTES);
        let mut parts = Vec::new();
        let mut again = Vec::new();
        while parts.len() < MAX_RUNS && entries > 0 && bytes > 0 {
            let Some(track) = transcripts.waiting().pop_front() else { break };
            let Some(taken) = track.take(entries, MAX_RUN_BYTES.min(bytes)) else { continue };
            entries = entries.saturating_sub(taken.entries.len());
            bytes = bytes.saturating_sub(taken.room());
            if taken.has_more {
                again.push(Arc::clone(&track));
            }
            parts.push(Part { track, taken });
        }
        transcripts.waiting().extend(again);
        parts
    }

    /// Stores what runs of one agent have said: together if nothing is in the way, else
    /// each by itself.
    async fn store_parts(&self, mut parts: Vec<Part>) -> Result<(), Error> {
        let room: usize = parts.iter().map(|part| part.taken.room()).sum();
        let result = match self.commit_parts(&parts).await {
            Ok(committed) => {
                self.settle(&parts, &committed);
                Ok(())
            }
            Err(Some(error)) => give_up(&parts, error),
            Err(None) => {
                while let Some(part) = parts.pop() {
                    self.store_alone(part).await?;
                }
                Ok(())
            }
        };
        self.0.transcripts.room.add_permits(room);
        result
    }

    /// Stores what one run has said, behind whatever another server has stored of it.
    async fn store_alone(&self, mut part: Part) -> Result<(), Error> {
        for _ in 0..limits::MAX_ATTEMPTS {
            let key = keys::transcript(part.track.by.tenant(), part.track.run);
            let found = self.0.store.read(&key).await.map_err(read_error)?;
            let version = found.as_ref().map(|found| found.version);
            let head: TranscriptRecord = match found {
                Some(found) => records::decode(&found.value).map_err(read_error)?,
                None => TranscriptRecord::default(),
            };
            let Part { track, taken } = part;
            let Some(taken) = track.catch_up(taken, head, version) else { return Ok(()) };
            if taken.entries.is_empty() {
                return Ok(());
            }
            part = Part { track, taken };
            let alone = std::slice::from_ref(&part);
            match self.commit_parts(alone).await {
                Ok(committed) => {
                    self.settle(alone, &committed);
                    return Ok(());
                }
                Err(Some(error)) => return give_up(alone, error),
                Err(None) => tokio::task::yield_now().await,
            }
        }
        give_up(&[part], Error::Overloaded { retry_after: operation::OVERLOAD_RETRY })
    }

    /// Tells who waits, and who watches.
    fn settle(&self, parts: &[Part], committed: &Committed) {
        for Part { track, taken } in parts {
            track.stored(taken.head, Version(committed.commit), committed.sequence);
            if let Some(tail) = self.0.transcripts.tails.find(track.run) {
                tail.push(&taken.entries);
            }
        }
    }

    async fn commit_parts(&self, parts: &[Part]) -> Result<Committed, Option<Error>> {
        let Some(first) = parts.first() else { return Err(None) };
        let mut tx = Tx::new(self, &first.track.by, CommitLane::Intake);
        for part in parts {
            part.write(&mut tx).await.map_err(Some)?;
        }
        self.commit_alone(tx).await
    }
}

/// Ends the tracks: nothing of it was acknowledged, and whoever sent it sends it again
/// when the trouble is over. A store that has stopped ends the pump as well.
fn give_up(parts: &[Part], error: Error) -> Result<(), Error> {
    for part in parts {
        part.track.end(error.clone());
    }
    match error {
        Error::Stopping { .. } => Err(error),
        _ => Ok(()),
    }
}

impl Part {
    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let Taken { head, version, entries, .. } = &self.taken;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
        let (tenant, run) = (tx.tenant(), self.track.run);
        let key = keys::transcript(tenant, run);
        tx.expect(Expectation::Key { key: key.clone(), version: *version });
        tx.put(key, head)?;
        let payload = tx.payload(&EntriesContent { entries: entries.clone() }, None)?;
        let record = EntriesRecord {
            first: first.number,
            last: last.through(),
            kinds: kinds_of(entries),
            bytes: entries.iter().map(|entry| entry.content.bytes() as u64).sum(),
            from: first.time,
            until: last.time,
            payload,
        };
        tx.put(keys::entries(tenant, run, first.number), &record)?;
        let subjects = Subjects {
            run: Some(run),
            entry: Some(record.first),
            count: Some(record.last - record.first + 1),
            ..Subjects::default()
        };
        tx.event_about(EventKind::ReasoningAppended, subjects, None, &[payload]);
        for entry in entries {
            if matches!(entry.content, Content::Step { .. }) {
                let place = Place::numbered(Rank::Title, entry.time, entry.number);
                tx.mark(keys::noted(tx.tenant(), run, place));
            }
            self.hear(tx, entry, payload).await?;
        }
        Ok(())
    }

    /// Notes what the run hears by an entry. Words of a user beyond what a run may have
    /// of them are in the transcript and nothing is judged by them.
    async fn hear(&self, tx: &mut Tx<'_>, entry: &Entry, payload: PayloadRef) -> Result<(), Error> {
        let Some((speaker, tool, words)) = entry.content.heard() else { return Ok(()) };
        let run = self.track.run;
        if tool.is_none() && !tx.count_said(run, &[words.len()]).await? {
            return Ok(());
        }
        let bytes = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let message = MessageRecord {
            speaker,
            tool: tool.map(str::to_owned),
            form: MessageForm::Entry,
            payload,
            part: Some(EntryPart { number: entry.number, bytes }),
            time: entry.time,
        };
        tx.heard(run, message)
    }
}

/// Each kind that there is, once.
fn kinds_of(entries: &[Entry]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = entries.iter().map(|entry| entry.content.kind()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
