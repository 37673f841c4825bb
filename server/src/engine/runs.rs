//! Starting, showing and finishing runs.

mod list;

use std::sync::Arc;

use bytes::Bytes;
pub use list::RunFilter;
use uuid::Uuid;

use super::operation::{Answer, Operation, Tx, result_at};
use super::views::RunView;
use super::{Engine, authorize, closing, limits, validate};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::RunId;
use crate::domain::overrides::Doing;
use crate::domain::principal::Principal;
use crate::domain::run::{Run, RunState};
use crate::domain::secrets::refuse_secrets;
use crate::domain::time::{Span, Timestamp};
use crate::store::keys::{Timer, TimerKind};
use crate::store::{CommitLane, keys};

/// Starts a run.
#[derive(Clone, Debug, Default)]
pub struct StartRun {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// Whom the agent acts for; may be empty.
    pub on_behalf_of: String,
    /// The run that delegates to this one.
    pub parent: Option<RunId>,
    /// What the run is to reach; may be empty.
    pub goal: String,
    /// The constraint sets of the policy in force that bind the run, beside those
    /// of its parent.
    pub constraint_sets: Vec<String>,
}

/// Finishes a run.
#[derive(Clone, Debug)]
pub struct FinishRun {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The run.
    pub run: RunId,
    /// Its terminal state.
    pub state: RunState,
}

struct Start<'a> {
    command: &'a StartRun,
    max_hops: u32,
    /// After how long the run is overdue.
    time_budget: Option<Span>,
}

impl Operation for Start<'_> {
    type Output = Run;
    const METHOD: &'static str = "StartRun";
    const LANE: CommitLane = CommitLane::Intake;

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.command.on_behalf_of.as_bytes())
            .optional(self.command.parent.as_ref().map(|id| id.as_bytes().as_slice()))
            .field(self.command.goal.as_bytes());
        for set in &self.command.constraint_sets {
            hasher.field(set.as_bytes());
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Run, Vec<Uuid>), Error> {
        let (agent_stops, fleet_stops) = tx.require_starts(tx.by.name()).await?;
        let mut line = match self.command.parent {
            Some(parent) => self.line_below(tx, parent).await?,
            None => Line::default(),
        };
        self.bind(tx, &mut line).await?;
        let id = tx.next_id();
        let run_id = RunId::new(id);
        let goal = match self.command.goal.as_str() {
            "" => None,
            goal => Some(tx.bytes(Bytes::copy_from_slice(goal.as_bytes()), None)?),
        };
        let run = Run {
            id: run_id,
            agent: tx.by.name().to_owned(),
            on_behalf_of: self.principal(line.on_behalf_of)?,
            parent: self.command.parent,
            hop_count: line.hop_count,
            ancestors: line.ancestors,
            lineage: line.lineage,
            agent_stops,
            fleet_stops,
            constraint_sets: line.constraint_sets,
            state: RunState::Running,
            goal,
            create_time: tx.now,
            overdue_time: None,
            clock_start: None,
            unexpected_results: 0,
            branch: 0,
            finish_time: None,
            revision: 1,
        };
        if let Some(budget) = self.time_budget {
            tx.mark(overdue_timer(tx.tenant(), run_id, tx.now.plus(budget)).key());
        }
        tx.put(keys::run(tx.tenant(), run_id), &run)?;
        tx.mark(keys::run_active(tx.tenant(), &run.agent, run_id));
        for above in &run.lineage {
            tx.mark(keys::run_below(tx.tenant(), *above, run_id));
        }
        let subjects = Subjects { run: Some(run_id), ..Subjects::default() };
        tx.event_about(EventKind::RunStarted, subjects, None, goal.as_slice());
        Ok((run, vec![id]))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, results: &[Uuid]) -> Result<Run, Error> {
        engine.existing_run(tenant, RunId::new(result_at(results, 0)?)).await
    }
}

impl Start<'_> {
    /// Whom the run acts for: whom the run above it acts for, if that acts for somebody.
    fn principal(&self, above: Option<String>) -> Result<Option<String>, Error> {
        let named = Some(&self.command.on_behalf_of).filter(|name| !name.is_empty());
        match (above, named) {
            (Some(above), Some(named)) if above != *named => {
                let problem = format!("the run above acts for `{above}`, and so does this one");
                Err(Error::field("on_behalf_of", problem))
            }
            (Some(above), _) => Ok(Some(above)),
            (None, named) => Ok(named.cloned()),
        }
    }

    /// Adds the constraint sets that the caller names to those of the parent. None is
    /// ever taken away.
    async fn bind(&self, tx: &mut Tx<'_>, line: &mut Line) -> Result<(), Error> {
        let named = &self.command.constraint_sets;
        if named.is_empty() {
            return Ok(());
        }
        let revision = tx.policy().await?;
        for (place, set) in named.iter().enumerate() {
            if !revision.policy.has_constraint_set(set) {
                let field = format!("constraint_sets[{place}]");
                return Err(Error::field(field, "the policy in force has no such constraint set"));
            }
            if !line.constraint_sets.contains(set) {
                line.constraint_sets.push(set.clone());
            }
        }
        if line.constraint_sets.len() > limits::MAX_BINDING_SETS {
            let most = limits::MAX_BINDING_SETS;
            let problem = format!("with those of the parent more than {most} would bind the run");
            return Err(Error::field("constraint_sets", problem));
        }
        Ok(())
    }

    async fn line_below(&self, tx: &mut Tx<'_>, parent: RunId) -> Result<Line, Error> {
        let found = tx.get::<Run>(keys::run(tx.tenant(), parent)).await?;
        let run = found.ok_or_else(|| Error::not_found(Resource::Run, parent))?;
        tx.require_free(&run, Doing::Delegate).await?;
        let hops = run.hop_count + 1;
        if hops > self.max_hops {
            return Err(Error::DelegationTooDeep { hops, limit: self.max_hops });
        }
        let mut lineage = run.above().to_vec();
        lineage.push(run.id);
        let mut ancestors = run.ancestors;
        ancestors.push(run.agent);
        let Run { on_behalf_of, constraint_sets, .. } = run;
        Ok(Line { hop_count: hops, on_behalf_of, ancestors, lineage, constraint_sets })
    }
}

