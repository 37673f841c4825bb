//! The transcript of a run: what its agent thinks, says, calls and is answered, as
//! numbered entries.
//!
//! The agent numbers the entries of a run densely from 1, so that it can send them
//! again after any break: what is there is ignored, and a gap is refused. An entry
//! never changes. Where the run says more than it may, entries give way to a note of
//! how many there were.

mod allowance;
mod check;
pub mod density;
mod safe;

pub use allowance::{Allowance, MAX_RUN_BYTES, Spent, TranscriptLimits};
pub use check::{
    MAX_ARGUMENTS_BYTES, MAX_CALL_ID_BYTES, MAX_CHUNK_BYTES, MAX_INTENT_BYTES, MAX_MESSAGE_BYTES,
    MAX_RESULT_BYTES, MAX_TITLE_BYTES, MAX_USER_BYTES,
};
pub use safe::SafeEntry;
use serde::{Deserialize, Serialize};

use super::ids::ActionId;
use super::message::Speaker;
use super::time::Timestamp;

/// Who says a message. What a tool says is a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageRole {
    /// The program that drives the model.
    System,
    /// The user for whom the run is.
    User,
    /// The model.
    Assistant,
}

/// Why entries were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutCause {
    /// Reasoning came faster than a run may send it.
    TooFast,
    /// The run has stored as much text as it may.
    TooMuch,
}

/// Entries that were left out, and why: stands in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Up to which number; from the number of the note on.
    pub through: u64,
    /// How many bytes of text they had.
    pub bytes: u64,
    /// Why.
    pub cause: CutCause,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A piece of what the model thinks.
    Reasoning {
        /// The words, which may begin and end anywhere.
        text: String,
    },
    /// Something that was said.
    Message {
        /// By whom.
        role: MessageRole,
        /// The words.
        text: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// The tool.
        tool: String,
        /// The framework's id of the call; empty: none.
        call_id: String,
        /// The arguments, as they are.
        #[serde(with = "serde_bytes")]
        arguments: Vec<u8>,
        /// The action that was proposed for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<ActionId>,
    },
    /// A tool answers.
    ToolResult {
        /// The tool.
        tool: String,
        /// The framework's id of the call; empty: none.
        call_id: String,
        /// What it answers.
        #[serde(with = "serde_bytes")]
        result: Vec<u8>,
        /// Whether it failed.
        is_error: bool,
        /// The action that ran.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<ActionId>,
    },
    /// A step of the work begins.
    Step {
        /// Its title.
        title: String,
    },
    /// What the agent is about to do.
    Intent {
        /// In its words.
        text: String,
        /// Why; empty: not said.
        why: String,
    },
    /// Entries that were left out.
    Cut(Cut),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number in the run, from 1.
    pub number: u64,
    /// When the server received it.
    pub time: Timestamp,
    /// When it happened, by the agent's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_time: Option<Timestamp>,
    /// What it says.
    pub content: Content,
}

/// What kind of entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A piece of reasoning.
    Reasoning,
    /// A message.
    Message,
    /// A call of a tool.
    ToolCall,
    /// A tool's answer.
    ToolResult,
    /// The beginning of a step.
    Step,
    /// What the agent is about to do.
    Intent,
    /// A note of what was left out.
    Cut,
}

/// Where a number stands in what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is there already.
    Known,
    /// It is the next one.
    Next,
    /// Others are missing before it.
    Ahead,
}

impl Place {
    /// Where `number` stands if `next` is the next one.
    pub const fn of(number: u64, next: u64) -> Self {
        if number < next {
            Self::Known
        } else if number == next {
            Self::Next
        } else {
            Self::Ahead
        }
    }
}

impl Content {
    /// What kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Reasoning { .. } => Kind::Reasoning,
            Self::Message { .. } => Kind::Message,
            Self::ToolCall { .. } => Kind::ToolCall,
            Self::ToolResult { .. } => Kind::ToolResult,
            Self::Step { .. } => Kind::Step,
            Self::Intent { .. } => Kind::Intent,
            Self::Cut(_) => Kind::Cut,
        }
    }

    /// How many bytes of text it has; a note of what was left out has none.
    pub const fn bytes(&self) -> usize {
        match self {
            Self::Reasoning { text } | Self::Message { text, .. } => text.len(),
            Self::ToolCall { arguments, .. } => arguments.len(),
            Self::ToolResult { result, .. } => result.len(),
            Self::Step { title } => title.len(),
            Self::Intent { text, why } => text.len() + why.len(),
            Self::Cut(_) => 0,
        }
    }

    /// What the run hears by it, of whom, and from which tool: what policies judge
    /// the origin of later values by. Results of proposed actions come with their
    /// outcomes.
    pub fn heard(&self) -> Option<(Speaker, Option<&str>, &[u8])> {
        match self {
            Self::Message { role: MessageRole::User, text } => {
                Some((Speaker::User, None, text.as_bytes()))
            }
            Self::ToolResult { tool, result, action: None, .. } => {
                Some((Speaker::Tool, Some(tool), result))
            }
            _ => None,
        }
    }
}

impl Entry {
    /// The last number that the entry stands for: its own, unless it stands for others.
    pub const fn through(&self) -> u64 {
        match &self.content {
            Content::Cut(cut) => cut.through,
            _ => self.number,
        }
    }

    /// How many entries it says were left out.
    pub const fn left_out(&self) -> u64 {
        match &self.content {
            Content::Cut(cut) => cut.through - self.number + 1,
            _ => 0,
        }
    }

    /// Puts what would be the next entry behind this one, if both are notes of entries
    /// left out for the same cause; whether it did.
    pub fn absorb(&mut self, next: &Self) -> bool {
        match (&mut self.content, &next.content) {
            (Content::Cut(cut), Content::Cut(more))
                if cut.cause == more.cause && next.number == cut.through + 1 =>
            {
                cut.through = more.through;
                cut.bytes += more.bytes;
                true
            }
            _ => false,
        }
    }

    /// The note that stands for an entry which is left out.
    pub fn cut(self, cause: CutCause) -> Self {
        let bytes = self.content.bytes() as u64;
        let content = Content::Cut(Cut { through: self.number, bytes, cause });
        Self { content, ..self }
    }
}

#[cfg(test)]
mod tests;
