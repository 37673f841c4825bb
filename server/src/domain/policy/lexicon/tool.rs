//! What a tool does, as far as its name and description say.

use std::collections::BTreeSet;

use super::request::is_one_of;
use super::{Act, Acts, EffectClass, EffectClasses, Lexicon, Request};

/// The most words of a description that are read.
const DESCRIPTION_WORDS: usize = 40;

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
        let acts = self.acts_of_tool(name, description);
        if !acts.is_empty() {
            return acts.is_within(request.acts);
        }
        !classes.is_empty() && classes.iter().all(|class| request.implies(*class))
    }

    /// Whether a sentence asks for one of the tool's acts: what a tool result must not
    /// do where nobody asked it to.
    pub fn is_told(&self, name: &str, description: &str, words: &[&str]) -> bool {
        let acts = self.acts_of_tool(name, description);
        acts.meets(self.implied_by_words(words).acts)
    }

    fn acts_of_tool(&self, name: &str, description: &str) -> Acts {
        let by_name = self.acts_of_words(&words_of(name));
        if !by_name.is_empty() {
            return by_name;
        }
        let described: Vec<_> = words_of(description).into_iter().take(DESCRIPTION_WORDS).collect();
        let described: Vec<_> = described.iter().map(|word| self.base_of_described(word)).collect();
        self.acts_of_words(&described)
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

    /// Descriptions say "Sends money" or "Send money".
    fn base_of_described(&self, word: &str) -> String {
        let bases = [word.strip_suffix("es"), word.strip_suffix('s')];
        let is_known = |word: &str| {
            self.entries
                .acts
                .values()
                .any(|act| act.verbs.contains(word) || act.tools.contains(word))
        };
        let base = bases.into_iter().flatten().find(|base| is_known(base));
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
