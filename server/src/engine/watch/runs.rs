//! Watching runs: those that have not ended, then every event of one.

use std::sync::Arc;

use super::run_filter::{RunFilter, RunOrigin};
use super::{Follower, Found, Opening, Place, Shown, Subject};
use crate::domain::error::Error;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::RunId;
use crate::domain::overrides::{Override, OverrideScope};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::time::{Span, Timestamp};
use crate::engine::views::RunView;
use crate::engine::{Engine, authorize, read_error};
use crate::store::{CommitRecord, Direction, KeyRange, keys, records};

/// How many runs of a tree are looked at to find out whether a watch shows one of them.
/// Of a larger tree people are told, and agents by their own overrides.
const MAX_TREE: usize = 1_024;

/// Where a watch of runs starts and what it shows.
#[derive(Clone, Debug, Default)]
pub struct WatchRuns {
    /// The cursor of the last message seen; empty: start with a snapshot.
    pub cursor: String,
    /// Which runs.
    pub filter: RunFilter,
    /// The longest silence.
    pub heartbeat: Option<Span>,
}

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// The tenant's sequence of it.
    pub sequence: u64,
    /// What happened, and to what.
    pub event: Event,
    /// Of an override: whom it covers.
    pub scope: Option<OverrideScope>,
}

/// What one commit did to runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunChange {
    /// The runs whose record the commit wrote, as it left them, and those that an override
    /// of their own is about.
    pub runs: Vec<RunView>,
    /// The events about runs that the watch shows, in order.
    pub events: Vec<RunEvent>,
    /// Who did it.
    pub principal: String,
    /// When.
    pub commit_time: Timestamp,
    /// The tenant's sequence after the commit.
    pub sequence: u64,
}

/// The runs that a filter shows and the caller may see.
pub struct Runs {
    filter: RunFilter,
    /// The agent that sees its own runs alone; none: a person, who sees the tenant's.
    owner: Option<String>,
}

/// A running watch of runs.
pub type RunWatch = Follower<Runs>;

impl Engine {
    /// Begins to watch runs: an agent its own, everybody else the tenant's.
    pub async fn watch_runs(
        &self,
        caller: &Principal,
        watch: WatchRuns,
    ) -> Result<RunWatch, Error> {
        watch.filter.check()?;
        let WatchRuns { cursor, filter, heartbeat } = watch;
        let owner = authorize::sees_only(caller).map(str::to_owned);
        let opening = Opening { cursor, heartbeat, tag: format!("runs {owner:?} {filter:?}") };
        self.begin_watch(caller, Runs { filter, owner }, opening).await
    }

    /// What of a run never changes; read once and not with every event.
    async fn run_origin(&self, tenant: &str, id: RunId) -> Result<Option<Arc<RunOrigin>>, Error> {
        if let Some(origin) = self.0.origins.get(&id) {
            return Ok(Some(origin));
        }
        let Some(run) = self.read::<Run>(&keys::run(tenant, id)).await? else { return Ok(None) };
        let origin = Arc::new(RunOrigin::from(&run));
        self.0.origins.insert(id, Arc::clone(&origin));
        Ok(Some(origin))
    }
}

impl Subject for Runs {
    type Item = RunView;
    type Change = RunChange;

    fn lists(&self, tenant: &str) -> Vec<KeyRange> {
        let filter = &self.filter;
        if !filter.runs.is_empty() {
            return filter.runs.iter().map(|id| only(tenant, *id)).collect();
        }
        if let Some(root) = filter.tree {
            return vec![only(tenant, root), keys::runs_below(tenant, root)];
        }
        if let Some(parent) = filter.parent {
            return vec![keys::runs_below(tenant, parent)];
        }
        if let Some(owner) = &self.owner {
            return vec![keys::runs_active(tenant, Some(owner))];
        }
        if filter.agents.is_empty() {
            return vec![keys::runs_active(tenant, None)];
        }
        filter.agents.iter().map(|agent| keys::runs_active(tenant, Some(agent))).collect()
    }

    async fn item(&self, place: &Place<'_>, entry: &[u8]) -> Result<Option<Found<RunView>>, Error> {
        let Some(id) = keys::listed_run(entry) else { return Ok(None) };
        let key = keys::run(place.tenant, id);
        let Some(read) = place.engine.0.store.read(&key).await.map_err(read_error)? else {
            return Ok(None);
        };
        let run: Run = records::decode(&read.value).map_err(read_error)?;
        if !self.shows(&RunOrigin::from(&run)) {
            return Ok(None);
        }
        let item = place.engine.run_view(place.tenant, run).await?;
        let is_wanted = self.filter.has(item.state);
        Ok(is_wanted.then_some(Found { key, version: read.version, item }))
    }

    async fn change(
        &self,
        place: &Place<'_>,
        commit: &CommitRecord,
        shown: &Shown,
    ) -> Result<Option<RunChange>, Error> {
        let mut events = Vec::new();
        for (sequence, event) in (commit.first_sequence..).zip(&commit.events) {
            let of = event.subjects.run.map(|id| keys::run(place.tenant, id));
            if !self.may_show(event.kind) || of.is_some_and(|key| shown.has(&key, commit)) {
                continue;
            }
            let scope = scope_of(place.tenant, commit, event)?;
            if self.is_about(place, commit, event, scope.as_ref()).await? {
                events.push(RunEvent { sequence, event: event.clone(), scope });
            }
        }
        if events.is_empty() || !self.filter.wants(events.iter().map(|it| &it.event)) {
            return Ok(None);
        }
        let runs = self.runs_of(place, commit, &events).await?;
        Ok(Some(RunChange {
            runs,
            events,
            principal: commit.principal.clone(),
            commit_time: commit.time,
            sequence: super::last_sequence(commit),
        }))
    }
}

