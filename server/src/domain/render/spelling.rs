//! Spells a text out: plain parts as they are, deceptive characters as marks, long
//! runs as omissions that say how long they are.

use std::iter::Peekable;
use std::ops::Range;

use super::characters::{self, BREAK, CLOSE, OPEN};
use super::words::{LookAlike, look_alikes};
use super::{Token, TokenKind, Trick, Tricks};
use crate::domain::digest::sha256;

/// The longest run of one character that is shown in full.
pub(super) const LONGEST_RUN: usize = 64;
/// How much of a longer run is shown.
const SHOWN_OF_RUN: usize = 16;
/// The most blank lines in a row that are shown.
const MOST_BLANK_LINES: usize = 3;
/// How many marks one letter may carry.
const MOST_COMBINING: usize = 3;
/// The most bytes of a plain piece.
const PIECE_BYTES: usize = 2_048;

/// What a text is spelt for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A name or string of JSON: `"` and `\` are escaped.
    Json(TokenKind),
    /// A text by itself.
    Text,
    /// One line.
    Line,
}

impl Form {
    const fn kind(self) -> TokenKind {
        match self {
            Self::Json(kind) => kind,
            Self::Text | Self::Line => TokenKind::Text,
        }
    }
}

/// A token, and the bytes of the text that it stands for.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) token: Token,
    pub(super) source: Range<usize>,
    /// Whether the next piece belongs on a line of its own.
    pub(super) ends_line: bool,
}

/// Spells a text out.
pub(super) fn spell(text: &str, form: Form, tricks: &mut Tricks) -> Vec<Piece> {
    let mut speller = Speller {
        text,
        form,
        at: 0,
        plain: String::new(),
        plain_start: 0,
        combining: 0,
        has_base: false,
        look_alikes: look_alikes(text).into_iter().peekable(),
        pieces: Vec::new(),
        tricks,
    };
    while speller.step().is_some() {}
    speller.flush();
    let pieces = speller.pieces;
    if text.chars().any(characters::is_right_to_left) {
        note(tricks, Trick::TwoDirections);
    }
    pieces
}

fn note(tricks: &mut Tricks, trick: Trick) {
    *tricks.entry(trick).or_default() += 1;
}

/// What stands for a part that is left out, with its digest.
pub(super) fn left_out(what: &str, part: &str) -> String {
    let digest = sha256(part.as_bytes()).to_string();
    format!("{OPEN}{what}, SHA-256 {}{CLOSE}", digest.get(..16).unwrap_or_default())
}

struct Speller<'t, 'n> {
    text: &'t str,
    form: Form,
    at: usize,
    plain: String,
    plain_start: usize,
    /// How many marks the last letter carries.
    combining: usize,
    has_base: bool,
    look_alikes: Peekable<std::vec::IntoIter<LookAlike>>,
    pieces: Vec<Piece>,
    tricks: &'n mut Tricks,
}

