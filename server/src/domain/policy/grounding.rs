//! Grounding: whether what a call names rests on what was said.
//!
//! Looks at every argument that says who or where, and at every address in texts
//! for people. Something is grounded if people's words hold it, if it is made of a
//! name they gave, or if a record of a tool result holds it as a field. What stands
//! only in running text of a tool result, or nowhere, is what planted instructions
//! look like.

use serde_json::{Map, Value};

use super::lexicon::{Lexicon, addresses_in};
use super::provenance::{Evidence, Sources, Support};

/// The most texts of one call that are searched for addresses.
const MAX_TEXTS: usize = 64;
/// The most places of one call that are looked at; a call with more is not grounded.
const MAX_PLACES: usize = 512;

/// A place in the arguments and what its value rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The path of the argument, with dots between names.
    pub path: String,
    /// What its value, or the address in it, rests on.
    pub evidence: Evidence,
}

/// What a call's names rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounding {
    /// The arguments that say who or where.
    pub identifiers: Vec<Ground>,
    /// The addresses in texts for people.
    pub addresses: Vec<Ground>,
    is_too_much: bool,
}

impl Grounding {
    /// Looks at a call. `identifiers` are the paths that the catalogue gives;
    /// without any they are guessed from the arguments' names.
    pub fn of(
        lexicon: &Lexicon,
        tool: &str,
        arguments: &Map<String, Value>,
        identifiers: Option<&[String]>,
        sources: &Sources,
    ) -> Self {
        let guessed = identifiers.is_none().then(|| lexicon.identifier_paths(arguments));
        let paths = identifiers.or(guessed.as_deref()).unwrap_or_default();
        let mut grounding = Self { is_too_much: paths.len() > MAX_PLACES, ..Self::default() };
        for path in paths.iter().take(MAX_PLACES) {
            let evidence = sources.evidence_of(value_at(arguments, path), tool);
            grounding.identifiers.push(Ground { path: path.clone(), evidence });
        }
        let texts = lexicon.text_paths(arguments);
        let texts = texts.iter().filter(|path| !paths.contains(path));
        for path in texts.take(MAX_TEXTS) {
            let Some(Value::String(text)) = value_at(arguments, path) else { continue };
            for address in addresses_in(text) {
                if grounding.addresses.len() >= MAX_PLACES {
                    grounding.is_too_much = true;
                    return grounding;
                }
                let evidence = sources.evidence_of_text(address, tool);
                grounding.addresses.push(Ground { path: path.clone(), evidence });
            }
        }
        grounding
    }

    /// Whether every identifier and every address is grounded.
    pub fn is_grounded(&self) -> bool {
        let mut grounds = self.identifiers.iter().chain(&self.addresses);
        !self.is_too_much && grounds.all(|ground| ground.evidence.is_grounded())
    }

    /// The worst that anything rests on.
    pub fn support(&self) -> Support {
        let grounds = self.identifiers.iter().chain(&self.addresses);
        let worst = grounds.map(|ground| ground.evidence.support).max();
        if self.is_too_much { Support::None } else { worst.unwrap_or(Support::Said) }
    }
}

/// The value at a path of names.
fn value_at<'a>(arguments: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = arguments.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = arguments.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

#[cfg(test)]
mod tests;
