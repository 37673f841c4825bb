//! Use cases: what callers may do, and what time does by itself.
//!
//! Every mutation is one [`Operation`](operation::Operation): it reads, decides,
//! and leaves one transaction, which the engine commits with optimistic retry.
//! Nothing is acknowledged before the store answers. The engine alone calls the
//! store.

pub mod access;
pub mod actions;
pub mod admin;
pub mod admission;
mod at_hand;
mod authorize;
pub mod await_resolutions;
pub mod branches;
pub mod briefing;
mod chain;
pub mod checkpoints;
pub mod clock;
mod closing;
pub mod comments;
pub mod conversation;
pub mod cursor;
pub mod drills;
pub mod effects;
mod elapsed;
pub mod escalations;
pub mod facts;
pub mod feed;
pub mod feedback;
mod floods;
mod heard;
pub mod identity;
pub mod incidents;
pub mod limits;
pub mod list;
mod looks;
pub mod messages;
pub mod notices;
mod operation;
pub mod outbox;
pub mod outcomes;
pub mod overrides;
pub mod past;
pub mod people;
pub mod policies;
pub mod propose;
pub mod queue;
pub mod redeem;
mod refusals;
pub mod resolve;
pub mod resumptions;
pub mod reverse;
pub mod reviews;
mod run_questions;
pub mod runs;
mod situation;
pub mod stats;
mod sweep;
pub mod timeline;
pub mod timers;
pub mod tokens;
pub mod transcripts;
mod validate;
pub mod views;
pub mod wall;
pub mod watch;
pub mod windows;

use std::path::PathBuf;
use std::sync::Arc;

pub use authorize::{Authorized, Need};
pub use operation::Answer;

use crate::domain::directory::Directory;
use crate::domain::error::{Effect, Error};
use crate::domain::ids::RunId;
use crate::domain::payload::PayloadRef;
use crate::domain::time::{Span, Timestamp};
use crate::store::records::{self, Record};
use crate::store::{ReadError, Store};
use clock::{Clock, Ids};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The tenant of a server that serves one.
pub const DEFAULT_TENANT: &str = "default";

/// How many runs' origins stay at hand, for those who watch runs.
const CACHED_ORIGINS: usize = 65_536;
/// How many runs' goals stay at hand.
const CACHED_GOALS: usize = 4_096;
/// How long background work rests after a failure.
const RETRY_PAUSE: Span = Span::from_secs(1);

/// What the engine does without being asked.
#[derive(Debug)]
enum Task {
    /// Follows the journal from a commit on.
    Feed { from: u64 },
    /// Fires timers.
    Timers,
    /// Sweeps out old request ids.
    Sweeper,
    /// Sends notices.
    Outbox,
    /// Looks whether every open escalation has its timer.
    Watchdog,
    /// Stores what is counted of agents that ask too much.
    Floods,
    /// Tells the journal which credentials did not count.
    Refusals,
    /// Stores what agents write in their transcripts.
    Transcripts,
}

/// The engine's own work; dropping it ends the work.
#[derive(Debug)]
pub struct Background(JoinSet<()>);

impl Background {
    /// Returns when all work has ended, which it does when the store stops.
    pub async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// What an engine is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
    /// The limits that operators may set.
    pub limits: limits::Limits,
    /// The folder that backups go into.
    pub backup_dir: PathBuf,
    /// Whether a policy comes into force only when a second person confirms it.
    pub second_person: bool,
    /// Who is asked for facts.
    pub facts: facts::Providers,
    /// By what notices leave.
    pub channels: outbox::Channels,
    /// Who else may say who somebody is.
    pub identities: Option<Box<dyn identity::Identities>>,
    /// Whom the certificates of clients name.
    pub workloads: Option<Box<dyn identity::Workloads>>,
}

/// The engine; clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    limits: limits::Limits,
    backup_dir: PathBuf,
    second_person: bool,
    facts: facts::Providers,
    channels: outbox::Channels,
    vouching: identity::Vouching,
    policies: policies::Policies,
    queue: at_hand::AtHand<queue::InForce>,
    boards: queue::BoardsAtHand,
    profiles: policies::ProfilesAtHand,
    /// Places for backtests.
    backtests: Semaphore,
    people: at_hand::AtHand<Directory>,
    tokens: tokens::TokenCache,
    feed: feed::Feed,
    bells: overrides::Bells,
    /// Goals of runs, by run.
    goals: quick_cache::sync::Cache<RunId, Arc<str>>,
    /// What of runs never changes, by run.
    origins: quick_cache::sync::Cache<RunId, Arc<watch::RunOrigin>>,
    /// What runs have heard, by run.
    heard: heard::HeardCache,
    stats: stats::Stats,
    floods: floods::Floods,
    /// States of checkpoints, by checkpoint.
    states: checkpoints::States,
    looks: looks::Looks,
    refusals: refusals::Refusals,
    transcripts: transcripts::Transcripts,
    walls: wall::Walls,
}

