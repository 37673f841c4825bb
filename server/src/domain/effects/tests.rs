//! What counts as an effect, and of which class.

use super::*;
use crate::domain::policy::EffectClass;

fn mk_tool(change: impl FnOnce(&mut Tool)) -> Tool {
    let mut tool = Tool { is_known: true, ..Tool::default() };
    change(&mut tool);
    tool
}

#[test]
fn what_nobody_described_stays() {
    assert_eq!(Undoing::of(&Tool::default()), Some(Undoing::Irreversible));
}

#[test]
fn what_only_reads_leaves_nothing() {
    assert_eq!(Undoing::of(&mk_tool(|tool| tool.writes = false)), None);
}

#[test]
fn a_counter_action_wins_over_how_hard_it_is() {
    let tool = mk_tool(|tool| {
        tool.irreversibility = Level::High;
        tool.compensation = Some("refund.cancel".to_owned());
    });
    assert_eq!(Undoing::of(&tool), Some(Undoing::Compensatable));
}

#[test]
fn easy_is_what_is_known_low_and_of_no_gated_class() {
    assert_eq!(Undoing::of(&mk_tool(|_| {})), Some(Undoing::Reversible));
    let harder = mk_tool(|tool| tool.irreversibility = Level::Medium);
    assert_eq!(Undoing::of(&harder), Some(Undoing::Irreversible));
    let gated = mk_tool(|tool| tool.effects = vec![EffectClass::Money]);
    assert_eq!(Undoing::of(&gated), Some(Undoing::Irreversible));
}

#[test]
fn counts_add_up() {
    let mut counts = EffectCounts::default();
    counts.add(Undoing::Compensatable, true);
    counts.add(Undoing::Irreversible, false);
    assert_eq!((counts.total(), counts.unknown), (2, 1));
}