/// The timer that looks whether a run is overdue.
pub(super) fn overdue_timer(tenant: &str, run: RunId, time: Timestamp) -> Timer {
    Timer { time, kind: TimerKind::Run, id: *run.as_bytes(), tenant: tenant.to_owned() }
}

/// What a run has from those that delegated to it.
#[derive(Default)]
struct Line {
    hop_count: u32,
    on_behalf_of: Option<String>,
    ancestors: Vec<String>,
    lineage: Vec<RunId>,
    constraint_sets: Vec<String>,
}

struct Finish<'a>(&'a FinishRun);

impl Operation for Finish<'_> {
    type Output = Run;
    const METHOD: &'static str = "FinishRun";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.run.as_bytes()).field(self.0.state.name().as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Run, Vec<Uuid>), Error> {
        let mut run = own(tx, self.0.run).await?;
        tx.require_free(&run, Doing::Finish).await?;
        run.state = self.0.state;
        run.finish_time = Some(tx.now);
        run.revision += 1;
        tx.put(keys::run(tx.tenant(), run.id), &run)?;
        tx.remove(keys::run_active(tx.tenant(), &run.agent, run.id));
        let subjects = Subjects { run: Some(run.id), ..Subjects::default() };
        tx.event(EventKind::RunFinished, subjects);
        closing::cancel_open_of_run(tx, run.id).await?;
        Ok((run, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Run, Error> {
        engine.existing_run(tenant, self.0.run).await
    }
}

/// A run of the caller that is running; another's is not found.
pub(super) async fn own_running(tx: &mut Tx<'_>, id: RunId) -> Result<Run, Error> {
    let run = own(tx, id).await?;
    run.require_running()?;
    Ok(run)
}

/// A run of the caller, which may have finished.
pub(super) async fn own(tx: &mut Tx<'_>, id: RunId) -> Result<Run, Error> {
    let found = tx.get::<Run>(keys::run(tx.tenant(), id)).await?;
    found.filter(|run| run.agent == tx.by.name()).ok_or_else(|| Error::not_found(Resource::Run, id))
}

impl Engine {
    /// Starts a run of the calling agent.
    pub async fn start_run(
        &self,
        caller: &Principal,
        command: StartRun,
    ) -> Result<Answer<RunView>, Error> {
        let by = authorize::agent(caller)?;
        let on_behalf_of = command.on_behalf_of.as_bytes();
        validate::length("on_behalf_of", on_behalf_of, limits::MAX_ON_BEHALF_OF_BYTES)?;
        validate::length("goal", command.goal.as_bytes(), limits::MAX_GOAL_BYTES)?;
        refuse_secrets("goal", command.goal.as_bytes())?;
        if command.constraint_sets.len() > limits::MAX_CONSTRAINT_SETS {
            let problem = format!("want at most {}", limits::MAX_CONSTRAINT_SETS);
            return Err(Error::field("constraint_sets", problem));
        }
        let policy = &self.policy(&caller.tenant)?.policy;
        let (max_hops, time_budget) = (policy.max_hops, policy.time_budget);
        let operation = Start { command: &command, max_hops, time_budget };
        let answer = self.transact(&by, &command.request_id, &operation).await?;
        let goal = command.goal.clone();
        Ok(answer.map(|run| RunView { state: run.state, run, goal, held_by: None }))
    }

    /// Finishes a run of the calling agent.
    pub async fn finish_run(
        &self,
        caller: &Principal,
        command: FinishRun,
    ) -> Result<Answer<RunView>, Error> {
        let by = authorize::agent(caller)?;
        use RunState::{Cancelled, Failed, Succeeded};
        if !matches!(command.state, Succeeded | Failed | Cancelled) {
            return Err(Error::field("state", "want SUCCEEDED, FAILED or CANCELLED"));
        }
        let answer = self.transact(&by, &command.request_id, &Finish(&command)).await?;
        let view = self.run_view(&caller.tenant, answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    /// Returns one run.
    pub async fn get_run(&self, caller: &Principal, id: RunId) -> Result<RunView, Error> {
        let run = self.run_record(caller, id).await?;
        self.run_view(&caller.tenant, run).await
    }

    /// What a run is to reach. A run's goal never changes, so that it is read
    /// once and not with every proposal.
    pub(super) async fn goal_of(&self, run: &Run) -> Result<Arc<str>, Error> {
        if run.goal.is_none() {
            return Ok(Arc::from(""));
        }
        if let Some(goal) = self.0.goals.get(&run.id) {
            return Ok(goal);
        }
        let goal: Arc<str> = self.text(run.goal.as_ref()).await?.into();
        self.0.goals.insert(run.id, Arc::clone(&goal));
        Ok(goal)
    }
}
