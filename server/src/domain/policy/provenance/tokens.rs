//! Text as a sequence of canonical words, with what is around each.

use super::canonical;

/// Stands for the end of a sentence, so that no phrase reaches over it.
const BREAK: &str = "\u{1}";
/// A full stop behind a word this short ends an abbreviation, not a sentence.
const ABBREVIATION: usize = 3;
/// The most words between the commas of a line that is a list.
const ITEM_WORDS: usize = 5;
/// The most words in front of a colon that make it a field of a record.
const KEY_WORDS: usize = 2;

/// One word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
    /// Tells most words apart without reading them.
    hash: u32,
    /// The record, or the paragraph, it is in.
    pub(super) record: u32,
    /// Whether a field's value or a list's item starts here.
    pub(super) opens: bool,
    /// Whether a field's value or a list's item ends here.
    pub(super) closes: bool,
    /// Whether one space or hyphen and nothing else stands before it.
    pub(super) is_glued: bool,
    /// Whether it is written like a name: a capital inside a sentence, quotes, or
    /// signs and digits among letters.
    pub(super) is_name: bool,
}

/// The words of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    text: String,
    spans: Vec<Span>,
}

impl Tokens {
    /// How many there are, ends of sentences among them.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// One word; empty beyond the end.
    pub(super) fn get(&self, index: usize) -> &str {
        let span = self.spans.get(index);
        span.and_then(|span| self.text.get(span.start as usize..span.end as usize)).unwrap_or("")
    }

    /// What is around one word.
    pub(super) fn span(&self, index: usize) -> Option<Span> {
        self.spans.get(index).copied()
    }

    /// All words with what is around them, without the ends of sentences.
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, Span)> {
        let word = |(index, span): (usize, &Span)| (self.get(index), *span);
        self.spans.iter().enumerate().map(word).filter(|(word, _)| *word != BREAK)
    }

    /// The words of the sentence around a place, at most `most` on either side.
    pub(super) fn sentence(&self, place: usize, most: usize) -> Vec<&str> {
        let from = place.saturating_sub(most);
        let before = (from..place).rev().take_while(|index| self.get(*index) != BREAK).last();
        let first = before.unwrap_or(place);
        let until = place.saturating_add(most).min(self.len());
        (first..until).map(|index| self.get(index)).take_while(|word| *word != BREAK).collect()
    }

    /// Adds a text; nothing of it can be taken together with what was before.
    pub(super) fn add(&mut self, text: &str) {
        let record = self.spans.last().map_or(0, |last| last.record + 1);
        let mut reader = Reader { tokens: self, around: Around::new(record) };
        reader.around.is_list = is_list(text.split('\n').next().unwrap_or(""));
        reader.read(text);
        reader.end_sentence();
    }

    fn push(&mut self, word: &str, span: Span) {
        let (Ok(start), Ok(end)) =
            (u32::try_from(self.text.len()), u32::try_from(self.text.len() + word.len()))
        else {
            return;
        };
        self.text.push_str(word);
        self.spans.push(Span { start, end, hash: hash(word), ..span });
    }

    /// Where a phrase occurs, as indices of its first word. Linear (Knuth, Morris,
    /// Pratt).
    pub(super) fn find(&self, phrase: &Self) -> Vec<usize> {
        let length = phrase.phrase_len();
        if length == 0 || length > self.len() {
            return Vec::new();
        }
        let borders = phrase.borders(length);
        let (mut found, mut matched) = (Vec::new(), 0);
        for index in 0..self.len() {
            while matched > 0 && !self.is_same(index, phrase, matched) {
                matched = borders.get(matched - 1).copied().unwrap_or(0);
            }
            if self.is_same(index, phrase, matched) {
                matched += 1;
            }
            if matched == length {
                found.push(index + 1 - length);
                matched = borders.get(matched - 1).copied().unwrap_or(0);
            }
        }
        found
    }

    fn is_same(&self, index: usize, other: &Self, at: usize) -> bool {
        let hash = |tokens: &Self, index: usize| tokens.spans.get(index).map(|span| span.hash);
        hash(self, index) == hash(other, at) && self.get(index) == other.get(at)
    }

    /// The words without the end of the last sentence.
    pub(super) fn phrase_len(&self) -> usize {
        let trailing = (0..self.len()).rev().take_while(|index| self.get(*index) == BREAK).count();
        self.len() - trailing
    }

    fn borders(&self, length: usize) -> Vec<usize> {
        let mut borders = vec![0; length];
        let mut border = 0;
        for index in 1..length {
            while border > 0 && self.get(index) != self.get(border) {
                border = borders.get(border - 1).copied().unwrap_or(0);
            }
            if self.get(index) == self.get(border) {
                border += 1;
            }
            if let Some(place) = borders.get_mut(index) {
                *place = border;
            }
        }
        borders
    }
}

