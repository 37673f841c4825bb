//! How a policy does by what people said of recorded actions.

use pointsman_api::v1;
use pointsman_api::v1::policy_bound::{Kind, State};

use crate::domain::policy::{BoundKind, BoundState, JudgedBound};
use crate::engine::policies::Figures;

/// Figures for the wire.
pub(in crate::rpc) fn figures(figures: &Figures) -> v1::PolicyFigures {
    let Figures { labels, bounds } = figures;
    v1::PolicyFigures {
        wanted_count: labels.wanted,
        wanted_gated_count: labels.wanted_gated,
        recall: labels.recall(),
        routine_count: labels.routine,
        routine_gated_count: labels.routine_gated,
        routine_rate: labels.routine_rate(),
        bounds: bounds.iter().map(bound).collect(),
    }
}

fn bound(judged: &JudgedBound) -> v1::PolicyBound {
    let kind = match judged.kind {
        BoundKind::Recall => Kind::Recall,
        BoundKind::RoutineRate => Kind::RoutineRate,
    };
    let state = match judged.state {
        BoundState::Held => State::Held,
        BoundState::Missed => State::Missed,
        BoundState::Unjudged => State::NotJudged,
    };
    v1::PolicyBound {
        kind: kind.into(),
        limit: judged.limit,
        state: state.into(),
        label_count: judged.labels,
        gated_count: judged.gated,
        min_label_count: judged.min_labels,
    }
}
