//! What a tool does, as far as its name and description say.

use std::collections::BTreeSet;

use super::request::{Asked, is_one_of};
use super::{Act, Acts, EffectClass, EffectClasses, Lexicon, Request};

/// The most words of a description that are read.
const DESCRIPTION_WORDS: usize = 40;

/// A tool as its words describe it.
#[derive(Clone, Debug)]
pub struct Shape {
    acts: Acts,
    /// The words that say what it does, in their base form: that of the name, and that
    /// of the description.
    verbs: Vec<String>,
    /// The words that say with what.
    nouns: BTreeSet<String>,
}

impl Lexicon {
    /// The classes of a tool's effects, guessed from its name, and from its
    /// description where the name says nothing. A tool named after reading has none.
    pub fn classes_of_tool(&self, name: &str, description: &str) -> EffectClasses {
        if self.is_reading(name) {
            return EffectClasses::default();
        }
        self.classes_of(self.acts_of_tool(name, description))
    }

    /// Whether the tool is named after reading.
    pub fn is_reading(&self, name: &str) -> bool {
        words_of(name).first().is_some_and(|word| self.entries.reading.contains(word))
    }

    /// Whether words ask for what the tool does. A tool whose acts nobody can tell is
    /// not asked for: `classes`, as the document gives them, then have to be asked for,
    /// all of them.
    pub fn is_intended(
        &self,
        name: &str,
        description: &str,
        classes: &[EffectClass],
        words: &str,
    ) -> bool {
        self.is_asked_for(name, description, classes, &self.implied_by(words))
    }

    /// The same of a request that was read before.
    pub fn is_asked_for(
        &self,
        name: &str,
        description: &str,
        classes: &[EffectClass],
        request: &Request,
    ) -> bool {
        let shape = self.shape_of(name, description);
        if !shape.acts.is_empty() && self.spoken(shape.acts).is_within(request.acts) {
            return true;
        }
        if request.asked.iter().any(|asked| self.is_named(&shape, asked)) {
            return true;
        }
        let is_known = !shape.acts.is_empty() || classes.is_empty();
        !is_known && classes.iter().all(|class| request.implies(*class))
    }

    /// Whether a sentence asks for one of the tool's acts: what a tool result must not
    /// do where nobody asked it to.
    pub fn is_told(&self, shape: &Shape, words: &[&str]) -> bool {
        let request = self.implied_by_words(words);
        shape.acts.meets(request.acts)
            || request.asked.iter().any(|asked| self.is_named(shape, asked))
    }

    /// Whether a verb asks for a tool in the tool's own words: by its verb, with its
    /// noun where the verb is one of many uses; or by a verb of the same act, with its
    /// noun.
    fn is_named(&self, shape: &Shape, asked: &Asked) -> bool {
        let is_general = self.entries.doing.contains(&asked.verb);
        let is_same = shape.verbs.contains(&asked.verb);
        if is_same && !is_general {
            return true;
        }
        let is_alike = |verb: &String| self.acts_of_verb(verb).meets(asked.acts);
        (is_same || shape.verbs.iter().any(is_alike))
            && asked.words.iter().any(|word| is_one_of(&shape.nouns, word))
    }

    /// The acts without those that nobody asks for in words.
    fn spoken(&self, acts: Acts) -> Acts {
        let mut spoken = Acts::default();
        let all = self.entries.acts.values().enumerate();
        let asked_for = all.filter(|(index, act)| acts.has(*index) && !act.unspoken);
        asked_for.for_each(|(index, _)| spoken.add(index));
        if spoken.is_empty() { acts } else { spoken }
    }

    /// What the words of a tool's name and description say of it.
    pub fn shape_of(&self, name: &str, description: &str) -> Shape {
        let named = words_of(name);
        let described = self.described(description);
        let by_name = self.verb_among(&named, name.contains('.'));
        let by_description = described.first().filter(|word| self.is_verb(word)).cloned();
        let verbs: Vec<_> = by_name.into_iter().chain(by_description).collect();
        let is_noun = |word: &&String| !verbs.contains(word) && word.chars().count() > 2;
        let mut nouns: BTreeSet<_> = named.iter().filter(is_noun).map(|it| singular(it)).collect();
        nouns.extend(named.iter().filter(is_noun).cloned());
        Shape { acts: self.acts_of_tool(name, description), verbs, nouns }
    }