/// FNV-1a.
fn hash(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// What the reader knows of the place it is at.
struct Around {
    record: u32,
    /// The last sign that is neither space nor quote; `\n` at a line's start.
    before: char,
    /// How many spaces and hyphens stand before, and whether nothing else does.
    gap: (u32, bool),
    depth: u32,
    /// The words of the line so far.
    words_of_line: usize,
    record_indent: usize,
    is_quoted: bool,
    /// Whether the line is a list, its items between commas.
    is_list: bool,
}

impl Around {
    const fn new(record: u32) -> Self {
        Self {
            record,
            before: '\n',
            gap: (0, false),
            depth: 0,
            words_of_line: 0,
            record_indent: usize::MAX,
            is_quoted: false,
            is_list: false,
        }
    }

    /// Whether a field's value or an item can start here.
    fn opens(&self) -> bool {
        match self.before {
            '\n' | '[' | '{' | '|' | '•' => true,
            ':' => self.depth > 0 || self.words_of_line <= KEY_WORDS,
            '-' | '*' => self.words_of_line == 0,
            ',' => self.depth > 0 || self.is_list,
            _ => false,
        }
    }
}

struct Reader<'a> {
    tokens: &'a mut Tokens,
    around: Around,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(sign) = rest.chars().next() {
            if is_separator(rest, sign) {
                rest = rest.get(sign.len_utf8()..).unwrap_or("");
                self.separate(sign, rest);
                continue;
            }
            let end = word_end(rest);
            let (chunk, after) = rest.split_at(end);
            self.word(chunk, after);
            rest = after;
        }
    }

    fn separate(&mut self, sign: char, rest: &str) {
        let around = &mut self.around;
        around.gap = (around.gap.0 + 1, around.gap.0 == 0 && matches!(sign, ' ' | '\u{a0}' | '-'));
        match sign {
            '\n' => self.line(rest),
            _ if sign.is_whitespace() || matches!(sign, '#' | '@') => {}
            '"' | '“' | '”' | '\'' | '‘' | '’' | '`' => around.is_quoted = true,
            '[' | '{' => {
                if sign == '{' && matches!(around.before, '[' | ',' | '}') {
                    around.record += 1;
                }
                around.depth += 1;
                around.before = sign;
            }
            ']' | '}' => {
                around.depth = around.depth.saturating_sub(1);
                around.before = sign;
            }
            '.' | '!' | '?' => {
                around.before = sign;
                self.end_sentence();
            }
            _ => around.before = sign,
        }
    }

    /// A new line: a new field of a record, a new item, or the paragraph's end.
    fn line(&mut self, rest: &str) {
        let line = rest.split('\n').next().unwrap_or("");
        let indent = line.len() - line.trim_start().len();
        let is_blank = line.trim().is_empty();
        let is_item = line.trim_start().starts_with("- ");
        let around = &mut self.around;
        (around.before, around.words_of_line) = ('\n', 0);
        around.is_list = is_list(line);
        if is_blank {
            self.end_sentence();
            self.around.record += 1;
            self.around.record_indent = usize::MAX;
        } else if is_item && indent <= around.record_indent {
            around.record_indent = indent;
            around.record += 1;
        }
    }

    fn end_sentence(&mut self) {
        let is_ended = self.tokens.len() == 0 || self.tokens.get(self.tokens.len() - 1) == BREAK;
        if !is_ended {
            let span = self.span(false, false);
            self.tokens.push(BREAK, span);
        }
    }

    fn span(&self, closes: bool, is_name: bool) -> Span {
        let around = &self.around;
        Span {
            start: 0,
            end: 0,
            hash: 0,
            record: around.record,
            opens: around.opens(),
            closes,
            is_glued: around.gap == (1, true),
            is_name,
        }
    }

    fn word(&mut self, chunk: &str, after: &str) {
        let bare = trim(chunk);
        let tail = chunk.get(bare.len()..).unwrap_or("");
        let is_cut = chunk.contains('…');
        if !bare.is_empty() && !is_cut {
            match glued_sentence(bare) {
                Some((last, next)) => {
                    self.push(last, false);
                    self.end_sentence();
                    self.push(next, false);
                }
                None => self.push(bare, tail.is_empty() && is_end_of_field(after, &self.around)),
            }
        }
        self.around.words_of_line += 1;
        self.around.gap = (0, true);
        self.around.is_quoted = false;
        let is_stop = tail.contains(['.', '!', '?'])
            && !(tail == "." && bare.chars().count() <= ABBREVIATION && !bare.is_empty());
        if is_stop || is_cut {
            self.end_sentence();
        }
        self.around.before = tail.chars().last().unwrap_or('w');
    }

    fn push(&mut self, bare: &str, closes: bool) {
        let is_capital = bare.chars().next().is_some_and(char::is_uppercase);
        let has_letter = bare.chars().any(char::is_alphabetic);
        let has_sign = bare.chars().any(|sign| sign.is_ascii_digit() || "@._/".contains(sign));
        let is_name = has_letter && (is_capital || has_sign || self.around.is_quoted);
        let span = self.span(closes, is_name);
        self.tokens.push(&canonical::word(bare), span);
    }
}

