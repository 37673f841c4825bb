//! Overrides: what people do to runs in flight, and how far the agents are with it.
//!
//! The server's own part is a [`Hold`], in force with the commit that asks for it. How far
//! an agent is with one is the table in [`OverrideState::after`]; nothing that the server
//! forbids depends on it.

mod hold;
mod progress;
mod redirect;

use serde::{Deserialize, Serialize};

pub use hold::{Doing, Held, Hold, Holds, MAX_PAUSES};
pub use progress::{Account, Progress, Step};
pub use redirect::{Closed, Closing, MAX_CLOSED, MAX_TOOLS, Redirect};

use super::error::{Error, OverrideError};
use super::ids::{EscalationId, OverrideId, RunId};
use super::payload::PayloadRef;
use super::run::Run;
use super::time::{Span, Timestamp};

/// After what time an override counts as timed out, unless its request says otherwise.
pub const TTL_DEFAULT: Span = Span::from_secs(10 * 60);
/// The shortest such time.
pub const TTL_MIN: Span = Span::from_secs(1);
/// The longest such time.
pub const TTL_MAX: Span = Span::from_secs(30 * 24 * 60 * 60);
/// How long an override waits for a second person.
pub const CONFIRM_WITHIN: Span = Span::from_secs(15 * 60);

/// What is done to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideKind {
    /// Nothing new is proposed; what is granted may run.
    PauseAfterStep,
    /// Nothing is proposed or redeemed.
    PauseNow,
    /// A pause ends, or runs may start again.
    Resume,
    /// The run goes another way.
    Redirect,
    /// The run ends, and the agent leaves things in order.
    Stop,
    /// The run ends at once.
    Kill,
}

/// To whom it is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideScope {
    /// One run.
    Run(RunId),
    /// A run and every run below it.
    Tree(RunId),
    /// Every run of an agent.
    Agent(String),
    /// Every run.
    Fleet,
}

/// What becomes of a pause when its time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// It stays until somebody resumes.
    #[default]
    Stay,
    /// It ends by itself.
    Resume,
}

/// How far an override is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideState {
    /// It waits for a second person.
    Pending,
    /// It is in force; the agent was not told.
    Requested,
    /// The agent was told.
    Delivered,
    /// The agent knows.
    Acknowledged,
    /// The agent has done it.
    Effective,
    /// The agent will not.
    Refused,
    /// The agent did not acknowledge it in time.
    TimedOut,
    /// Another one took its place.
    Superseded,
    /// Nobody confirmed it in time.
    Lapsed,
}

/// What can happen to an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverrideEvent {
    /// A second person confirms it.
    Confirm,
    /// Nobody has.
    Lapse,
    /// The agent is told.
    Deliver,
    /// The agent knows.
    Acknowledge,
    /// The agent has done it.
    TakeEffect,
    /// The agent will not.
    Refuse,
    /// Its time is over.
    TimeOut,
    /// Another one takes its place.
    Supersede,
}

/// An override as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The override's id.
    pub id: OverrideId,
    /// What is done.
    pub kind: OverrideKind,
    /// To whom.
    pub scope: OverrideScope,
    /// The agent of the run, or the agent that is the scope; none: the fleet.
    pub agent: Option<String>,
    /// Why: text.
    pub reason: PayloadRef,
    /// Who asked for it.
    pub requester: String,
    /// The second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmer: Option<String>,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// For how long it waits for the agent.
    pub ttl: Span,
    /// When its time is over.
    pub expire_time: Timestamp,
    /// What becomes of a pause then.
    #[serde(default)]
    pub at_end: AtEnd,
    /// When the server's part came into force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced_time: Option<Timestamp>,
    /// When the server's part ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// What ended it; none: time, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<OverrideId>,
    /// How far the scope's own run is; of an agent or the fleet, what the server did.
    pub progress: Progress,
    /// What a stop has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// What a redirect tells the run: a [`Redirect`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<PayloadRef>,
    /// The branch that a redirect has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<u32>,
    /// The question to the team that has to let the run go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<EscalationId>,
    /// Rises with every change.
    pub revision: u64,
}

/// How far one run is with an override of a wider scope, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The run.
    pub run: RunId,
    /// Its agent.
    pub agent: String,
    /// How far it is.
    pub progress: Progress,
}

/// What a stop has marked as ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// How many runs.
    pub runs: u64,
    /// How many questions to people.
    pub questions: u64,
    /// How many grants.
    pub grants: u64,
    /// When it was done with all; none: it goes on.
    pub settle_time: Option<Timestamp>,
}

// === impl OverrideKind ===

impl OverrideKind {
    /// The kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PauseAfterStep => "pause_after_step",
            Self::PauseNow => "pause_now",
            Self::Resume => "resume",
            Self::Redirect => "redirect",
            Self::Stop => "stop",
            Self::Kill => "kill",
        }
    }

    /// Whether it ends runs.
    pub const fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::Kill)
    }

    /// Whether it pauses runs.
    pub const fn is_pause(self) -> bool {
        matches!(self, Self::PauseAfterStep | Self::PauseNow)
    }
}