    /// The word among those of a name that says what the tool does: a verb, and one
    /// that is nothing else before one that may be a noun. In names with dots it stands
    /// last. Where no word is known, the first is taken.
    fn verb_among(&self, words: &[String], is_last: bool) -> Option<String> {
        let known: Vec<_> = words.iter().filter(|word| self.is_verb(word)).collect();
        let is_plain = |word: &&&String| !self.entries.ambiguous.contains(word.as_str());
        let plain: Vec<_> = known.iter().filter(is_plain).copied().collect();
        let best = if plain.is_empty() { known } else { plain };
        let found = if is_last { best.last() } else { best.first() };
        found.copied().or_else(|| if is_last { words.last() } else { words.first() }).cloned()
    }

    fn acts_of_tool(&self, name: &str, description: &str) -> Acts {
        let by_name = self.acts_of_words(&self.telling(words_of(name), name.contains('.')));
        if !by_name.is_empty() {
            return by_name;
        }
        self.acts_of_words(&self.telling(self.described(description), false))
    }

    /// The words that tell what a tool does. One that may be a noun does so as its verb,
    /// or behind a general one: to send a message is to write one, to delete it is not.
    fn telling(&self, mut words: Vec<String>, is_last: bool) -> Vec<String> {
        let verb = self.verb_among(&words, is_last).unwrap_or_default();
        let is_general = self.entries.carrying.contains(&verb) || !self.is_verb(&verb);
        words.retain(|word| {
            is_general || *word == verb || !self.entries.ambiguous.contains(singular(word).as_str())
        });
        words
    }

    /// The words of a description, those of verbs in their base form: descriptions say
    /// "Sends money" or "Send money".
    fn described(&self, description: &str) -> Vec<String> {
        let words = words_of(description).into_iter().take(DESCRIPTION_WORDS);
        words.map(|word| self.base_of_described(&word)).collect()
    }

    /// Acts that are particular hide the others, but not the lasting ones. A word that
    /// means something together with another means nothing alone.
    fn acts_of_words(&self, words: &[String]) -> Acts {
        let acts = || self.entries.acts.values().enumerate();
        let pairs: Vec<_> = acts().filter(|(_, act)| act.has_pair(words)).collect();
        let is_free = |word: &&String| {
            !pairs.iter().any(|(_, act)| act.tool_pairs.verbs.contains(word.as_str()))
        };
        let free: Vec<_> = words.iter().filter(is_free).map(String::as_str).collect();
        let is_plain = !pairs.is_empty() || acts().any(|(_, act)| act.does(&free));
        let does = |act: &Act| match is_plain {
            true => act.does(&free) || act.has_pair(words),
            false => act.may_do(words),
        };
        let is_particular = acts().any(|(_, act)| act.particular && does(act));
        let mut found = Acts::default();
        for (index, act) in acts() {
            let counts = !is_particular || act.particular || act.lasting;
            if counts && does(act) {
                found.add(index);
            }
        }
        found
    }

    fn base_of_described(&self, word: &str) -> String {
        let bases = [word.strip_suffix("es"), word.strip_suffix('s')];
        let is_known = |word: &&str| {
            self.is_verb(word) || self.entries.acts.values().any(|act| act.tools.contains(*word))
        };
        let base = bases.into_iter().flatten().find(is_known);
        base.unwrap_or(word).to_owned()
    }
}

impl Act {
    fn may_do(&self, words: &[String]) -> bool {
        words.iter().any(|word| self.vague_tools.contains(word))
    }

    fn does(&self, words: &[&str]) -> bool {
        let has = |set: &BTreeSet<String>| words.iter().any(|word| is_one_of(set, word));
        if self.tools.is_empty() {
            has(&self.verbs) || has(&self.objects)
        } else {
            has(&self.tools)
        }
    }

    fn has_pair(&self, words: &[String]) -> bool {
        let has = |set: &BTreeSet<String>| words.iter().any(|word| is_one_of(set, word));
        has(&self.tool_pairs.verbs) && has(&self.tool_pairs.objects)
    }
}

/// A noun without its plural.
fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

/// The words of a name: `sendMoney`, `send_money` and `send-money` are two.
pub(super) fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for sign in name.chars() {
        let is_border = !sign.is_alphanumeric();
        if is_border || (sign.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !is_border) {
            word.extend(sign.to_lowercase());
        }
        before = sign;
    }
    words.retain(|word| !word.is_empty());
    words
}
