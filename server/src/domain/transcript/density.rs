//! What of a transcript is shown: everything, sections, or one line.
//!
//! People read about four words a second and a model writes many times that. A digest
//! says of what it thinks only how long and how much; a headline says what it is at.
//! Words to watch for are found in all of them.

use super::{Kind, SafeEntry};
use crate::domain::time::{Span, Timestamp};

/// The most words of a headline.
pub const MAX_HEADLINE_WORDS: usize = 12;
/// The most characters of a headline, and of a line of a digest.
pub const MAX_LINE_CHARS: usize = 120;
/// The most words that one watcher watches for.
pub const MAX_WATCH_WORDS: usize = 32;
/// The longest of them, in bytes.
pub const MAX_WATCH_WORD_BYTES: usize = 64;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Density {
    /// One line: what the agent is at.
    Headline,
    /// Sections: of what it thinks only how long and how much, the rest in one line each.
    #[default]
    Digest,
    /// Everything.
    Full,
}

impl Density {
    /// How often at most something is shown.
    pub const fn interval(self) -> Span {
        match self {
            Self::Headline => Span::from_secs(1),
            Self::Digest => Span::from_millis(250),
            // As often as a page is drawn anew for eyes that follow.
            Self::Full => Span::from_millis(33),
        }
    }
}

/// A word that is watched for, where it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The word, as it is watched for.
    pub word: String,
    /// The byte at which it begins; 0 if it began in the text before.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
}

/// One piece of what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Everything of some entries.
    Text {
        /// The entry; of several pieces of reasoning that were put together the last, with
        /// all their words.
        entry: SafeEntry,
        /// The first of them.
        first: u64,
        /// The words that are watched for.
        marks: Vec<Mark>,
    },
    /// A section; takes the place of an earlier one with the same first entry.
    Section {
        /// The first entry.
        first: u64,
        /// The last entry so far.
        last: u64,
        /// What kind of entries they are.
        kind: Kind,
        /// The line to show.
        line: String,
        /// How long it took; of one entry nothing.
        took: Span,
        /// How many words it has.
        words: u64,
        /// Whether it may still grow.
        is_open: bool,
        /// The words that are watched for and stand in it.
        marked: Vec<String>,
    },
    /// What the agent is at.
    Headline {
        /// The entry that says so.
        entry: u64,
        /// The line.
        line: String,
        /// The words that are watched for and have come since the last headline.
        marked: Vec<String>,
    },
}

/// Turns entries into what is shown of them.
#[derive(Clone, Debug)]
pub struct Digester {
    density: Density,
    /// Lower case.
    words: Vec<String>,
    /// The end of the reasoning so far, in which a word may have begun.
    carry: String,
    open: Option<Open>,
    headline: Option<(u64, String)>,
    is_changed: bool,
    marked: Vec<String>,
    out: Vec<Piece>,
}

/// Reasoning that goes on.
#[derive(Clone, Debug)]
struct Open {
    first: u64,
    last: u64,
    from: Timestamp,
    until: Timestamp,
    words: u64,
    /// Whether the text so far ends within a word.
    is_within_word: bool,
    marked: Vec<String>,
    is_changed: bool,
}

impl Digester {
    /// Shows at a density, and watches for words.
    pub fn new(density: Density, words: &[String]) -> Self {
        let mut words: Vec<_> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
        words.sort_unstable();
        words.dedup();
        Self {
            density,
            words,
            carry: String::new(),
            open: None,
            headline: None,
            is_changed: false,
            marked: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &SafeEntry) {
        let marks = self.find(entry);
        match self.density {
            Density::Full => self.text(entry, marks),
            Density::Digest => self.section(entry, &marks),
            Density::Headline => self.head(entry, marks),
        }
    }

    /// What is to be shown now.
    pub fn flush(&mut self) -> Vec<Piece> {
        if let Some(open) = &mut self.open
            && std::mem::take(&mut open.is_changed)
        {
            self.out.push(open.piece(true));
        }
        if let Some((entry, line)) = &self.headline
            && std::mem::take(&mut self.is_changed)
        {
            let (entry, line) = (*entry, line.clone());
            let marked = std::mem::take(&mut self.marked);
            self.out.push(Piece::Headline { entry, line, marked });
        }
        std::mem::take(&mut self.out)
    }

    /// Goes on behind entries that are not shown.
    pub fn skip(&mut self) {
        self.carry.clear();
        self.close();
    }

    /// Finds words in a text; one may have begun in the reasoning before.
    fn find(&mut self, entry: &SafeEntry) -> Vec<Mark> {
        if self.words.is_empty() {
            return Vec::new();
        }
        if entry.kind != Kind::Reasoning {
            self.carry.clear();
        }
        // Lower case of ASCII keeps every byte in its place.
        let text = format!("{}{}", self.carry, entry.text).to_ascii_lowercase();
        let before = self.carry.len();
        let mut marks = Vec::new();
        for word in &self.words {
            for (start, _) in text.match_indices(word.as_str()) {
                let end = start + word.len();
                if end > before {
                    let start = start.saturating_sub(before);
                    marks.push(Mark { word: word.clone(), start, end: end - before });
                }
            }
        }
        marks.sort_by_key(|mark| (mark.start, mark.end));
        let keep = self.words.iter().map(String::len).max().unwrap_or(0).saturating_sub(1);
        let mut from = text.len().saturating_sub(keep);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        self.carry = text.get(from..).unwrap_or_default().to_owned();
        marks
    }

    fn text(&mut self, entry: &SafeEntry, marks: Vec<Mark>) {
        if entry.kind == Kind::Reasoning
            && let Some(Piece::Text { entry: last, marks: found, .. }) = self.out.last_mut()
            && last.kind == Kind::Reasoning
        {
            let before = last.text.len();
            last.text.push_str(&entry.text);
            (last.number, last.through, last.time) = (entry.number, entry.through, entry.time);
            found.extend(marks.into_iter().map(|mark| Mark {
                start: mark.start + before,
                end: mark.end + before,
                ..mark
            }));
            return;
        }
        self.out.push(Piece::Text { entry: entry.clone(), first: entry.number, marks });
    }

    fn section(&mut self, entry: &SafeEntry, marks: &[Mark]) {
        let mut marked = Vec::new();
        note(&mut marked, marks);
        if entry.kind == Kind::Reasoning {
            let open = self.open.get_or_insert_with(|| Open::at(entry));
            open.grow(entry, marks);
            return;
        }
        self.close();
        self.out.push(Piece::Section {
            first: entry.number,
            last: entry.through,
            kind: entry.kind,
            line: line_of(entry),
            took: Span::ZERO,
            words: count_words(&entry.text),
            is_open: false,
            marked,
        });
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.out.push(open.piece(false));
        }
    }

