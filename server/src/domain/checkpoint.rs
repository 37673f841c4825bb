//! Checkpoints: the agent's state while a person thinks.

use serde::{Deserialize, Serialize};

use super::branch::ORIGINAL;
use super::ids::{ActionId, CheckpointId, RunId};
use super::payload::PayloadRef;
use super::time::Timestamp;

/// A reference to a secret, never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRef {
    /// What the agent calls it.
    pub name: String,
    /// Where the resuming client resolves it.
    pub reference: String,
}

/// The agent's state and how to read it: a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointContent {
    /// How to read the state.
    #[serde(default)]
    pub schema_version: String,
    /// References to secrets.
    #[serde(default)]
    pub credentials: Vec<CredentialRef>,
    /// The framework's own state.
    #[serde(with = "serde_bytes")]
    pub state: Vec<u8>,
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
    /// A [`CheckpointContent`].
    pub content: PayloadRef,
    /// When it was saved.
    pub create_time: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_original(branch: &u32) -> bool {
    *branch == ORIGINAL
}
