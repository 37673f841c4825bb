//! What differs between two checkpoints of a run.

use serde_json::{Value, json};

pub use crate::domain::difference::{ByteChange, ChangeKind, StateChange};

use crate::domain::checkpoint::{Checkpoint, CheckpointContent, Envelope};
use crate::domain::difference::Changes;
use crate::domain::error::{Error, PathError};
use crate::domain::ids::CheckpointId;
use crate::domain::principal::{Principal, Role};
use crate::engine::Engine;
use crate::engine::views::CheckpointView;

/// What differs between two checkpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Diffed {
    /// The one to begin with.
    pub from: CheckpointView,
    /// The one to end with.
    pub to: CheckpointView,
    /// What differs, field by field.
    pub changes: Vec<StateChange>,
    /// Whether there is more.
    pub is_truncated: bool,
    /// Where the states differ, if they are not both JSON.
    pub bytes: Option<ByteChange>,
    /// Whether the values are left out.
    pub hides_values: bool,
}

/// One side of the comparison.
struct Side {
    view: CheckpointView,
    state: Vec<u8>,
}

impl Engine {
    /// Says what differs between two checkpoints of one run. Values are for the agent of
    /// the run, for supervisors and for admins.
    pub async fn diff_checkpoints(
        &self,
        caller: &Principal,
        from: CheckpointId,
        to: CheckpointId,
    ) -> Result<Diffed, Error> {
        let first = self.seen_checkpoint(caller, from).await?;
        let second = self.seen_checkpoint(caller, to).await?;
        if first.run != second.run {
            let (checkpoint, run) = (to.to_string(), first.run.to_string());
            return Err(Error::Path(PathError::CheckpointForeign { checkpoint, run }));
        }
        let sees_values = caller.name == first.agent
            || [Role::Supervisor, Role::Admin].iter().any(|role| caller.has(*role));
        let from = self.side(caller, first).await?;
        let to = self.side(caller, second).await?;
        let (mut changes, bytes) = compared(&from, &to);
        if !sees_values {
            changes.hide_values();
        }
        Ok(Diffed {
            from: from.view,
            to: to.view,
            changes: changes.list,
            is_truncated: changes.is_truncated,
            bytes,
            hides_values: !sees_values,
        })
    }

    async fn side(&self, caller: &Principal, checkpoint: Checkpoint) -> Result<Side, Error> {
        let state = self.checked_state(&caller.tenant, &checkpoint).await?;
        let view = self.checkpoint_view(caller, checkpoint).await?;
        Ok(Side { view, state })
    }
}

fn compared(from: &Side, to: &Side) -> (Changes, Option<ByteChange>) {
    let mut changes = Changes::default();
    let content = |side: &Side| shown(&side.view.content);
    changes.compare("/envelope", &content(from), &content(to));
    let states = (json_of(&from.state), json_of(&to.state));
    let (Some(before), Some(after)) = states else {
        return (changes, ByteChange::between(&from.state, &to.state));
    };
    changes.compare("/state", &before, &after);
    (changes, None)
}

/// A state as JSON, if it is; nothing is `null`.
fn json_of(state: &[u8]) -> Option<Value> {
    if state.is_empty() { Some(Value::Null) } else { serde_json::from_slice(state).ok() }
}

/// What is known of a state without reading it, to be compared field by field.
fn shown(content: &CheckpointContent) -> Value {
    let CheckpointContent { schema_version, credentials, envelope, .. } = content;
    let Envelope { framework, framework_version, message_count, .. } = envelope;
    let calls = envelope.pending_calls.iter().map(|call| {
        let arguments = String::from_utf8_lossy(&call.arguments);
        json!({"tool": call.tool, "tool_call_id": call.tool_call_id, "arguments": arguments})
    });
    let references = credentials.iter().map(|it| json!({"name": it.name, "at": it.reference}));
    json!({
        "schema_version": schema_version,
        "framework": framework,
        "framework_version": framework_version,
        "message_count": message_count,
        "pending_calls": calls.collect::<Vec<_>>(),
        "planned_action": envelope.planned_action,
        "reasoning": envelope.reasoning,
        "credentials": references.collect::<Vec<_>>(),
    })
}
