//! Where the values of an action were said before, word for word.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use serde_json::{Map, Value};

use super::facts::plain;
use crate::domain::message::{Message, Speaker};
use crate::domain::render;

/// The most values that are looked for.
const MOST_VALUES: usize = 16;
/// The fewest characters of a value that is worth looking for.
const LEAST_CHARS: usize = 3;
/// The most bytes of a value that is looked for.
const MOST_BYTES: usize = 512;
/// The newest messages that are looked through.
const MOST_MESSAGES: usize = 256;
/// How many bytes of words stand on either side of a value.
const AROUND: usize = 60;

/// Where a value of an action was said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The value's place in the arguments, as a JSON pointer in safe text.
    pub path: String,
    /// Who said it.
    pub speaker: Speaker,
    /// Which tool; empty for people.
    pub tool: String,
    /// The how manieth message of those at hand it is, from 1 on.
    pub message: u64,
    /// The words around it, in safe text.
    pub words: String,
}

/// Where the values of a call were said before: people's words before those of tools,
/// and the newest first.
pub fn quotes(arguments: &Map<String, Value>, messages: &[Message]) -> Vec<Quote> {
    let mut values = Vec::new();
    for (name, value) in arguments {
        collect(value, &format!("/{name}"), &mut values);
    }
    let wanted = values.iter().map(|(_, value)| value);
    // Values that are too many for a search are quoted nowhere; there are at most sixteen.
    let search = AhoCorasick::builder().ascii_case_insensitive(true).build(wanted);
    let Ok(search) = search else { return Vec::new() };
    let mut found: Vec<Option<Quote>> = values.iter().map(|_| None).collect();
    let skipped = messages.len().saturating_sub(MOST_MESSAGES);
    let mut heard: Vec<_> = messages.iter().enumerate().skip(skipped).collect();
    heard.sort_by_key(|(place, it)| (it.speaker == Speaker::Tool, std::cmp::Reverse(*place)));
    for (place, message) in heard {
        if found.iter().all(Option::is_some) {
            break;
        }
        for at in search.find_overlapping_iter(message.text.as_str()) {
            let (Some((path, _)), Some(quote)) =
                (values.get(at.pattern().as_usize()), found.get_mut(at.pattern().as_usize()))
            else {
                continue;
            };
            if quote.is_none() && stands_alone(&message.text, at.range()) {
                *quote = Some(Quote {
                    path: render::line(path),
                    speaker: message.speaker,
                    tool: render::line(message.tool.as_deref().unwrap_or_default()),
                    message: place as u64 + 1,
                    words: around(&message.text, at.range()),
                });
            }
        }
    }
    found.into_iter().flatten().collect()
}

fn collect(value: &Value, path: &str, into: &mut Vec<(String, String)>) {
    if into.len() >= MOST_VALUES || path.len() > MOST_BYTES {
        return;
    }
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate().take(MOST_VALUES) {
                collect(item, &format!("{path}/{place}"), into);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, &format!("{path}/{name}"), into);
            }
        }
        Value::Number(_) | Value::String(_) => {
            let text = plain(value);
            let text = text.trim();
            if text.len() <= MOST_BYTES && text.chars().count() >= LEAST_CHARS {
                into.push((path.to_owned(), text.to_owned()));
            }
        }
    }
}

/// Whether a place in a text is between the borders of words.
fn stands_alone(text: &str, place: Range<usize>) -> bool {
    let is_inner = |letter: char| letter.is_alphanumeric() || letter == '_';
    let before = text.get(..place.start).and_then(|head| head.chars().next_back());
    let after = text.get(place.end..).and_then(|tail| tail.chars().next());
    !before.is_some_and(is_inner) && !after.is_some_and(is_inner)
}

/// The words around a place, in safe text, with `…` where more stands.
fn around(text: &str, place: Range<usize>) -> String {
    let start = text.floor_char_boundary(place.start.saturating_sub(AROUND));
    let end = text.ceil_char_boundary((place.end + AROUND).min(text.len()));
    let words = render::line(text.get(start..end).unwrap_or_default());
    let (before, after) =
        (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{words}{after}")
}
