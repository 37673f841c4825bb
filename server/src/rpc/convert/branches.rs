//! Branches, and what runs have done.

use pointsman_api::v1;

use super::{actions, checkpoints, text_of, time};
use crate::domain::branch::BranchCause;
use crate::domain::effects::{EffectCounts, Undoing};
use crate::engine::branches::{BranchView, Compared, PathView, RolledBack};
use crate::engine::effects::{Effect, EffectView};

/// A branch for the wire.
pub(in crate::rpc) fn branch(view: BranchView) -> v1::Branch {
    let BranchView { branch, instruction, reason } = view;
    v1::Branch {
        run_id: branch.run.to_string(),
        number: branch.number,
        parent: branch.parent,
        checkpoint_id: text_of(branch.checkpoint),
        cause: cause(branch.cause).into(),
        by: branch.by,
        instruction,
        reason,
        override_id: text_of(branch.override_id),
        escalation_id: text_of(branch.escalation),
        effects: Some(counts(branch.effects)),
        create_time: Some(time(branch.create_time)),
        acknowledge_time: branch.acknowledge_time.map(time),
        settle_time: branch.settle_time.map(time),
    }
}

pub(super) const fn cause(cause: BranchCause) -> v1::BranchCause {
    match cause {
        BranchCause::Override => v1::BranchCause::Override,
        BranchCause::Rollback => v1::BranchCause::Rollback,
        BranchCause::Revert => v1::BranchCause::Revert,
        BranchCause::Expiry => v1::BranchCause::Expiry,
        BranchCause::Agent => v1::BranchCause::Agent,
    }
}

const fn counts(counts: EffectCounts) -> v1::EffectCounts {
    let EffectCounts { reversible, compensatable, irreversible, unknown, is_partial } = counts;
    v1::EffectCounts { reversible, compensatable, irreversible, unknown, partial: is_partial }
}

fn effect(view: EffectView) -> v1::Effect {
    let EffectView { effect, target } = view;
    let Effect { action, undoing, is_certain, compensation } = effect;
    let undoing = match undoing {
        None => v1::Undoing::Unspecified,
        Some(Undoing::Reversible) => v1::Undoing::Reversible,
        Some(Undoing::Compensatable) => v1::Undoing::Compensatable,
        Some(Undoing::Irreversible) => v1::Undoing::Irreversible,
    };
    v1::Effect {
        action_id: action.id.to_string(),
        tool: action.tool,
        target,
        branch: action.branch,
        state: actions::state(action.state).into(),
        undoing: undoing.into(),
        compensation: compensation.unwrap_or_default(),
        certain: is_certain,
        create_time: Some(time(action.create_time)),
    }
}

/// What was taken back, and what is left behind.
pub(in crate::rpc) fn rolled_back(
    header: Option<v1::ResponseHeader>,
    done: RolledBack,
) -> v1::RollBackRunResponse {
    let compensations = done.compensations.into_iter();
    let asked = |(id, problem): (crate::domain::ids::ActionId, Option<String>)| {
        let (action_id, problem) = (id.to_string(), problem.unwrap_or_default());
        v1::CompensationAsked { action_id, problem }
    };
    v1::RollBackRunResponse {
        header,
        branch: done.branch.map(branch),
        checkpoint: Some(checkpoints::checkpoint(done.checkpoint)),
        effects: done.effects.into_iter().map(effect).collect(),
        counts: Some(counts(done.counts)),
        compensations: compensations.map(asked).collect(),
    }
}

/// Two paths side by side.
pub(in crate::rpc) fn compared(compared: Compared) -> v1::CompareBranchesResponse {
    v1::CompareBranchesResponse {
        common_branch: compared.common_branch,
        common_checkpoint: compared.common_checkpoint.map(checkpoints::checkpoint),
        left: Some(path(compared.left)),
        right: Some(path(compared.right)),
    }
}

fn path(path: PathView) -> v1::BranchPath {
    v1::BranchPath {
        number: path.number,
        steps: path.steps.into_iter().map(effect).collect(),
        effects: Some(counts(path.counts)),
        truncated: path.is_truncated,
    }
}
