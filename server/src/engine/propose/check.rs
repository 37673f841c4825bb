//! What is wrong with a proposal, whatever the state: its form, and secrets.

use super::Propose;
use crate::domain::checkpoint::CheckpointContent;
use crate::domain::error::Error;
use crate::domain::secrets::refuse_secrets;
use crate::engine::{limits, validate};

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
    command.checkpoint.as_ref().map_or(Ok(()), checkpoint_form)
}

fn checkpoint_form(checkpoint: &CheckpointContent) -> Result<(), Error> {
    validate::length("checkpoint.state", &checkpoint.state, limits::MAX_STATE_BYTES)?;
    let (field, version) = ("checkpoint.schema_version", checkpoint.schema_version.as_bytes());
    validate::length(field, version, limits::MAX_SCHEMA_VERSION_BYTES)?;
    if checkpoint.credentials.len() > limits::MAX_CREDENTIALS {
        let problem = format!("more than {} references", limits::MAX_CREDENTIALS);
        return Err(Error::field("checkpoint.credentials", problem));
    }
    for (place, credential) in checkpoint.credentials.iter().enumerate() {
        let field = |part: &str| format!("checkpoint.credentials[{place}].{part}");
        let (name, reference) = (credential.name.as_bytes(), credential.reference.as_bytes());
        validate::length(&field("name"), name, limits::MAX_PRINCIPAL_BYTES)?;
        validate::length(&field("reference"), reference, limits::MAX_REFERENCE_BYTES)?;
    }
    Ok(())
}

/// Refuses secrets in whatever would be stored.
pub(super) fn secrets(command: &Propose) -> Result<(), Error> {
    refuse_secrets("arguments", &command.arguments)?;
    refuse_secrets("target", command.target.as_bytes())?;
    refuse_secrets("preconditions", &command.preconditions)?;
    refuse_secrets("reasoning", command.reasoning.as_bytes())?;
    let Some(checkpoint) = &command.checkpoint else { return Ok(()) };
    refuse_secrets("checkpoint.state", &checkpoint.state)?;
    for (place, credential) in checkpoint.credentials.iter().enumerate() {
        let field = format!("checkpoint.credentials[{place}].reference");
        refuse_secrets(&field, credential.reference.as_bytes())?;
    }
    Ok(())
}
