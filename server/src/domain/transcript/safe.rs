//! An entry as people see it: safe text, made once for all who watch.

use super::{Content, CutCause, Entry, Kind, MessageRole};
use crate::domain::render;
use crate::domain::time::Timestamp;

/// An entry as safe text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeEntry {
    /// Its number.
    pub number: u64,
    /// The last number that it stands for.
    pub through: u64,
    /// When the server received it.
    pub time: Timestamp,
    /// What kind it is.
    pub kind: Kind,
    /// Who says a message, or which tool it is about; else empty.
    pub label: String,
    /// What it says.
    pub text: String,
    /// Why the agent intends it; else empty.
    pub why: String,
    /// Whether a tool failed.
    pub is_failed: bool,
}

impl SafeEntry {
    /// Stands for entries whose words were erased.
    pub fn erased(first: u64, through: u64, time: Timestamp) -> Self {
        let (kind, text) = (Kind::Cut, "erased".to_owned());
        Self { number: first, through, time, kind, text, ..Self::blank() }
    }

    fn blank() -> Self {
        Self {
            number: 0,
            through: 0,
            time: Timestamp::default(),
            kind: Kind::Cut,
            label: String::new(),
            text: String::new(),
            why: String::new(),
            is_failed: false,
        }
    }

    /// About how many bytes it takes in memory.
    pub fn size(&self) -> usize {
        128 + self.label.len() + self.text.len() + self.why.len()
    }
}

impl From<&Entry> for SafeEntry {
    fn from(entry: &Entry) -> Self {
        let kind = entry.content.kind();
        let (number, through, time) = (entry.number, entry.through(), entry.time);
        let plain = Self { number, through, time, kind, ..Self::blank() };
        let bytes = |bytes: &[u8]| render::safe(&String::from_utf8_lossy(bytes));
        match &entry.content {
            Content::Reasoning { text } => Self { text: render::safe(text), ..plain },
            Content::Message { role, text } => {
                Self { label: role.name().to_owned(), text: render::safe(text), ..plain }
            }
            Content::ToolCall { tool, arguments, .. } => {
                Self { label: tool.clone(), text: bytes(arguments), ..plain }
            }
            Content::ToolResult { tool, result, is_error, .. } => {
                Self { label: tool.clone(), text: bytes(result), is_failed: *is_error, ..plain }
            }
            Content::Step { title } => Self { text: render::safe(title), ..plain },
            Content::Intent { text, why } => {
                Self { text: render::safe(text), why: render::safe(why), ..plain }
            }
            Content::Cut(cut) => {
                let why = match cut.cause {
                    CutCause::TooFast => "it came too fast",
                    CutCause::TooMuch => "the run has said too much",
                };
                let text = format!("{} entries left out: {why}", entry.left_out());
                Self { text, ..plain }
            }
        }
    }
}

impl MessageRole {
    /// The role's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}
