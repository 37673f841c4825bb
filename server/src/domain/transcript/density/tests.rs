//! What is shown of a transcript, at each density.

use std::path::Path;

use super::*;
use crate::domain::transcript::{Content, Entry, MessageRole};

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn entries(contents: Vec<Content>) -> Vec<SafeEntry> {
    let numbered = (1..).zip(contents);
    let entry = |(number, content): (u64, Content)| {
        let time = START.plus(Span::from_secs(number.try_into().unwrap()));
        SafeEntry::from(&Entry { number, time, agent_time: None, content })
    };
    numbered.map(entry).collect()
}

fn thought(text: &str) -> Content {
    Content::Reasoning { text: text.to_owned() }
}

fn call(tool: &str, arguments: &str) -> Content {
    let (tool, call_id) = (tool.to_owned(), String::new());
    Content::ToolCall { tool, call_id, arguments: arguments.as_bytes().to_vec(), action: None }
}

fn result(tool: &str, result: &str, is_error: bool) -> Content {
    let (tool, call_id) = (tool.to_owned(), String::new());
    Content::ToolResult {
        tool,
        call_id,
        result: result.as_bytes().to_vec(),
        is_error,
        action: None,
    }
}

fn work() -> Vec<SafeEntry> {
    entries(vec![
        Content::Step { title: "Check the invoice".to_owned() },
        thought("The amount on the inv"),
        thought("oice differs. A ref"),
        thought("und may be due."),
        call("get_invoice", r#"{"id": 7}"#),
        result("get_invoice", "no such invoice", true),
        Content::Intent { text: "refund Anna 40 EUR".to_owned(), why: "she paid twice".to_owned() },
        Content::Message { role: MessageRole::User, text: "yes\nplease".to_owned() },
    ])
}

fn shown(density: Density, words: &[&str], entries: &[SafeEntry]) -> Vec<Piece> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let mut digester = Digester::new(density, &words);
    entries.iter().for_each(|entry| digester.take(entry));
    digester.flush()
}

fn lines(pieces: &[Piece]) -> Vec<String> {
    let line = |piece: &Piece| match piece {
        Piece::Text { entry, .. } => entry.text.clone(),
        Piece::Section { line, .. } | Piece::Headline { line, .. } => line.clone(),
    };
    pieces.iter().map(line).collect()
}

#[test]
fn full_puts_reasoning_together_and_leaves_nothing_out() {
    let pieces = shown(Density::Full, &["refund"], &work());
    assert_eq!(
        lines(&pieces),
        [
            "Check the invoice",
            "The amount on the invoice differs. A refund may be due.",
            r#"{"id": 7}"#,
            "no such invoice",
            "refund Anna 40 EUR",
            "yes\nplease",
        ]
    );
    let Piece::Text { entry, first, marks } = &pieces[1] else { panic!("{pieces:?}") };
    assert_eq!((*first, entry.number), (2, 4));
    let found: Vec<_> = marks.iter().map(|mark| &entry.text[mark.start..mark.end]).collect();
    assert_eq!(found, ["und"], "the rest of a word that began in the piece before");
}

#[test]
fn a_digest_says_how_long_and_how_much_and_goes_on() {
    let work = work();
    let pieces = shown(Density::Digest, &["Refund"], &work);
    assert_eq!(
        lines(&pieces),
        [
            "Check the invoice",
            "Thought 2 s · 11 words",
            r#"get_invoice {"id": 7}"#,
            "get_invoice failed: no such invoice",
            "intends: refund Anna 40 EUR, because she paid twice",
            "user: yes please",
        ]
    );
    let Piece::Section { marked, is_open: false, .. } = &pieces[1] else { panic!("{pieces:?}") };
    assert_eq!(marked, &["refund"]);
    let mut digester = Digester::new(Density::Digest, &[]);
    digester.take(&work[1]);
    let growing = digester.flush();
    assert!(matches!(growing[..], [Piece::Section { first: 2, is_open: true, .. }]));
    assert_eq!(digester.flush(), [], "nothing is said twice");
    digester.take(&work[2]);
    assert_eq!(lines(&digester.flush()), ["Thought 1 s · 8 words"]);
}

#[test]
fn a_headline_is_one_short_line_of_what_the_agent_is_at() {
    let mut digester = Digester::new(Density::Headline, &["twice".to_owned()]);
    let mut said = Vec::new();
    for entry in work() {
        digester.take(&entry);
        said.extend(lines(&digester.flush()));
    }
    assert_eq!(said, ["Check the invoice", r#"get_invoice {"id": 7}"#, "refund Anna 40 EUR"]);
    let long = Content::Step { title: "one two three four five six seven ".repeat(3) };
    let line = &lines(&shown(Density::Headline, &[], &entries(vec![long])))[0];
    assert_eq!(line.split_whitespace().count(), MAX_HEADLINE_WORDS);
    assert!(line.ends_with('…'), "{line}");
    assert_eq!(lines(&shown(Density::Headline, &[], &entries(vec![thought("a")]))), ["thinking"]);
}

#[test]
fn what_would_deceive_is_a_mark_in_every_density() {
    let sly = || entries(vec![call("pay", "to \u{202e}annA")]);
    for density in [Density::Full, Density::Digest, Density::Headline] {
        let line = lines(&shown(density, &[], &sly())).concat();
        assert!(line.contains("‹U+202E"), "{line}");
    }
}

/// Recorded trajectories, where they are at hand: every entry is in exactly one section.
#[test]
fn recorded_trajectories_are_covered_by_their_sections() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/trajectories/tau2-bench.retail.trajectories.jsonl");
    let Ok(recorded) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: there are no recorded trajectories at {}", path.display());
        return;
    };
    let mut seen = 0;
    for line in recorded.lines().take(20) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let mut texts = Vec::new();
        collect(&value, &mut texts);
        let entries = entries(
            texts
                .iter()
                .enumerate()
                .map(|(place, text)| match place % 3 {
                    0 => thought(text),
                    1 => call("tool", text),
                    _ => Content::Message { role: MessageRole::Assistant, text: text.clone() },
                })
                .collect(),
        );
        let pieces = shown(Density::Digest, &[], &entries);
        let mut next = 1;
        for piece in &pieces {
            let Piece::Section { first, last, line, .. } = piece else { panic!("{piece:?}") };
            assert_eq!(*first, next);
            assert!(!line.contains('\n') && line.chars().count() <= MAX_LINE_CHARS, "{line}");
            next = last + 1;
        }
        assert_eq!(next, entries.len() as u64 + 1);
        seen += entries.len();
    }
    assert!(seen > 100, "only {seen} texts were found");
}

/// Every text in a recorded value.
fn collect(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if !text.is_empty() => texts.push(text.clone()),
        serde_json::Value::Array(all) => all.iter().for_each(|it| collect(it, texts)),
        serde_json::Value::Object(all) => all.values().for_each(|it| collect(it, texts)),
        _ => {}
    }
}
