//! What people and the agent say to each other about a question before it is decided.
//!
//! The words stand under keys of their own: an escalation's record has room for the
//! numbers only.

use serde::{Deserialize, Serialize};

use super::Escalation;
use crate::domain::error::{AnswerError, Error};
use crate::domain::ids::{CommentId, EscalationId, QuestionId, RunId};
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;

/// The most questions to the agent about one escalation.
pub const MAX_QUESTIONS: usize = 8;
/// The most comments on one escalation.
pub const MAX_COMMENTS: u32 = 64;

/// How much was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// How many questions the agent was asked.
    pub asked: u8,
    /// Those that it has not answered, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<QuestionId>,
    /// How many comments there are.
    pub comments: u32,
}

impl Conversation {
    /// Whether nothing was said.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// What a reviewer asks the agent, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentQuestion {
    /// The question's id.
    pub id: QuestionId,
    /// The escalation that it is about.
    pub escalation: EscalationId,
    /// The run.
    pub run: RunId,
    /// The agent that is asked.
    pub agent: String,
    /// Who asks.
    pub asker: String,
    /// The question: text.
    pub text: PayloadRef,
    /// When it was asked.
    pub ask_time: Timestamp,
    /// What the agent said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AgentAnswer>,
}

/// What the agent said, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentAnswer {
    /// The words: text.
    pub text: PayloadRef,
    /// When.
    pub time: Timestamp,
}

/// What a person notes for other people, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The comment's id.
    pub id: CommentId,
    /// The escalation that it is about.
    pub escalation: EscalationId,
    /// Who wrote it.
    pub author: String,
    /// The words: text.
    pub text: PayloadRef,
    /// When.
    pub create_time: Timestamp,
}

impl Escalation {
    /// Notes a question to the agent; the etag stays.
    pub fn ask(&mut self, id: QuestionId, now: Timestamp) -> Result<(), Error> {
        if usize::from(self.conversation.asked) >= MAX_QUESTIONS {
            let (escalation, limit) = (self.id.to_string(), MAX_QUESTIONS);
            return Err(Error::Answer(AnswerError::QuestionsFull { escalation, limit }));
        }
        self.conversation.asked += 1;
        self.conversation.open.push(id);
        self.update_time = now;
        Ok(())
    }

    /// Notes that the agent has answered a question.
    pub fn answered(&mut self, id: QuestionId) {
        self.conversation.open.retain(|open| *open != id);
    }

    /// Notes a comment; the etag stays.
    pub fn comment(&mut self, now: Timestamp) -> Result<(), Error> {
        if self.conversation.comments >= MAX_COMMENTS {
            let (escalation, limit) = (self.id.to_string(), MAX_COMMENTS);
            return Err(Error::Answer(AnswerError::CommentsFull { escalation, limit }));
        }
        self.conversation.comments += 1;
        self.update_time = now;
        Ok(())
    }
}
