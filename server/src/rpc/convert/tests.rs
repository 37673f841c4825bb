//! Times, spans and ids survive the way there and back, or are refused by name.

use super::*;
use crate::domain::ids::RunId;

#[test]
fn times_before_and_after_the_epoch_keep_their_microseconds() {
    for micros in [-1, 0, 1_700_000_000_123_456] {
        let wire = time(Timestamp::from_micros(micros));
        assert!((0..1_000_000_000).contains(&wire.nanos));
        assert_eq!(wire.seconds * 1_000_000 + i64::from(wire.nanos) / 1_000, micros);
    }
}

#[test]
fn spans_saturate_and_keep_their_sign() {
    let read = |seconds, nanos| span(Some(prost_types::Duration { seconds, nanos }));
    assert_eq!(read(1, 500_000), Some(Span::from_micros(1_000_500)));
    assert_eq!(read(-1, -500_000), Some(Span::from_micros(-1_000_500)));
    assert_eq!(read(i64::MAX, 0), Some(Span::from_micros(i64::MAX)));
    assert_eq!(span(None), None);
}

#[test]
fn ids_and_enums_are_refused_under_the_name_of_their_field() {
    let refusal = id::<RunId>("run_id", "").unwrap_err().to_string();
    assert!(refusal.starts_with("`run_id`"), "{refusal}");
    assert_eq!(optional_id::<RunId>("run_id", ""), Ok(None));
    assert!(optional_id::<RunId>("run_id", "act_0").is_err());
    let refusal = known::<v1::run::State>("state", 99).unwrap_err().to_string();
    assert_eq!(refusal, "`state`: no such value as 99");
}
