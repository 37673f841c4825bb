//! The session of a run: its agent sends entries, and is told on the same stream how far
//! they are durable, what people override and decide, and what else is new.
//!
//! Up and down are apart: an agent that has to wait for room is told of answers all the
//! same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::BoxStream;
use tokio::sync::{Notify, watch};

use super::OpenAttempt;
use super::append::{Draft, MAX_ENTRIES};
use super::down::{self, Sources};
use super::track::{Durable, Offered, Track};
use crate::domain::error::Error;
use crate::domain::ids::{PolicyRevisionId, RunId};
use crate::domain::policy::Guidance;
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::domain::transcript::{Place, Spent};
use crate::engine::await_resolutions::Scope;
use crate::engine::conversation::QuestionView;
use crate::engine::overrides::{Acknowledge, OverrideView};
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
    /// A person overrides the run.
    Override(Box<OverrideView>),
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
    caller: Principal,
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
pub(super) struct Ending {
    pub(super) is_said: AtomicBool,
    pub(super) rung: Notify,
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
        let overrides = self.follow_overrides(caller, run).await?;
        self.transact(&by, "", &OpenAttempt { run, attempt: None }).await?;
        let track = self.load_track(&by, run).await?;
        let durable = track.durable();
        let through = durable.borrow().through;
        let opened = Opened { attempt: track.attempt(), through, spent: track.spent() };
        let ending = Arc::new(Ending::default());
        let sources = Sources { awaiting, overrides, guiding: self.guiding(caller, run) };
        let downward = down::stream(Arc::clone(&track), through, Arc::clone(&ending), sources);
        let (engine, caller) = (self.clone(), caller.clone());
        let upward = Upward { engine, caller, track, durable, taken: through, ending, told: None };
        Ok(Session { opened, upward, downward })
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

    /// Says how far a run of the agent is with an override.
    pub async fn acknowledge(&self, command: Acknowledge) -> Result<OverrideView, Error> {
        self.touch();
        Ok(self.engine.acknowledge_override(&self.caller, command).await?.value)
    }

    /// The run of the session.
    pub fn run(&self) -> RunId {
        self.track.run
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
