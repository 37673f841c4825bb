//! The words of a lexicon, as its file and a policy document write them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::EffectClass;

/// The most acts a lexicon holds.
pub const MAX_ACTS: usize = 64;
/// The most words a lexicon holds.
pub const MAX_WORDS: usize = 20_000;
/// The longest word.
pub const MAX_WORD_CHARS: usize = 64;

/// Words of a lexicon, as its file and a policy document write them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entries {
    pub(super) version: u32,
    pub(super) acts: BTreeMap<String, Act>,
    /// Verbs that ask for an act by its objects, and say nothing alone.
    pub(super) doing: BTreeSet<String>,
    /// Of these, those behind which the noun says what a tool does: `send_message`.
    pub(super) carrying: BTreeSet<String>,
    /// Verbs that ask for what their object names: "I need a refund".
    pub(super) wanting: BTreeSet<String>,
    /// Tools named after these read and do nothing else.
    pub(super) reading: BTreeSet<String>,
    /// Verbs that are nouns or adjectives as well.
    pub(super) ambiguous: BTreeSet<String>,
    /// Behind these stands a verb.
    pub(super) before_verbs: BTreeSet<String>,
    pub(super) negations: BTreeSet<String>,
    /// Words that take a negation back: "do not forget to".
    pub(super) reminders: BTreeSet<String>,
    /// Words that tell or ask of what was done.
    pub(super) reports: BTreeSet<String>,
    pub(super) agreements: BTreeSet<String>,
    /// Words that make a participle or gerund a request.
    pub(super) wishes: BTreeSet<String>,
    /// Verbs that with "me" ask for an answer and for nothing else.
    pub(super) answers: BTreeSet<String>,
    /// Words that start a question: `verbs` alone, `objects` before one of `subjects`.
    pub(super) questions: Pairs,
    pub(super) subjects: BTreeSet<String>,
    /// Words by which a question asks for an act.
    pub(super) courtesies: BTreeSet<String>,
    pub(super) delegation: Pairs,
    /// Forms of verbs that no rule makes.
    pub(super) irregular: BTreeMap<String, String>,
    pub(super) arguments: ArgumentWords,
}

/// One kind of act.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Act {
    pub(super) classes: Vec<EffectClass>,
    pub(super) particular: bool,
    pub(super) lasting: bool,
    /// Nobody asks for it in words: it adds its classes to a tool, and need not be
    /// asked for beside another act.
    pub(super) unspoken: bool,
    pub(super) verbs: BTreeSet<String>,
    pub(super) objects: BTreeSet<String>,
    /// A verb and another word behind it, a hyphen between: `call-off`.
    pub(super) phrases: BTreeSet<String>,
    /// Words of tool names; none: verbs and objects.
    pub(super) tools: BTreeSet<String>,
    /// Words of tool names that count only where no other word says what it does.
    pub(super) vague_tools: BTreeSet<String>,
    pub(super) tool_pairs: Pairs,
}

/// Verbs that mean something together with one of the objects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pairs {
    pub(super) verbs: BTreeSet<String>,
    pub(super) objects: BTreeSet<String>,
}

/// Words in the names of arguments.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ArgumentWords {
    pub(super) identifiers: BTreeSet<String>,
    /// Of these, those that with a number say how many.
    pub(super) counted: BTreeSet<String>,
    pub(super) texts: BTreeSet<String>,
    pub(super) amounts: BTreeSet<String>,
    pub(super) plain: BTreeSet<String>,
}

/// Why entries make no lexicon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LexiconError {
    /// Too many acts.
    #[error("the lexicon has {0} acts, more than {MAX_ACTS}; leave some out")]
    Acts(usize),
    /// Too many words.
    #[error("the lexicon has {0} words, more than {MAX_WORDS}; leave some out")]
    Words(usize),
    /// A word that no text can hold.
    #[error(
        "`{0}` in the lexicon is no word: want 1 to {MAX_WORD_CHARS} small letters, digits, hyphens \
         or apostrophes"
    )]
    Word(String),
}