/// Whether the sign at the start of the text never belongs to a word. Hyphens do
/// inside one, commas inside a number.
fn is_separator(rest: &str, sign: char) -> bool {
    if sign.is_whitespace() {
        return true;
    }
    match sign {
        '"' | '“' | '”' | '‘' | '’' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '{'
        | '}' | ',' | ';' | '|' | '•' | '*' | '!' | '?' | ':' | '=' | '\\' | '#' | '@' => true,
        '.' => !rest.chars().nth(1).is_some_and(char::is_alphanumeric),
        '-' => !rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit() || next == '$'),
        _ => false,
    }
}

/// Where the word at the start of the text ends.
fn word_end(rest: &str) -> usize {
    let mut signs = rest.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, sign)) = signs.next() {
        let is_end = match sign {
            _ if sign.is_whitespace() => true,
            '"' | '“' | '”' | '‘' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | ';'
            | '|' | '•' | '\\' => true,
            ',' => {
                let after = signs.peek().map(|(_, after)| *after);
                !(before.is_ascii_digit() && after.is_some_and(|after| after.is_ascii_digit()))
            }
            '=' => !is_address(rest.get(..at).unwrap_or("")),
            ':' => signs.peek().is_some_and(|(_, after)| after.is_alphabetic()),
            _ => false,
        };
        if is_end {
            return at;
        }
        before = sign;
    }
    rest.len()
}

/// Whether a line is nothing but short items between commas.
fn is_list(line: &str) -> bool {
    let line = line.trim_end();
    let mut items = line.split(',');
    line.contains(',')
        && !line.ends_with(['.', '!', '?'])
        && items.all(|item| item.split_whitespace().count() <= ITEM_WORDS)
}

/// Whether a word starts like a web address.
fn is_address(word: &str) -> bool {
    ["http://", "https://", "www."].iter().any(|start| word.starts_with(start))
}

/// A word without the punctuation behind it.
fn trim(chunk: &str) -> &str {
    chunk.trim_end_matches(['.', '!', '?', ':', '\'', '’', '*', '…', ',', '='])
}

/// A word or an address, and the first word of the sentence that follows its full stop
/// without a space: a capital and small letters behind a small letter. Words with
/// other signs in them, such as names of files and of hosts, stay whole unless they are
/// marked as addresses.
fn glued_sentence(bare: &str) -> Option<(&str, &str)> {
    let (last, next) = bare.rsplit_once('.')?;
    let mut letters = next.chars();
    let is_next = letters.next()?.is_ascii_uppercase() && letters.all(|it| it.is_ascii_lowercase());
    let is_lower = last.bytes().last().is_some_and(|byte| byte.is_ascii_lowercase());
    let is_word = last.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
    let is_whole = (is_word && last.len() > ABBREVIATION) || is_address(last) || last.contains('@');
    (is_next && is_lower && is_whole).then_some((last, next))
}

/// Whether what follows a word ends a field's value or an item.
fn is_end_of_field(after: &str, around: &Around) -> bool {
    let rest = after.trim_start_matches([' ', '\t', '"', '\'', '”', '’']);
    match rest.chars().next() {
        None | Some('\n' | '\r' | ']' | '}' | '|') => true,
        Some(',') => around.depth > 0 || around.is_list,
        Some(':') => around.depth > 0,
        _ => false,
    }
}
