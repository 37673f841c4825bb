//! Where the values of an action were said before, word for word.

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
    let skipped = messages.len().saturating_sub(MOST_MESSAGES);
    let newest = messages.iter().enumerate().skip(skipped);
    let mut heard: Vec<_> =
        newest.map(|(place, it)| (place, it, it.text.to_ascii_lowercase())).collect();
    heard.sort_by_key(|(place, it, _)| (it.speaker == Speaker::Tool, std::cmp::Reverse(*place)));
    let quote = |(path, value): (String, String)| {
        let wanted = value.to_ascii_lowercase();
        heard.iter().find_map(|(place, message, folded)| {
            let at = find(folded, &wanted)?;
            Some(Quote {
                path: render::line(&path),
                speaker: message.speaker,
                tool: render::line(message.tool.as_deref().unwrap_or_default()),
                message: *place as u64 + 1,
                words: around(&message.text, at, wanted.len()),
            })
        })
    };
    values.into_iter().filter_map(quote).collect()
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

/// Where a text holds another between the borders of words.
fn find(text: &str, wanted: &str) -> Option<usize> {
    let is_inner = |letter: char| letter.is_alphanumeric() || letter == '_';
    let found = text.match_indices(wanted).find(|(at, found)| {
        let before = text.get(..*at).and_then(|head| head.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(is_inner) && !after.is_some_and(is_inner)
    });
    found.map(|(at, _)| at)
}

/// The words around a place, in safe text, with `…` where more stands.
fn around(text: &str, at: usize, length: usize) -> String {
    let start = text.floor_char_boundary(at.saturating_sub(AROUND));
    let end = text.ceil_char_boundary((at + length + AROUND).min(text.len()));
    let words = render::line(text.get(start..end).unwrap_or_default());
    let (before, after) =
        (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{words}{after}")
}
