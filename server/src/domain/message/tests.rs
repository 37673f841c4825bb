//! The message log keeps its bounds and people's words.

use proptest::prelude::*;

use super::*;

#[test]
fn the_oldest_tool_text_goes_first_and_is_remembered() {
    let mut log = MessageLog::of_goal("pay the bill").unwrap();
    let big = "x".repeat(MAX_TOOL_TEXT_BYTES);
    log.push(Message::tool("first", "first text")).unwrap();
    assert!(log.is_complete());
    for _ in 0..8 {
        log.push(Message::tool("read", &big)).unwrap();
    }
    assert!(!log.is_complete());
    assert!(log.dropped() >= 1);
    assert!(!log.messages().iter().any(|message| message.text == "first text"));
    assert_eq!(log.texts_of(Speaker::User).collect::<Vec<_>>(), ["pay the bill"]);
}

#[test]
fn words_of_people_are_refused_and_not_dropped() {
    let mut log = MessageLog::new();
    let half = "y".repeat(MAX_SAID_BYTES / 2);
    log.push(Message::user(&half)).unwrap();
    log.push(Message::person(&half)).unwrap();
    let before = log.clone();
    assert_eq!(log.push(Message::user("more")), Err(LogFull { bytes: 4 }));
    assert_eq!(log, before);
}

#[test]
fn a_long_tool_text_is_cut_at_a_character() {
    let mut log = MessageLog::new();
    log.push(Message::tool("read", "é".repeat(MAX_TOOL_TEXT_BYTES))).unwrap();
    let text = &log.messages()[0].text;
    assert!(text.len() <= MAX_TOOL_TEXT_BYTES && text.ends_with(CUT_MARK));
    assert!(!log.is_complete());
}

proptest! {
    #[test]
    fn the_bounds_hold(turns in proptest::collection::vec((0..3_u8, 0..90_000_usize), 0..60)) {
        let mut log = MessageLog::new();
        let mut said = 0;
        for (who, length) in turns {
            let text = "z".repeat(length);
            let message = match who {
                0 => Message::user(text),
                1 => Message::person(text),
                _ => Message::tool("t", text),
            };
            let is_said = message.speaker != Speaker::Tool;
            if log.push(message).is_ok() && is_said {
                said += 1;
            }
        }
        let bytes: usize = log.messages().iter().map(Message::bytes).sum();
        prop_assert_eq!(bytes, log.bytes);
        prop_assert!(bytes <= MAX_LOG_BYTES && log.messages().len() <= MAX_MESSAGES);
        let kept = log.messages().iter().filter(|it| it.speaker != Speaker::Tool).count();
        prop_assert_eq!(kept, said);
    }
}
