//! Taking entries: by one call, for agents that hold no stream.

use std::sync::Arc;

use super::gap;
use super::track::{Offered, Track, room_of};
use crate::domain::error::{Effect, Error, TranscriptError};
use crate::domain::ids::RunId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::domain::transcript::{Content, Entry, Spent};
use crate::engine::{Answer, Authorized, Engine, authorize, read_error};

/// The most entries in one call, or in one message of a session.
pub const MAX_ENTRIES: usize = 128;

/// The highest number that an entry may have: no run gets there.
const MAX_NUMBER: u64 = 1 << 53;

/// An entry as an agent sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its number in the run, from 1.
    pub number: u64,
    /// When it happened, by the agent's clock.
    pub agent_time: Option<Timestamp>,
    /// What it says.
    pub content: Content,
}

/// Adds entries to the transcript of a run.
#[derive(Clone, Debug, Default)]
pub struct AppendEntries {
    /// The run.
    pub run: Option<RunId>,
    /// Which attempt sends them; 0: whichever counts.
    pub attempt: u64,
    /// The entries, numbered one after the other.
    pub entries: Vec<Draft>,
}

/// The entries are durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// How far the transcript is durable.
    pub through: u64,
    /// The attempt that counts.
    pub attempt: u64,
    /// What the run has written.
    pub spent: Spent,
}

impl Engine {
    /// Adds entries to the transcript of a run of the calling agent; answers when they
    /// are durable.
    pub async fn append_entries(
        &self,
        caller: &Principal,
        command: AppendEntries,
    ) -> Result<Answer<Appended>, Error> {
        let by = authorize::agent(caller)?;
        check(&command.entries)?;
        let run = command.run.ok_or_else(|| Error::field("run_id", "required"))?;
        let AppendEntries { attempt, entries, .. } = command;
        match self.append(&by, run, attempt, entries.clone()).await {
            // Another server knew of a later attempt, and none was asked for.
            Err(Error::Transcript(TranscriptError::Superseded { .. })) if attempt == 0 => {
                self.append(&by, run, attempt, entries).await
            }
            appended => appended,
        }
    }

    async fn append(
        &self,
        by: &Authorized,
        run: RunId,
        attempt: u64,
        entries: Vec<Draft>,
    ) -> Result<Answer<Appended>, Error> {
        let track = self.track_of(by, run, attempt).await?;
        let through = match self.offer(&track, entries).await? {
            Offered::Taken { through, .. } => through,
            Offered::Gap { expected } => return Err(gap(run, expected)),
        };
        let mut durable = track.durable();
        let reached = durable.wait_for(|it| it.through >= through || it.ended.is_some()).await;
        // The sender lives in the track.
        let reached = reached.map_err(|_| Error::Stopping { effect: Effect::Unknown })?.clone();
        if let Some(error) = reached.ended.filter(|_| reached.through < through) {
            return Err(error);
        }
        let sequence = match reached.sequence {
            0 => self.0.store.sequence(by.tenant()).await.map_err(read_error)?,
            sequence => sequence,
        };
        let value =
            Appended { through: reached.through, attempt: track.attempt(), spent: track.spent() };
        Ok(Answer { value, sequence, time: self.now(), is_replayed: false })
    }

    /// Puts entries behind a track, once there is room for them.
    pub(super) async fn offer(
        &self,
        track: &Arc<Track>,
        drafts: Vec<Draft>,
    ) -> Result<Offered, Error> {
        let time = self.now();
        let entries = drafts.into_iter().map(|draft| {
            let Draft { number, agent_time, content } = draft;
            Entry { number, time, agent_time, content }
        });
        let entries: Vec<Entry> = entries.collect();
        let room: usize = entries.iter().map(room_of).sum();
        let stopping = |_| Error::Stopping { effect: Effect::None };
        let room = u32::try_from(room).map_err(too_large)?;
        let transcripts = &self.0.transcripts;
        transcripts.room.acquire_many(room).await.map_err(stopping)?.forget();
        let offered = track.offer(entries, &self.0.limits.transcripts)?;
        if matches!(offered, Offered::Taken { must_enqueue: true, .. }) {
            transcripts.enqueue(Arc::clone(track));
        }
        Ok(offered)
    }
}

fn too_large(_: std::num::TryFromIntError) -> Error {
    Error::field("entries", "too large")
}

/// Checks each entry, and that they follow each other.
fn check(entries: &[Draft]) -> Result<(), Error> {
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        return Err(Error::field("entries", format!("want 1 to {MAX_ENTRIES} entries")));
    }
    let first = entries.first().map_or(1, |first| first.number.clamp(1, MAX_NUMBER));
    for (place, (draft, number)) in entries.iter().zip(first..).enumerate() {
        let at = format!("entries[{place}]");
        if draft.number != number {
            let problem = format!("want {number}: entries are numbered from 1, without a gap");
            return Err(Error::field(format!("{at}.number"), problem));
        }
        draft.content.check(&at)?;
    }
    Ok(())
}
