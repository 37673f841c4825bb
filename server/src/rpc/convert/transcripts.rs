//! Transcripts.

use pointsman_api::v1;
use pointsman_api::v1::transcript_entry::Content as Wire;
use pointsman_api::v1::transcript_message::Role;
use pointsman_api::v1::truncation::Cause;

use super::{known, optional_id, point, text_of, time, unspecified};
use crate::domain::error::Error;
use crate::domain::ids::PolicyRevisionId;
use crate::domain::policy::Guidance;
use crate::domain::render;
use crate::domain::transcript::{Content, Cut, CutCause, Entry, MessageRole};
use crate::engine::transcripts::{Draft, Shown};

/// Reads entries at their places in the request's field `list`.
pub(in crate::rpc) fn read_drafts(
    list: &str,
    entries: Vec<v1::TranscriptEntry>,
) -> Result<Vec<Draft>, Error> {
    let read = |(place, entry)| read_draft(&format!("{list}[{place}]"), entry);
    entries.into_iter().enumerate().map(read).collect()
}

fn read_draft(place: &str, entry: v1::TranscriptEntry) -> Result<Draft, Error> {
    let v1::TranscriptEntry { number, agent_time, receive_time: _, content } = entry;
    let content = content.ok_or_else(|| unspecified(&format!("{place}.content")))?;
    let content = read_content(place, content)?;
    Ok(Draft { number, agent_time: agent_time.map(point), content })
}

fn read_content(place: &str, content: Wire) -> Result<Content, Error> {
    let field = |name: &str| format!("{place}.{name}");
    Ok(match content {
        Wire::Reasoning(v1::Reasoning { text }) => Content::Reasoning { text },
        Wire::Message(v1::TranscriptMessage { role, text }) => {
            let role = match known(&field("message.role"), role)? {
                Role::Unspecified => return Err(unspecified(&field("message.role"))),
                Role::System => MessageRole::System,
                Role::User => MessageRole::User,
                Role::Assistant => MessageRole::Assistant,
            };
            Content::Message { role, text }
        }
        Wire::ToolCall(v1::ToolCall { tool, call_id, arguments, action_id }) => {
            let action = optional_id(&field("tool_call.action_id"), &action_id)?;
            Content::ToolCall { tool, call_id, arguments: arguments.into(), action }
        }
        Wire::ToolResult(v1::ToolResult { tool, call_id, result, failed, action_id }) => {
            let action = optional_id(&field("tool_result.action_id"), &action_id)?;
            let (result, is_error) = (result.into(), failed);
            Content::ToolResult { tool, call_id, result, is_error, action }
        }
        Wire::Step(v1::Step { title }) => Content::Step { title },
        Wire::Intent(v1::Intent { text, why }) => Content::Intent { text, why },
        Wire::Truncation(_) | Wire::Erasure(_) => {
            let problem = "only the server says what was left out or erased";
            return Err(Error::field(field("content"), problem));
        }
    })
}

/// An entry for the wire: as it was sent for the agent itself, else as safe text.
pub(in crate::rpc) fn entry(shown: Shown, is_own: bool) -> v1::TranscriptEntry {
    match shown {
        Shown::Erased { first, through, time: at } => v1::TranscriptEntry {
            number: first,
            agent_time: None,
            receive_time: Some(time(at)),
            content: Some(Wire::Erasure(v1::Erasure { through_entry: through })),
        },
        Shown::Entry(Entry { number, time: at, agent_time, content }) => v1::TranscriptEntry {
            number,
            agent_time: agent_time.map(time),
            receive_time: Some(time(at)),
            content: Some(wire(content, if is_own { as_sent } else { safe })),
        },
    }
}

/// How the bytes of a text are shown.
type Form = fn(Vec<u8>) -> Vec<u8>;

fn as_sent(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

fn safe(bytes: Vec<u8>) -> Vec<u8> {
    render::safe(&String::from_utf8_lossy(&bytes)).into_bytes()
}

fn wire(content: Content, form: Form) -> Wire {
    let words = |text: String| String::from_utf8(form(text.into_bytes())).unwrap_or_default();
    match content {
        Content::Reasoning { text } => Wire::Reasoning(v1::Reasoning { text: words(text) }),
        Content::Message { role, text } => {
            let role = match role {
                MessageRole::System => Role::System,
                MessageRole::User => Role::User,
                MessageRole::Assistant => Role::Assistant,
            };
            Wire::Message(v1::TranscriptMessage { role: role.into(), text: words(text) })
        }
        Content::ToolCall { tool, call_id, arguments, action } => Wire::ToolCall(v1::ToolCall {
            tool,
            call_id: words(call_id),
            arguments: form(arguments).into(),
            action_id: text_of(action),
        }),
        Content::ToolResult { tool, call_id, result, is_error, action } => {
            Wire::ToolResult(v1::ToolResult {
                tool,
                call_id: words(call_id),
                result: form(result).into(),
                failed: is_error,
                action_id: text_of(action),
            })
        }
        Content::Step { title } => Wire::Step(v1::Step { title: words(title) }),
        Content::Intent { text, why } => {
            Wire::Intent(v1::Intent { text: words(text), why: words(why) })
        }
        Content::Cut(Cut { through, bytes, cause }) => {
            let cause = match cause {
                CutCause::TooFast => Cause::TooFast,
                CutCause::TooMuch => Cause::TooMuch,
            };
            let (through_entry, byte_count) = (through, bytes);
            Wire::Truncation(v1::Truncation { through_entry, byte_count, cause: cause.into() })
        }
    }
}

/// What a model is told of a policy.
pub(in crate::rpc) fn guidance(
    revision: PolicyRevisionId,
    guidance: Guidance,
) -> v1::SessionGuidance {
    let Guidance { text, forbidden_tools, approval_tools } = guidance;
    let policy_revision_id = revision.to_string();
    v1::SessionGuidance { policy_revision_id, text, forbidden_tools, approval_tools }
}
