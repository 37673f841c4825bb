//! What a person's words ask for.

use super::super::provenance::Sources;
use super::clauses::{clauses, is_number, starts_account, without_quotations};
use super::{Acts, EffectClass, EffectClasses, Entries, Lexicon};

/// How many words behind a verb its object may stand.
const REACH: usize = 8;
/// How many words behind a verb the rest of a phrase may stand: "call the trip off".
const PHRASE_REACH: usize = 6;
/// How many words before a verb a negation may stand.
const NEGATION_REACH: usize = 4;
/// How many words before a participle a wish may stand.
const WISH_REACH: usize = 6;
/// The most acts of one request that are kept word by word.
const MAX_ASKED: usize = 256;
/// The most words kept beside a verb.
const MAX_WORDS_BESIDE: usize = 24;
/// Stands for a sum of money among the objects of a verb.
const MONEY: &str = "money";
/// Words that agree wherever they stand.
const GO_AHEADS: [&str; 2] = ["proceed", "ahead"];
/// Prepositions: what follows them is no object of the verb.
const PREPOSITIONS: [&str; 12] =
    ["of", "about", "to", "for", "from", "with", "on", "in", "at", "by", "into", "that"];
/// Words that stand for something said before.
const PRONOUNS: [&str; 8] = ["it", "them", "that", "this", "these", "those", "one", "both"];
/// To take access away is not to give it: behind a verb with one of these the object
/// alone says nothing.
const REVERSING: [&str; 5] = ["away", "off", "out", "back", "down"];
/// What may stand behind the last object of a verb.
const ENDS: [&str; 10] =
    ["please", "now", "today", "tomorrow", "again", "and", "then", "if", "as", "too"];

/// The acts that a person's words ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub(super) acts: Acts,
    pub(super) asked: Vec<Asked>,
    classes: EffectClasses,
    is_delegated: bool,
}

/// One verb that asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its base form.
    pub(super) verb: String,
    /// The acts it asks for.
    pub(super) acts: Acts,
    /// The words it may be about.
    pub(super) words: Vec<String>,
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

    /// What either request asks for.
    pub fn and(mut self, other: &Self, lexicon: &Lexicon) -> Self {
        self.acts.join(other.acts);
        let room = MAX_ASKED.saturating_sub(self.asked.len());
        self.asked.extend(other.asked.iter().take(room).cloned());
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
        let clauses = clauses(&without_quotations(words));
        for (at, clause) in clauses.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| clauses.get(before));
            self.read_clause(clause, before.map_or(&[], Vec::as_slice), &mut request);
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
        self.read_clause(&words, &[], &mut request);
        request.classes = self.classes_of(request.acts);
        request
    }

    fn read_clause(&self, clause: &[String], before: &[String], request: &mut Request) {
        let is_question = self.entries.is_question(clause);
        for (at, word) in clause.iter().enumerate() {
            if is_question && !follows_and(clause, at) {
                continue;
            }
            let Some((verb, is_form)) = self.asked_verb(clause, at, word) else { continue };
            let mut objects = objects_behind(clause, at);
            if stands_for(clause, at) {
                objects.extend(before.iter().map(String::as_str));
            }
            if is_form {
                let before = clause.get(at.saturating_sub(REACH)..at).unwrap_or_default();
                objects.extend(before.iter().map(String::as_str));
            }
            let acts = self.acts_asked(clause, at, &verb, &objects);
            request.acts.join(acts);
            let delegation = &self.entries.delegation;
            request.is_delegated |= delegation.verbs.contains(&verb)
                && objects.iter().any(|word| is_one_of(&delegation.objects, word))
                && !objects.contains(&"following");
            if request.asked.len() < MAX_ASKED {
                let words = words_beside(clause, at, before, is_form);
                request.asked.push(Asked { verb, acts, words });
            }
        }
    }

    /// The acts that a verb asks for with what stands behind it.
    fn acts_asked(&self, clause: &[String], at: usize, verb: &str, objects: &[&str]) -> Acts {
        let own = self.acts_of_verb(verb);
        let mut acts = own;
        let entries = &self.entries;
        let mut is_doing = entries.doing.contains(verb) || entries.wanting.contains(verb);
        is_doing &= !entries.reading.contains(verb) || is_indefinite(clause, at);
        for particle in clause.iter().skip(at + 1).take(PHRASE_REACH) {
            let of_phrase = self.acts_of_phrase(verb, particle);
            is_doing &= of_phrase.is_empty() || !REVERSING.contains(&particle.as_str());
            acts.join(of_phrase);
        }
        let sum = (is_doing && is_sum(clause, at, objects)).then_some(MONEY);
        let named = objects.iter().copied().chain(sum).map(|object| self.acts_of_object(object));
        named.for_each(|named| acts.join(if is_doing { named } else { named.shared(own) }));
        acts
    }

    /// The base form of a verb that asks for something at this place, and whether it
    /// stands there in another form. A word that no lexicon knows may be a verb where
    /// only a verb can stand.
    fn asked_verb(&self, clause: &[String], at: usize, word: &str) -> Option<(String, bool)> {
        let entries = &self.entries;
        let before = |reach: usize| {
            clause.get(at.saturating_sub(reach)..at).unwrap_or_default().iter().map(String::as_str)
        };
        let is_no_request =
            |word| entries.negations.contains(word) || entries.reports.contains(word);
        let is_meant = before(NEGATION_REACH).any(|word| entries.reminders.contains(word));
        if !is_meant && before(NEGATION_REACH).any(is_no_request) {
            return None;
        }
        let next = clause.get(at + 1).map(String::as_str);
        if entries.answers.contains(word) && matches!(next, Some("me" | "us")) {
            return None;
        }
        if entries.wanting.contains(word) {
            return (next != Some("to")).then(|| (word.to_owned(), false));
        }
        let starts = before(1).next().is_none_or(|word| {
            entries.before_verbs.contains(word) || word.ends_with("ly") || is_number(word)
        });
        if !self.is_verb(word) {
            let is_wished = before(WISH_REACH).any(|word| entries.wishes.contains(word));
            let base = self.base_of(word).filter(|_| is_wished).map(|base| (base, true));
            return base.or_else(|| starts.then(|| (word.to_owned(), false)));
        }
        (starts || !entries.ambiguous.contains(word)).then(|| (word.to_owned(), false))
    }

    /// The base form of a participle or gerund.
    fn base_of(&self, word: &str) -> Option<String> {
        if let Some(base) = self.entries.irregular.get(word) {
            return Some(base.clone());
        }
        let stem = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing"))?;
        let doubled = stem.char_indices().next_back().and_then(|(at, _)| stem.get(..at));
        let candidates =
            [Some(stem.to_owned()), Some(format!("{stem}e")), doubled.map(str::to_owned)];
        candidates.into_iter().flatten().find(|base| self.is_verb(base))
    }
}

