//! The errors of overrides as statuses.

use tonic::Code;

use super::{Reason, Shape, failed, rfc3339};
use crate::domain::error::{HeldBy, OverrideError};

/// Which code, reason and details each of them has.
pub(super) fn shape(error: &OverrideError) -> Shape {
    use OverrideError as E;
    match error {
        E::RunPaused { run, held } => {
            by(failed(Reason::RunPaused).subject("run_id", &run.to_string()), held)
        }
        E::RunStopped { run, held } => {
            by(failed(Reason::RunStopped).subject("run_id", &run.to_string()), held)
        }
        E::StartsHeld { held } => {
            by(failed(Reason::StartsHeld).subject("override_id", &held.id.to_string()), held)
        }
        E::ToolClosed { run, tool, instead, held } => {
            let shape = failed(Reason::ToolClosed).subject("run_id", &run.to_string());
            let instead = Some(instead).filter(|tool| !tool.is_empty());
            by(shape.with("tool", tool).with_optional("instead", instead), held)
        }
        E::Closed { id, state } => failed(Reason::OverrideClosed)
            .subject("override_id", &id.to_string())
            .with("state", state),
        E::NotHeld { scope, by } => {
            failed(Reason::NotHeld).subject("scope", scope).with_optional("override_id", *by)
        }
        E::NeedsSecond { id } => {
            Shape::new(Code::PermissionDenied, Reason::OverrideNeedsSecond).with("override_id", id)
        }
    }
}

/// Adds what holds the run.
fn by(shape: Shape, held: &HeldBy) -> Shape {
    shape
        .with("override_id", held.id)
        .with("kind", held.kind)
        .with("by", &held.by)
        .with("at", rfc3339(held.at))
        .with("why", &held.why)
}
