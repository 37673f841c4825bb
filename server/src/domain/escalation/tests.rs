//! The life of an escalation.

use super::*;

#[test]
fn the_life_cycle_is_this_table() {
    let mut table = String::new();
    for state in EscalationState::ALL {
        for event in [EscalationEvent::Resolve, EscalationEvent::Expire, EscalationEvent::Cancel] {
            let next = state.after(event).map_or("-", EscalationState::name);
            table += &format!("{:9} {event:?} -> {next}\n", state.name());
        }
    }
    insta::assert_snapshot!(table, @r"
    open      Resolve -> resolved
    open      Expire -> expired
    open      Cancel -> cancelled
    resolved  Resolve -> -
    resolved  Expire -> -
    resolved  Cancel -> -
    expired   Resolve -> -
    expired   Expire -> -
    expired   Cancel -> -
    cancelled Resolve -> -
    cancelled Expire -> -
    cancelled Cancel -> -
    ");
}
