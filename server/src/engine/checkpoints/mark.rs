//! Marks: a person's word that a checkpoint is good to go back to.

use uuid::Uuid;

use super::require_sound;
use crate::domain::checkpoint::{Checkpoint, KnownGood};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::CheckpointId;
use crate::domain::principal::Principal;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::views::CheckpointView;
use crate::engine::{Engine, authorize, validate};
use crate::store::keys;

/// Marks a checkpoint, or takes the mark back.
#[derive(Clone, Debug)]
pub struct MarkCheckpoint {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Whether it is known to be good.
    pub is_good: bool,
    /// Why; may be empty.
    pub note: String,
}

struct Marking<'a>(&'a MarkCheckpoint);

impl Operation for Marking<'_> {
    type Output = Checkpoint;
    const METHOD: &'static str = "MarkCheckpoint";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.0;
        hasher.field(it.checkpoint.as_bytes()).field(&[it.is_good.into()]);
        hasher.field(it.note.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Checkpoint, Vec<Uuid>), Error> {
        let (tenant, id) = (tx.tenant(), self.0.checkpoint);
        let found = tx.get::<Checkpoint>(keys::checkpoint(tenant, id)).await?;
        let mut checkpoint = found.ok_or_else(|| Error::not_found(Resource::Checkpoint, id))?;
        require_sound(tx.engine, tenant, &checkpoint).await?;
        let note = match self.0.note.as_str() {
            "" => None,
            note => Some(tx.bytes(note.to_owned().into(), None)?),
        };
        let index = keys::good_checkpoint(tenant, checkpoint.run, id);
        let (by, time) = (tx.by.name().to_owned(), tx.now);
        let kind = match self.0.is_good {
            true => {
                checkpoint.known_good = Some(KnownGood { by, note, time });
                tx.mark(index);
                EventKind::CheckpointMarked
            }
            false => {
                checkpoint.known_good = None;
                tx.remove(index);
                EventKind::CheckpointUnmarked
            }
        };
        let run = Some(checkpoint.run);
        let subjects = Subjects { run, checkpoint: Some(id), ..Subjects::default() };
        tx.event_about(kind, subjects, checkpoint.digest, note.as_slice());
        tx.put(keys::checkpoint(tenant, id), &checkpoint)?;
        Ok((checkpoint, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Checkpoint, Error> {
        engine.existing_checkpoint(tenant, self.0.checkpoint).await
    }
}

impl Engine {
    /// Marks a checkpoint for the calling reviewer.
    pub async fn mark_checkpoint(
        &self,
        caller: &Principal,
        command: MarkCheckpoint,
    ) -> Result<Answer<CheckpointView>, Error> {
        let by = authorize::reviewer(caller)?;
        validate::note("note", &command.note)?;
        let answer = self.transact(&by, &command.request_id, &Marking(&command)).await?;
        let view = self.checkpoint_view(caller, answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
