//! Names and forms that scripts rely on.

use pointsman_api::v1;

use super::*;

#[test]
fn an_action_is_shown_with_every_field() {
    let action = v1::Action {
        action_id: "act_1".into(),
        state: v1::action::State::Granted.into(),
        arguments: r#"{"amount": 1.0}"#.into(),
        action_digest: vec![0xab; 4].into(),
        preconditions: vec![0xff, 0xfe].into(),
        create_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 500_000_000 }),
        confidence: Some(0.5),
        ..v1::Action::default()
    };
    insta::assert_snapshot!(node_of("Action", &action).to_json());
}

#[test]
fn only_the_set_alternative_is_shown() {
    let message = v1::WatchEscalationsResponse {
        cursor: "c1".into(),
        server_time: None,
        event: Some(v1::watch_escalations_response::Event::Bookmark(v1::Bookmark { sequence: 7 })),
    };
    let want = r#"{"cursor":"c1","server_time":null,"bookmark":{"sequence":7}}"#;
    assert_eq!(node_of("WatchEscalationsResponse", &message).to_line(), want);
}

#[test]
fn an_unknown_enum_value_stays_a_number() {
    let run = v1::Run { state: 99, ..v1::Run::default() };
    assert!(node_of("Run", &run).to_line().contains(r#""state":99"#));
}
