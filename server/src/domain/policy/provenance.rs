//! Provenance: where a value that an agent proposes was said before.
//!
//! A value is the user's if the user's words hold it as a whole: one word or a
//! phrase, between the borders of words. A part of a longer name, number or
//! address is not it, and neither is something that only looks like it. What
//! cannot be shown counts as from nowhere.
//!
//! Of values from tool results there is more to say, as [`Evidence`]: whether the
//! value stood as the whole of a record's field, or in running text, and whether
//! the user named something in that record, or in the value itself. Both are hints, never proof: whoever writes
//! the texts that tools read can forge them.

mod canonical;
mod link;
mod tokens;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::link::Names;
use self::tokens::Tokens;
use crate::domain::message::{Message, MessageLog, Speaker};

/// The most parts of one value; one with more is from nowhere.
const MAX_PARTS: usize = 256;
/// Stands behind every message: the record separator.
const MESSAGE_END: char = '\u{1e}';
/// The most sentences that are looked at for one value.
pub const MAX_SENTENCES: usize = 32;
/// The most words of a sentence on either side of a value.
const SENTENCE_WORDS: usize = 40;
/// How deep lists and objects are looked into; deeper values are from nowhere.
const MAX_DEPTH: usize = 64;
/// The fewest letters and digits of a code that may be written in groups.
const GROUPED_CODE: usize = 10;
/// The most letters and digits of such a code.
const LONGEST_CODE: usize = 64;
/// The most of them in one group.
const GROUP: usize = 6;
/// Where the parts of a list in one string end.
const LIST_SEPARATORS: [char; 6] = [',', ';', '\n', '|', '<', '>'];

/// Where a value comes from, best first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// There is no value: nothing given, null, an empty text or list.
    Absent,
    /// The user's words hold it.
    User,
    /// An earlier answer or edit of a reviewer holds it.
    Person,
    /// A tool result holds it.
    Tool,
    /// Nothing that was said holds it.
    Nowhere,
}

impl Origin {
    /// The word for it in documents and conditions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::User => "user",
            Self::Person => "person",
            Self::Tool => "tool",
            Self::Nowhere => "nowhere",
        }
    }
}

/// Where a value comes from, and how it stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// Where it comes from.
    pub origin: Origin,
    /// How well a tool result supports it; [`Support::Said`] for all other origins
    /// but nowhere.
    pub support: Support,
}

/// How well a value is supported, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Support {
    /// By a person's words.
    Said,
    /// By a tool result, and it is made of a name the user gave.
    Named,
    /// By the field of a record in a tool result that holds something the user named.
    Linked,
    /// By the field of a record in a tool result.
    Field,
    /// By running text of a tool result alone.
    Prose,
    /// By nothing.
    None,
}

impl Support {
    /// The word for it in conditions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Named => "named",
            Self::Linked => "linked",
            Self::Field => "field",
            Self::Prose => "prose",
            Self::None => "none",
        }
    }
}

impl Evidence {
    const ABSENT: Self = Self { origin: Origin::Absent, support: Support::Said };
    const NOWHERE: Self = Self { origin: Origin::Nowhere, support: Support::None };

    /// Whether people's words, a record or a name beside it support the value:
    /// anything but running text of a tool result.
    pub fn is_grounded(self) -> bool {
        self.support <= Support::Field
    }
}

/// What was said in a run, made ready for many questions.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    user: Tokens,
    person: Tokens,
    tool: Tokens,
    names: Names,
    raw: [String; 3],
    is_cut: bool,
}

impl Sources {
    /// Reads a log; linear in its text.
    pub fn read(log: &MessageLog) -> Self {
        let mut sources = Self::default();
        for message in log.messages() {
            sources.hear(message);
        }
        sources.is_cut |= !log.is_complete();
        sources
    }

    /// Whether part of what was said is missing: a value that is not found may still
    /// have been said.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What the user said, message by message, in small letters.
    pub fn user_messages(&self) -> impl Iterator<Item = &str> {
        let said = self.raw.first().map_or("", String::as_str);
        said.split(MESSAGE_END).filter(|message| !message.is_empty())
    }

    /// Adds one message of a log.
    pub fn hear(&mut self, message: &Message) {
        self.add(message.speaker, &message.text);
        self.is_cut |= message.is_cut;
    }

    /// The sentences of tool results that hold a text; at most [`MAX_SENTENCES`].
    pub fn tool_sentences(&self, text: &str) -> Vec<Vec<&str>> {
        let raw = self.raw.get(2).map_or("", String::as_str);
        let places = Phrases::of(text).places(&self.tool, raw).unwrap_or_default();
        let places = places.iter().take(MAX_SENTENCES);
        places.map(|(start, _)| self.tool.sentence(*start, SENTENCE_WORDS)).collect()
    }

