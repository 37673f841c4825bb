//! How records become bytes: self-describing, versioned, never wire messages.
//!
//! A record is a MessagePack array of its format version and a map with named
//! fields. Fields may be added with a default; anything else raises the version
//! and keeps a reader for the old one. `tests/golden` holds the bytes of every
//! released version.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ReadError;
use crate::domain::action::{Action, ActionContent};
use crate::domain::activation::Activation;
use crate::domain::authority::Authority;
use crate::domain::branch::Branch;
use crate::domain::briefing::Briefing;
use crate::domain::checkpoint::{Checkpoint, CheckpointContent};
use crate::domain::digest::Digest;
use crate::domain::directory::Entry;
use crate::domain::drill::{Drill, DrillContent, DrillGiven, Practice};
use crate::domain::escalation::{AgentQuestion, Comment, Escalation, ResolutionContent};
use crate::domain::flood::Flood;
use crate::domain::ids::{
    ActionId, CheckpointId, EscalationId, PolicyActivationId, PolicyRevisionId, QueueSettingsId,
    RunId, TokenId,
};
use crate::domain::incident::{Incident, Label};
use crate::domain::message::Speaker;
use crate::domain::notice::Notice;
use crate::domain::overrides::{Account, Hold, Override, Receipt, Redirect};
use crate::domain::payload::PayloadRef;
use crate::domain::policy::Profiles;
use crate::domain::principal::Token;
use crate::domain::resumption::Resumption;
use crate::domain::review::Review;
use crate::domain::run::Run;
use crate::domain::shadow::Shadow;
use crate::domain::time::Timestamp;
use crate::domain::transcript::{Entry as TranscriptEntry, Kind, Spent};

/// Something that is stored under a name and a format version.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is called in errors.
    const NAME: &'static str;
    /// The version written; every older one can be read.
    const VERSION: u16;
}

macro_rules! records {
    ($($type:ty = $name:literal, $version:literal;)*) => {
        $(impl Record for $type {
            const NAME: &'static str = $name;
            const VERSION: u16 = $version;
        })*
    };
}

records! {
    Run = "run", 1;
    MessageRecord = "message", 1;
    SaidRecord = "said", 1;
    TranscriptRecord = "transcript", 1;
    EntriesRecord = "entries", 1;
    EntriesContent = "entries content", 1;
    WindowEntryRecord = "window entry", 1;
    ActionWindowsRecord = "action windows", 1;
    AgentActionsRecord = "agent actions", 1;
    Action = "action", 1;
    ActionContent = "action content", 1;
    Checkpoint = "checkpoint", 1;
    CheckpointContent = "checkpoint content", 1;
    Branch = "branch", 1;
    CheckpointHead = "checkpoint head", 1;
    Escalation = "escalation", 1;
    Briefing = "briefing", 1;
    ResolutionContent = "resolution content", 1;
    AgentQuestion = "question", 1;
    Comment = "comment", 1;
    Resumption = "resumption", 1;
    Entry = "principal", 1;
    Authority = "authority", 1;
    Token = "token", 1;
    SecretRecord = "secret", 1;
    PolicyRecord = "policy", 1;
    PolicyDigestRecord = "policy digest", 1;
    PolicyInForceRecord = "policy in force", 1;
    Activation = "policy activation", 1;
    ProfilesRecord = "policy profiles", 1;
    Profiles = "policy profiles content", 1;
    Notice = "notice", 1;
    Review = "review", 1;
    Incident = "incident", 1;
    Label = "label", 1;
    Drill = "drill", 1;
    DrillContent = "drill content", 1;
    DrillGiven = "drill given", 1;
    Practice = "drill practice", 1;
    QueueSettingsRecord = "queue settings", 1;
    QueueInForceRecord = "queue settings in force", 1;
    RepeatRecord = "repeat", 1;
    Flood = "flood", 1;
    RequestRecord = "request", 1;
    SweepRecord = "sweep", 1;
    Override = "override", 1;
    Hold = "hold", 1;
    Receipt = "override receipt", 1;
    Account = "override account", 1;
    Redirect = "redirect", 1;
    SettlingRecord = "settling", 1;
}

/// One message that a run has heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Who it is from.
    pub speaker: Speaker,
    /// Which tool answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Where the words are in the payload.
    pub form: MessageForm,
    /// The payload, which may belong to another record as well.
    pub payload: PayloadRef,
    /// Which part of the payload, where it is entries of the transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<EntryPart>,
    /// When it was heard.
    pub time: Timestamp,
}

/// Where the words of a message are in its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageForm {
    /// The payload is the words.
    Text,
    /// The arguments of an [`ActionContent`].
    Arguments,
    /// The response of a [`ResolutionContent`].
    Response,
    /// The correction in words of a [`ResolutionContent`].
    Instruction,
    /// One of the entries of an [`EntriesContent`].
    Entry,
}

/// One entry among those of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPart {
    /// Its number.
    pub number: u64,
    /// How many bytes of text it has.
    pub bytes: u32,
}

/// How far the transcript of a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptRecord {
    /// Counts the sessions: what an earlier one sends is refused.
    pub attempt: u64,
    /// The last entry; 0: there is none.
    pub last: u64,
    /// What the run has written.
    pub spent: Spent,
}

/// Entries of a transcript that were stored together. Their words are the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntriesRecord {
    /// The number of the first.
    pub first: u64,
    /// The last number that they stand for.
    pub last: u64,
    /// What kinds there are among them.
    pub kinds: Vec<Kind>,
    /// How many bytes of text they have.
    pub bytes: u64,
    /// When the first was received.
    pub from: Timestamp,
    /// When the last was received.
    pub until: Timestamp,
    /// The [`EntriesContent`].
    pub payload: PayloadRef,
}

