//! What a bound says of counts, and which bounds are refused.

use super::super::Policy;
use super::*;

fn bounds(recall: Option<f64>, routine_rate: Option<f64>) -> Bounds {
    Bounds { recall, routine_rate, actions: 100, min_labels: 4 }
}

fn states(bounds: Bounds, labels: Labels) -> Vec<(BoundKind, BoundState)> {
    bounds.judge(&labels).iter().map(|it| (it.kind, it.state)).collect()
}

#[test]
fn a_share_on_the_limit_is_held_and_beyond_it_missed() {
    use BoundKind::{Recall, RoutineRate};
    use BoundState::{Held, Missed, Unjudged};
    let both = bounds(Some(0.75), Some(0.25));
    let labels = Labels { wanted: 4, wanted_gated: 3, routine: 4, routine_gated: 1 };
    assert_eq!(states(both, labels), [(Recall, Held), (RoutineRate, Held)]);
    let worse = Labels { wanted_gated: 2, routine_gated: 2, ..labels };
    assert_eq!(states(both, worse), [(Recall, Missed), (RoutineRate, Missed)]);
    let few = Labels { wanted: 3, wanted_gated: 0, routine: 0, routine_gated: 0 };
    assert_eq!(states(both, few), [(Recall, Unjudged), (RoutineRate, Unjudged)]);
    assert_eq!(states(bounds(None, Some(0.25)), worse), [(RoutineRate, Missed)]);
    assert_eq!(labels.recall(), Some(0.75));
    assert_eq!(few.routine_rate(), None);
}

#[test]
fn bounds_that_say_nothing_or_too_much_are_refused() {
    let table = [
        ("{}", "want `recall`"),
        ("{ min_labels: 5 }", "want `recall`"),
        ("{ recall: 1.5 }", "from 0 to 1"),
        ("{ routine_rate: -0.1 }", "from 0 to 1"),
        ("{ recall: .nan }", "from 0 to 1"),
        ("{ recall: 0.9, actions: 0 }", "1 to 10000"),
        ("{ recall: 0.9, actions: 10001 }", "1 to 10000"),
        ("{ recall: 0.9, min_labels: 0 }", "1 to 1000"),
        ("{ recall: 0.9, actions: 10, min_labels: 11 }", "1 to 10"),
        ("{ recal: 0.9 }", "unknown field"),
    ];
    for (bounds, problem) in table {
        let refused = Policy::parse(&format!("version: 1\nbounds: {bounds}\n")).unwrap_err();
        assert!(refused.to_string().contains(problem), "{bounds}: {refused}");
    }
    let policy = Policy::parse("version: 1\nbounds: { recall: 0.97 }\n").unwrap();
    let bounds = policy.bounds.unwrap();
    assert_eq!((bounds.actions, bounds.min_labels, bounds.routine_rate), (1_000, 20, None));
}
