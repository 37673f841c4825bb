//! Checkpoints: the agent's state at a point of its run, each linked to the one before by
//! a digest.

use serde::{Deserialize, Serialize};

use super::branch::ORIGINAL;
use super::digest::{Digest, FieldHasher};
use super::ids::{ActionId, CheckpointId, EscalationId, RunId};
use super::payload::PayloadRef;
use super::time::Timestamp;

/// How many states at most are differences, one from the other, before one is stored as a
/// whole.
pub const MAX_DEPTH: u32 = 512;

const DIGEST_TAG: &str = "pointsman.checkpoint.v1";

/// A reference to a secret, never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRef {
    /// What the agent calls it.
    pub name: String,
    /// Where the resuming client resolves it.
    pub reference: String,
}

/// A tool call without a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PendingCall {
    /// The tool.
    pub tool: String,
    /// The framework's own id of the call.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool_call_id: String,
    /// The arguments as the agent has them.
    #[serde(with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<u8>,
}

/// What is known of a state without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// The agent framework whose state it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub framework: String,
    /// The framework's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub framework_version: String,
    /// How many messages of its history the state holds.
    #[serde(skip_serializing_if = "is_zero")]
    pub message_count: u64,
    /// Tool calls without a result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending_calls: Vec<PendingCall>,
    /// What the agent means to do next.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub planned_action: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
}

/// The agent's state and how to read it. What is stored of it is a payload, in which the
/// state is empty and stands by itself; those of old hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointContent {
    /// How to read the state.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub schema_version: String,
    /// References to secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialRef>,
    /// What is known without reading the state.
    #[serde(default, skip_serializing_if = "is_default")]
    pub envelope: Envelope,
    /// SHA-256 of the state, where that stands by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_digest: Option<Digest>,
    /// The framework's own state.
    #[serde(with = "serde_bytes")]
    pub state: Vec<u8>,
}

/// Where a state is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRef {
    /// The state, or its difference from that of `base`.
    pub payload: PayloadRef,
    /// The checkpoint from whose state it differs; none: it is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<CheckpointId>,
    /// How many differences lead to it from the last whole one.
    #[serde(default)]
    pub depth: u32,
    /// How many bytes the state has.
    pub size: u64,
}

/// A person's word that a checkpoint is good to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownGood {
    /// Who said so.
    pub by: String,
    /// Why: text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<PayloadRef>,
    /// When.
    pub time: Timestamp,
}

/// A checkpoint as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The checkpoint's id.
    pub id: CheckpointId,
    /// The run.
    pub run: RunId,
    /// The agent.
    pub agent: String,
    /// The branch of the run on which it was saved; 0: the original path.
    #[serde(default, skip_serializing_if = "is_original")]
    pub branch: u32,
    /// The checkpoint before it in the same run.
    pub parent: Option<CheckpointId>,
    /// The action that was planned; none: it was saved by itself.
    pub action: Option<ActionId>,
    /// The question with which it was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationId>,
    /// A [`CheckpointContent`].
    pub content: PayloadRef,
    /// Its state; none: the content holds it, as those of old did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateRef>,
    /// The digest of the checkpoint before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_digest: Option<Digest>,
    /// Its own digest; none: it is of old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// A person's word that it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_good: Option<KnownGood>,
    /// When it was saved.
    pub create_time: Timestamp,
}

impl Checkpoint {
    /// The digest of what never changes of it. It rests on salted commitments, so that
    /// nothing can be guessed from it once the payloads are erased.
    pub fn seal(&self) -> Digest {
        let mut hasher = FieldHasher::new(DIGEST_TAG);
        hasher
            .field(self.id.as_bytes())
            .field(self.run.as_bytes())
            .field(self.agent.as_bytes())
            .field(&self.branch.to_be_bytes())
            .optional(self.parent.as_ref().map(|id| id.as_bytes().as_slice()))
            .optional(self.parent_digest.as_ref().map(|it| it.as_bytes().as_slice()))
            .optional(self.action.as_ref().map(|id| id.as_bytes().as_slice()))
            .optional(self.escalation.as_ref().map(|id| id.as_bytes().as_slice()))
            .field(self.content.commitment.as_bytes())
            .field(&self.create_time.as_micros().to_be_bytes());
        if let Some(state) = &self.state {
            hasher
                .field(state.payload.commitment.as_bytes())
                .optional(state.base.as_ref().map(|id| id.as_bytes().as_slice()))
                .field(&state.size.to_be_bytes());
        }
        hasher.finish()
    }

    /// Whether it is what was saved. One without a digest is of old, and holds its state
    /// in its content.
    pub fn is_sound(&self) -> bool {
        match self.digest {
            Some(digest) => digest == self.seal(),
            None => self.state.is_none(),
        }
    }

    /// Whether it was saved behind `parent`.
    pub fn follows(&self, parent: &Self) -> bool {
        self.parent == Some(parent.id)
            && self.run == parent.run
            && self.parent_digest == parent.digest
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_original(branch: &u32) -> bool {
    *branch == ORIGINAL
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
