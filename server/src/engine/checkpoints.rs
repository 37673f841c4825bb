//! Checkpoints: saved by themselves or with a question, linked to the one before, and
//! read back only as they were saved.

mod diff;
mod mark;
mod read;
mod save;
mod states;

pub use diff::{ByteChange, ChangeKind, Diffed, StateChange};
pub use mark::MarkCheckpoint;
pub use read::{ListCheckpoints, QuestionOf};
pub(super) use read::{newest_good, require_sound};
pub use save::SaveCheckpoint;
pub(super) use save::{Occasion, form, save, secrets};
pub(super) use states::States;

use super::operation::Tx;
use crate::domain::checkpoint::Checkpoint;
use crate::domain::error::{Error, PathError, Resource};
use crate::domain::ids::{CheckpointId, RunId};
use crate::store::keys;

/// A checkpoint of the run; another run's is refused.
pub(super) async fn of_run(
    tx: &mut Tx<'_>,
    run: RunId,
    id: CheckpointId,
) -> Result<Checkpoint, Error> {
    let found = tx.get::<Checkpoint>(keys::checkpoint(tx.tenant(), id)).await?;
    let checkpoint = found.ok_or_else(|| Error::not_found(Resource::Checkpoint, id))?;
    if checkpoint.run != run {
        let (checkpoint, run) = (id.to_string(), run.to_string());
        return Err(Error::Path(PathError::CheckpointForeign { checkpoint, run }));
    }
    Ok(checkpoint)
}
