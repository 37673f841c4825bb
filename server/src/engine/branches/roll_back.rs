//! Taking a run back to a checkpoint: what that leaves behind is said before, and again
//! when it is done.

use uuid::Uuid;

use super::{BranchView, NewBranch, number_of, require_current, start};
use crate::domain::branch::{Branch, BranchCause};
use crate::domain::checkpoint::Checkpoint;
use crate::domain::digest::FieldHasher;
use crate::domain::effects::{EffectCounts, Undoing};
use crate::domain::error::{Error, PathError, Resource};
use crate::domain::ids::{ActionId, CheckpointId, RunId};
use crate::domain::overrides::Doing;
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::engine::checkpoints::{newest_good, of_run, require_sound};
use crate::engine::effects::{EffectView, Effects, MAX_SHOWN};
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::views::CheckpointView;
use crate::engine::{Engine, authorize, validate};
use crate::store::{CommitLane, keys};

/// The most counter-actions that one call asks for.
pub const MAX_COMPENSATIONS: usize = 25;

/// Takes a run back.
#[derive(Clone, Debug)]
pub struct RollBackRun {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The run.
    pub run: RunId,
    /// The branch that is left.
    pub branch: u32,
    /// The checkpoint to go back to; none: the newest known to be good.
    pub checkpoint: Option<CheckpointId>,
    /// Why.
    pub reason: String,
    /// What the agent is to do otherwise; may be empty.
    pub instruction: String,
    /// Whether the agent is asked for counter-actions.
    pub compensates: bool,
    /// How many effects the caller was shown.
    pub expected_effects: Option<u32>,
    /// Whether nothing is changed.
    pub is_trial: bool,
}

/// What was taken back, or would be.
#[derive(Clone, Debug, PartialEq)]
pub struct RolledBack {
    /// The new path; none: nothing was changed.
    pub branch: Option<BranchView>,
    /// The checkpoint to go back to.
    pub checkpoint: CheckpointView,
    /// What ran after it, newest first.
    pub effects: Vec<EffectView>,
    /// How many effects there are.
    pub counts: EffectCounts,
    /// The actions whose counter-actions were asked for, and why one was not.
    pub compensations: Vec<(ActionId, Option<String>)>,
}

struct RollingBack<'a>(&'a RollBackRun);

impl RollingBack<'_> {
    /// Looks at everything; nothing is changed.
    async fn look(&self, tx: &mut Tx<'_>) -> Result<(Run, Checkpoint), Error> {
        let id = self.0.run;
        let found = tx.get::<Run>(keys::run(tx.tenant(), id)).await?;
        let run = found.ok_or_else(|| Error::not_found(Resource::Run, id))?;
        // A run that is paused may be taken back.
        tx.require_free(&run, Doing::Finish).await?;
        require_current(tx, &run, self.0.branch).await?;
        let checkpoint = match self.0.checkpoint {
            Some(id) => of_run(tx, run.id, id).await?,
            None => newest_good(tx, &run, None).await?.ok_or_else(|| {
                Error::Path(PathError::NoGoodCheckpoint { run: run.id.to_string() })
            })?,
        };
        require_sound(tx.engine, tx.tenant(), &checkpoint).await?;
        if let Some(expected) = self.0.expected_effects {
            let point = Some(checkpoint.create_time);
            let counts = tx.engine.effects_since(tx.tenant(), run.id, point).await?.counts;
            let (run, actual) = (run.id.to_string(), counts.total());
            if actual != expected {
                return Err(Error::Path(PathError::EffectsChanged { run, expected, actual }));
            }
        }
        Ok((run, checkpoint))
    }
}