impl Entries {
    /// Whether a clause asks for knowledge and not for an act.
    fn is_question(&self, clause: &[String]) -> bool {
        let word = |at: usize| clause.get(at).map_or("", String::as_str);
        let is_polite = clause.iter().any(|word| self.courtesies.contains(word));
        let questions = &self.questions;
        let asks = questions.verbs.contains(word(0))
            || (questions.objects.contains(word(0)) && self.subjects.contains(word(1)));
        asks && !is_polite
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

/// Whether a word stands behind "and", "then" or "please".
fn follows_and(clause: &[String], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| clause.get(before));
    before.is_some_and(|word| matches!(word.as_str(), "and" | "then" | "please"))
}

/// Whether the object of a verb is a sum: a number alone, behind a pronoun or to go
/// to an account.
fn is_sum(clause: &[String], at: usize, objects: &[&str]) -> bool {
    let is_alone = match objects {
        [one] => is_number(one),
        [who, sum, ..] => is_number(sum) && matches!(*who, "him" | "her" | "them" | "me" | "us"),
        [] => false,
    };
    let behind = clause.iter().enumerate().skip(at + 1);
    let mut behind = behind.map(|(at, word)| starts_account(word, clause.get(at + 1)));
    is_alone || behind.any(|starts| starts)
}

/// The words that a verb may be about: those behind it, in another form those before
/// it as well, and of a pronoun the clause before.
fn words_beside(clause: &[String], at: usize, before: &[String], is_form: bool) -> Vec<String> {
    let behind = || clause.iter().skip(at + 1);
    let own = if is_form { clause } else { &[] };
    let before = if stands_for(clause, at) { before } else { &[] };
    behind().chain(own).chain(before).take(MAX_WORDS_BESIDE).cloned().collect()
}

/// Whether what a verb is about is yet to be: "get us a table", not "get the table".
fn is_indefinite(clause: &[String], at: usize) -> bool {
    let mut behind = clause.iter().skip(at + 1).take(2);
    behind.any(|word| matches!(word.as_str(), "a" | "an" | "another" | "some") || is_number(word))
}

/// Whether the object of a verb is a word for something said before. "Them" and
/// "this" in front of another noun are not.
fn stands_for(clause: &[String], at: usize) -> bool {
    let word = |at: usize| clause.get(at).map(String::as_str);
    let is_last =
        |at: usize| word(at).is_none_or(|it| PREPOSITIONS.contains(&it) || ENDS.contains(&it));
    (at + 1..at + 4).any(|at| word(at).is_some_and(|it| PRONOUNS.contains(&it)) && is_last(at + 1))
}

/// The words behind a verb up to a preposition; "of" in front of a sum is none.
fn objects_behind(clause: &[String], at: usize) -> Vec<&str> {
    let behind = clause.iter().skip(at + 1).take(REACH).map(String::as_str);
    let behind: Vec<_> = behind
        .skip_while(|word| matches!(*word, "up" | "out" | "to" | "through" | "on" | "all" | "of"))
        .collect();
    let is_sum = |at: usize| behind.get(at + 1).is_some_and(|next| is_number(next));
    let ends =
        |(at, word): (usize, &&str)| PREPOSITIONS.contains(word) && !(*word == "of" && is_sum(at));
    let end = behind.iter().enumerate().position(ends).unwrap_or(behind.len());
    behind.into_iter().take(end).collect()
}
