//! The errors of answering as statuses.

use super::{Reason, Shape, failed, rfc3339};
use crate::domain::error::AnswerError;

/// Which code, reason and details each of them has.
pub(super) fn shape(error: &AnswerError) -> Shape {
    use AnswerError as E;
    match error {
        E::VotesFull { escalation, limit } => {
            failed(Reason::VotesFull).subject("escalation_id", escalation).with("limit", limit)
        }
        E::ReasonRequired { escalation, severity, answer } => failed(Reason::ReasonRequired)
            .subject("escalation_id", escalation)
            .with("severity", severity)
            .with("answer", answer),
        E::EvidenceRequired { escalation, missing } => failed(Reason::EvidenceRequired)
            .subject("escalation_id", escalation)
            .with("missing", missing),
        E::ConfirmationRequired { escalation, key, value } => failed(Reason::ConfirmationRequired)
            .subject("escalation_id", escalation)
            .with("key", key)
            .with("value", value),
        E::QuestionsFull { escalation, limit } => {
            failed(Reason::QuestionsFull).subject("escalation_id", escalation).with("limit", limit)
        }
        E::CommentsFull { escalation, limit } => {
            failed(Reason::CommentsFull).subject("escalation_id", escalation).with("limit", limit)
        }
        E::QuestionAnswered { question, at } => failed(Reason::QuestionAnswered)
            .subject("question_id", question)
            .with("at", rfc3339(*at)),
    }
}
