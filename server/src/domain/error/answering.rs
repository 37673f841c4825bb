//! What an answer, or what is said before one, still lacks.

use super::Timestamp;

/// Why a person's answer, or words about a question, were not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// So many people have answered, and no answer was given by enough of them.
    #[error(
        "{limit} people have answered escalation `{escalation}`, and not enough of them the same; \
         reject it, or let it expire"
    )]
    VotesFull {
        /// The escalation.
        escalation: String,
        /// The most answers that are kept.
        limit: usize,
    },
    /// The answer wants a reason.
    #[error(
        "escalation `{escalation}` is {severity}: this answer wants a reason, a code or a note"
    )]
    ReasonRequired {
        /// The escalation.
        escalation: String,
        /// How grave a mistake would be.
        severity: &'static str,
        /// The kind of answer.
        answer: &'static str,
    },
    /// Evidence was not looked at.
    #[error(
        "escalation `{escalation}` is permitted only once its evidence was looked at; missing: \
         {missing}"
    )]
    EvidenceRequired {
        /// The escalation.
        escalation: String,
        /// What was not looked at.
        missing: String,
    },
    /// The value that the matter turns on was not typed.
    #[error("escalation `{escalation}` is permitted only by typing its {key}: `{value}`")]
    ConfirmationRequired {
        /// The escalation.
        escalation: String,
        /// What the value is.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// So many questions were asked of the agent.
    #[error(
        "the agent was asked {limit} questions about escalation `{escalation}`, the most there \
         may be"
    )]
    QuestionsFull {
        /// The escalation.
        escalation: String,
        /// The most there may be.
        limit: usize,
    },
    /// So many comments were written.
    #[error("escalation `{escalation}` has {limit} comments, the most there may be")]
    CommentsFull {
        /// The escalation.
        escalation: String,
        /// The most there may be.
        limit: u32,
    },
    /// The agent has answered.
    #[error("question `{question}` was answered before")]
    QuestionAnswered {
        /// The question.
        question: String,
        /// When.
        at: Timestamp,
    },
}
