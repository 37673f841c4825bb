//! Which runs are watched, and which of their events.

use crate::domain::error::Error;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::RunId;
use crate::domain::run::{Run, RunState};
use crate::engine::{limits, validate};

/// How many names or ids a filter may list of each kind.
pub(super) const MAX_LISTED: usize = 256;
/// How many kinds of events a filter may list.
pub(super) const MAX_EVENTS: usize = 32;

/// Which runs to watch: those that fit everything that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// In the snapshot, only those in one of these states; empty: whatever has not ended.
    pub states: Vec<RunState>,
    /// Only of these agents; empty: of any.
    pub agents: Vec<String>,
    /// Only these; empty: any. They are in the snapshot also where they have ended.
    pub runs: Vec<RunId>,
    /// Only this run and those below it.
    pub tree: Option<RunId>,
    /// Only those that this run delegated to.
    pub parent: Option<RunId>,
    /// Only those that act for this person or system; empty: for any.
    pub on_behalf_of: String,
    /// Only changes with one of these events, by their names or the part before the dot;
    /// empty: any.
    pub events: Vec<String>,
}

/// What of a run never changes, and decides who sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOrigin {
    /// The run.
    pub id: RunId,
    /// The principal that runs.
    pub agent: String,
    /// Whom the agent acts for.
    pub on_behalf_of: Option<String>,
    /// The run that delegated to it.
    pub parent: Option<RunId>,
    /// The runs above it.
    pub above: Vec<RunId>,
}

// === impl RunOrigin ===

impl From<&Run> for RunOrigin {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id,
            agent: run.agent.clone(),
            on_behalf_of: run.on_behalf_of.clone(),
            parent: run.parent,
            above: run.above().to_vec(),
        }
    }
}

// === impl RunFilter ===

impl RunFilter {
    /// Refuses what no run and no event can have, and what is too much.
    pub(super) fn check(&self) -> Result<(), Error> {
        at_most("filter.agents", self.agents.len(), MAX_LISTED)?;
        at_most("filter.run_ids", self.runs.len(), MAX_LISTED)?;
        at_most("filter.events", self.events.len(), MAX_EVENTS)?;
        let on_behalf_of = self.on_behalf_of.as_bytes();
        validate::length("filter.on_behalf_of", on_behalf_of, limits::MAX_ON_BEHALF_OF_BYTES)?;
        for (place, agent) in self.agents.iter().enumerate() {
            let field = format!("filter.agents[{place}]");
            validate::required(&field, agent.as_bytes())?;
            validate::length(&field, agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)?;
        }
        for (place, name) in self.events.iter().enumerate() {
            if !EventKind::ALL.iter().any(|kind| is_named(*kind, name)) {
                let problem = format!("no event is called `{name}`, and none begins with it");
                return Err(Error::field(format!("filter.events[{place}]"), problem));
            }
        }
        Ok(())
    }

    /// Whether the filter shows a run, whatever its state.
    pub(super) fn shows(&self, run: &RunOrigin) -> bool {
        (self.agents.is_empty() || self.agents.contains(&run.agent))
            && (self.runs.is_empty() || self.runs.contains(&run.id))
            && self.tree.is_none_or(|root| root == run.id || run.above.contains(&root))
            && self.parent.is_none_or(|parent| run.parent == Some(parent))
            && (self.on_behalf_of.is_empty()
                || run.on_behalf_of.as_ref() == Some(&self.on_behalf_of))
    }

    /// Whether the filter shows every run there is.
    pub(super) const fn is_open(&self) -> bool {
        self.agents.is_empty()
            && self.runs.is_empty()
            && self.tree.is_none()
            && self.parent.is_none()
            && self.on_behalf_of.is_empty()
    }

    /// Whether the filter asks for a change with these events.
    pub(super) fn wants<'a>(&self, mut events: impl Iterator<Item = &'a Event>) -> bool {
        self.events.is_empty()
            || events.any(|event| self.events.iter().any(|name| is_named(event.kind, name)))
    }

    /// Whether the snapshot shows a run in this state.
    pub(super) fn has(&self, state: RunState) -> bool {
        if self.states.is_empty() {
            return !self.runs.is_empty() || matches!(state, RunState::Running | RunState::Paused);
        }
        self.states.contains(&state)
    }
}

fn at_most(field: &str, count: usize, most: usize) -> Result<(), Error> {
    if count > most {
        return Err(Error::field(field, format!("want at most {most}")));
    }
    Ok(())
}

/// Whether a name is that of an event, or the part before its dot.
fn is_named(kind: EventKind, name: &str) -> bool {
    kind.name() == name || kind.name().split('.').next() == Some(name)
}
