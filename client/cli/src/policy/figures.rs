//! How a policy does by what people had said, in words.

use pointsman_api::v1;
use pointsman_api::v1::policy_bound::{Kind, State};

/// The figures where there is anything to count, and what they mean for the bounds.
pub(super) fn lines(figures: &v1::PolicyFigures) -> Vec<String> {
    let share = |share: Option<f64>| share.map_or_else(String::new, |it| format!(", {it:.3}"));
    let mut lines = Vec::new();
    if figures.wanted_count > 0 {
        lines.push(format!(
            "Gates {} of {} actions that people rejected or changed{}.",
            figures.wanted_gated_count,
            figures.wanted_count,
            share(figures.recall)
        ));
    }
    if figures.routine_count > 0 {
        lines.push(format!(
            "Gates {} of {} routine actions{}.",
            figures.routine_gated_count,
            figures.routine_count,
            share(figures.routine_rate)
        ));
    }
    lines.extend(figures.bounds.iter().map(bound));
    lines
}

fn bound(bound: &v1::PolicyBound) -> String {
    let name = match bound.kind() {
        Kind::Recall => "recall at least",
        Kind::RoutineRate => "routine_rate at most",
        Kind::Unspecified => "bound",
    };
    let said = match bound.state() {
        State::Held => "held".to_owned(),
        State::Missed => "missed: it would not be put in force".to_owned(),
        State::NotJudged | State::Unspecified => {
            let (found, wanted) = (bound.label_count, bound.min_label_count);
            format!("not judged, there are {found} labels and it wants {wanted}")
        }
    };
    format!("Bound {name} {}: {said}.", bound.limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_shares_and_bounds_are_said() {
        let bound = |kind: Kind, state: State| v1::PolicyBound {
            kind: kind.into(),
            limit: 0.97,
            state: state.into(),
            label_count: 3,
            gated_count: 2,
            min_label_count: 20,
        };
        let figures = v1::PolicyFigures {
            wanted_count: 3,
            wanted_gated_count: 2,
            recall: Some(2.0 / 3.0),
            bounds: vec![
                bound(Kind::Recall, State::NotJudged),
                bound(Kind::RoutineRate, State::Missed),
            ],
            ..v1::PolicyFigures::default()
        };
        let expected = [
            "Gates 2 of 3 actions that people rejected or changed, 0.667.",
            "Bound recall at least 0.97: not judged, there are 3 labels and it wants 20.",
            "Bound routine_rate at most 0.97: missed: it would not be put in force.",
        ];
        assert_eq!(lines(&figures), expected);
    }
}
