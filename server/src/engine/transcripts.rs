//! The transcripts of runs: taking entries, storing many of them together, and reading
//! them back.
//!
//! What agents send is checked and put behind a run's [`track`], in memory. The
//! [`pump`] takes what all tracks have, makes it durable in as few commits as it
//! can, and only then tells who waits. An entry that was not stored was never
//! acknowledged: its agent sends it again.

mod append;
mod down;
mod pump;
mod read;
mod session;
mod tail;
mod track;
mod updates;
mod watch;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use append::{AppendEntries, Appended, Draft, MAX_ENTRIES};
use bytes::Bytes;
use quick_cache::sync::Cache;
pub use read::{EntriesPage, Shown};
pub use session::{MAX_OUTSTANDING, OpenSession, Opened, Refusal, Session, SessionEvent, Upward};
use tokio::sync::{Notify, Semaphore};
pub use updates::{ReceiveUpdates, Updates};
use uuid::Uuid;
pub use watch::{ReasoningItem, ReasoningWatch, WatchReasoning, WatchedReasoning};

use self::tail::Tails;
use self::track::Track;
use super::operation::{Operation, Tx};
use super::runs::own;
use super::{Authorized, Engine, read_error};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource, TranscriptError};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::RunId;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Timestamp;
use crate::domain::transcript::TranscriptLimits;
use crate::store::keys;
use crate::store::records::{self, EntriesRecord, TranscriptRecord};

/// The most bytes of entries that wait to be stored; whoever sends more waits.
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;
/// How many tracks are kept that nobody holds: of agents that send call by call.
const TRACKS_KEPT: usize = 1_024;
/// How many tracks there are before those that nobody holds are looked for.
const TRACKS_UNSWEPT: usize = 64;

/// What is going on with the transcripts of runs.
pub(super) struct Transcripts {
    tracks: Mutex<Tracks>,
    /// Those that were in use lately: how fast a run sends is known from them.
    lately: Cache<RunId, Arc<Track>>,
    /// What is watched.
    tails: Tails,
    /// Tracks that have something to store, in the order in which they came.
    waiting: Mutex<VecDeque<Arc<Track>>>,
    /// Rings when there is something to store.
    rung: Notify,
    /// Room for what waits, in bytes.
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Tracks {
    of_runs: HashMap<RunId, Weak<Track>>,
    /// From so many on, those that nobody holds are forgotten.
    sweep_at: usize,
}

impl Default for Transcripts {
    fn default() -> Self {
        Self {
            tracks: Mutex::default(),
            tails: Tails::default(),
            lately: Cache::new(TRACKS_KEPT),
            waiting: Mutex::default(),
            rung: Notify::new(),
            room: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)),
        }
    }
}

impl Transcripts {
    fn tracks(&self) -> MutexGuard<'_, Tracks> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Track>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The track of a run that is in use, if it still takes anything.
    fn track(&self, run: RunId) -> Option<Arc<Track>> {
        let found = self.tracks().of_runs.get(&run).and_then(Weak::upgrade);
        found.filter(|track| track.is_open())
    }

    /// When the agent of a run was last heard of here.
    fn heard(&self, run: RunId) -> Option<Timestamp> {
        self.track(run).and_then(|track| track.heard())
    }

    /// Notes what a commit has stored, by whichever server.
    pub(super) fn note(&self, run: RunId, entries: &Bytes) -> Result<(), Error> {
        let Some(tail) = self.tails.find(run) else { return Ok(()) };
        let record: EntriesRecord = records::decode(entries).map_err(read_error)?;
        tail.note(record.last);
        Ok(())
    }

    /// Puts a track in use. What was in its place takes nothing any more if it was of
    /// an earlier attempt, and is used instead if it is of the same.
    fn enter(&self, track: Arc<Track>) -> Arc<Track> {
        let mut tracks = self.tracks();
        if tracks.of_runs.len() >= tracks.sweep_at {
            tracks.of_runs.retain(|_, track| track.strong_count() > 0);
            tracks.sweep_at = (2 * tracks.of_runs.len()).max(TRACKS_UNSWEPT);
        }
        let former = tracks.of_runs.get(&track.run).and_then(Weak::upgrade);
        if let Some(former) = former.filter(|former| former.is_open()) {
            if former.attempt() >= track.attempt() {
                return former;
            }
            former.supersede(track.attempt());
        }
        tracks.of_runs.insert(track.run, Arc::downgrade(&track));
        self.lately.insert(track.run, Arc::clone(&track));
        track
    }