/// Words that a policy document adds to the lexicon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Lexicon")]
pub struct LexiconDoc {
    /// The version of these words, the author's own count; `explain` names it.
    pub version: u32,
    /// The words, by the class of effects they speak of.
    pub words: BTreeMap<EffectClass, ClassWords>,
}

/// Words for one class of effects, in small letters, in their base form. Plurals,
/// participles and gerunds follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassWords {
    /// Verbs that ask for such an effect alone: `zelle`.
    pub verbs: BTreeSet<String>,
    /// Nouns that ask for it behind a general verb, as in "issue a chargeback".
    pub objects: BTreeSet<String>,
    /// A verb and another word behind it, a hyphen between: `square-up`.
    pub phrases: BTreeSet<String>,
    /// Words in the names of tools that have such an effect.
    pub tools: BTreeSet<String>,
}

impl Pairs {
    fn words(&self) -> impl Iterator<Item = &String> {
        self.verbs.iter().chain(&self.objects)
    }
}

impl Act {
    /// Takes a document's words in. An act whose tools have no words of their own
    /// is known by its objects.
    fn extend(&mut self, more: &ClassWords) {
        let ClassWords { verbs, objects, phrases, tools } = more;
        self.verbs.extend(verbs.iter().cloned());
        self.objects.extend(objects.iter().cloned());
        self.phrases.extend(phrases.iter().cloned());
        let known_by = if self.tools.is_empty() { &mut self.objects } else { &mut self.tools };
        known_by.extend(tools.iter().cloned());
    }
}

impl Entries {
    /// Adds a document's words, each to the act that its class is mostly about.
    pub(super) fn extend(&mut self, more: &LexiconDoc) {
        for (class, words) in &more.words {
            self.acts.entry(class.act().to_owned()).or_default().extend(words);
        }
    }

    fn words(&self) -> impl Iterator<Item = &String> {
        let of_acts = self.acts.values().flat_map(|act| {
            let words = act.verbs.iter().chain(&act.objects).chain(&act.phrases);
            words.chain(&act.tools).chain(&act.vague_tools).chain(act.tool_pairs.words())
        });
        let of_arguments =
            [&self.arguments.identifiers, &self.arguments.counted, &self.arguments.texts];
        let lists = [
            &self.doing,
            &self.carrying,
            &self.wanting,
            &self.reading,
            &self.ambiguous,
            &self.before_verbs,
            &self.negations,
            &self.reminders,
            &self.reports,
            &self.agreements,
            &self.wishes,
            &self.answers,
            &self.subjects,
            &self.courtesies,
            &self.arguments.amounts,
            &self.arguments.plain,
        ];
        let of_pairs = self.delegation.words().chain(self.questions.words());
        let of_forms = self.irregular.iter().flat_map(|(form, base)| [form, base]);
        let of_lists = lists.into_iter().chain(of_arguments).flatten();
        of_lists.chain(of_acts).chain(of_pairs).chain(of_forms)
    }

    /// # Errors
    ///
    /// If there are too many acts or words, or one that no text can hold.
    pub(super) fn check(&self) -> Result<(), LexiconError> {
        if self.acts.len() > MAX_ACTS {
            return Err(LexiconError::Acts(self.acts.len()));
        }
        let count = self.words().count();
        if count > MAX_WORDS {
            return Err(LexiconError::Words(count));
        }
        let is_sign = |sign: char| {
            (sign.is_alphanumeric() && !sign.is_uppercase()) || sign == '-' || sign == '\''
        };
        let is_no_word = |word: &&String| {
            let is_long = word.chars().count() > MAX_WORD_CHARS;
            word.is_empty() || is_long || !word.chars().all(is_sign)
        };
        match self.words().find(is_no_word) {
            Some(word) => Err(LexiconError::Word(word.chars().take(MAX_WORD_CHARS).collect())),
            None => Ok(()),
        }
    }
}
