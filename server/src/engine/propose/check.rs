//! What is wrong with a proposal, whatever the state: its form, and secrets.

use super::Propose;
use crate::domain::error::Error;
use crate::domain::secrets::refuse_secrets;
use crate::engine::{checkpoints, limits, validate};

/// Checks every field but the arguments' own syntax.
pub(super) fn form(command: &Propose) -> Result<(), Error> {
    validate::tool("tool", &command.tool)?;
    let schema_version = command.tool_schema_version.as_bytes();
    validate::length("tool_schema_version", schema_version, limits::MAX_SCHEMA_VERSION_BYTES)?;
    validate::length("target", command.target.as_bytes(), limits::MAX_TARGET_BYTES)?;
    validate::required("arguments", &command.arguments)?;
    validate::length("preconditions", &command.preconditions, limits::MAX_PRECONDITIONS_BYTES)?;
    validate::length("reasoning", command.reasoning.as_bytes(), limits::MAX_REASONING_BYTES)?;
    validate::confidence(command.confidence)?;
    let tool_call_id = command.tool_call_id.as_bytes();
    validate::length("tool_call_id", tool_call_id, limits::MAX_TOOL_CALL_ID_BYTES)?;
    let checkpoint = command.checkpoint.as_ref();
    checkpoint.map_or(Ok(()), |content| checkpoints::form("checkpoint", content))
}

/// Refuses secrets in whatever would be stored.
pub(super) fn secrets(command: &Propose) -> Result<(), Error> {
    refuse_secrets("arguments", &command.arguments)?;
    refuse_secrets("target", command.target.as_bytes())?;
    refuse_secrets("preconditions", &command.preconditions)?;
    refuse_secrets("reasoning", command.reasoning.as_bytes())?;
    let checkpoint = command.checkpoint.as_ref();
    checkpoint.map_or(Ok(()), |content| checkpoints::secrets("checkpoint", content))
}
