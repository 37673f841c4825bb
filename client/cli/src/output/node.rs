//! A tree of data and its forms: JSON in one line, indented JSON, YAML.
//!
//! Everything is plain ASCII-safe text: characters that a terminal might obey are
//! written as `\u` escapes, which JSON and YAML read back as they were.

use std::fmt::Write as _;

use super::escape::is_unsafe;

/// Data to print.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Nothing is there.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number, as its digits.
    Number(String),
    /// Text.
    Text(String),
    /// JSON that somebody else wrote: kept digit for digit, only laid out anew.
    Raw(String),
    /// Several.
    List(Vec<Node>),
    /// Named parts, in order.
    Map(Vec<(String, Node)>),
}

// === impl Node ===

impl Node {
    /// Text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number.
    pub(crate) fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    /// Named parts.
    pub(crate) fn map<const N: usize>(parts: [(&str, Node); N]) -> Self {
        Self::Map(parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect())
    }

    /// JSON in one line.
    pub(crate) fn to_line(&self) -> String {
        let mut out = String::new();
        self.write_line(&mut out);
        out
    }

    /// JSON with two spaces of indentation.
    pub(crate) fn to_json(&self) -> String {
        indent_json(&self.to_line())
    }

    /// YAML in block style.
    pub(crate) fn to_yaml(&self) -> String {
        let mut out = String::new();
        self.write_yaml(&mut out, 0);
        yaml_escapes(out.trim_start_matches('\n'))
    }

    fn write_line(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(out, text),
            Self::Raw(json) => write_raw(out, json),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    item.write_line(out);
                }
                out.push(']');
            }
            Self::Map(parts) => {
                out.push('{');
                for (at, (name, part)) in parts.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    write_text(out, name);
                    out.push(':');
                    part.write_line(out);
                }
                out.push('}');
            }
        }
    }

    /// Writes behind a key or a dash: scalars after a space, parts on new lines.
    fn write_yaml(&self, out: &mut String, depth: usize) {
        match self {
            Self::List(items) if !items.is_empty() => {
                for item in items {
                    start_line(out, depth);
                    out.push('-');
                    item.write_yaml_behind(out, depth + 1);
                }
            }
            Self::Map(parts) if !parts.is_empty() => {
                for (name, part) in parts {
                    start_line(out, depth);
                    write_yaml_text(out, name);
                    out.push(':');
                    part.write_yaml_behind(out, depth + 1);
                }
            }
            Self::Text(text) => write_yaml_text(out, text),
            _ => self.write_line(out),
        }
    }

    fn write_yaml_behind(&self, out: &mut String, depth: usize) {
        let is_block = match self {
            Self::List(items) => !items.is_empty(),
            Self::Map(parts) => !parts.is_empty(),
            _ => false,
        };
        if !is_block {
            out.push(' ');
        }
        self.write_yaml(out, depth);
    }
}

fn start_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ => write_letter(out, letter),
        }
    }
    out.push('"');
}

fn write_letter(out: &mut String, letter: char) {
    if is_unsafe(letter) {
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    } else {
        out.push(letter);
    }
}

/// Writes checked JSON without the whitespace between its tokens.
fn write_raw(out: &mut String, json: &str) {
    let (mut in_text, mut is_escaped) = (false, false);
    for letter in json.chars() {
        if !in_text && matches!(letter, ' ' | '\n' | '\r' | '\t') {
            continue;
        }
        if letter == '"' && !is_escaped {
            in_text = !in_text;
        }
        is_escaped = in_text && letter == '\\' && !is_escaped;
        write_letter(out, letter);
    }
}

/// Writes the surrogate pairs of JSON escapes as YAML has them: `\U0001F600`.
/// Backslashes stand in quoted text alone, so every one begins an escape.
fn yaml_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let pair = unit(escape).zip(escape.get(6..).and_then(unit));
        let letter = pair.and_then(|(high, low)| {
            char::decode_utf16([high, low]).next()?.ok().filter(|letter| *letter > '\u{ffff}')
        });
        let taken = match letter {
            Some(letter) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\U{:08X}", u32::from(letter));
                12
            }
            None => {
                out.push_str(escape.get(..2).unwrap_or(escape));
                2
            }
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The UTF-16 unit of an escape `\uXXXX` at the beginning of the text.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn write_yaml_text(out: &mut String, text: &str) {
    if is_plain_yaml(text) { out.push_str(text) } else { write_text(out, text) }
}

/// Whether YAML reads the bare text back as text.
fn is_plain_yaml(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Lays JSON of one line out over several.
pub(crate) fn indent_json(line: &str) -> String {
    let mut out = String::with_capacity(line.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '"' && !is_escaped {
            in_text = !in_text;
        }
        is_escaped = in_text && letter == '\\' && !is_escaped;
        match letter {
            _ if in_text => out.push(letter),
            '{' | '[' => {
                out.push(letter);
                let is_empty = letters.peek().is_some_and(|next| matches!(next, '}' | ']'));
                if is_empty {
                    out.extend(letters.next());
                } else {
                    depth += 1;
                    start_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                start_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                start_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests;
