//! The life of an action.

use super::*;

#[test]
fn the_life_cycle_is_this_table() {
    let mut table = String::new();
    for state in ActionState::ALL {
        for event in ActionEvent::ALL {
            if let Some(next) = state.after(event) {
                table += &format!("{:17} {event:?} -> {}\n", state.name(), next.name());
            }
        }
    }
    insta::assert_snapshot!(table, @r"
    escalated         Approved -> granted
    escalated         Refused -> refused
    escalated         Cancelled -> cancelled
    granted           Cancelled -> cancelled
    granted           Redeemed -> redeemed
    redeemed          Executed -> executed
    redeemed          Failed -> failed
    redeemed          OutcomeOverdue -> execution_unknown
    execution_unknown Approved -> granted
    execution_unknown Executed -> executed
    execution_unknown Failed -> failed
    ");
}
