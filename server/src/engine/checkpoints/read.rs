//! Reading checkpoints: only as they were saved.

use futures::future::try_join_all;

use crate::domain::branch::{Branch, Path};
use crate::domain::briefing::Briefing;
use crate::domain::checkpoint::{Checkpoint, CheckpointContent};
use crate::domain::digest::sha256;
use crate::domain::error::{Error, PathError, Resource};
use crate::domain::escalation::{Escalation, ResolutionContent};
use crate::domain::ids::{CheckpointId, RunId};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::time::Timestamp;
use crate::engine::list::{Listed, Page};
use crate::engine::operation::Tx;
use crate::engine::views::{CheckpointView, missing};
use crate::engine::{Engine, authorize, limits, read_error};
use crate::store::{Direction, keys};

/// How many marked checkpoints are looked at for one on the run's path.
const MARKED_LOOKED_AT: usize = 256;
/// How many checkpoints are shown at once.
const SHOWN_TOGETHER: usize = 32;

/// The question with which a checkpoint was saved, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct QuestionOf {
    /// The question.
    pub escalation: Escalation,
    /// Why it was asked.
    pub why: String,
    /// The words of its answer.
    pub resolution: Option<ResolutionContent>,
}

/// Which checkpoints of a run to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListCheckpoints {
    /// The run.
    pub run: RunId,
    /// Only those that are known to be good.
    pub only_good: bool,
}

/// The refusal of what is not as it was saved. The cause goes to the log.
pub(super) fn tampered(checkpoint: &Checkpoint, cause: &str) -> Error {
    tracing::error!(checkpoint = %checkpoint.id, cause, "a checkpoint is not as it was saved");
    Error::Path(PathError::CheckpointTampered { checkpoint: checkpoint.id.to_string() })
}

/// Refuses a checkpoint whose record was changed, or that was not saved behind the parent
/// that it names.
pub(in crate::engine) async fn require_sound(
    engine: &Engine,
    tenant: &str,
    checkpoint: &Checkpoint,
) -> Result<(), Error> {
    if !checkpoint.is_sound() {
        return Err(tampered(checkpoint, "its digest does not match"));
    }
    let Some(parent) = checkpoint.parent.filter(|_| checkpoint.digest.is_some()) else {
        return Ok(());
    };
    let parent = engine.read::<Checkpoint>(&keys::checkpoint(tenant, parent)).await?;
    match parent.filter(|parent| checkpoint.follows(parent) && parent.is_sound()) {
        Some(_) => Ok(()),
        None => Err(tampered(checkpoint, "its parent is not the one it was saved behind")),
    }
}

/// The newest checkpoint on the run's path that is known to be good and is as it was
/// saved; with a time, the newest until then. The commit fails if its mark is taken back
/// by then.
pub(in crate::engine) async fn newest_good(
    tx: &mut Tx<'_>,
    run: &Run,
    until: Option<Timestamp>,
) -> Result<Option<Checkpoint>, Error> {
    let (engine, tenant) = (tx.engine, tx.tenant());
    let range = keys::good_checkpoints(tenant, run.id);
    let found = engine.0.store.scan(range, Direction::Descending, MARKED_LOOKED_AT).await;
    let rows = found.map_err(read_error)?.rows;
    if rows.is_empty() {
        return Ok(None);
    }
    let path = engine.path_of(tenant, run.id, run.branch).await?;
    for id in rows.iter().filter_map(|(key, _)| keys::listed_checkpoint(key)) {
        let found = tx.get::<Checkpoint>(keys::checkpoint(tenant, id)).await?;
        let Some(checkpoint) = found.filter(|it| it.known_good.is_some()) else { continue };
        let is_early = until.is_none_or(|until| checkpoint.create_time <= until);
        let is_sound = || require_sound(engine, tenant, &checkpoint);
        if is_early
            && path.holds(checkpoint.branch, checkpoint.create_time)
            && is_sound().await.is_ok()
        {
            return Ok(Some(checkpoint));
        }
    }
    Ok(None)
}

impl Engine {
    /// The path that leads to a branch.
    pub(in crate::engine) async fn path_of(
        &self,
        tenant: &str,
        run: RunId,
        branch: u32,
    ) -> Result<Path, Error> {
        let mut path = vec![(branch, None)];
        let mut at = branch;
        while at > 0 {
            let found = self.read::<Branch>(&keys::branch(tenant, run, at)).await?;
            let left = found.ok_or_else(|| missing(Resource::Run, &run))?;
            let (before, until) = match left.checkpoint {
                None => (left.parent, left.create_time),
                Some(id) => {
                    let point = self.existing_checkpoint(tenant, id).await?;
                    (point.branch, point.create_time)
                }
            };
            // Numbers fall, whatever is stored: the walk ends.
            at = before.min(at - 1);
            path.push((at, Some(until)));
        }
        Ok(Path(path))
    }