    /// Has a track stored.
    fn enqueue(&self, track: Arc<Track>) {
        self.waiting().push_back(track);
        self.rung.notify_one();
    }
}

/// Opens a session of a run: an attempt that shuts earlier ones out.
struct OpenAttempt {
    run: RunId,
    /// Which attempt; none: the next one.
    attempt: Option<u64>,
}

impl Operation for OpenAttempt {
    type Output = ();
    const METHOD: &'static str = "OpenAttempt";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let attempt = self.attempt.map(u64::to_be_bytes);
        hasher.field(self.run.as_bytes()).optional(attempt.as_ref().map(<[u8; 8]>::as_slice));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        require_unfinished(&own(tx, self.run).await?)?;
        let key = keys::transcript(tx.tenant(), self.run);
        let head = tx.get::<TranscriptRecord>(key.clone()).await?.unwrap_or_default();
        let attempt = self.attempt.unwrap_or(head.attempt + 1);
        if attempt < head.attempt {
            return Err(superseded(self.run, head.attempt));
        }
        if attempt > head.attempt + 1 {
            let problem = format!("the next one is {}: attempts are counted", head.attempt + 1);
            return Err(Error::field("attempt", problem));
        }
        if attempt > head.attempt {
            tx.put(key, &TranscriptRecord { attempt, ..head })?;
            let subjects =
                Subjects { run: Some(self.run), count: Some(attempt), ..Subjects::default() };
            tx.event(EventKind::SessionOpened, subjects);
        }
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

fn gap(run: RunId, expected: u64) -> Error {
    Error::Transcript(TranscriptError::Gap { run: run.to_string(), expected })
}

fn superseded(run: RunId, attempt: u64) -> Error {
    Error::Transcript(TranscriptError::Superseded { run: run.to_string(), attempt })
}

/// Refuses for a run that its agent has ended. Whoever stopped it wants to see what it
/// says, so that nothing else is asked.
fn require_unfinished(run: &Run) -> Result<(), Error> {
    match run.state {
        RunState::Succeeded | RunState::Failed | RunState::Cancelled => run.require_running(),
        _ => Ok(()),
    }
}

impl Engine {
    /// How much one run may write.
    pub fn transcript_limits(&self) -> &TranscriptLimits {
        &self.0.limits.transcripts
    }

    /// The track of a run of the caller under an attempt: 0 means whichever counts now.
    async fn track_of(
        &self,
        by: &Authorized,
        run: RunId,
        attempt: u64,
    ) -> Result<Arc<Track>, Error> {
        let record = self.read::<Run>(&keys::run(by.tenant(), run)).await?;
        let record = record.filter(|record| record.agent == by.name());
        let record = record.ok_or_else(|| Error::not_found(Resource::Run, run))?;
        require_unfinished(&record)?;
        if let Some(track) = self.0.transcripts.track(run)
            && (attempt == 0 || track.attempt() == attempt)
        {
            return Ok(track);
        }
        if attempt > 0 {
            let opening = OpenAttempt { run, attempt: Some(attempt) };
            self.transact(by, "", &opening).await?;
        }
        self.load_track(by, run).await
    }

    /// Reads how far a run's transcript is, and puts a track of it in use.
    async fn load_track(&self, by: &Authorized, run: RunId) -> Result<Arc<Track>, Error> {
        let key = keys::transcript(by.tenant(), run);
        let found = self.0.store.read(&key).await.map_err(read_error)?;
        let version = found.as_ref().map(|found| found.version);
        let head = match found {
            Some(found) => records::decode(&found.value).map_err(read_error)?,
            None => TranscriptRecord::default(),
        };
        let room = Arc::clone(&self.0.transcripts.room);
        let track = Track::new(by.clone(), run, head, version, room);
        Ok(self.0.transcripts.enter(Arc::new(track)))
    }
}
