//! Holds: the server's part of pauses and stops, one small record for each scope. Who
//! wants to do something reads those that can cover its run, in the same transaction: a
//! hold is in force with the commit that writes it, however many runs it covers.

use serde::{Deserialize, Serialize};

use super::redirect::change;
use super::{Closed, OverrideKind, Redirect};
use crate::domain::error::Error;
use crate::domain::ids::OverrideId;
use crate::domain::payload::PayloadRef;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Timestamp;

/// The most pauses of one scope whose times are kept: those before count as work, so that
/// a person is asked rather too early.
pub const MAX_PAUSES: usize = 64;

/// What a run wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// To start a run below it.
    Delegate,
    /// To propose something.
    Propose,
    /// To finish.
    Finish,
}

/// What holds the runs of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What pauses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Held>,
    /// What stopped them last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Held>,
    /// How many stops there were. A run knows how many there had been when it started:
    /// this orders the two without a clock.
    #[serde(default)]
    pub stops: u64,
    /// Whether no run may start: from a stop of an agent or the fleet until somebody
    /// resumes it.
    #[serde(default)]
    pub is_shut: bool,
    /// When they were paused before, the earliest first.
    #[serde(default)]
    pub paused: Vec<(Timestamp, Timestamp)>,
    /// The tools that are closed to them by redirects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<Closed>,
}

/// One override that holds a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The override.
    pub by: OverrideId,
    /// What it does.
    pub kind: OverrideKind,
    /// Who asked for it.
    pub requester: String,
    /// Since when.
    pub time: Timestamp,
    /// Why: text.
    pub reason: PayloadRef,
    /// Whether it holds the runs below as well.
    pub covers_below: bool,
}

/// Every hold that can cover one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Of the run itself.
    pub own: Hold,
    /// Of the runs above it.
    pub above: Vec<Hold>,
    /// Of its agent.
    pub agent: Hold,
    /// Of the fleet.
    pub fleet: Hold,
}

impl Held {
    /// Whether it keeps what was granted from running as well.
    fn is_strict(&self) -> bool {
        self.kind != OverrideKind::PauseAfterStep
    }
}

impl Hold {
    /// Ends its pause and keeps the time; returns what it was.
    pub fn end_pause(&mut self, now: Timestamp) -> Option<Held> {
        let pause = self.pause.take()?;
        if self.paused.len() >= MAX_PAUSES {
            self.paused.remove(0);
        }
        self.paused.push((pause.time, now));
        Some(pause)
    }

    /// Closes and opens tools, as a redirect says.
    pub fn redirect(&mut self, redirect: &Redirect, held: &Held) -> Result<(), Error> {
        change(&mut self.closed, redirect, held)
    }

    /// Whether it holds nothing, now or ever.
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    fn pauses(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let open = self.pause.as_ref().map(|pause| (pause.time, now));
        self.paused.iter().copied().chain(open)
    }
}

impl Holds {
    /// What stopped the run.
    pub fn stop_of(&self, run: &Run) -> Option<&Held> {
        let above = self.above.iter().filter_map(|hold| hold.stop.as_ref());
        let above = above.filter(|held| held.covers_below);
        let of_agent = self.agent.stop.as_ref().filter(|_| run.agent_stops < self.agent.stops);
        let of_fleet = self.fleet.stop.as_ref().filter(|_| run.fleet_stops < self.fleet.stops);
        self.own.stop.as_ref().into_iter().chain(above).chain(of_agent).chain(of_fleet).next()
    }

    /// What pauses the run: the strictest, of equals the nearest.
    pub fn pause(&self) -> Option<&Held> {
        let above = self.above.iter().rev().filter_map(|hold| hold.pause.as_ref());
        let above = above.filter(|held| held.covers_below);
        let wide = [&self.agent, &self.fleet].into_iter().filter_map(|hold| hold.pause.as_ref());
        let mut all = self.own.pause.iter().chain(above).chain(wide).peekable();
        let nearest = all.peek().copied();
        all.find(|held| held.is_strict()).or(nearest)
    }

    /// What keeps a run from doing something; none: nothing.
    pub fn against(&self, run: &Run, doing: Doing) -> Option<&Held> {
        let pause = self.pause().filter(|_| doing != Doing::Finish);
        self.stop_of(run).or(pause)
    }

    /// What closes a tool to the run: its own redirects, then those of the runs above it.
    pub fn closes(&self, tool: &str) -> Option<&Closed> {
        let above = self.above.iter().rev();
        [&self.own]
            .into_iter()
            .chain(above)
            .flat_map(|hold| &hold.closed)
            .find(|it| it.covers(tool))
    }

    /// What keeps an action from running; none: nothing. What undoes another, with the time
    /// at which it was asked for, may run after a stop before that; a pause holds it as well.
    pub fn against_action(&self, run: &Run, undoes_since: Option<Timestamp>) -> Option<&Held> {
        let is_before = |held: &&Held| undoes_since.is_some_and(|since| since > held.time);
        let stop = self.stop_of(run).filter(|held| !is_before(held));
        stop.or_else(|| self.pause().filter(|held| held.is_strict()))
    }

    /// What keeps runs of the agent from starting; none: nothing.
    pub fn against_starts(&self) -> Option<&Held> {
        [&self.agent, &self.fleet]
            .into_iter()
            .find_map(|hold| hold.stop.as_ref().filter(|_| hold.is_shut).or(hold.pause.as_ref()))
    }

    /// The state in which a run is shown, and what holds it.
    pub fn shown(&self, run: &Run) -> (RunState, Option<OverrideId>) {
        let stop = self.stop_of(run);
        match (run.state, stop, self.pause()) {
            (RunState::Running, Some(stop), _) => (RunState::Stopped, Some(stop.by)),
            (RunState::Running, None, Some(pause)) => (RunState::Paused, Some(pause.by)),
            (RunState::Stopped, stop, _) => (RunState::Stopped, stop.map(|stop| stop.by)),
            (state, _, _) => (state, None),
        }
    }

    /// When the run was paused, in no particular order; open pauses last until now.
    pub fn pauses(&self, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let above = self.above.iter();
        let all = [&self.own, &self.agent, &self.fleet].into_iter().chain(above);
        all.flat_map(|hold| hold.pauses(now)).collect()
    }
}
