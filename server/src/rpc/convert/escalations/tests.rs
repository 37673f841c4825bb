//! What a change keeps when it is too large to be sent in full.

use super::*;

fn escalation_of(state: State) -> v1::Escalation {
    let briefing = v1::Briefing {
        headline: "refund $600".to_owned(),
        arguments: r#"{"amount":600}"#.into(),
        agent_statement: "the customer asked".to_owned(),
        goal: "close the ticket".to_owned(),
        confidence: Some(0.4),
        ..v1::Briefing::default()
    };
    v1::Escalation { state: state.into(), briefing: Some(briefing), ..v1::Escalation::default() }
}

#[test]
fn only_what_nobody_decides_any_more_is_slimmed() {
    let change = v1::EscalationChange {
        escalations: vec![escalation_of(State::Open), escalation_of(State::Cancelled)],
        ..v1::EscalationChange::default()
    };
    let mut message = v1::WatchEscalationsResponse {
        event: Some(Event::Change(change)),
        ..v1::WatchEscalationsResponse::default()
    };
    slim(&mut message);
    let Some(Event::Change(change)) = message.event else { panic!("still a change") };
    assert_eq!(change.escalations[0], escalation_of(State::Open));
    let slimmed = change.escalations[1].briefing.clone().unwrap();
    let basic = v1::Briefing { headline: "refund $600".to_owned(), ..v1::Briefing::default() };
    assert_eq!(slimmed, basic);
}