    /// A checkpoint that another record names.
    pub(in crate::engine) async fn existing_checkpoint(
        &self,
        tenant: &str,
        id: CheckpointId,
    ) -> Result<Checkpoint, Error> {
        let found = self.read(&keys::checkpoint(tenant, id)).await?;
        found.ok_or_else(|| missing(Resource::Checkpoint, &id))
    }

    /// A checkpoint that the caller may see, as it was saved.
    pub(super) async fn seen_checkpoint(
        &self,
        caller: &Principal,
        id: CheckpointId,
    ) -> Result<Checkpoint, Error> {
        let checkpoint = self
            .read::<Checkpoint>(&keys::checkpoint(&caller.tenant, id))
            .await?
            .filter(|checkpoint| authorize::may_see(caller, &checkpoint.agent))
            .ok_or_else(|| Error::not_found(Resource::Checkpoint, id))?;
        require_sound(self, &caller.tenant, &checkpoint).await?;
        Ok(checkpoint)
    }

    /// Returns one checkpoint: with its state to the agent of its run, without
    /// it to reviewers and admins.
    pub async fn get_checkpoint(
        &self,
        caller: &Principal,
        id: CheckpointId,
    ) -> Result<CheckpointView, Error> {
        let checkpoint = self.seen_checkpoint(caller, id).await?;
        let state = match checkpoint.agent == caller.name {
            true => self.checked_state(&caller.tenant, &checkpoint).await?,
            false => Vec::new(),
        };
        let mut view = self.checkpoint_view(caller, checkpoint).await?;
        view.content.state = state;
        Ok(view)
    }

    /// The state of a checkpoint, exactly as it was saved.
    pub(super) async fn checked_state(
        &self,
        tenant: &str,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<u8>, Error> {
        let read = async {
            let content = self.payload::<CheckpointContent>(&checkpoint.content).await?;
            let state = self.state_of(tenant, checkpoint, &content).await?;
            Ok((content.state_digest, state))
        };
        match read.await {
            Ok((digest, state)) if digest.is_none_or(|digest| digest == sha256(&state)) => {
                Ok(state.to_vec())
            }
            Ok(_) => Err(tampered(checkpoint, "its state is another one")),
            Err(Error::DataDamaged { cause }) => Err(tampered(checkpoint, &cause)),
            Err(other) => Err(other),
        }
    }

    /// A checkpoint as the caller is shown it, without its state.
    pub(in crate::engine) async fn checkpoint_view(
        &self,
        caller: &Principal,
        checkpoint: Checkpoint,
    ) -> Result<CheckpointView, Error> {
        let mut content = match self.payload::<CheckpointContent>(&checkpoint.content).await {
            Err(Error::DataDamaged { cause }) => return Err(tampered(&checkpoint, &cause)),
            read => read?,
        };
        let held = content.state.len() as u64;
        let state_bytes = checkpoint.state.as_ref().map_or(held, |state| state.size);
        content.state.clear();
        let good = checkpoint.known_good.as_ref();
        let note = self.text(good.and_then(|good| good.note.as_ref())).await?;
        let question = match checkpoint.escalation {
            None => None,
            Some(id) => {
                let escalation = self.existing_escalation(&caller.tenant, id).await?;
                let why = self.payload::<Briefing>(&escalation.briefing).await?.shown();
                let resolution = self.resolution_content(&escalation).await?;
                let is_person = authorize::overseer(caller).is_ok();
                let resolution = match is_person {
                    true => resolution,
                    false => resolution.map(ResolutionContent::for_agents),
                };
                Some(QuestionOf { escalation, why: why.briefing.why.clone(), resolution })
            }
        };
        Ok(CheckpointView { checkpoint, content, state_bytes, note, question })
    }

    /// Lists the checkpoints of one run, newest first.
    pub async fn list_checkpoints(
        &self,
        caller: &Principal,
        page: Page,
        which: ListCheckpoints,
    ) -> Result<Listed<CheckpointView>, Error> {
        let tenant = &caller.tenant;
        let run = self.run_record(caller, which.run).await?.id;
        let (range, filter) = match which.only_good {
            true => (keys::good_checkpoints(tenant, run), "good checkpoints"),
            false => (keys::run_checkpoints(tenant, run), "checkpoints"),
        };
        let mut walk = self.walk(range, Direction::Descending, &page, filter)?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let mut together = Vec::new();
            while together.len() < SHOWN_TOGETHER.min(walk.size - items.len()) {
                let Some((key, _)) = walk.next(self).await? else { break };
                together.extend(keys::listed_checkpoint(&key));
                walk.took(&key);
            }
            if together.is_empty() {
                break;
            }
            let shown = together.into_iter().map(|id| async move {
                let checkpoint = self.existing_checkpoint(tenant, id).await?;
                self.checkpoint_view(caller, checkpoint).await
            });
            let shown = try_join_all(shown).await?;
            bytes += shown.iter().map(CheckpointView::size).sum::<usize>();
            items.extend(shown);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }
}
