//! What a person's words ask for.

use super::super::provenance::Sources;
use super::{Acts, EffectClass, EffectClasses, Entries, Lexicon};

/// How many words behind a verb its object may stand.
const REACH: usize = 8;
/// How many words before a verb a negation may stand.
const NEGATION_REACH: usize = 4;
/// How many words before a participle a wish may stand.
const WISH_REACH: usize = 6;
/// The fewest words of a quotation that is left out.
const QUOTED_WORDS: usize = 2;
/// Words that agree wherever they stand.
const GO_AHEADS: [&str; 2] = ["proceed", "ahead"];
/// Prepositions: what follows them is no object of the verb.
const PREPOSITIONS: [&str; 12] =
    ["of", "about", "to", "for", "from", "with", "on", "in", "at", "by", "into", "that"];

/// The acts that a person's words ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub(super) acts: Acts,
    classes: EffectClasses,
    is_delegated: bool,
}

impl Request {
    /// Whether the words ask for an effect of the class.
    pub fn implies(&self, class: EffectClass) -> bool {
        self.classes.contains(class)
    }

    /// The classes of effects the words ask for.
    pub fn classes(&self) -> EffectClasses {
        self.classes
    }

    /// Whether the words hand the choice over to a document: "do the tasks on my
    /// list".
    pub fn is_delegated(&self) -> bool {
        self.is_delegated
    }
}

impl Request {
    /// What either request asks for.
    pub fn and(mut self, other: &Self, lexicon: &Lexicon) -> Self {
        self.acts.join(other.acts);
        self.is_delegated |= other.is_delegated;
        self.classes = lexicon.classes_of(self.acts);
        self
    }
}

impl Lexicon {
    /// Whether words agree to something: "yes", "I confirm", "please go ahead". A word
    /// of agreement counts at the start of a clause, since "make sure" agrees to
    /// nothing.
    pub fn agrees(&self, words: &str) -> bool {
        clauses(words).iter().any(|clause| {
            let is_negated = clause.iter().any(|word| self.entries.negations.contains(word));
            let agrees = |(at, word): (usize, &String)| {
                let is_start = at == 0 || clause.get(at - 1).is_some_and(|before| before == "i");
                GO_AHEADS.contains(&word.as_str())
                    || (is_start && self.entries.agreements.contains(word))
            };
            !is_negated && clause.iter().enumerate().any(agrees)
        })
    }

    /// Whether the words ask for an effect of the class.
    pub fn implies(&self, words: &str, class: EffectClass) -> bool {
        self.implied_by(words).implies(class)
    }

    /// What the words ask for. Linear in their length.
    pub fn implied_by(&self, words: &str) -> Request {
        let mut request = Request::default();
        let plain = without_quotations(words);
        for clause in clauses(&plain) {
            self.read_clause(&clause, &mut request);
        }
        request.classes = self.classes_of(request.acts);
        request
    }

    /// What all the user's words of a run ask for.
    pub fn requested(&self, sources: &Sources) -> Request {
        let messages = sources.user_messages().map(|message| self.implied_by(message));
        messages.fold(Request::default(), |all, one| all.and(&one, self))
    }

    /// What one sentence asks for, its words in small letters.
    pub fn implied_by_words(&self, words: &[&str]) -> Request {
        let mut request = Request::default();
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        self.read_clause(&words, &mut request);
        request.classes = self.classes_of(request.acts);
        request
    }

    fn read_clause(&self, clause: &[String], request: &mut Request) {
        for (at, word) in clause.iter().enumerate() {
            let Some(verb) = self.entries.asked_verb(clause, at, word) else { continue };
            let objects = objects_behind(clause, at);
            for (index, act) in self.entries.acts.values().enumerate() {
                let is_doing = self.entries.doing.contains(verb) || act.verbs.contains(verb);
                let has_object = || objects.iter().any(|word| is_one_of(&act.objects, word));
                if act.verbs.contains(verb) || (is_doing && has_object()) {
                    request.acts.add(index);
                }
            }
            let delegation = &self.entries.delegation;
            request.is_delegated |= delegation.verbs.contains(verb)
                && objects.iter().any(|word| is_one_of(&delegation.objects, word))
                && !objects.contains(&"following");
        }
    }
}