impl Operation for RollingBack<'_> {
    type Output = (Branch, Checkpoint);
    const METHOD: &'static str = "RollBackRun";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.0;
        hasher
            .field(it.run.as_bytes())
            .field(&it.branch.to_be_bytes())
            .optional(it.checkpoint.as_ref().map(|id| id.as_bytes().as_slice()))
            .field(it.reason.as_bytes())
            .field(it.instruction.as_bytes())
            .field(&[it.compensates.into()])
            .optional(it.expected_effects.map(u32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Self::Output, Vec<Uuid>), Error> {
        let (mut run, checkpoint) = self.look(tx).await?;
        let request = NewBranch {
            checkpoint: Some(checkpoint.id),
            instruction: tx.said(&self.0.instruction)?,
            reason: tx.said(&self.0.reason)?,
            ..NewBranch::because(BranchCause::Rollback)
        };
        let branch = start(tx, &mut run, request).await?;
        let number = Uuid::from_u128(branch.number.into());
        let results = vec![number, Uuid::from_bytes(*checkpoint.id.as_bytes())];
        Ok(((branch, checkpoint), results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Self::Output, Error> {
        let number = number_of(results, 0)?;
        let id = CheckpointId::new(result_at(results, 1)?);
        let branch = engine.existing_branch(tenant, self.0.run, number).await?;
        Ok((branch, engine.existing_checkpoint(tenant, id).await?))
    }
}

impl Engine {
    /// Takes a run back to a checkpoint for the calling supervisor, or says what that
    /// would leave behind.
    pub async fn roll_back_run(
        &self,
        caller: &Principal,
        command: RollBackRun,
    ) -> Result<Answer<RolledBack>, Error> {
        let by = authorize::supervisor(caller)?;
        validate::words("reason", &command.reason)?;
        validate::note("instruction", &command.instruction)?;
        let operation = RollingBack(&command);
        if command.is_trial {
            validate::request_id(&command.request_id)?;
            let mut tx = Tx::new(self, &by, CommitLane::Normal);
            let (_, checkpoint) = operation.look(&mut tx).await?;
            let value = self.rolled_back(caller, &command, None, checkpoint).await?;
            let sequence =
                self.0.store.sequence(&caller.tenant).await.map_err(super::super::read_error)?;
            return Ok(Answer { value, sequence, time: self.now(), is_replayed: false });
        }
        let answer = self.transact(&by, &command.request_id, &operation).await?;
        let (branch, checkpoint) = answer.value.clone();
        let value = self.rolled_back(caller, &command, Some(branch), checkpoint).await?;
        Ok(answer.map(|_| value))
    }

    async fn rolled_back(
        &self,
        caller: &Principal,
        command: &RollBackRun,
        branch: Option<Branch>,
        checkpoint: Checkpoint,
    ) -> Result<RolledBack, Error> {
        let point = Some(checkpoint.create_time);
        let found = self.effects_since(&caller.tenant, command.run, point).await?;
        let compensations = match branch.is_some() && command.compensates {
            true => self.compensate_all(caller, command, &found).await?,
            false => Vec::new(),
        };
        let branch = match branch {
            Some(branch) => Some(self.branch_view(caller, branch).await?),
            None => None,
        };
        let counts = found.counts;
        let shown = found.list.into_iter().take(MAX_SHOWN);
        let effects = self.effect_views(shown).await?;
        let checkpoint = self.checkpoint_view(caller, checkpoint).await?;
        Ok(RolledBack { branch, checkpoint, effects, counts, compensations })
    }

    /// Asks for counter-actions, each in a commit of its own: the path has changed, and
    /// what one of them lacks stops no other.
    async fn compensate_all(
        &self,
        caller: &Principal,
        command: &RollBackRun,
        effects: &Effects,
    ) -> Result<Vec<(ActionId, Option<String>)>, Error> {
        let has_one = effects.list.iter().filter(|it| it.undoing == Some(Undoing::Compensatable));
        let mut asked = Vec::new();
        for effect in has_one.take(MAX_COMPENSATIONS) {
            let id = effect.action.id;
            let reverse = Reverse {
                request_id: String::new(),
                what: Reversed::Action(id),
                reason: command.reason.clone(),
            };
            match self.reverse(caller, reverse).await {
                Ok(_) | Err(Error::AlreadyReversed { .. }) => asked.push((id, None)),
                Err(stopping @ Error::Stopping { .. }) => return Err(stopping),
                Err(refusal) => asked.push((id, Some(refusal.to_string()))),
            }
        }
        Ok(asked)
    }
}
