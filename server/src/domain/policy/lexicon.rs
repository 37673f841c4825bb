//! The lexicon: which acts a person's words ask for, and which a tool performs.
//!
//! A versioned list of words, embedded in the binary and open to entries of a
//! policy document. It reads English. It understands no text: it finds requests by
//! their verbs, leaves out what is quoted, negated or told of others, and prefers
//! to miss one, since what nobody asked for is put to a person.

mod arguments;
mod request;
mod tool;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::arguments::{MAX_ADDRESSES, MAX_IDENTIFIERS, addresses_in};
pub use self::request::Request;

const STANDARD: &str = include_str!("lexicon.yaml");
/// The most acts a lexicon holds.
pub const MAX_ACTS: usize = 64;
/// The most words a lexicon holds.
pub const MAX_WORDS: usize = 20_000;
/// The longest word.
pub const MAX_WORD_CHARS: usize = 64;

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

/// Words of a lexicon, as its file and a policy document write them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entries {
    #[serde(default)]
    version: u32,
    #[serde(default)]
    acts: BTreeMap<String, Act>,
    #[serde(default)]
    doing: BTreeSet<String>,
    #[serde(default)]
    reading: BTreeSet<String>,
    #[serde(default)]
    ambiguous: BTreeSet<String>,
    #[serde(default)]
    before_verbs: BTreeSet<String>,
    #[serde(default)]
    negations: BTreeSet<String>,
    #[serde(default)]
    reports: BTreeSet<String>,
    #[serde(default)]
    agreements: BTreeSet<String>,
    #[serde(default)]
    wishes: BTreeSet<String>,
    #[serde(default)]
    delegation: Pairs,
    #[serde(default)]
    irregular: BTreeMap<String, String>,
    #[serde(default)]
    arguments: ArgumentWords,
}

/// One kind of act.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    #[serde(default)]
    classes: Vec<EffectClass>,
    #[serde(default)]
    particular: bool,
    #[serde(default)]
    lasting: bool,
    #[serde(default)]
    verbs: BTreeSet<String>,
    #[serde(default)]
    objects: BTreeSet<String>,
    /// Words of tool names; none: verbs and objects.
    #[serde(default)]
    tools: BTreeSet<String>,
    /// Words of tool names that count only where no other word says what it does.
    #[serde(default)]
    vague_tools: BTreeSet<String>,
    #[serde(default)]
    tool_pairs: Pairs,
}

/// Verbs that mean something together with one of the objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pairs {
    #[serde(default)]
    verbs: BTreeSet<String>,
    #[serde(default)]
    objects: BTreeSet<String>,
}

/// Words in the names of arguments.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArgumentWords {
    #[serde(default)]
    identifiers: BTreeSet<String>,
    #[serde(default)]
    texts: BTreeSet<String>,
    #[serde(default)]
    plain: BTreeSet<String>,
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

/// Acts and the words for them.
#[derive(Clone, Debug)]
pub struct Lexicon {
    entries: Entries,
}

impl Lexicon {
    /// The one in the binary.
    pub fn standard() -> &'static Self {
        static LEXICON: OnceLock<Lexicon> = OnceLock::new();
        LEXICON.get_or_init(|| Self {
            // A test reads the embedded file; an unreadable one would know no words,
            // and nothing would count as asked for.
            entries: serde_norway::from_str(STANDARD).unwrap_or_default(),
        })
    }

    /// The version of its words.
    pub fn version(&self) -> u32 {
        self.entries.version
    }

    /// This lexicon with more words.
    ///
    /// # Errors
    ///
    /// If there are too many acts or words, or one that no text can hold.
    pub fn extended(&self, more: &Entries) -> Result<Self, LexiconError> {
        let mut entries = self.entries.clone();
        entries.version = entries.version.max(more.version);
        for (name, act) in &more.acts {
            let own = entries.acts.entry(name.clone()).or_default();
            own.classes.extend(&act.classes);
            own.particular |= act.particular;
            own.lasting |= act.lasting;
            own.verbs.extend(act.verbs.iter().cloned());
            own.objects.extend(act.objects.iter().cloned());
            own.tools.extend(act.tools.iter().cloned());
            own.vague_tools.extend(act.vague_tools.iter().cloned());
            own.tool_pairs.extend(&act.tool_pairs);
        }
        for (own, more) in entries.lists_mut().into_iter().zip(more.lists()) {
            own.extend(more.iter().cloned());
        }
        entries.delegation.extend(&more.delegation);
        entries.irregular.extend(more.irregular.clone());
        entries.check()?;
        Ok(Self { entries })
    }

    /// The classes of effects of a set of acts.
    fn classes_of(&self, acts: Acts) -> EffectClasses {
        let acts = self.entries.acts.values().enumerate().filter(|(index, _)| acts.has(*index));
        acts.flat_map(|(_, act)| act.classes.iter().copied()).collect()
    }
}

impl Pairs {
    fn words(&self) -> impl Iterator<Item = &String> {
        self.verbs.iter().chain(&self.objects)
    }

    fn extend(&mut self, more: &Self) {
        self.verbs.extend(more.verbs.iter().cloned());
        self.objects.extend(more.objects.iter().cloned());
    }
}

impl Entries {
    fn lists(&self) -> [&BTreeSet<String>; 11] {
        let words = &self.arguments;
        [
            &self.doing,
            &self.reading,
            &self.ambiguous,
            &self.before_verbs,
            &self.negations,
            &self.reports,
            &self.agreements,
            &self.wishes,
            &words.identifiers,
            &words.texts,
            &words.plain,
        ]
    }

    fn lists_mut(&mut self) -> [&mut BTreeSet<String>; 11] {
        let words = &mut self.arguments;
        [
            &mut self.doing,
            &mut self.reading,
            &mut self.ambiguous,
            &mut self.before_verbs,
            &mut self.negations,
            &mut self.reports,
            &mut self.agreements,
            &mut self.wishes,
            &mut words.identifiers,
            &mut words.texts,
            &mut words.plain,
        ]
    }

    fn words(&self) -> impl Iterator<Item = &String> {
        let of_acts = self.acts.values().flat_map(|act| {
            let words = act.verbs.iter().chain(&act.objects).chain(&act.tools);
            words.chain(&act.vague_tools).chain(act.tool_pairs.words())
        });
        let of_delegation = self.delegation.words();
        let of_forms = self.irregular.iter().flat_map(|(form, base)| [form, base]);
        self.lists().into_iter().flatten().chain(of_acts).chain(of_delegation).chain(of_forms)
    }

    fn check(&self) -> Result<(), LexiconError> {
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
        let is_word = |word: &&String| {
            let is_long = word.chars().count() > MAX_WORD_CHARS;
            word.is_empty() || is_long || !word.chars().all(is_sign)
        };
        match self.words().find(is_word) {
            Some(word) => Err(LexiconError::Word(word.chars().take(MAX_WORD_CHARS).collect())),
            None => Ok(()),
        }
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