// === impl Runs ===

impl Runs {
    fn shows(&self, run: &RunOrigin) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == run.agent) && self.filter.shows(run)
    }

    /// Whether the watcher may hear of such an event at all.
    fn may_show(&self, kind: EventKind) -> bool {
        self.owner.is_none() || kind.is_for_agents()
    }

    /// Whether an event is about a run that the watch shows.
    async fn is_about(
        &self,
        place: &Place<'_>,
        commit: &CommitRecord,
        event: &Event,
        scope: Option<&OverrideScope>,
    ) -> Result<bool, Error> {
        if let Some(id) = event.subjects.run
            && self.shows_run(place, commit, id).await?
        {
            return Ok(true);
        }
        match scope {
            Some(OverrideScope::Fleet) => Ok(true),
            Some(OverrideScope::Agent(agent)) => self.shows_of(place, agent).await,
            Some(OverrideScope::Tree(root)) => self.shows_below(place, *root).await,
            Some(OverrideScope::Run(_)) | None => Ok(false),
        }
    }

    async fn shows_run(
        &self,
        place: &Place<'_>,
        commit: &CommitRecord,
        id: RunId,
    ) -> Result<bool, Error> {
        if self.owner.is_none() && self.filter.is_open() {
            return Ok(true);
        }
        let key = keys::run(place.tenant, id);
        // A run that has just started is in no list of what is known.
        let origin = match commit.writes.iter().find(|write| write.key == key) {
            Some(write) => match &write.value {
                Some(value) => {
                    let run: Run = records::decode(value).map_err(read_error)?;
                    Some(Arc::new(RunOrigin::from(&run)))
                }
                None => None,
            },
            None => place.engine.run_origin(place.tenant, id).await?,
        };
        Ok(origin.is_some_and(|origin| self.shows(&origin)))
    }

    /// Whether the watch shows a run of an agent, as far as its filter tells.
    async fn shows_of(&self, place: &Place<'_>, agent: &str) -> Result<bool, Error> {
        for id in &self.filter.runs {
            let origin = place.engine.run_origin(place.tenant, *id).await?;
            if origin.is_some_and(|origin| origin.agent == agent && self.shows(&origin)) {
                return Ok(true);
            }
        }
        let is_own = self.owner.as_ref().is_none_or(|owner| owner == agent);
        let agents = &self.filter.agents;
        Ok(self.filter.runs.is_empty()
            && is_own
            && (agents.is_empty() || agents.iter().any(|it| it == agent)))
    }

    /// Whether the watch shows a run below one.
    async fn shows_below(&self, place: &Place<'_>, root: RunId) -> Result<bool, Error> {
        let (range, store) = (keys::runs_below(place.tenant, root), &place.engine.0.store);
        let below = store.scan(range, Direction::Ascending, MAX_TREE).await.map_err(read_error)?;
        for id in below.rows.iter().filter_map(|(key, _)| keys::listed_run(key)) {
            let origin = place.engine.run_origin(place.tenant, id).await?;
            if origin.is_some_and(|origin| self.shows(&origin)) {
                return Ok(true);
            }
        }
        Ok(below.has_more && self.owner.is_none())
    }

    /// The runs that the events shown have changed.
    async fn runs_of(
        &self,
        place: &Place<'_>,
        commit: &CommitRecord,
        events: &[RunEvent],
    ) -> Result<Vec<RunView>, Error> {
        let mut ids: Vec<RunId> = Vec::new();
        for id in events.iter().filter_map(|it| it.event.subjects.run) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let mut runs = Vec::new();
        for id in ids {
            let key = keys::run(place.tenant, id);
            let written = commit.writes.iter().find(|write| write.key == key);
            let run = match written.and_then(|write| write.value.as_ref()) {
                Some(value) => records::decode(value).map_err(read_error)?,
                // What holds a run is not in its record.
                None if events.iter().any(|it| it.holds(id)) => {
                    place.engine.existing_run(place.tenant, id).await?
                }
                None => continue,
            };
            if self.shows(&RunOrigin::from(&run)) {
                runs.push(place.engine.run_view(place.tenant, run).await?);
            }
        }
        Ok(runs)
    }
}

// === impl RunEvent ===

impl RunEvent {
    /// Whether it is about an override of exactly this run, or of it and those below.
    fn holds(&self, id: RunId) -> bool {
        match &self.scope {
            Some(OverrideScope::Run(run) | OverrideScope::Tree(run)) => *run == id,
            Some(OverrideScope::Agent(_) | OverrideScope::Fleet) | None => false,
        }
    }
}

/// The range that holds one run's record.
fn only(tenant: &str, id: RunId) -> KeyRange {
    let start = keys::run(tenant, id);
    KeyRange { end: keys::after(&start), start }
}

/// Whom the override covers that an event is about.
fn scope_of(
    tenant: &str,
    commit: &CommitRecord,
    event: &Event,
) -> Result<Option<OverrideScope>, Error> {
    let Some(id) = event.subjects.overriding else { return Ok(None) };
    let key = keys::overriding(tenant, id);
    let written = commit.writes.iter().find(|write| write.key == key);
    let Some(value) = written.and_then(|write| write.value.as_ref()) else { return Ok(None) };
    let it: Override = records::decode(value).map_err(read_error)?;
    Ok(Some(it.scope))
}
