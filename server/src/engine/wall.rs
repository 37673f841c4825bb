//! The wall: how all runs of a tenant do, for people.
//!
//! One [`board`] for each tenant is made from what is stored when somebody looks, kept up
//! with the journal while somebody does, and forgotten afterwards. Everybody who looks
//! shares it; what depends on who looks, and on the time, is worked out for each.

mod board;
mod load;
mod spark;
mod view;
mod watch;

use std::collections::HashMap;

pub(super) use load::Walls;
pub use spark::SPANS;
pub use view::{WallFocus, WallGroup, WallRun, WallView};
pub use watch::{WallEvent, WallItem, WallWatch, WatchWall};

use self::view::{Look, ended};
use super::runs::RunFilter;
use super::{Engine, authorize, limits, validate};
use crate::domain::condition::Standing;
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::principal::Principal;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Span;

/// The most runs of one tenant that a board has.
const MAX_RUNS: usize = 10_000;
/// The most agents that are shown.
const MAX_GROUPS: usize = 50;
/// The most agents that one who looks may name.
const MAX_AGENTS: usize = 32;
/// How many of a run's newest actions are read at the start; no run is said to try more
/// often.
const ACTIONS_LOADED: usize = 16;
/// How many of the tenant's newest events tell how fast agents are.
const EVENTS_REPLAYED: u64 = 20_000;
/// For how long runs that ended are counted.
const ENDED_FOR: Span = Span::from_secs(24 * 60 * 60);

/// Which runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WallFilter {
    /// Only of these agents; empty: of all.
    pub agents: Vec<String>,
    /// Only this run and those below it.
    pub tree: Option<RunId>,
    /// Only those that act for this person or system; empty: for anybody.
    pub on_behalf_of: String,
}

impl WallFilter {
    fn check(&self) -> Result<(), Error> {
        if self.agents.len() > MAX_AGENTS {
            return Err(Error::field("agents", format!("want at most {MAX_AGENTS}")));
        }
        for (place, agent) in self.agents.iter().enumerate() {
            let field = format!("agents[{place}]");
            validate::required(&field, agent.as_bytes())?;
            validate::length(&field, agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)?;
        }
        RunFilter { on_behalf_of: self.on_behalf_of.clone(), ..RunFilter::default() }.check()
    }

    fn holds(&self, run: &Run) -> bool {
        (self.agents.is_empty() || self.agents.contains(&run.agent))
            && self.tree.is_none_or(|tree| run.id == tree || run.above().contains(&tree))
            && (self.on_behalf_of.is_empty()
                || run.on_behalf_of.as_ref() == Some(&self.on_behalf_of))
    }
}

impl Engine {
    /// The conditions of some runs, as the caller sees them; none for agents.
    pub async fn standings<'a>(
        &self,
        caller: &Principal,
        runs: impl Iterator<Item = &'a Run>,
    ) -> Result<HashMap<RunId, Standing>, Error> {
        if authorize::overseer(caller).is_err() {
            return Ok(HashMap::new());
        }
        let (on, off): (Vec<_>, Vec<_>) = runs.partition(|run| run.state == RunState::Running);
        let mut standings: HashMap<_, _> = off.iter().map(|run| (run.id, ended(run))).collect();
        if on.is_empty() {
            return Ok(standings);
        }
        let known = self.audience_at_hand(&caller.tenant).await?;
        let board = self.board(&caller.tenant).await?;
        let board = board.lock().await;
        let look = self.look(caller, &known);
        standings.extend(on.iter().filter_map(|run| Some((run.id, look.one(&board, run.id)?))));
        Ok(standings)
    }

    fn look<'a>(
        &self,
        caller: &'a Principal,
        known: &'a super::queue::audience::Known,
    ) -> Look<'a> {
        Look { caller, known, now: self.now(), text_limit: self.transcript_limits().bytes }
    }
}