/// The words of entries that were stored together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntriesContent {
    /// The entries, in order.
    pub entries: Vec<TranscriptEntry>,
}

/// How much of its user's words a run has appended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidRecord {
    /// How many messages.
    pub messages: u64,
    /// How many bytes of text.
    pub bytes: u64,
}

/// The newest checkpoint of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointHead {
    /// The checkpoint.
    pub id: CheckpointId,
}

/// What one action adds to a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowEntryRecord {
    /// How much it is, without its sign; 0 where the tool has no amount.
    pub amount: f64,
}

/// The windows that count an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionWindowsRecord {
    /// The windows' lists.
    pub lists: Vec<Digest>,
    /// Since when they count it.
    pub time: Timestamp,
}

/// How many actions an agent has proposed under policies that sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentActionsRecord {
    /// How many.
    pub count: u64,
}

/// The way from a secret's digest to its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRecord {
    /// The tenant.
    pub tenant: String,
    /// The token.
    pub token: TokenId,
}

/// A policy revision. The document never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// The revision's id.
    pub id: PolicyRevisionId,
    /// SHA-256 of the document.
    pub digest: Digest,
    /// The document: YAML.
    pub document: PayloadRef,
    /// When it was put.
    pub create_time: Timestamp,
    /// Who put it; empty: not recorded.
    #[serde(default)]
    pub author: String,
    /// What the author said of it.
    #[serde(default)]
    pub note: Option<PayloadRef>,
    /// When it last came into force; none: never, or not recorded.
    #[serde(default)]
    pub activate_time: Option<Timestamp>,
    /// The name that the document gives itself; empty: none, or not recorded.
    #[serde(default)]
    pub name: String,
}

/// The way from a document's digest to its revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDigestRecord {
    /// The revision.
    pub id: PolicyRevisionId,
}

/// Which policy is in force, and which waits to be. Reads what earlier servers
/// kept in its place, a [`PolicyRecord`], as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInForceRecord {
    /// The revision.
    pub id: PolicyRevisionId,
    /// SHA-256 of its document.
    pub digest: Digest,
    /// What put it in force; none: not recorded.
    #[serde(default)]
    pub activation: Option<PolicyActivationId>,
    /// What waits for a second person, or did before it lapsed.
    #[serde(default)]
    pub pending: Option<PolicyActivationId>,
    /// What judges beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
}

/// Which novelty profiles are in force. They are one payload: they come into force
/// as a whole, and what they hold is too much for a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfilesRecord {
    /// Counts the sets that were in force, from 1.
    pub version: u64,
    /// The [`Profiles`].
    pub profiles: PayloadRef,
    /// When they were learnt.
    pub learn_time: Timestamp,
    /// From how many recorded actions.
    pub actions: u32,
    /// Of how many agents.
    pub agents: u32,
    /// The policy revision that was in force from then on.
    pub policy: PolicyRevisionId,
    /// Who had them learnt.
    pub learner: String,
}

/// A revision of the queue's settings. The document never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSettingsRecord {
    /// The revision's id.
    pub id: QueueSettingsId,
    /// SHA-256 of the document.
    pub digest: Digest,
    /// The document: YAML.
    pub document: PayloadRef,
    /// The name that the document gives itself; empty: none.
    pub name: String,
    /// When it was put, and came into force.
    pub create_time: Timestamp,
    /// Who put it.
    pub author: String,
    /// Why, in the author's words.
    pub reason: PayloadRef,
    /// What was in force before; none: nothing that anybody put.
    pub replaced: Option<QueueSettingsId>,
}

/// Which settings of the queue are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueInForceRecord {
    /// The revision.
    pub id: QueueSettingsId,
}

/// Where a call was last asked about that means the same as others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatRecord {
    /// The question.
    pub escalation: EscalationId,
}

/// What a request id was used for. The answer is rebuilt from what it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// SHA-256 over the method and the request's content.
    pub digest: Digest,
    /// The ids that the answer names, in the method's own order.
    pub results: Vec<uuid::Uuid>,
    /// When.
    pub time: Timestamp,
}

/// How far old request ids have been swept out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// The last commit whose request ids are gone.
    pub commit: u64,
}

/// How far a stop has marked what it ends: runs in the order of their list, and of one
/// run its actions from the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlingRecord {
    /// The last entry of the list whose run is done; none: none is.
    #[serde(default, with = "serde_bytes")]
    pub done: Option<Vec<u8>>,
    /// Whether the run that the scope begins with is done.
    #[serde(default)]
    pub is_first_done: bool,
    /// The run that is being marked.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The oldest of its actions that was looked at.
    #[serde(default)]
    pub action: Option<ActionId>,
}

/// Encodes a record; `None` only if a value cannot be encoded at all.
pub fn encode<R: Record>(record: &R) -> Option<Bytes> {
    rmp_serde::to_vec_named(&(R::VERSION, record)).ok().map(Bytes::from)
}

/// Decodes a record of this or an older version.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, ReadError> {
    let damaged = |what: String| ReadError::Damaged { what: format!("{}: {what}", R::NAME) };
    let (version, record): (u16, R) =
        rmp_serde::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if version > R::VERSION {
        return Err(damaged(format!(
            "format {version} is newer than this server's {}",
            R::VERSION
        )));
    }
    Ok(record)
}

#[cfg(test)]
mod tests;
