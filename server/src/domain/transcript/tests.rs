//! Numbers, notes of what is left out, and what an entry may hold.

use proptest::prelude::*;

use super::*;
use crate::domain::error::Error;
use crate::domain::flood::Rate;
use crate::domain::time::Span;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn entry(number: u64, content: Content) -> Entry {
    Entry { number, time: NOW, agent_time: None, content }
}

fn chunk(number: u64, text: &str) -> Entry {
    entry(number, Content::Reasoning { text: text.to_owned() })
}

fn cut_of(entry: &Entry) -> Option<Cut> {
    match entry.content {
        Content::Cut(cut) => Some(cut),
        _ => None,
    }
}

#[test]
fn a_number_is_known_next_or_ahead() {
    assert_eq!(
        [1, 2, 3].map(|number| Place::of(number, 2)),
        [Place::Known, Place::Next, Place::Ahead]
    );
}

#[test]
fn reasoning_that_comes_too_fast_becomes_one_note_and_goes_on_later() {
    let limits =
        TranscriptLimits { chunks: Rate { per_minute: 60, burst: 2 }, bytes: MAX_RUN_BYTES };
    let mut allowance = Allowance::default();
    let mut admitted: Vec<_> =
        (1..=5).map(|number| allowance.admit(chunk(number, "abc"), &limits)).collect();
    let said = entry(6, Content::Message { role: MessageRole::User, text: "go".to_owned() });
    assert_eq!(allowance.admit(said.clone(), &limits), said, "only reasoning is paced");
    let cuts: Vec<_> = admitted.iter().map(|entry| cut_of(entry).is_some()).collect();
    assert_eq!(cuts, [false, false, true, true, true]);
    let [fourth, fifth] = [admitted.remove(3), admitted.remove(3)];
    assert!(admitted[2].absorb(&fourth) && admitted[2].absorb(&fifth));
    let note = cut_of(&admitted[2]).unwrap();
    assert_eq!(note, Cut { through: 5, bytes: 9, cause: CutCause::TooFast });
    assert_eq!((admitted[2].number, admitted[2].through()), (3, 5));
    let later = Entry { time: NOW.plus(Span::from_secs(60)), ..chunk(7, "abc") };
    assert_eq!(allowance.admit(later.clone(), &limits), later);
    assert_eq!(allowance.spent(), Spent { bytes: 11, cut_entries: 3 });
}

#[test]
fn a_run_that_has_written_its_share_leaves_notes_only() {
    let limits = TranscriptLimits { bytes: 10, ..TranscriptLimits::default() };
    let mut allowance = Allowance::after(Spent { bytes: 8, cut_entries: 0 });
    let cut = allowance.admit(chunk(1, "abc"), &limits);
    let note = Cut { through: 1, bytes: 3, cause: CutCause::TooMuch };
    assert_eq!(cut.content, Content::Cut(note));
    assert_eq!(cut_of(&allowance.admit(chunk(2, "ab"), &limits)), None, "what fits is kept");
}

#[test]
fn notes_of_another_cause_or_place_stay_apart() {
    let mut first = chunk(1, "a").cut(CutCause::TooFast);
    assert!(!first.absorb(&chunk(2, "a").cut(CutCause::TooMuch)));
    assert!(!first.absorb(&chunk(3, "a").cut(CutCause::TooFast)));
    assert!(!first.absorb(&chunk(2, "a")));
}

#[test]
fn what_is_missing_too_long_or_secret_is_refused_by_its_place() {
    let long = "x".repeat(MAX_CHUNK_BYTES + 1);
    let refused = |content: Content| match content.check("entries[3]").unwrap_err() {
        Error::InvalidField { field, .. } => field,
        Error::SecretFound { place, .. } => format!("secret {place}"),
        other => panic!("{other}"),
    };
    let call = |tool: &str| Content::ToolCall {
        tool: tool.to_owned(),
        call_id: String::new(),
        arguments: Vec::new(),
        action: None,
    };
    let secret = "see ghp_0123456789abcdefghijABCDEFGHIJ012345".to_owned();
    let table = [
        (Content::Reasoning { text: long }, "entries[3].reasoning.text"),
        (Content::Step { title: String::new() }, "entries[3].step.title"),
        (call(""), "entries[3].tool_call.tool"),
        (call("rm -rf"), "entries[3].tool_call.tool"),
        (
            Content::Intent { text: "ask".to_owned(), why: "x".repeat(MAX_INTENT_BYTES + 1) },
            "entries[3].intent.why",
        ),
        (chunk(1, "a").cut(CutCause::TooFast).content, "entries[3]"),
        (
            Content::Message { role: MessageRole::Assistant, text: secret },
            "secret entries[3].message.text at byte 4",
        ),
    ];
    for (content, place) in table {
        assert_eq!(refused(content), place);
    }
}

#[test]
fn only_the_user_and_tools_that_were_not_proposed_are_heard() {
    let result = |action| Content::ToolResult {
        tool: "search".to_owned(),
        call_id: String::new(),
        result: b"found".to_vec(),
        is_error: false,
        action,
    };
    let message = |role| Content::Message { role, text: "words".to_owned() };
    let proposed = Some(ActionId::from_bytes([7; 16]));
    assert_eq!(result(None).heard(), Some((Speaker::Tool, Some("search"), &b"found"[..])));
    assert_eq!(result(proposed).heard(), None);
    assert_eq!(message(MessageRole::User).heard(), Some((Speaker::User, None, &b"words"[..])));
    assert_eq!(message(MessageRole::Assistant).heard(), None);
    assert_eq!(message(MessageRole::System).heard(), None);
}

proptest! {
    #[test]
    fn nothing_is_lost_without_a_note(sizes in prop::collection::vec(1_usize..40, 1..60)) {
        let limits =
            TranscriptLimits { chunks: Rate { per_minute: 60, burst: 20 }, bytes: 300 };
        let mut allowance = Allowance::default();
        let mut log: Vec<Entry> = Vec::new();
        for (place, size) in sizes.iter().enumerate() {
            let next = allowance.admit(chunk(place as u64 + 1, &"x".repeat(*size)), &limits);
            if !log.last_mut().is_some_and(|last| last.absorb(&next)) {
                log.push(next);
            }
        }
        let mut expected = 1;
        let (mut kept, mut cut) = (0, 0);
        for entry in &log {
            prop_assert_eq!(entry.number, expected);
            expected = entry.through() + 1;
            kept += entry.content.bytes();
            cut += cut_of(entry).map_or(0, |note| usize::try_from(note.bytes).unwrap());
        }
        prop_assert_eq!(expected, sizes.len() as u64 + 1);
        prop_assert_eq!(kept + cut, sizes.iter().sum::<usize>());
        prop_assert!(kept <= 300);
    }
}
