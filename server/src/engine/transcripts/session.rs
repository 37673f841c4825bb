//! The session of a run: its agent sends entries, and is told on the same stream how far
//! they are durable, what people decide, and what else is new.
//!
//! Up and down are apart: an agent that has to wait for room is told of answers all the
//! same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::{Notify, watch};

use super::OpenAttempt;
use super::append::{Draft, MAX_ENTRIES};
use super::track::{Durable, Offered, Track};
use crate::domain::error::Error;
use crate::domain::ids::{PolicyRevisionId, RunId};
use crate::domain::policy::Guidance;
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::domain::transcript::{Place, Spent};
use crate::engine::await_resolutions::{AwaitEvent, Scope};
use crate::engine::conversation::QuestionView;
use crate::engine::views::ResumptionView;
use crate::engine::{Engine, authorize};

/// How many entries a session may have sent that are not durable; it is not read from
/// beyond that.
pub const MAX_OUTSTANDING: u64 = 256;

/// Opens a session.
#[derive(Clone, Debug, Default)]
pub struct OpenSession {
    /// The run.
    pub run: Option<RunId>,
    /// The longest silence of the server.
    pub heartbeat: Option<Span>,
}

/// What an agent is told when its session is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The attempt: it shuts earlier sessions of the run out.
    pub attempt: u64,
    /// How far the transcript is durable: entries from the next number on are wanted.
    pub through: u64,
    /// What the run has written.
    pub spent: Spent,
}

/// What an agent is told.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// Every entry up to a number is durable.
    Durable {
        /// The number.
        through: u64,
        /// What the run has written.
        spent: Spent,
    },
    /// A person answered.
    Resumption(Box<ResumptionView>),
    /// A reviewer asks something before deciding.
    Question(Box<QuestionView>),
    /// What a model is told of the policy in force: at the beginning, and when another
    /// comes into force.
    Guidance(PolicyRevisionId, Guidance),
    /// The stream is alive; the next sign of life comes by then.
    Heartbeat(Timestamp),
}

/// What an agent is told of entries that were not taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Others are missing before them: send from there on.
    Gap {
        /// The next number.
        expected: u64,
    },
    /// An entry may not be stored; another may be sent under its number.
    Refused {
        /// Its number.
        number: u64,
        /// Why.
        error: Error,
    },
}

/// The way up: takes what the agent sends.
pub struct Upward {
    engine: Engine,
    track: Arc<Track>,
    durable: watch::Receiver<Durable>,
    /// How far entries were taken.
    taken: u64,
    ending: Arc<Ending>,
    /// From which number on entries are wanted, where that was said.
    told: Option<u64>,
}

/// Whether the agent has said all it wants to.
#[derive(Default)]
struct Ending {
    is_said: AtomicBool,
    rung: Notify,
}

/// An open session.
pub struct Session {
    /// What the agent is told first.
    pub opened: Opened,
    /// The way up.
    pub upward: Upward,
    /// The way down. It ends when the agent has said all and it is durable, and with the
    /// reason when the session is shut out.
    pub downward: BoxStream<'static, Result<SessionEvent, Error>>,
}

/// The session of one run, on its way down.
struct Downward {
    track: Arc<Track>,
    durable: watch::Receiver<Durable>,
    ending: Arc<Ending>,
    told: u64,
}

impl Engine {
    /// Opens a session of a run of the calling agent. Sessions of it that were opened
    /// before are shut out.
    pub async fn open_session(
        &self,
        caller: &Principal,
        command: OpenSession,
    ) -> Result<Session, Error> {
        let by = authorize::agent(caller)?;
        let run = command.run.ok_or_else(|| Error::field("run_id", "required"))?;
        // What is asked of the wait is looked at before anything changes.
        let awaiting = self.await_resolutions(caller, Scope::Run(run), command.heartbeat).await?;
        self.transact(&by, "", &OpenAttempt { run, attempt: None }).await?;
        let track = self.load_track(&by, run).await?;
        let durable = track.durable();
        let through = durable.borrow().through;
        let opened = Opened { attempt: track.attempt(), through, spent: track.spent() };
        let ending = Arc::new(Ending::default());
        let down = Downward {
            track: Arc::clone(&track),
            durable: track.durable(),
            ending: Arc::clone(&ending),
            told: through,
        };
        let answers = stream::unfold(awaiting, |mut awaiting| async move {
            let event = awaiting.next().await.transpose()?;
            Some((event.map(from_wait), awaiting))
        });
        let answers = answers.filter_map(|event| async move { event.transpose() });
        let downward = stream::select_all([
            stream::unfold(down, Downward::next).boxed(),
            answers.map(|event| event.map(Some)).boxed(),
            self.guidance_of(caller.clone(), run),
        ]);
        let downward = downward.take_while(|event| {
            let is_over = matches!(event, Ok(None));
            async move { !is_over }
        });
        let downward = downward.filter_map(|event| async move { event.transpose() }).boxed();
        let (engine, taken) = (self.clone(), through);
        let upward = Upward { engine, track, durable, taken, ending, told: None };
        Ok(Session { opened, upward, downward })
    }

