//! Keys of what people and agents say about a question.

use bytes::Bytes;

use super::{ID_LENGTH, is_kind, key, prefixed};
use crate::domain::ids::{ActionId, CommentId, EscalationId, QuestionId};
use crate::store::KeyRange;

/// The entry of an action among those that follow the correction of a question.
pub fn followed(tenant: &str, followed: EscalationId, by: ActionId) -> Bytes {
    key(tenant, "followed", &[followed.as_bytes(), by.as_bytes()])
}

/// The actions that follow the correction of a question, oldest first.
pub fn all_followed(tenant: &str, followed: EscalationId) -> KeyRange {
    prefixed(&key(tenant, "followed", &[followed.as_bytes()]))
}

/// A question to the agent about an escalation.
pub fn question(tenant: &str, escalation: EscalationId, id: QuestionId) -> Bytes {
    key(tenant, "question", &[escalation.as_bytes(), id.as_bytes()])
}

/// The questions to the agent about an escalation, oldest first.
pub fn questions(tenant: &str, escalation: EscalationId) -> KeyRange {
    prefixed(&key(tenant, "question", &[escalation.as_bytes()]))
}

/// Whether a key is a question's record.
pub fn is_question(tenant: &str, bytes: &[u8]) -> bool {
    is_kind(tenant, "question", bytes)
}

/// The entry of a question among those that its agent has not answered.
pub fn agent_question(
    tenant: &str,
    agent: &str,
    escalation: EscalationId,
    id: QuestionId,
) -> Bytes {
    let (escalation, id) = (escalation.as_bytes(), id.as_bytes());
    key(tenant, "agent-question", &[agent.as_bytes(), &[0], escalation, id])
}

/// What an agent has not answered, by escalation.
pub fn agent_questions(tenant: &str, agent: &str) -> KeyRange {
    prefixed(&key(tenant, "agent-question", &[agent.as_bytes(), &[0]]))
}

/// The question that a key names, with its escalation.
pub fn listed_question(key: &[u8]) -> Option<(EscalationId, QuestionId)> {
    let (rest, id) = key.split_last_chunk::<ID_LENGTH>()?;
    let escalation = rest.last_chunk::<ID_LENGTH>()?;
    Some((EscalationId::from_bytes(*escalation), QuestionId::from_bytes(*id)))
}

/// A comment on an escalation.
pub fn comment(tenant: &str, escalation: EscalationId, id: CommentId) -> Bytes {
    key(tenant, "comment", &[escalation.as_bytes(), id.as_bytes()])
}

/// The comments on an escalation, oldest first.
pub fn comments(tenant: &str, escalation: EscalationId) -> KeyRange {
    prefixed(&key(tenant, "comment", &[escalation.as_bytes()]))
}
