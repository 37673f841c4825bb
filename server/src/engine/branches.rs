//! Branches: a run changes its path, and nothing of the former one runs any more.
//!
//! The run's record says which branch counts, and whoever proposes or redeems reads it
//! in the same transaction: that is the fence, whatever else there is. What waits on the
//! former path (questions, offers, grants) is withdrawn as well, some of it in the same
//! commit and the rest, in steps of a bounded size, by a timer.

mod change;
mod expiry;
mod read;
mod roll_back;
mod settle;

use uuid::Uuid;

use super::operation::{Tx, result_at};
use super::views::missing;
use super::{Engine, checkpoints, overrides};
use crate::domain::branch::{Branch, BranchCause, ORIGINAL};
use crate::domain::effects::EffectCounts;
use crate::domain::error::{Error, PathError, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{CheckpointId, EscalationId, OverrideId};
use crate::domain::payload::PayloadRef;
use crate::domain::run::Run;
use crate::store::keys::{self, Place, Rank};

pub use change::BranchRun;
pub(super) use expiry::way_back;
pub use read::{BranchView, Compared, PathView};
pub use roll_back::{MAX_COMPENSATIONS, RollBackRun, RolledBack};
pub(super) use settle::go_on;

/// How a run's path is to change.
#[derive(Clone, Debug)]
pub(super) struct NewBranch {
    /// Why.
    pub(super) cause: BranchCause,
    /// From which checkpoint of the run it goes on; none: from where the agent is.
    pub(super) checkpoint: Option<CheckpointId>,
    /// What the agent is to do otherwise: text.
    pub(super) instruction: Option<PayloadRef>,
    /// Why, for people: text.
    pub(super) reason: Option<PayloadRef>,
    /// The override that it belongs to.
    pub(super) override_id: Option<OverrideId>,
    /// The question whose end leads to it.
    pub(super) escalation: Option<EscalationId>,
    /// Whether the agent knows of it already.
    pub(super) is_acknowledged: bool,
}

impl NewBranch {
    /// A branch for a cause, and nothing said beside.
    pub(super) const fn because(cause: BranchCause) -> Self {
        Self {
            cause,
            checkpoint: None,
            instruction: None,
            reason: None,
            override_id: None,
            escalation: None,
            is_acknowledged: false,
        }
    }
}

/// Puts the run on a new branch, in the transaction of the caller: writes the run, the
/// branch and the event, and withdraws what waits on the path that is left. It is never
/// refused for how much that is. Whoever has closed a question in the same transaction
/// did so before.
pub(super) async fn start(
    tx: &mut Tx<'_>,
    run: &mut Run,
    request: NewBranch,
) -> Result<Branch, Error> {
    let effects = match request.checkpoint {
        None => EffectCounts::default(),
        Some(id) => {
            let checkpoint = checkpoints::of_run(tx, run.id, id).await?;
            checkpoints::require_sound(tx.engine, tx.tenant(), &checkpoint).await?;
            let point = checkpoint.create_time;
            tx.engine.effects_since(tx.tenant(), run.id, Some(point)).await?.counts
        }
    };
    let parent = run.branch;
    run.branch += 1;
    run.revision += 1;
    tx.put(keys::run(tx.tenant(), run.id), run)?;
    let mut branch = Branch {
        run: run.id,
        agent: run.agent.clone(),
        number: run.branch,
        parent,
        checkpoint: request.checkpoint,
        cause: request.cause,
        by: tx.by.name().to_owned(),
        instruction: request.instruction,
        reason: request.reason,
        override_id: request.override_id,
        escalation: request.escalation,
        effects,
        acknowledge_time: request.is_acknowledged.then_some(tx.now),
        settle_before: None,
        settle_time: None,
        create_time: tx.now,
    };
    let payloads: Vec<_> = branch.instruction.into_iter().chain(branch.reason).collect();
    tx.event_about(EventKind::RunBranched, subjects(&branch), None, &payloads);
    settle::begin(tx, run, &mut branch).await?;
    tx.put(keys::branch(tx.tenant(), run.id, branch.number), &branch)?;
    let place = Place::numbered(Rank::Branch, branch.create_time, branch.number.into());
    tx.mark(keys::noted(tx.tenant(), run.id, place));
    Ok(branch)
}

impl Tx<'_> {
    /// Keeps words, if there are any.
    fn said(&mut self, words: &str) -> Result<Option<PayloadRef>, Error> {
        if words.is_empty() {
            return Ok(None);
        }
        self.bytes(words.to_owned().into(), None).map(Some)
    }
}

/// The number of a branch in a kept answer.
fn number_of(results: &[Uuid], place: usize) -> Result<u32, Error> {
    u32::try_from(result_at(results, place)?.as_u128())
        .map_err(|_| Error::DataDamaged { cause: "a kept answer names no branch".to_owned() })
}

/// What an event about a branch is about.
fn subjects(branch: &Branch) -> Subjects {
    Subjects {
        run: Some(branch.run),
        checkpoint: branch.checkpoint,
        escalation: branch.escalation,
        branch: Some(branch.number.into()),
        ..Subjects::default()
    }
}

/// Refuses what is not of the run's current branch. The first call of the agent that is
/// acknowledges the branch.
pub(super) async fn require_acknowledged(
    tx: &mut Tx<'_>,
    run: &Run,
    given: u32,
) -> Result<(), Error> {
    require_current(tx, run, given).await?;
    if given == ORIGINAL {
        return Ok(());
    }
    let key = keys::branch(tx.tenant(), run.id, given);
    let found = tx.get::<Branch>(key.clone()).await?;
    let mut branch = found.ok_or_else(|| missing(Resource::Run, &run.id))?;
    if branch.acknowledge_time.is_some() {
        return Ok(());
    }
    branch.acknowledge_time = Some(tx.now);
    tx.event(EventKind::BranchAcknowledged, subjects(&branch));
    if let Some(id) = branch.override_id {
        // That the agent goes on there says that it was told and has done it.
        overrides::take_effect(tx, id, run).await?;
    }
    tx.put(key, &branch)
}

/// Refuses what is not of the run's current branch, which the caller has read in this
/// transaction.
pub(super) async fn require_current(tx: &Tx<'_>, run: &Run, given: u32) -> Result<(), Error> {
    if given == run.branch {
        return Ok(());
    }
    Err(tx.engine.left(tx.tenant(), run, given).await?)
}

impl Engine {
    /// The refusal of what is of another branch than the run's.
    async fn left(&self, tenant: &str, run: &Run, given: u32) -> Result<Error, Error> {
        let (id, current) = (run.id.to_string(), run.branch);
        if given > current {
            return Ok(Error::Path(PathError::BranchUnknown { run: id, given, current }));
        }
        let branch = self.read::<Branch>(&keys::branch(tenant, run.id, current)).await?;
        let branch = branch.ok_or_else(|| missing(Resource::Run, &run.id))?;
        Ok(Error::Path(PathError::BranchAbandoned {
            run: id,
            given,
            current,
            checkpoint: branch.checkpoint.map(|id| id.to_string()),
            cause: branch.cause.name(),
            by: branch.by,
            instruction: self.text(branch.instruction.as_ref()).await?,
        }))
    }
}