    /// The guidance for a run, now and whenever another policy comes into force.
    fn guidance_of(
        &self,
        caller: Principal,
        run: RunId,
    ) -> BoxStream<'static, Result<Option<SessionEvent>, Error>> {
        let mut changes = self.0.feed.policies();
        changes.mark_changed();
        let guiding = Guiding { engine: self.clone(), caller, run, changes, told: None };
        stream::unfold(guiding, Guiding::next).boxed()
    }
}

/// Brings the guidance for a run, and another when it changes.
struct Guiding {
    engine: Engine,
    caller: Principal,
    run: RunId,
    changes: watch::Receiver<()>,
    told: Option<PolicyRevisionId>,
}

impl Guiding {
    async fn next(mut self) -> Option<(Result<Option<SessionEvent>, Error>, Self)> {
        loop {
            self.changes.changed().await.ok()?;
            let guidance = self.engine.guidance(&self.caller, Some(self.run)).await;
            let said = match guidance {
                Ok((revision, _)) if self.told == Some(revision) => continue,
                Ok((revision, guidance)) => {
                    self.told = Some(revision);
                    Ok(Some(SessionEvent::Guidance(revision, guidance)))
                }
                Err(error) => Err(error),
            };
            return Some((said, self));
        }
    }
}

/// What a wait says, as far as a session passes it on.
fn from_wait(event: AwaitEvent) -> Option<SessionEvent> {
    match event {
        AwaitEvent::Resumption(view) => Some(SessionEvent::Resumption(view)),
        AwaitEvent::Question(view) => Some(SessionEvent::Question(view)),
        AwaitEvent::Heartbeat(next) => Some(SessionEvent::Heartbeat(next)),
        AwaitEvent::SnapshotEnd { .. } => None,
    }
}

impl Downward {
    /// Waits for the next commit; `Ok(None)` when the agent has said all and it is durable.
    async fn next(mut self) -> Option<(Result<Option<SessionEvent>, Error>, Self)> {
        loop {
            let now = self.durable.borrow_and_update().clone();
            if now.through > self.told {
                self.told = now.through;
                let (through, spent) = (now.through, self.track.spent());
                return Some((Ok(Some(SessionEvent::Durable { through, spent })), self));
            }
            if let Some(error) = now.ended {
                return Some((Err(error), self));
            }
            if self.ending.is_said.load(Ordering::Acquire) && self.track.is_durable() {
                return Some((Ok(None), self));
            }
            tokio::select! {
                changed = self.durable.changed() => changed.ok()?,
                () = self.ending.rung.notified() => {}
            }
        }
    }
}

impl Upward {
    /// Takes entries, as far as they follow each other and may be stored; waits while too
    /// many are not durable. Answers what it did not take: what comes behind that is
    /// ignored until it is sent again.
    pub async fn take(&mut self, drafts: Vec<Draft>) -> Result<Option<Refusal>, Error> {
        if drafts.len() > MAX_ENTRIES {
            let problem = format!("want at most {MAX_ENTRIES} entries in a message");
            return Err(Error::field("entries", problem));
        }
        self.touch();
        self.wait_for_room().await;
        let (fit, refused) = split(drafts);
        if !fit.is_empty() {
            match self.engine.offer(&self.track, fit).await? {
                Offered::Taken { through, .. } => {
                    self.taken = self.taken.max(through);
                    self.told = None;
                }
                Offered::Gap { expected } => return Ok(self.gap(expected)),
            }
        }
        let Some((number, error)) = refused else { return Ok(None) };
        let next = self.track.next();
        match (Place::of(number, next), error) {
            (Place::Known, _) => Ok(None),
            (Place::Ahead, _) | (Place::Next, None) => Ok(self.gap(next)),
            (Place::Next, Some(error)) => {
                self.told = Some(number);
                Ok(Some(Refusal::Refused { number, error }))
            }
        }
    }

    /// The agent is alive, whether or not it has anything to say.
    pub fn touch(&self) {
        self.track.touch(self.engine.now());
    }

    /// The agent has said all.
    pub fn end(&self) {
        self.ending.is_said.store(true, Ordering::Release);
        self.ending.rung.notify_one();
    }

    /// Says once from where on entries are wanted: what was on its way is ignored.
    fn gap(&mut self, expected: u64) -> Option<Refusal> {
        let is_told = self.told.replace(expected) == Some(expected);
        (!is_told).then_some(Refusal::Gap { expected })
    }

    async fn wait_for_room(&mut self) {
        let taken = self.taken;
        let has_room = |it: &Durable| it.ended.is_some() || taken < it.through + MAX_OUTSTANDING;
        // The sender lives in the track.
        let _ = self.durable.wait_for(has_room).await;
    }
}

/// The entries that follow each other and may be stored, and the first that is not among
/// them, with what is wrong with it by itself.
fn split(mut drafts: Vec<Draft>) -> (Vec<Draft>, Option<(u64, Option<Error>)>) {
    let mut last = None;
    let wrong = drafts.iter().enumerate().find_map(|(place, draft)| {
        let is_next = last.is_none_or(|last: u64| last.checked_add(1) == Some(draft.number));
        last = Some(draft.number);
        let error = draft.content.check(&format!("entries[{place}]")).err();
        (!is_next || error.is_some()).then_some((place, draft.number, error))
    });
    let Some((place, number, error)) = wrong else { return (drafts, None) };
    drafts.truncate(place);
    (drafts, Some((number, error)))
}
