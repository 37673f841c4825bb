//! The lexicon: which acts a person's words ask for, and which a tool performs.
//!
//! A versioned list of words, embedded in the binary and open to entries of a
//! policy document. It reads English. It understands no text: it finds requests by
//! their verbs, leaves out what is quoted, negated or told of others, and prefers
//! to miss one, since what nobody asked for is put to a person.

mod arguments;
mod clauses;
mod entries;
mod request;
mod tool;

use std::collections::HashMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::arguments::{MAX_ADDRESSES, MAX_IDENTIFIERS, addresses_in};
use self::entries::{Act, Entries};
pub use self::entries::{
    ClassWords, LexiconDoc, LexiconError, MAX_ACTS, MAX_WORD_CHARS, MAX_WORDS,
};
pub use self::request::Request;
pub use self::tool::Shape;

const STANDARD: &str = include_str!("lexicon.yaml");

/// A class of effects that is gated unless a rule relaxes it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Words leave for somebody.
    ExternalCommunication,
    /// Money moves, or somebody is bound to pay.
    Money,
    /// Records are deleted or overwritten.
    Delete,
    /// Somebody gains or loses access.
    Permissions,
    /// An act that law or a supervisor watches.
    Regulated,
}

impl EffectClass {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [
        Self::ExternalCommunication,
        Self::Money,
        Self::Delete,
        Self::Permissions,
        Self::Regulated,
    ];

    /// The word for it in documents and conditions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExternalCommunication => "external_communication",
            Self::Money => "money",
            Self::Delete => "delete",
            Self::Permissions => "permissions",
            Self::Regulated => "regulated",
        }
    }

    /// The act that is mostly meant by it.
    const fn act(self) -> &'static str {
        match self {
            Self::ExternalCommunication => "message",
            Self::Money => "pay",
            Self::Delete => "delete",
            Self::Permissions => "grant",
            Self::Regulated => "regulate",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of effect classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EffectClasses(u8);

impl EffectClasses {
    /// Whether the class is in it.
    pub const fn contains(self, class: EffectClass) -> bool {
        self.0 & class.bit() != 0
    }

    /// Adds a class.
    pub const fn insert(&mut self, class: EffectClass) {
        self.0 |= class.bit();
    }

    /// Whether none is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes, in order.
    pub fn iter(self) -> impl Iterator<Item = EffectClass> {
        EffectClass::ALL.into_iter().filter(move |class| self.contains(*class))
    }
}

impl FromIterator<EffectClass> for EffectClasses {
    fn from_iter<T: IntoIterator<Item = EffectClass>>(classes: T) -> Self {
        let mut set = Self::default();
        classes.into_iter().for_each(|class| set.insert(class));
        set
    }
}

/// Acts and the words for them.
#[derive(Clone, Debug)]
pub struct Lexicon {
    entries: Entries,
    /// The acts that a verb asks for alone; verbs that ask for none are in it as well.
    verbs: HashMap<String, Acts>,
    /// The acts that a verb asks for together with another word behind it.
    phrases: HashMap<String, HashMap<String, Acts>>,
    /// The acts that a noun asks for behind a verb.
    objects: HashMap<String, Acts>,
    /// What a document added.
    added: Option<LexiconDoc>,
}

impl Lexicon {
    /// The one in the binary.
    pub fn standard() -> &'static Self {
        static LEXICON: OnceLock<Lexicon> = OnceLock::new();
        // A test reads the embedded file; an unreadable one would know no words,
        // and nothing would count as asked for.
        LEXICON.get_or_init(|| Self::of(serde_norway::from_str(STANDARD).unwrap_or_default(), None))
    }

    fn of(entries: Entries, added: Option<LexiconDoc>) -> Self {
        let mut verbs: HashMap<String, Acts> = HashMap::new();
        let mut phrases: HashMap<String, HashMap<String, Acts>> = HashMap::new();
        for verb in entries.doing.iter().chain(&entries.delegation.verbs) {
            verbs.entry(verb.clone()).or_default();
        }
        let mut objects: HashMap<String, Acts> = HashMap::new();
        for (index, act) in entries.acts.values().enumerate() {
            for object in &act.objects {
                objects.entry(object.clone()).or_default().add(index);
            }
            for verb in &act.verbs {
                verbs.entry(verb.clone()).or_default().add(index);
            }
            for (verb, behind) in act.phrases.iter().filter_map(|it| it.rsplit_once('-')) {
                verbs.entry(verb.to_owned()).or_default();
                let of_verb = phrases.entry(verb.to_owned()).or_default();
                of_verb.entry(behind.to_owned()).or_default().add(index);
            }
        }
        Self { entries, verbs, phrases, objects, added }
    }

    /// The version of its words, and behind a plus sign that of a document's.
    pub fn version(&self) -> String {
        let standard = self.entries.version;
        let added = self.added.as_ref();
        added.map_or_else(|| standard.to_string(), |it| format!("{standard}+{}", it.version))
    }

    /// What a document added.
    pub fn added(&self) -> Option<&LexiconDoc> {
        self.added.as_ref()
    }

    /// This lexicon with a document's words.
    ///
    /// # Errors
    ///
    /// If there are too many words, or one that no text can hold.
    pub fn extended(&self, more: &LexiconDoc) -> Result<Self, LexiconError> {
        let mut entries = self.entries.clone();
        entries.extend(more);
        entries.check()?;
        Ok(Self::of(entries, Some(more.clone())))
    }

    /// The classes of effects of a set of acts.
    fn classes_of(&self, acts: Acts) -> EffectClasses {
        let acts = self.entries.acts.values().enumerate().filter(|(index, _)| acts.has(*index));
        acts.flat_map(|(_, act)| act.classes.iter().copied()).collect()
    }

    /// The classes of effects that a verb asks for alone.
    pub fn classes_of_verb(&self, verb: &str) -> EffectClasses {
        self.classes_of(self.acts_of_verb(verb))
    }

    fn is_verb(&self, word: &str) -> bool {
        self.verbs.contains_key(word)
    }

    fn acts_of_verb(&self, verb: &str) -> Acts {
        self.verbs.get(verb).copied().unwrap_or_default()
    }

    /// The acts that a noun, or the noun of a plural, asks for behind a verb.
    fn acts_of_object(&self, word: &str) -> Acts {
        let mut acts = Acts::default();
        let mut add = |word: &str| acts.join(self.objects.get(word).copied().unwrap_or_default());
        add(word);
        if let Some(singular) = word.strip_suffix('s') {
            add(singular);
            singular.strip_suffix('e').into_iter().for_each(&mut add);
        }
        if let Some(stem) = word.strip_suffix("ies") {
            add(&format!("{stem}y"));
        }
        acts
    }

    fn acts_of_phrase(&self, verb: &str, behind: &str) -> Acts {
        let of_verb = self.phrases.get(verb);
        of_verb.and_then(|phrases| phrases.get(behind)).copied().unwrap_or_default()
    }
}

/// A set of acts, by their place in the lexicon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Acts(u64);

impl Acts {
    const fn has(self, index: usize) -> bool {
        index < MAX_ACTS && self.0 & (1 << index) != 0
    }

    const fn add(&mut self, index: usize) {
        if index < MAX_ACTS {
            self.0 |= 1 << index;
        }
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds the acts of another set.
    const fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Those that are in another set as well.
    const fn shared(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether one of them is in another set.
    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of them are in another set.
    const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

#[cfg(test)]
mod tests;
