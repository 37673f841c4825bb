//! What a run has done since a point, by what can be done about it.

use futures::future::try_join_all;

use super::{Engine, read_error};
use crate::domain::action::{Action, ActionContent};
use crate::domain::effects::{EffectCounts, Undoing, happened_since};
use crate::domain::error::Error;
use crate::domain::ids::{ActionId, RunId};
use crate::domain::policy::Policy;
use crate::domain::time::Timestamp;
use crate::store::{Direction, keys};

/// The most actions of a run, the newest, that are looked at.
pub const MAX_LOOKED_AT: usize = 1_024;
/// The most of them that are shown.
pub const MAX_SHOWN: usize = 500;
/// How many are read at once.
const READ_TOGETHER: usize = 64;

/// One action, and what can be done about what it left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The action.
    pub action: Action,
    /// What can be done about it; none: it left nothing behind.
    pub undoing: Option<Undoing>,
    /// Whether it surely ran; else it may be running, or may have run.
    pub is_certain: bool,
    /// The tool that takes it back, where the catalogue declares one.
    pub compensation: Option<String>,
}

/// The same, with what it acted on.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectView {
    /// The action, and what can be done about it.
    pub effect: Effect,
    /// What it acted on.
    pub target: String,
}

/// What a run has done since a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Effects {
    /// Newest first.
    pub(super) list: Vec<Effect>,
    /// How many of each class.
    pub(super) counts: EffectCounts,
}

impl Effect {
    /// What an action left behind by the catalogue of a policy, if anything `happened`.
    pub(super) fn of(action: &Action, policy: &Policy, happened: Option<bool>) -> Self {
        let tool = policy.tool(&action.tool);
        Self {
            action: action.clone(),
            undoing: happened.and_then(|_| Undoing::of(tool)),
            is_certain: happened.unwrap_or_default(),
            compensation: tool.compensation.clone(),
        }
    }
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
                let happened = happened_since(&action, point);
                let effect = Effect::of(&action, &policy.policy, happened);
                if let Some(undoing) = effect.undoing {
                    effects.counts.add(undoing, effect.is_certain);
                    effects.list.push(effect);
                }
            }
        }
        Ok(effects)
    }

    /// Adds what actions acted on.
    pub(super) async fn effect_views(
        &self,
        effects: impl Iterator<Item = Effect>,
    ) -> Result<Vec<EffectView>, Error> {
        let views = effects.map(|effect| async move {
            let content = self.payload::<ActionContent>(&effect.action.content).await?;
            Ok(EffectView { effect, target: content.target })
        });
        try_join_all(views).await
    }
}