impl Speller<'_, '_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Spells the next character, or the next run.
    fn step(&mut self) -> Option<()> {
        let letter = self.rest().chars().next()?;
        if letter == '\n' && self.skip_blank_lines() {
            return Some(());
        }
        let run = self.rest().chars().take_while(|next| *next == letter).count();
        if run > LONGEST_RUN {
            self.run(letter, run);
        } else {
            self.one(letter);
        }
        Some(())
    }

    /// Spells one character.
    fn one(&mut self, letter: char) {
        let at = self.at;
        self.at += letter.len_utf8();
        let look_alike = self.look_alikes.next_if(|it| it.at == at);
        let is_combining = characters::is_combining(letter);
        self.combining = if is_combining { self.combining + 1 } else { 0 };
        match (characters::trick(letter), look_alike) {
            (Some(_), _) if letter == '\n' => self.mark_break(at),
            (Some(trick), _) => {
                // Tabs, and what ends lines elsewhere, are everyday.
                let is_everyday =
                    letter == '\t' || (letter == '\r' && self.rest().starts_with('\n'));
                self.mark(letter, characters::mark(letter), (!is_everyday).then_some(trick), at);
            }
            (None, Some(LookAlike { seems, .. })) => {
                let text = seems.map_or_else(
                    || characters::mark(letter),
                    |seems| characters::look_alike_mark(letter, seems),
                );
                self.mark(letter, text, Some(Trick::LookAlike), at);
            }
            (None, None) if is_combining && self.is_stacked(letter) => {
                self.mark(letter, characters::mark(letter), Some(Trick::Stacked), at);
            }
            (None, None) => {
                if !is_combining {
                    self.has_base = letter.is_alphabetic();
                }
                self.push(letter, at);
            }
        }
    }

    /// Whether a combining mark hides or changes more than an accent does.
    fn is_stacked(&self, letter: char) -> bool {
        !self.has_base || self.combining > MOST_COMBINING || characters::is_overlay(letter)
    }

    fn push(&mut self, letter: char, at: usize) {
        if self.plain.is_empty() {
            self.plain_start = at;
        }
        if matches!(self.form, Form::Json(_)) && matches!(letter, '"' | '\\') {
            self.plain.push('\\');
        }
        self.plain.push(letter);
        if self.plain.len() >= PIECE_BYTES && !characters::is_combining(letter) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.plain.is_empty() {
            return;
        }
        let token = Token::new(self.form.kind(), std::mem::take(&mut self.plain));
        let source = self.plain_start..self.at;
        self.pieces.push(Piece { token, source, ends_line: false });
    }

    fn mark(&mut self, letter: char, text: String, trick: Option<Trick>, at: usize) {
        let end = std::mem::replace(&mut self.at, at);
        self.flush();
        self.at = end;
        if let Some(trick) = trick {
            note(self.tricks, trick);
        }
        self.has_base = false;
        let token = Token::mark(letter, text);
        self.pieces.push(Piece { token, source: at..end, ends_line: false });
    }

    fn mark_break(&mut self, at: usize) {
        self.mark('\n', BREAK.to_string(), None, at);
        if let Some(last) = self.pieces.last_mut() {
            last.ends_line = self.form != Form::Line;
        }
    }

    /// Shows the beginning of a run and says how it goes on.
    fn run(&mut self, letter: char, length: usize) {
        let start = self.at;
        let is_odd = characters::trick(letter).is_some() || characters::is_combining(letter);
        let shown = if is_odd { 1 } else { SHOWN_OF_RUN };
        for _ in 0..shown {
            self.one(letter);
        }
        self.flush();
        let (left, from) = (length - shown, self.at);
        self.at = start + length * letter.len_utf8();
        let end = self.at;
        while self.look_alikes.next_if(|it| it.at < end).is_some() {}
        let what = match letter {
            ' ' => "space".to_owned(),
            '!'..='~' => letter.to_string(),
            _ => format!("U+{:04X}", u32::from(letter)),
        };
        let token = Token::omission(
            format!("{OPEN}{left} more of {what}{CLOSE}"),
            Some(letter),
            left as u64,
        );
        let trick = match letter {
            '\t' => Trick::Padding,
            _ if characters::is_combining(letter) => Trick::Stacked,
            _ => characters::trick(letter).unwrap_or(Trick::Padding),
        };
        note(self.tricks, trick);
        self.pieces.push(Piece { token, source: from..end, ends_line: false });
    }

    /// Says how many blank lines follow, if it is many.
    fn skip_blank_lines(&mut self) -> bool {
        let is_blank = |letter: char| matches!(letter, '\n' | '\r' | ' ' | '\t');
        let rest = self.rest();
        let run = rest.find(|letter| !is_blank(letter)).unwrap_or(rest.len());
        let run = rest.get(..run).unwrap_or_default();
        let Some((middle, _)) = run.get(1..).and_then(|inner| inner.rsplit_once('\n')) else {
            return false;
        };
        let lines = middle.matches('\n').count() + 1;
        if lines <= MOST_BLANK_LINES {
            return false;
        }
        let (middle, count) = (middle.to_owned(), middle.chars().count());
        let is_uniform = middle.bytes().all(|byte| byte == b'\n');
        self.one('\n');
        let from = self.at;
        self.at += middle.len();
        let text = match is_uniform {
            true => format!("{OPEN}{lines} blank lines{CLOSE}"),
            false => left_out(&format!("{lines} blank lines, {count} characters"), &middle),
        };
        let token = Token::omission(text, is_uniform.then_some('\n'), count as u64);
        note(self.tricks, Trick::Padding);
        self.pieces.push(Piece { token, source: from..self.at, ends_line: false });
        self.one('\n');
        true
    }
}
