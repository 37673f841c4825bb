//! How a value stands in a tool result: in a field, in running text, beside
//! something the user named.

use std::collections::HashSet;

use super::tokens::Tokens;
use super::{Place, Support};

/// The fewest letters of a plain word that can link a field to the request.
const CONTENT_LETTERS: usize = 4;
/// The fewest letters and digits of a name.
const NAME_LETTERS: usize = 3;

/// What people named: words written like names, and the other words of content.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: HashSet<String>,
    content: HashSet<String>,
}

impl Names {
    /// Takes the names from what a person said.
    pub(super) fn learn(&mut self, text: &str) {
        let mut tokens = Tokens::default();
        tokens.add(text);
        for (word, span) in tokens.words() {
            if is_common(word) || word.chars().count() < NAME_LETTERS {
                continue;
            }
            if span.is_name {
                self.names.insert(word.to_owned());
            }
            let is_content = word.chars().count() >= CONTENT_LETTERS;
            if is_content && word.chars().any(char::is_alphabetic) {
                self.content.insert(word.to_owned());
            }
        }
    }

    /// Whether a value is made of a name: an address of somebody, a page of a site.
    /// The host of an e-mail address names nobody.
    pub(super) fn are_in(&self, value: &str, tool: &str) -> bool {
        let value = super::canonical::word(value.trim()).into_owned();
        let own = value.split_once('@').map_or(value.as_str(), |(local, _)| local);
        let mut pieces = own.split(|sign: char| !sign.is_alphanumeric());
        let host = own.split('/').next().unwrap_or(own);
        let is_on_host = own.contains('/') && host.contains('.') && self.names.contains(host);
        if own.contains('.') && own.len() == value.len() {
            return is_on_host;
        }
        is_on_host || pieces.any(|piece| self.links(piece, tool, true))
    }

    fn links(&self, word: &str, tool: &str, names_only: bool) -> bool {
        let known = if names_only { &self.names } else { &self.content };
        let is_known = known.contains(word) || self.names.contains(word);
        is_known && !tool.split('_').any(|part| part.eq_ignore_ascii_case(word))
    }
}

/// The best support that any of the places gives. Running text that puts a name
/// beside the value links nothing: whoever plants the one plants the other.
pub(super) fn support(tokens: &Tokens, places: &[Place], names: &Names, tool: &str) -> Support {
    let is_field = |(start, length): &Place| {
        let first = tokens.span(*start).is_some_and(|span| span.opens);
        first && tokens.span(start + length - 1).is_some_and(|span| span.closes)
    };
    let fields: Vec<_> = places.iter().filter(|place| is_field(place)).copied().collect();
    if fields.is_empty() {
        return Support::Prose;
    }
    let is_linked = is_beside(tokens, &fields, |word| names.links(word, tool, false));
    if is_linked { Support::Linked } else { Support::Field }
}

/// Whether a word that links stands in the same record as one of the places,
/// outside of the place itself.
fn is_beside(tokens: &Tokens, places: &[Place], links: impl Fn(&str) -> bool) -> bool {
    let records: HashSet<u32> = places
        .iter()
        .filter_map(|(start, _)| tokens.span(*start).map(|span| span.record))
        .collect();
    let own: HashSet<&str> = places
        .iter()
        .flat_map(|(start, length)| (*start..start + length).map(|index| tokens.get(index)))
        .collect();
    tokens
        .words()
        .any(|(word, span)| records.contains(&span.record) && !own.contains(word) && links(word))
}

/// Words that name nothing.
fn is_common(word: &str) -> bool {
    COMMON.contains(&word)
}

const COMMON: [&str; 96] = [
    "about",
    "accordingly",
    "account",
    "after",
    "again",
    "also",
    "and",
    "any",
    "are",
    "ask",
    "asked",
    "because",
    "before",
    "but",
    "can",
    "check",
    "could",
    "detail",
    "details",
    "does",
    "each",
    "every",
    "everything",
    "find",
    "first",
    "following",
    "for",
    "from",
    "get",
    "give",
    "has",
    "have",
    "hello",
    "her",
    "here",
    "his",
    "how",
    "hey",
    "into",
    "invite",
    "its",
    "just",
    "last",
    "like",
    "list",
    "look",
    "make",
    "many",
    "message",
    "messages",
    "more",
    "most",
    "much",
    "must",
    "need",
    "new",
    "next",
    "not",
    "now",
    "only",
    "our",
    "please",
    "post",
    "read",
    "send",
    "should",
    "some",
    "sure",
    "tell",
    "than",
    "thanks",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "update",
    "visit",
    "want",
    "was",
    "what",
    "when",
    "where",
    "which",
    "who",
    "will",
    "with",
    "write",
    "you",
    "your",
    "yours",
];
