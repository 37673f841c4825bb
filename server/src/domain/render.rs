//! Safe rendering: what an agent wrote, turned into tokens that cannot deceive.
//!
//! A payload is rendered once, here, and every surface shows the same tokens. What
//! could hide, reorder, imitate or push aside is shown as a mark, such as
//! `‹U+202E RIGHT-TO-LEFT OVERRIDE›`, or as an omission that says how much it stands
//! for; both are counted. The brackets of marks are marked themselves, so that nobody
//! writes a mark that was not made here. Nothing is left out without being said, and
//! nothing is masked: secrets never get into a payload in the first place.

mod characters;
mod json;
mod layout;
mod spelling;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::{Digest, sha256};

/// About how much of one payload is laid out, in bytes of tokens; what is beyond is
/// stated with its size and digest. A long value never pushes a short one out.
pub const MAX_LAID_OUT: usize = 512 * 1024;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// The name of a field.
    Key,
    /// Part of a string, with `"` and `\` escaped as in JSON.
    String,
    /// A number, as written.
    Number,
    /// `true`, `false` or `null`.
    Literal,
    /// Braces, brackets, quotes, colons, commas.
    Punctuation,
    /// Part of a text that is not JSON.
    Text,
    /// Stands for one character that would deceive if it were shown.
    Mark,
    /// Stands for many characters, and says how many.
    Omission,
}

/// One token: text that is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// What to show.
    pub text: String,
    /// Of a mark, the character; of an omission of one character, that one.
    pub character: Option<char>,
    /// Of an omission, how many characters, or members of a list or object, it stands
    /// for; of everything else 0.
    pub count: u64,
}

impl Token {
    fn new(kind: TokenKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), character: None, count: 0 }
    }

    fn mark(character: char, text: String) -> Self {
        Self { kind: TokenKind::Mark, text, character: Some(character), count: 0 }
    }

    fn omission(text: String, character: Option<char>, count: u64) -> Self {
        Self { kind: TokenKind::Omission, text, character, count }
    }
}

/// One line of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// How deep to indent it.
    pub depth: u32,
    /// Whether it goes on with the string of the line before, behind a line break that
    /// the payload has there.
    pub is_continued: bool,
    /// The value's place, as a JSON pointer in safe text; empty for the whole, and
    /// where it would be too long.
    pub path: String,
    /// The tokens, to be shown one behind the other.
    pub tokens: Vec<Token>,
}

/// What was found that could deceive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// Characters that change the direction of text.
    Direction,
    /// Characters that show nothing: zero-width, fillers, soft hyphens.
    Invisible,
    /// Tag characters: a whole hidden alphabet.
    Tag,
    /// Control characters, such as those that move a terminal's cursor.
    Control,
    /// Variation selectors.
    Variation,
    /// Spaces that are not the plain one.
    Space,
    /// Letters that look like others.
    LookAlike,
    /// Marks stacked upon or drawn across a letter.
    Stacked,
    /// Characters without a meaning: unassigned, or for private use.
    Unknown,
    /// Brackets of marks.
    Imitation,
    /// Bytes that are no text.
    Undecodable,
    /// Many blank lines, or one character many times.
    Padding,
    /// Parts that are too long to be laid out.
    Omitted,
    /// Letters that are read from right to left, among others.
    TwoDirections,
}

/// How often each trick was found.
pub type Tricks = BTreeMap<Trick, u64>;

/// A payload, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The lines.
    pub lines: Vec<Line>,
    /// How many bytes the payload has.
    pub byte_count: u64,
    /// SHA-256 of exactly those bytes.
    pub digest: Digest,
    /// What was found that could deceive.
    pub tricks: Tricks,
}

impl Rendered {
    /// Whether parts were left out because they are too long.
    pub fn is_partial(&self) -> bool {
        self.tricks.contains_key(&Trick::Omitted)
    }

    fn new(lines: Vec<Line>, bytes: &[u8], tricks: Tricks) -> Self {
        Self { lines, byte_count: bytes.len() as u64, digest: sha256(bytes), tricks }
    }
}

/// Lays a payload out: JSON by its structure, anything else as text.
pub fn payload(bytes: &[u8]) -> Rendered {
    let mut tricks = Tricks::new();
    let lines = match json::read(bytes) {
        Some(value) => layout::of_json(&value, bytes, MAX_LAID_OUT, &mut tricks),
        None => layout::of_bytes(bytes, MAX_LAID_OUT, &mut tricks),
    };
    Rendered::new(lines, bytes, tricks)
}

/// Lays out a text of which at most so many characters are shown.
pub fn text(words: &str, most: usize) -> Rendered {
    let mut tricks = Tricks::new();
    let lines = layout::of_text(words, most, &mut tricks);
    Rendered::new(lines, words.as_bytes(), tricks)
}

/// Values of a payload as they are written in it: a reader that knows doubles only
/// would change numbers.
#[derive(Debug)]
pub struct Written<'a> {
    text: &'a str,
    value: Option<json::Node<'a>>,
}

impl<'a> Written<'a> {
    /// Reads a payload.
    pub fn read(bytes: &'a [u8]) -> Self {
        Self { text: std::str::from_utf8(bytes).unwrap_or_default(), value: json::read(bytes) }
    }

    /// The value at a path of names joined by dots: a text without its quotes, anything
    /// else as it stands there. None: there is nothing, or `null`.
    pub fn at(&self, path: &str) -> Option<String> {
        let found = path.split('.').try_fold(self.value.as_ref()?, json::Node::field)?;
        match &found.value {
            json::Value::Text(text) => Some(text.clone()),
            json::Value::Literal("null") => None,
            _ => self.text.get(found.span.clone()).map(str::to_owned),
        }
    }
}

/// A text as one safe line: line breaks become marks too.
pub fn line(words: &str) -> String {
    if words.bytes().all(is_plain) {
        return words.to_owned();
    }
    let mut tricks = Tricks::new();
    let pieces = spelling::spell(words, spelling::Form::Line, &mut tricks);
    pieces.into_iter().map(|piece| piece.token.text).collect()
}

/// A text as safe text: its own line breaks stay, and everything that could deceive is
/// a mark.
pub fn safe(words: &str) -> String {
    if words.bytes().all(|byte| is_plain(byte) || byte == b'\n') && !has_padding(words.as_bytes()) {
        return words.to_owned();
    }
    let lines = text(words, MAX_LAID_OUT).lines;
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| line.tokens.into_iter().map(|token| token.text).collect())
        .collect();
    lines.join("\n")
}

/// What could deceive in a payload, without laying it out.
pub fn tricks(bytes: &[u8]) -> Tricks {
    // Without an escape or a longer run of one sign plain letters hide nothing.
    if bytes.iter().all(|byte| is_plain(*byte) && *byte != b'\\') && !has_padding(bytes) {
        return Tricks::new();
    }
    payload(bytes).tricks
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

fn has_padding(bytes: &[u8]) -> bool {
    let mut runs = bytes.chunk_by(|one, next| one == next);
    runs.any(|run| run.len() > spelling::LONGEST_RUN)
}

#[cfg(test)]
mod tests;
