//! Resolutions: what a person said.

use serde::{Deserialize, Serialize};

use super::{Reading, Standing};
use crate::domain::ids::{ActionId, AuthorityId};
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;

/// Which answer a person gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionKind {
    /// The action may run as shown.
    Approved,
    /// The action must not run.
    Rejected,
    /// An edited action may run in its place.
    Modified,
    /// The answer stands in the tool's place.
    Responded,
    /// The agent is to propose anew, as the words say; nothing runs.
    Instructed,
}

impl ResolutionKind {
    /// The kinds, for tables and tests.
    pub const ALL: [Self; 5] =
        [Self::Approved, Self::Rejected, Self::Modified, Self::Responded, Self::Instructed];

    /// The kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Modified => "modified",
            Self::Responded => "responded",
            Self::Instructed => "instructed",
        }
    }
}

/// What a person said, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Which answer it is.
    pub kind: ResolutionKind,
    /// Who gave it.
    pub reviewer: String,
    /// When.
    pub resolve_time: Timestamp,
    /// A code for the reason.
    pub reason_code: Option<String>,
    /// A [`ResolutionContent`].
    pub content: Option<PayloadRef>,
    /// The action that may run.
    pub action: Option<ActionId>,
    /// Everybody whose answer this was, and by which authority; empty: not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<Approver>,
}

/// One of those whose answer took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver {
    /// The principal.
    pub name: String,
    /// The authority by which it answered.
    pub authority: AuthorityId,
    /// How long they had, if they approved; none: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// By what it answered; none: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// The words of a resolution: a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolutionContent {
    /// Why, in the reviewer's words.
    #[serde(default)]
    pub note: String,
    /// The answer in the tool's place.
    #[serde(default, with = "serde_bytes")]
    pub response: Vec<u8>,
    /// The correction in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instruction: String,
    /// How it came about.
    #[serde(default, skip_serializing_if = "Circumstances::is_unknown")]
    pub circumstances: Circumstances,
}

/// How an answer came about, as its giver's client says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// The evidence that was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Where it was given; empty: not said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub surface: String,
    /// When the question was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_time: Option<Timestamp>,
    /// When the answer was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide_time: Option<Timestamp>,
}

impl Circumstances {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

impl ResolutionContent {
    /// Without what is not for agents: what people looked at before they answered.
    #[must_use]
    pub fn for_agents(self) -> Self {
        Self { circumstances: Circumstances::default(), ..self }
    }

    /// How many bytes it is.
    pub fn size(&self) -> usize {
        self.note.len() + self.response.len() + self.instruction.len()
    }
}
