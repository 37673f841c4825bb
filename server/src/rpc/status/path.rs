//! The errors of branches and checkpoints as statuses.

use super::{Code, Reason, Shape, failed};
use crate::domain::error::PathError;

/// Which code, reason and details each of them has.
pub(super) fn shape(error: &PathError) -> Shape {
    use PathError as E;
    match error {
        E::BranchAbandoned { run, given, current, checkpoint, cause, by, instruction } => {
            failed(Reason::BranchAbandoned)
                .subject("run_id", run)
                .with("given_branch", given)
                .with("branch", current)
                .with_optional("checkpoint_id", checkpoint.as_ref())
                .with("cause", cause)
                .with("by", by)
                .with_optional("instruction", Some(instruction).filter(|words| !words.is_empty()))
        }
        E::BranchUnknown { run, given, current } => {
            Shape::new(Code::NotFound, Reason::BranchNotFound)
                .with("run_id", run)
                .with("given_branch", given)
                .with("branch", current)
        }
        E::CheckpointForeign { checkpoint, run } => failed(Reason::CheckpointForeign)
            .subject("checkpoint_id", checkpoint)
            .with("run_id", run),
        E::StaleParent { checkpoint, run, newest } => failed(Reason::CheckpointStaleParent)
            .subject("checkpoint_id", checkpoint)
            .with("run_id", run)
            .with_optional("newest_checkpoint_id", newest.as_ref()),
        E::CheckpointTampered { checkpoint } => {
            Shape::new(Code::DataLoss, Reason::CheckpointTampered).with("checkpoint_id", checkpoint)
        }
        E::NoGoodCheckpoint { run } => failed(Reason::NoGoodCheckpoint).subject("run_id", run),
        E::EffectsChanged { run, expected, actual } => failed(Reason::EffectsChanged)
            .subject("run_id", run)
            .with("expected", expected)
            .with("actual", actual),
    }
}
