//! Where the states of checkpoints are: whole, or as a difference from the one before.
//!
//! A run's states differ little from step to step. A difference costs about what is new
//! in it; after [`MAX_DEPTH`] of them one is stored whole, of which the store keeps equal
//! chunks once.

use bytes::Bytes;
use futures::future::try_join_all;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::checkpoint::{Checkpoint, CheckpointContent, MAX_DEPTH, StateRef};
use crate::domain::delta;
use crate::domain::error::Error;
use crate::domain::ids::{CheckpointId, RunId};
use crate::engine::operation::Tx;
use crate::engine::{Engine, read_error};

/// How many bytes of states stay at hand, as bases of those that come next.
const BYTES_AT_HAND: u64 = 64 * 1024 * 1024;
/// How many states those may be, about.
const STATES_AT_HAND: usize = 1_024;
/// What one of them takes beside its bytes.
const OVERHEAD: u64 = 96;
/// A difference is stored if it takes at most one part in so many of the state.
const WORTH: usize = 2;
/// How many payloads are read at once.
const READ_TOGETHER: usize = 64;

/// The states that were saved or read lately.
pub(in crate::engine) struct States(Cache<CheckpointId, Bytes, StateWeight>);

#[derive(Clone)]
struct StateWeight;

impl Weighter<CheckpointId, Bytes> for StateWeight {
    fn weight(&self, _: &CheckpointId, state: &Bytes) -> u64 {
        state.len() as u64 + OVERHEAD
    }
}

impl Default for States {
    fn default() -> Self {
        Self(Cache::with_weighter(STATES_AT_HAND, BYTES_AT_HAND, StateWeight))
    }
}

/// Whether states at hand count as well as what is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Only what is stored.
    Store,
    /// Both: enough for a base, because what comes of it is checked when it is read.
    AtHand,
}

/// Stores the state of a checkpoint behind that of its parent.
pub(super) async fn store(
    tx: &mut Tx<'_>,
    run: RunId,
    parent: Option<&Checkpoint>,
    id: CheckpointId,
    state: &[u8],
) -> Result<StateRef, Error> {
    let size = state.len() as u64;
    let at_hand = Bytes::copy_from_slice(state);
    tx.engine.0.states.0.insert(id, at_hand.clone());
    if let Some(parent) = parent
        && let Some(depth) = depth_behind(parent)
        // A parent that cannot be read is none to build on.
        && let Ok(base) = tx.engine.assembled(tx.tenant(), parent, From::AtHand).await
    {
        let script = delta::encode(&base, state);
        if script.len() <= state.len() / WORTH {
            let payload = tx.bytes(script.into(), Some(run))?;
            return Ok(StateRef { payload, base: Some(parent.id), depth, size });
        }
    }
    let payload = tx.bytes(at_hand, Some(run))?;
    Ok(StateRef { payload, base: None, depth: 0, size })
}

/// How many differences would lead to a state behind this one; none: too many.
fn depth_behind(parent: &Checkpoint) -> Option<u32> {
    let depth = parent.state.as_ref()?.depth + 1;
    (depth <= MAX_DEPTH).then_some(depth)
}

impl Engine {
    /// The state of a checkpoint, from what is stored.
    pub(super) async fn state_of(
        &self,
        tenant: &str,
        checkpoint: &Checkpoint,
        content: &CheckpointContent,
    ) -> Result<Bytes, Error> {
        match &checkpoint.state {
            Some(_) => self.assembled(tenant, checkpoint, From::Store).await,
            None => Ok(Bytes::copy_from_slice(&content.state)),
        }
    }

    async fn assembled(
        &self,
        tenant: &str,
        checkpoint: &Checkpoint,
        from: From,
    ) -> Result<Bytes, Error> {
        let mut scripts = Vec::new();
        let mut at = checkpoint.clone();
        let mut state = loop {
            if from == From::AtHand
                && let Some(found) = self.0.states.0.get(&at.id)
            {
                break found;
            }
            let Some(stored) = at.state.clone() else {
                break self.payload::<CheckpointContent>(&at.content).await?.state.into();
            };
            let Some(base) = stored.base else {
                break self.0.store.payload(&stored.payload).await.map_err(read_error)?;
            };
            if scripts.len() > MAX_DEPTH as usize {
                return Err(broken(checkpoint));
            }
            scripts.push(stored);
            at = self.existing_checkpoint(tenant, base).await?;
        };
        scripts.reverse();
        for together in scripts.chunks(READ_TOGETHER) {
            let read = together.iter().map(|script| self.0.store.payload(&script.payload));
            for (script, bytes) in
                together.iter().zip(try_join_all(read).await.map_err(read_error)?)
            {
                let size = usize::try_from(script.size).map_err(|_| broken(checkpoint))?;
                let made = delta::decode(&state, &bytes, size);
                state = made.ok_or_else(|| broken(checkpoint))?.into();
            }
        }
        Ok(state)
    }
}

fn broken(checkpoint: &Checkpoint) -> Error {
    Error::DataDamaged { cause: format!("the state of {} cannot be put together", checkpoint.id) }
}
