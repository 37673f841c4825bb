//! The life of a delivery, when it is tried again, and what a headline may hold.

use proptest::prelude::*;

use super::*;

const EVENTS: [NoticeEvent; 4] =
    [NoticeEvent::Deliver, NoticeEvent::GiveUp, NoticeEvent::Cancel, NoticeEvent::Retry];

#[test]
fn the_life_of_a_delivery_is_this_table() {
    let mut table = String::new();
    for state in NoticeState::ALL {
        for event in EVENTS {
            let next = state.after(event).map_or("-", NoticeState::name);
            table += &format!("{:9} {event:?} -> {next}\n", state.name());
        }
    }
    insta::assert_snapshot!(table, @r"
    pending   Deliver -> delivered
    pending   GiveUp -> failed
    pending   Cancel -> cancelled
    pending   Retry -> pending
    delivered Deliver -> -
    delivered GiveUp -> -
    delivered Cancel -> -
    delivered Retry -> -
    failed    Deliver -> -
    failed    GiveUp -> -
    failed    Cancel -> -
    failed    Retry -> pending
    cancelled Deliver -> -
    cancelled GiveUp -> -
    cancelled Cancel -> -
    cancelled Retry -> -
    ");
}

proptest! {
    #[test]
    fn what_is_delivered_or_pointless_stays_so(
        events in prop::collection::vec(prop::sample::select(EVENTS.to_vec()), 0..30)
    ) {
        let mut state = NoticeState::Pending;
        for event in events {
            let ended = matches!(state, NoticeState::Delivered | NoticeState::Cancelled);
            let next = state.after(event);
            prop_assert!(!(ended && next.is_some()), "{state:?} {event:?}");
            state = next.unwrap_or(state);
        }
    }

    #[test]
    fn a_delay_is_that_of_the_table_but_for_the_jitter(attempts in 0_u32..40, chance: u16) {
        let listed = attempts.checked_sub(1).and_then(|it| RETRY_DELAYS.get(it as usize));
        match (retry_delay(attempts, chance), listed) {
            (Some(delay), Some(listed)) => {
                let (delay, listed) = (delay.as_micros(), listed.as_micros());
                prop_assert!(delay >= listed * 8 / 10 && delay <= listed * 12 / 10);
            }
            (delay, listed) => prop_assert!(delay.is_none() && listed.is_none()),
        }
    }

    #[test]
    fn a_headline_is_one_short_line_without_anything_hidden(text in "\\PC{0,300}|.{0,300}") {
        let line = plain_headline(&text);
        prop_assert!(line.chars().count() <= MAX_HEADLINE_CHARS + 1);
        prop_assert!(!line.chars().any(|it| it.is_control() || is_invisible(it)));
        prop_assert!(!line.contains(['<', '>', '@']));
    }
}

#[test]
fn attempts_end() {
    assert_eq!(retry_delay(MAX_ATTEMPTS, 0), None);
    assert!(retry_delay(MAX_ATTEMPTS - 1, 0).is_some());
}

#[test]
fn what_would_notify_people_or_turn_the_text_is_shown_instead() {
    let hostile = "<!channel> pay \u{202E}001\u{202C}\r\n@here";
    assert_eq!(plain_headline(hostile), "‹!channel› pay \u{FFFD}001\u{FFFD}  ＠here");
}

#[test]
fn every_kind_is_called_the_same_everywhere() {
    for kind in NoticeKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