impl Engine {
    /// Makes an engine over an open store. [`Engine::start`] must follow.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            store: parts.store,
            clock: parts.clock,
            ids: parts.ids,
            limits: parts.limits,
            backup_dir: parts.backup_dir,
            second_person: parts.second_person,
            facts: parts.facts,
            channels: parts.channels,
            vouching: identity::Vouching::new(parts.identities, parts.workloads),
            policies: policies::Policies::default(),
            queue: at_hand::AtHand::default(),
            boards: queue::BoardsAtHand::default(),
            profiles: policies::ProfilesAtHand::new(limits::PROFILES_AT_HAND),
            backtests: Semaphore::new(limits::BACKTESTS_AT_ONCE),
            people: at_hand::AtHand::default(),
            tokens: tokens::TokenCache::default(),
            feed: feed::Feed::default(),
            bells: overrides::Bells::default(),
            goals: quick_cache::sync::Cache::new(CACHED_GOALS),
            origins: quick_cache::sync::Cache::new(CACHED_ORIGINS),
            heard: heard::HeardCache::default(),
            stats: stats::Stats::default(),
            floods: floods::Floods::default(),
            states: checkpoints::States::default(),
            looks: looks::Looks::default(),
            refusals: refusals::Refusals::default(),
            transcripts: transcripts::Transcripts::default(),
            walls: wall::Walls::default(),
        }))
    }

    /// Reads what is kept in memory, and begins to follow the journal, fire
    /// timers, sweep and look after timers. The work ends when the answer is dropped.
    pub async fn start(&self) -> Result<Background, Error> {
        let commit = self.0.store.info().await.map_err(read_error)?.commit;
        self.load_open(DEFAULT_TENANT).await?;
        self.load_outbox().await?;
        let mut tasks = JoinSet::new();
        let tasks_of_all = [
            Task::Feed { from: commit },
            Task::Timers,
            Task::Sweeper,
            Task::Watchdog,
            Task::Outbox,
            Task::Floods,
            Task::Refusals,
            Task::Transcripts,
        ];
        for task in tasks_of_all {
            let engine = self.clone();
            tasks.spawn(async move { engine.keep_on(task).await });
        }
        Ok(Background(tasks))
    }

    /// Does a task again after a failure, until the store has stopped.
    async fn keep_on(&self, mut task: Task) {
        loop {
            let done = match &mut task {
                Task::Feed { from } => self.follow(from).await,
                Task::Timers => self.run_timers().await,
                Task::Sweeper => self.run_sweeper().await,
                Task::Outbox => self.run_outbox().await,
                Task::Watchdog => self.run_watchdog().await,
                Task::Floods => self.run_floods().await,
                Task::Refusals => self.run_refusals().await,
                Task::Transcripts => self.run_transcripts().await,
            };
            match done {
                Ok(()) | Err(Error::Stopping { .. }) => return,
                Err(error) => {
                    tracing::error!(?error, ?task, "background work failed; trying again");
                }
            }
            self.0.clock.sleep_until(self.now().plus(RETRY_PAUSE)).await;
        }
    }

    /// The time by the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Counters and histograms for metrics.
    pub fn stats(&self) -> &stats::Stats {
        &self.0.stats
    }

    async fn read<R: Record>(&self, key: &[u8]) -> Result<Option<R>, Error> {
        let found = self.0.store.read(key).await.map_err(read_error)?;
        found.map(|found| records::decode(&found.value).map_err(read_error)).transpose()
    }

    async fn payload<R: Record>(&self, reference: &PayloadRef) -> Result<R, Error> {
        let bytes = self.0.store.payload(reference).await.map_err(read_error)?;
        records::decode(&bytes).map_err(read_error)
    }

    async fn text(&self, reference: Option<&PayloadRef>) -> Result<String, Error> {
        let Some(reference) = reference else { return Ok(String::new()) };
        let bytes = self.0.store.payload(reference).await.map_err(read_error)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Error::DataDamaged {
            cause: format!("payload {} is not text", reference.id),
        })
    }
}

/// What a caller is told when reading fails.
fn read_error(error: ReadError) -> Error {
    match error {
        ReadError::Stopped => Error::Stopping { effect: Effect::None },
        ReadError::Unavailable { message } => Error::StoreUnavailable { cause: message },
        ReadError::Compacted { oldest } => Error::WatchCompacted { oldest },
        ReadError::Damaged { .. } | ReadError::NoPayload { .. } | ReadError::Medium { .. } => {
            Error::DataDamaged { cause: error.to_string() }
        }
    }
}

#[cfg(test)]
mod tests;