    fn head(&mut self, entry: &SafeEntry, marks: Vec<Mark>) {
        let before = self.marked.len();
        note(&mut self.marked, &marks);
        let line = match entry.kind {
            Kind::Step | Kind::Intent => short(&entry.text),
            Kind::ToolCall => short(&line_of(entry)),
            Kind::Reasoning if self.headline.is_none() => "thinking".to_owned(),
            Kind::Reasoning | Kind::Message | Kind::ToolResult | Kind::Cut => {
                // Nothing new to say, except that a word has come.
                self.is_changed |= self.headline.is_some() && self.marked.len() > before;
                return;
            }
        };
        self.headline = Some((entry.number, line));
        self.is_changed = true;
    }
}

impl Open {
    fn at(entry: &SafeEntry) -> Self {
        Self {
            first: entry.number,
            last: entry.through,
            from: entry.time,
            until: entry.time,
            words: 0,
            is_within_word: false,
            marked: Vec::new(),
            is_changed: true,
        }
    }

    fn grow(&mut self, entry: &SafeEntry, marks: &[Mark]) {
        let goes_on = self.is_within_word && entry.text.starts_with(|it: char| !it.is_whitespace());
        self.words += count_words(&entry.text) - u64::from(goes_on);
        self.is_within_word = entry.text.ends_with(|it: char| !it.is_whitespace());
        (self.last, self.until, self.is_changed) = (entry.through, entry.time, true);
        note(&mut self.marked, marks);
    }

    fn piece(&self, is_open: bool) -> Piece {
        let took = self.until.since(self.from);
        let seconds = took.as_micros() / 1_000_000;
        Piece::Section {
            first: self.first,
            last: self.last,
            kind: Kind::Reasoning,
            line: format!("Thought {seconds} s · {} words", self.words),
            took,
            words: self.words,
            is_open,
            marked: self.marked.clone(),
        }
    }
}

fn note(marked: &mut Vec<String>, marks: &[Mark]) {
    for mark in marks {
        if !marked.contains(&mark.word) {
            marked.push(mark.word.clone());
        }
    }
}

fn count_words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// One line of an entry, with what kind it is.
fn line_of(entry: &SafeEntry) -> String {
    let (label, text) = (&entry.label, &entry.text);
    let line = match entry.kind {
        Kind::Reasoning | Kind::Cut => text.clone(),
        Kind::Message => format!("{label}: {text}"),
        Kind::ToolCall => format!("{label} {text}"),
        Kind::ToolResult if entry.is_failed => format!("{label} failed: {text}"),
        Kind::ToolResult => format!("{label} answered: {text}"),
        Kind::Step => text.clone(),
        Kind::Intent if entry.why.is_empty() => format!("intends: {text}"),
        Kind::Intent => format!("intends: {text}, because {}", entry.why),
    };
    cut(&line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// At most so many words and characters, with `…` for the rest.
fn short(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let kept = words.iter().take(MAX_HEADLINE_WORDS).copied().collect::<Vec<_>>().join(" ");
    cut(&if words.len() > MAX_HEADLINE_WORDS { format!("{kept}…") } else { kept })
}

fn cut(line: &str) -> String {
    if line.chars().count() <= MAX_LINE_CHARS {
        return line.to_owned();
    }
    let mut kept: String = line.chars().take(MAX_LINE_CHARS - 1).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests;
