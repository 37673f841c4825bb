//! One line for each thing that happens.

use super::*;
use crate::briefing::tests::{escalation, now};

#[test]
fn an_event_is_one_line() {
    let open = escalation(v1::SeverityTier::High, 1);
    let line = one_line("escalation.opened", "claims-v2", &open, &now());
    let want = "22:13 UTC  ▲ esc_01kb1xyz00000000000000000  opened by claims-v2  \
                Pay 4812 EUR to Anna Novak";
    assert_eq!(line, want);

    let ended = v1::Escalation { state: v1::escalation::State::Expired.into(), ..open };
    let line = one_line("escalation.expired", "system", &ended, &now());
    assert!(line.ends_with("Expired: nobody answered in time. Nothing runs."), "{line}");
}
