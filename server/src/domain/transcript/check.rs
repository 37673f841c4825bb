//! What an entry may hold.

use super::{Content, MessageRole};
use crate::domain::error::Error;
use crate::domain::secrets::refuse_secrets;

/// The longest piece of reasoning, in bytes.
pub const MAX_CHUNK_BYTES: usize = 16 * 1024;
/// The longest message of a user, in bytes.
pub const MAX_USER_BYTES: usize = 16 * 1024;
/// The longest message of anybody else, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The longest arguments of a call, in bytes.
pub const MAX_ARGUMENTS_BYTES: usize = 64 * 1024;
/// The longest result of a tool, in bytes.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;
/// The longest title of a step, in bytes.
pub const MAX_TITLE_BYTES: usize = 256;
/// The longest words of what the agent is about to do, and of why, in bytes each.
pub const MAX_INTENT_BYTES: usize = 2 * 1024;
/// The longest id of a framework's call, in bytes.
pub const MAX_CALL_ID_BYTES: usize = 256;
/// The longest name of a tool, in bytes.
const MAX_TOOL_BYTES: usize = 128;

impl Content {
    /// Refuses what is missing, too long, or holds a secret. `place` is the entry's in
    /// the request.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidField`] or [`Error::SecretFound`], with the field's place.
    pub fn check(&self, place: &str) -> Result<(), Error> {
        let field = |name: &str| format!("{place}.{name}");
        match self {
            Self::Reasoning { text } => {
                words(&field("reasoning.text"), text.as_bytes(), MAX_CHUNK_BYTES)
            }
            Self::Message { role, text } => {
                let is_user = *role == MessageRole::User;
                let limit = if is_user { MAX_USER_BYTES } else { MAX_MESSAGE_BYTES };
                words(&field("message.text"), text.as_bytes(), limit)
            }
            Self::ToolCall { tool, call_id, arguments, .. } => {
                tool_name(&field("tool_call.tool"), tool)?;
                within(&field("tool_call.call_id"), call_id.as_bytes(), MAX_CALL_ID_BYTES)?;
                within(&field("tool_call.arguments"), arguments, MAX_ARGUMENTS_BYTES)
            }
            Self::ToolResult { tool, call_id, result, .. } => {
                tool_name(&field("tool_result.tool"), tool)?;
                within(&field("tool_result.call_id"), call_id.as_bytes(), MAX_CALL_ID_BYTES)?;
                within(&field("tool_result.result"), result, MAX_RESULT_BYTES)
            }
            Self::Step { title } => words(&field("step.title"), title.as_bytes(), MAX_TITLE_BYTES),
            Self::Intent { text, why } => {
                words(&field("intent.text"), text.as_bytes(), MAX_INTENT_BYTES)?;
                within(&field("intent.why"), why.as_bytes(), MAX_INTENT_BYTES)
            }
            Self::Cut(_) => Err(Error::field(place, "only the server notes what was left out")),
        }
    }
}

fn words(field: &str, bytes: &[u8], limit: usize) -> Result<(), Error> {
    if bytes.is_empty() {
        return Err(Error::field(field, "required"));
    }
    within(field, bytes, limit)
}

/// Not too long, and no secret in it.
fn within(field: &str, bytes: &[u8], limit: usize) -> Result<(), Error> {
    if bytes.len() > limit {
        return Err(Error::field(field, format!("{} bytes, more than {limit}", bytes.len())));
    }
    refuse_secrets(field, bytes)
}

fn tool_name(field: &str, name: &str) -> Result<(), Error> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':');
    words(field, name.as_bytes(), MAX_TOOL_BYTES)?;
    if !name.bytes().all(is_plain) {
        return Err(Error::field(field, "want letters, digits and `_-./:`"));
    }
    Ok(())
}
