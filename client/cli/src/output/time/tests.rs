//! Spans as people read them.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

#[test]
fn spans_have_at_most_two_units() {
    let cases = [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (220, "3m40s"),
        (1_560, "26m"),
        (7_200, "2h"),
        (7_500, "2h5m"),
        (90_000, "1d1h"),
        (2_000_000, "23d"),
    ];
    for (seconds, shown) in cases {
        assert_eq!(span(seconds), shown);
    }
}

#[test]
fn late_is_said() {
    assert_eq!(until(Some(&at(100)), &at(40)), "1m");
    assert_eq!(until(Some(&at(100)), &at(400)), "5m late");
    assert_eq!(until(None, &at(0)), "–");
    assert_eq!(since(Some(&at(100)), &at(103)), "3s ago");
    assert_eq!(since(Some(&at(103)), &at(100)), "0s ago");
}

#[test]
fn times_read_back() {
    let time = Timestamp { seconds: 1_700_000_000, nanos: 250_000_000 };
    assert_eq!(rfc3339(&time).unwrap(), "2023-11-14T22:13:20.25Z");
    assert_eq!(parse("2023-11-14T22:13:20.25Z"), Some(time));
    assert_eq!(clock(&time, Some(&at(1_700_000_500))), "22:13 UTC");
    assert_eq!(clock(&time, Some(&at(1_800_000_000))), "2023-11-14 22:13 UTC");
}
