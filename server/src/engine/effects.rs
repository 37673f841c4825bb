//! What a run has done since a point, by what can be done about it.

use futures::future::try_join_all;

use super::{Engine, read_error};
use crate::domain::action::Action;
use crate::domain::effects::{EffectCounts, Undoing, happened_since};
use crate::domain::error::Error;
use crate::domain::ids::{ActionId, RunId};
use crate::domain::time::Timestamp;
use crate::store::{Direction, keys};

/// The most actions of a run, the newest, that are looked at.
pub const MAX_LOOKED_AT: usize = 1_024;
/// How many are read at once.
const READ_TOGETHER: usize = 64;

/// One action that left something behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The action.
    pub action: Action,
    /// What can be done about it.
    pub undoing: Undoing,
    /// Whether it surely ran; else it may be running, or may have run.
    pub is_certain: bool,
    /// The tool that takes it back, where the catalogue declares one.
    pub compensation: Option<String>,
}

/// What a run has done since a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Newest first.
    pub list: Vec<Effect>,
    /// How many of each class.
    pub counts: EffectCounts,
}

impl Engine {
    /// What a run has done since a point, on whatever path, by the catalogue of the policy
    /// in force. It is a look, and no part of the transaction: what runs meanwhile may be
    /// missing.
    pub(super) async fn effects_since(
        &self,
        tenant: &str,
        run: RunId,
        point: Option<Timestamp>,
    ) -> Result<Effects, Error> {
        let range = keys::run_actions(tenant, run);
        let found = self.0.store.scan(range, Direction::Descending, MAX_LOOKED_AT).await;
        let found = found.map_err(read_error)?;
        let ids: Vec<ActionId> =
            found.rows.iter().filter_map(|(key, _)| keys::listed_action(key)).collect();
        let policy = self.policy(tenant)?;
        let mut effects = Effects::default();
        effects.counts.is_partial = found.has_more;
        for together in ids.chunks(READ_TOGETHER) {
            let read = together.iter().map(|id| self.existing_action(tenant, *id));
            for action in try_join_all(read).await? {
                let Some(is_certain) = happened_since(&action, point) else { continue };
                let tool = policy.policy.tool(&action.tool);
                let Some(undoing) = Undoing::of(tool) else { continue };
                effects.counts.add(undoing, is_certain);
                let compensation = tool.compensation.clone();
                effects.list.push(Effect { action, undoing, is_certain, compensation });
            }
        }
        Ok(effects)
    }
}