    /// Adds one message.
    pub fn add(&mut self, speaker: Speaker, text: &str) {
        let (tokens, raw) = match speaker {
            Speaker::User => (&mut self.user, 0),
            Speaker::Person => (&mut self.person, 1),
            Speaker::Tool => (&mut self.tool, 2),
        };
        tokens.add(text);
        if let Some(raw) = self.raw.get_mut(raw) {
            raw.push_str(&canonical::fold(text));
            raw.push(MESSAGE_END);
        }
        if speaker != Speaker::Tool {
            self.names.learn(text);
        }
    }

    /// Where a value comes from.
    pub fn origin_of(&self, value: Option<&Value>) -> Origin {
        self.evidence_of(value, "").origin
    }

    /// Where a value comes from and how it stood there. `tool` is the tool that is
    /// to get it: words of its own name link nothing.
    pub fn evidence_of(&self, value: Option<&Value>, tool: &str) -> Evidence {
        match value {
            None => Evidence::ABSENT,
            Some(value) if !has_at_most(value, MAX_PARTS) => Evidence::NOWHERE,
            Some(value) => self.of_value(value, tool, 0),
        }
    }

    /// The same of a text.
    pub fn evidence_of_text(&self, text: &str, tool: &str) -> Evidence {
        if text.trim().is_empty() {
            return Evidence::ABSENT;
        }
        let whole = self.of_phrase(text, tool);
        let parts: Vec<_> = text
            .split(LIST_SEPARATORS)
            .map(|part| {
                part.trim_matches(|it: char| it.is_whitespace() || "[]{}()\"'".contains(it))
            })
            .filter(|part| !part.is_empty())
            .collect();
        if parts.len() < 2 || parts.len() > MAX_PARTS || whole.support <= Support::Linked {
            return whole;
        }
        let of_parts = parts.iter().map(|part| self.of_phrase(part, tool)).max();
        of_parts.map_or(whole, |of_parts| of_parts.min(whole))
    }

    fn of_value(&self, value: &Value, tool: &str, depth: usize) -> Evidence {
        if depth > MAX_DEPTH {
            return Evidence::NOWHERE;
        }
        let worst = |values: &mut dyn Iterator<Item = &Value>| {
            values.map(|value| self.of_value(value, tool, depth + 1)).max()
        };
        match value {
            Value::Null => Evidence::ABSENT,
            Value::Bool(_) => self.of_phrase(&value.to_string(), tool),
            Value::Number(number) => self.of_number(number, tool),
            Value::String(text) => self.evidence_of_text(text, tool),
            Value::Array(values) => worst(&mut values.iter()).unwrap_or(Evidence::ABSENT),
            Value::Object(values) => worst(&mut values.values()).unwrap_or(Evidence::ABSENT),
        }
    }

    fn of_number(&self, number: &serde_json::Number, tool: &str) -> Evidence {
        let text = number.to_string();
        match number.as_f64() {
            Some(plain) if text.contains(['e', 'E']) => self.of_phrase(&plain.to_string(), tool),
            _ => self.of_phrase(&text, tool),
        }
    }

    /// Of a text that is one thing.
    fn of_phrase(&self, text: &str, tool: &str) -> Evidence {
        let phrases = Phrases::of(text);
        for (origin, tokens, raw) in
            [(Origin::User, &self.user, 0), (Origin::Person, &self.person, 1)]
        {
            let raw = self.raw.get(raw).map_or("", String::as_str);
            if phrases.places(tokens, raw).is_some() {
                return Evidence { origin, support: Support::Said };
            }
        }
        let raw = self.raw.get(2).map_or("", String::as_str);
        let Some(places) = phrases.places(&self.tool, raw) else {
            // What was cut may have held it; the user's name for it is a hint then.
            let is_hinted = self.is_cut && self.names.are_in(text, tool);
            let support = if is_hinted { Support::Named } else { Support::None };
            return Evidence { origin: Origin::Nowhere, support };
        };
        let support = if self.names.are_in(text, tool) {
            Support::Named
        } else {
            link::support(&self.tool, &places, &self.names, tool)
        };
        Evidence { origin: Origin::Tool, support }
    }
}

/// Where a value comes from: the worst of its parts if it is a list or an object.
/// Linear in the log's text times the number of the value's parts.
pub fn origin_of(value: Option<&Value>, log: &MessageLog) -> Origin {
    Sources::read(log).origin_of(value)
}

/// Whether a value has no more parts than are left.
fn has_at_most(value: &Value, mut left: usize) -> bool {
    let mut values: Vec<&Value> = vec![value];
    while let Some(value) = values.pop() {
        let Some(fewer) = left.checked_sub(1) else { return false };
        left = fewer;
        match value {
            Value::Array(inner) if inner.len() <= left => values.extend(inner),
            Value::Object(inner) if inner.len() <= left => values.extend(inner.values()),
            Value::Array(_) | Value::Object(_) => return false,
            _ => {}
        }
    }
    true
}