impl Entries {
    /// The base form of a verb that asks for something at this place.
    fn asked_verb<'a>(&'a self, clause: &'a [String], at: usize, word: &'a str) -> Option<&'a str> {
        let before = |reach: usize| {
            clause.get(at.saturating_sub(reach)..at).unwrap_or_default().iter().map(String::as_str)
        };
        let is_no_request = |word| self.negations.contains(word) || self.reports.contains(word);
        if before(NEGATION_REACH).any(is_no_request) {
            return None;
        }
        if !self.is_verb(word) {
            let is_wished = before(WISH_REACH).any(|word| self.wishes.contains(word));
            return self.base_of(word).filter(|_| is_wished);
        }
        if !self.ambiguous.contains(word) {
            return Some(word);
        }
        let previous = before(1).next();
        let starts = previous.is_none_or(|word| {
            self.before_verbs.contains(word) || word.ends_with("ly") || is_numbering(word)
        });
        starts.then_some(word)
    }

    fn is_verb(&self, word: &str) -> bool {
        self.doing.contains(word)
            || self.delegation.verbs.contains(word)
            || self.acts.values().any(|act| act.verbs.contains(word))
    }

    /// The base form of a participle or gerund.
    fn base_of(&self, word: &str) -> Option<&str> {
        if let Some(base) = self.irregular.get(word) {
            return Some(base);
        }
        let stem = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing"))?;
        let doubled = stem.char_indices().next_back().and_then(|(at, _)| stem.get(..at));
        let candidates =
            [Some(stem.to_owned()), Some(format!("{stem}e")), doubled.map(str::to_owned)];
        candidates.into_iter().flatten().find_map(|base| self.verb(&base))
    }

    fn verb(&self, word: &str) -> Option<&str> {
        let of_acts = self.acts.values().find_map(|act| act.verbs.get(word));
        of_acts.or_else(|| self.doing.get(word)).map(String::as_str)
    }
}

/// Whether a set holds a word in its singular.
pub(super) fn is_one_of(words: &std::collections::BTreeSet<String>, word: &str) -> bool {
    words.contains(word)
        || word.strip_suffix('s').is_some_and(|singular| {
            words.contains(singular)
                || singular.strip_suffix('e').is_some_and(|singular| words.contains(singular))
        })
        || word.strip_suffix("ies").is_some_and(|stem| words.contains(&format!("{stem}y")))
}

fn is_numbering(word: &str) -> bool {
    word.chars().all(|sign| sign.is_ascii_digit())
}

/// The words behind a verb up to a preposition.
fn objects_behind(clause: &[String], at: usize) -> Vec<&str> {
    let behind = clause.iter().skip(at + 1).take(REACH).map(String::as_str);
    behind
        .skip_while(|word| matches!(*word, "up" | "out" | "to" | "through" | "on" | "all" | "of"))
        .take_while(|word| !PREPOSITIONS.contains(word))
        .collect()
}

/// The clauses of a text, each in small letters, word by word.
fn clauses(text: &str) -> Vec<Vec<String>> {
    let mut clauses = vec![Vec::new()];
    for chunk in text.split_whitespace() {
        let word = chunk.trim_matches(|sign: char| !sign.is_alphanumeric());
        if let Some(clause) = clauses.last_mut().filter(|_| !word.is_empty()) {
            clause.push(word.to_lowercase().replace('’', "'"));
        }
        if chunk.ends_with(['.', ',', ';', ':', '!', '?', ')', '–', '—']) {
            clauses.push(Vec::new());
        }
    }
    clauses
}

/// The text without what stands between quotes: words to be passed on ask nobody
/// for anything.
fn without_quotations(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, open)) = next_quote(rest) {
        let (before, quoted) = rest.split_at(at);
        plain.push_str(before);
        let inner = quoted.get(open.len_utf8()..).unwrap_or("");
        let Some(end) = closing(inner, open) else {
            plain.push(' ');
            rest = inner;
            continue;
        };
        let (quotation, after) = inner.split_at(end);
        if quotation.split_whitespace().count() < QUOTED_WORDS {
            plain.push_str(quotation);
        } else {
            plain.push_str(" , ");
        }
        rest = after.chars().next().and_then(|sign| after.get(sign.len_utf8()..)).unwrap_or("");
    }
    plain.push_str(rest);
    plain
}

/// The next sign that opens a quotation: at the start of a word.
fn next_quote(text: &str) -> Option<(usize, char)> {
    let mut before = ' ';
    for (at, sign) in text.char_indices() {
        let is_start = before.is_whitespace() || matches!(before, '(' | ':');
        if matches!(sign, '"' | '“' | '‘' | '\'') && is_start {
            return Some((at, sign));
        }
        before = sign;
    }
    None
}

/// Where the quotation ends: at the end of a word.
fn closing(text: &str, open: char) -> Option<usize> {
    let close = match open {
        '“' => '”',
        '‘' => '’',
        other => other,
    };
    let mut places = text.match_indices(close).map(|(at, _)| at);
    places.find(|at| {
        let after = text.get(at + close.len_utf8()..).and_then(|after| after.chars().next());
        after.is_none_or(|after| !after.is_alphanumeric())
    })
}
