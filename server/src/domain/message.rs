//! The message log of a run: who said what, as far as origins are judged by it.
//!
//! Append-only and bounded. When it overflows, the oldest tool texts go first and
//! the log remembers that it is incomplete; what the user or a reviewer said is
//! never dropped: words that find no room are refused.

use serde::{Deserialize, Serialize};

/// The most messages a log holds.
pub const MAX_MESSAGES: usize = 2_000;
/// The most bytes of text a log holds.
pub const MAX_LOG_BYTES: usize = 512 * 1024;
/// The most bytes that people's words may take of it.
pub const MAX_SAID_BYTES: usize = 128 * 1024;
/// The most messages of people.
pub const MAX_SAID_MESSAGES: usize = 1_000;
/// The most bytes kept of one tool's text; more is cut at the end and marked.
pub const MAX_TOOL_TEXT_BYTES: usize = 64 * 1024;
/// Stands at the end of a text that was cut.
pub const CUT_MARK: char = '…';

/// Who a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The user on whose behalf the run is: the goal, and what was said since.
    User,
    /// A reviewer: an answer, or an edit of arguments.
    Person,
    /// A tool: its result.
    Tool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who it is from.
    pub speaker: Speaker,
    /// Which tool answered; only with [`Speaker::Tool`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The words.
    pub text: String,
    /// Whether part of the text is missing, here or where it was recorded.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_cut: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_false(is: &bool) -> bool {
    !is
}

impl Message {
    /// What the user said.
    pub fn user(text: impl Into<String>) -> Self {
        Self { speaker: Speaker::User, tool: None, text: text.into(), is_cut: false }
    }

    /// What a reviewer said.
    pub fn person(text: impl Into<String>) -> Self {
        Self { speaker: Speaker::Person, tool: None, text: text.into(), is_cut: false }
    }

    /// What a tool answered.
    pub fn tool(tool: impl Into<String>, text: impl Into<String>) -> Self {
        Self { speaker: Speaker::Tool, tool: Some(tool.into()), text: text.into(), is_cut: false }
    }

    /// The same message, of which part is known to be missing.
    pub fn cut(self) -> Self {
        Self { is_cut: true, ..self }
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.tool.as_ref().map_or(0, String::len)
    }
}

/// People's words that find no room in the log. Nothing of them was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the run's log holds {MAX_SAID_BYTES} bytes and {MAX_SAID_MESSAGES} messages of people at \
     most, and {bytes} more bytes find no room; start another run"
)]
pub struct LogFull {
    /// The bytes of the message.
    pub bytes: usize,
}

/// What was said in a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLog {
    messages: Vec<Message>,
    #[serde(default)]
    dropped: u64,
    #[serde(default)]
    bytes: usize,
    #[serde(default)]
    said_bytes: usize,
    #[serde(default)]
    said: usize,
}

impl MessageLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// A log of what the user said first.
    ///
    /// # Errors
    ///
    /// If the goal is longer than a log may hold of people's words.
    pub fn of_goal(goal: &str) -> Result<Self, LogFull> {
        let mut log = Self::new();
        log.push(Message::user(goal))?;
        Ok(log)
    }

    /// Adds a message. A tool's text may be cut, and may push out older ones.
    ///
    /// # Errors
    ///
    /// If people's words find no room; the log is as before then.
    pub fn push(&mut self, mut message: Message) -> Result<(), LogFull> {
        if message.speaker == Speaker::Tool {
            message.is_cut |= cut(&mut message.text);
            if let Some(tool) = &mut message.tool {
                cut(tool);
            }
        } else {
            let bytes = message.bytes();
            let is_full = self.said_bytes.saturating_add(bytes) > MAX_SAID_BYTES
                || self.said >= MAX_SAID_MESSAGES;
            if is_full {
                return Err(LogFull { bytes });
            }
            self.said_bytes += bytes;
            self.said += 1;
        }
        self.bytes += message.bytes();
        self.messages.push(message);
        self.shrink();
        Ok(())
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The words of one speaker, oldest first.
    pub fn texts_of(&self, speaker: Speaker) -> impl Iterator<Item = &str> {
        self.messages
            .iter()
            .filter(move |message| message.speaker == speaker)
            .map(|message| message.text.as_str())
    }

    /// How many tool texts were dropped for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether everything that was said is there: nothing dropped, nothing cut.
    /// A value that an incomplete log does not hold may still have been said.
    pub fn is_complete(&self) -> bool {
        self.dropped == 0 && !self.messages.iter().any(|message| message.is_cut)
    }

    /// Drops the oldest tool texts until the log is within its bounds again.
    fn shrink(&mut self) {
        let mut surplus = self.messages.len().saturating_sub(MAX_MESSAGES);
        let mut excess = self.bytes.saturating_sub(MAX_LOG_BYTES);
        if surplus == 0 && excess == 0 {
            return;
        }
        let (bytes, dropped) = (&mut self.bytes, &mut self.dropped);
        self.messages.retain(|message| {
            let is_over = surplus > 0 || excess > 0;
            if !is_over || message.speaker != Speaker::Tool {
                return true;
            }
            surplus = surplus.saturating_sub(1);
            excess = excess.saturating_sub(message.bytes());
            *bytes -= message.bytes();
            *dropped += 1;
            false
        });
    }
}

/// Cuts a tool's text to its bound, at a character, and marks it; whether it had to.
fn cut(text: &mut String) -> bool {
    if text.len() <= MAX_TOOL_TEXT_BYTES {
        return false;
    }
    let mut end = MAX_TOOL_TEXT_BYTES - CUT_MARK.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push(CUT_MARK);
    true
}

#[cfg(test)]
mod tests;