/// The places of a value in the words of a speaker: first word and length.
type Place = (usize, usize);

/// A value in all the ways it may have been written.
struct Phrases {
    phrases: Vec<Tokens>,
    /// The letters and digits of a code that may be written in groups.
    code: Option<String>,
    /// The value itself, if signs in it could give it another meaning.
    exact: Option<String>,
}

impl Phrases {
    fn of(text: &str) -> Self {
        let is_active = |sign: char| sign.is_control() || "*[]{}|<>\\\"".contains(sign);
        let text = text.trim();
        if text.contains(is_active) {
            let exact = Some(canonical::fold(text).into_owned());
            return Self { phrases: Vec::new(), code: None, exact };
        }
        let tokens = |text: &str| {
            let mut tokens = Tokens::default();
            tokens.add(text);
            tokens
        };
        let dates = canonical::iso_date(text).map(canonical::date_phrases).unwrap_or_default();
        let mut phrases = vec![tokens(text)];
        phrases.extend(dates.iter().map(|phrase| tokens(phrase)));
        Self { phrases, code: code(text), exact: None }
    }

    /// The places in a speaker's words; without any if only the signs say so.
    fn places(&self, tokens: &Tokens, raw: &str) -> Option<Vec<Place>> {
        if let Some(exact) = &self.exact {
            return holds_exactly(raw, exact).then(Vec::new);
        }
        let mut places = Vec::new();
        for phrase in &self.phrases {
            let length = phrase.phrase_len();
            places.extend(tokens.find(phrase).into_iter().map(|start| (start, length)));
        }
        if let Some(code) = self.code.as_deref().filter(|_| places.is_empty()) {
            places.extend(places_of_code(tokens, code));
        }
        (!places.is_empty()).then_some(places)
    }
}

/// A code of letters and digits without its spaces and hyphens, in small letters.
fn code(text: &str) -> Option<String> {
    let is_gap = |sign: char| matches!(sign, ' ' | '-' | '\u{a0}');
    let is_code = text.chars().all(|sign| sign.is_ascii_alphanumeric() || is_gap(sign));
    let code: String = text.chars().filter(|sign| !is_gap(*sign)).collect();
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let is_long = (GROUPED_CODE..=LONGEST_CODE).contains(&code.len()) && digits * 2 >= code.len();
    (is_code && is_long).then(|| code.to_ascii_lowercase())
}

/// Where groups of a code stand one behind the other, a space or hyphen between.
fn places_of_code(tokens: &Tokens, code: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for start in 0..tokens.len() {
        let (mut rest, mut length) = (code, 0);
        while !rest.is_empty() {
            let word = tokens.get(start + length);
            let is_glued = length == 0 || tokens.span(start + length).is_some_and(|it| it.is_glued);
            let Some(after) = is_glued.then(|| strip_code(rest, word)).flatten() else { break };
            (rest, length) = (after, length + 1);
        }
        if rest.is_empty() && !is_part_of_code(tokens, start, length) {
            places.push((start, length));
        }
    }
    places
}

/// Whether groups of the same length go on before or behind: a part of an account's
/// number is not that account.
fn is_part_of_code(tokens: &Tokens, start: usize, length: usize) -> bool {
    let full = tokens.get(start).len();
    let is_glued = |at: usize| tokens.span(at).is_some_and(|it| it.is_glued);
    let has_digit = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit());
    let goes_on = |word: &str| has_digit(word) && word.len() <= full;
    let end = start + length;
    let follows = end < tokens.len()
        && is_glued(end)
        && tokens.get(end - 1).len() == full
        && goes_on(tokens.get(end));
    let precedes = start.checked_sub(1).map(|before| tokens.get(before));
    let precedes = precedes.is_some_and(|word| word.len() == full && has_digit(word));
    follows || (is_glued(start) && precedes)
}

/// What is left of a code behind one word of groups.
fn strip_code<'a>(code: &'a str, word: &str) -> Option<&'a str> {
    let mut rest = code;
    let is_whole = word.len() >= code.len();
    for group in word.split('-') {
        if group.is_empty() || (group.len() > GROUP && !is_whole) {
            return None;
        }
        rest = rest.strip_prefix(group)?;
    }
    Some(rest)
}

/// Whether the text holds another between the borders of words.
fn holds_exactly(text: &str, wanted: &str) -> bool {
    let is_inner = |sign: char| sign.is_alphanumeric() || "_-@./".contains(sign);
    text.match_indices(wanted).any(|(at, found)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(is_inner) && !after.is_some_and(is_inner)
    })
}

#[cfg(test)]
mod tests;