// === impl OverrideScope ===

impl OverrideScope {
    /// The scope's name, with what it names.
    pub fn name(&self) -> String {
        match self {
            Self::Run(run) => run.to_string(),
            Self::Tree(run) => format!("{run} and those below it"),
            Self::Agent(agent) => format!("agent {agent}"),
            Self::Fleet => "the fleet".to_owned(),
        }
    }

    /// The run that it begins with.
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Run(run) | Self::Tree(run) => Some(*run),
            Self::Agent(_) | Self::Fleet => None,
        }
    }

    /// Whether a run belongs to it.
    pub fn covers(&self, run: &Run) -> bool {
        match self {
            Self::Run(id) => run.id == *id,
            Self::Tree(id) => run.id == *id || run.above().contains(id),
            Self::Agent(agent) => run.agent == *agent,
            Self::Fleet => true,
        }
    }
}

// === impl OverrideState ===

impl OverrideState {
    /// The states, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Requested,
        Self::Delivered,
        Self::Acknowledged,
        Self::Effective,
        Self::Refused,
        Self::TimedOut,
        Self::Superseded,
        Self::Lapsed,
    ];

    /// The life cycle: the state after an event; `None` where it cannot happen. An agent
    /// that comes late may still answer.
    pub const fn after(self, event: OverrideEvent) -> Option<Self> {
        use OverrideEvent as E;
        match (self, event) {
            (Self::Pending, E::Confirm) => Some(Self::Requested),
            (Self::Pending, E::Lapse) => Some(Self::Lapsed),
            (Self::Requested, E::Deliver) => Some(Self::Delivered),
            (
                Self::Requested | Self::Delivered | Self::TimedOut | Self::Acknowledged,
                E::Acknowledge,
            ) => Some(Self::Acknowledged),
            (
                Self::Requested | Self::Delivered | Self::TimedOut | Self::Acknowledged,
                E::TakeEffect,
            ) => Some(Self::Effective),
            (
                Self::Requested | Self::Delivered | Self::TimedOut | Self::Acknowledged,
                E::Refuse,
            ) => Some(Self::Refused),
            (Self::Requested | Self::Delivered, E::TimeOut) => Some(Self::TimedOut),
            (
                Self::Pending
                | Self::Requested
                | Self::Delivered
                | Self::Acknowledged
                | Self::TimedOut,
                E::Supersede,
            ) => Some(Self::Superseded),
            _ => None,
        }
    }

    /// Whether the agent has to be told, or told again.
    pub const fn is_untold(self) -> bool {
        matches!(self, Self::Requested | Self::Delivered | Self::TimedOut)
    }

    /// How far along it is, to compare the runs of one override.
    const fn rank(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Requested => 1,
            Self::TimedOut => 2,
            Self::Delivered => 3,
            Self::Acknowledged => 4,
            Self::Refused => 5,
            Self::Effective => 6,
            Self::Superseded => 7,
            Self::Lapsed => 8,
        }
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Requested => "requested",
            Self::Delivered => "delivered",
            Self::Acknowledged => "acknowledged",
            Self::Effective => "effective",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Superseded => "superseded",
            Self::Lapsed => "lapsed",
        }
    }
}

impl OverrideEvent {
    /// The events, for tables and tests.
    pub const ALL: [Self; 8] = [
        Self::Confirm,
        Self::Lapse,
        Self::Deliver,
        Self::Acknowledge,
        Self::TakeEffect,
        Self::Refuse,
        Self::TimeOut,
        Self::Supersede,
    ];
}

// === impl Override ===

impl Override {
    /// The etag: the revision in decimal.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// Whether the server's part is in force now.
    pub const fn is_in_force(&self) -> bool {
        self.enforced_time.is_some() && self.end_time.is_none()
    }

    /// Whether the record itself says how far a run is: what other runs say stands in
    /// receipts of their own.
    pub fn is_of(&self, run: RunId) -> bool {
        self.scope.run() == Some(run)
    }

    /// Moves it along, or says where it is.
    pub fn advance(&mut self, event: OverrideEvent, by: &str, now: Timestamp) -> Result<(), Error> {
        if !self.progress.advance(event, by, now) {
            return Err(self.closed());
        }
        self.revision += 1;
        Ok(())
    }

    /// That it does not take a step any more.
    pub fn closed(&self) -> Error {
        OverrideError::closed(self.id, self.progress.state)
    }

    /// How far it is, with what other runs said: of an agent or the fleet, the one that is
    /// least far of those that were told.
    pub fn state_among(&self, receipts: &[Receipt]) -> OverrideState {
        let own = self.progress.state;
        if self.scope.run().is_some() || own != OverrideState::Requested {
            return own;
        }
        let told = receipts.iter().map(|receipt| receipt.progress.state);
        told.min_by_key(|state| state.rank()).unwrap_or(own)
    }
}

#[cfg(test)]
mod tests;
