//! Grounding: whether what a call names rests on what was said.
//!
//! Looks at every argument that says who or where, and at every address in texts
//! for people. Something is grounded if people's words hold it, if it is made of a
//! name they gave, or if a record of a tool result holds it as a field. What stands
//! only in running text of a tool result, or nowhere, is what planted instructions
//! look like. So is a field's value, or a sum, if a sentence of a tool result asks for
//! this very act with it.

use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::lexicon::{Lexicon, Request, Shape, addresses_in};
use super::provenance::{Evidence, Origin, Sources, Support};

/// The most texts of one call that are searched for addresses.
const MAX_TEXTS: usize = 64;
/// The most places of one call that are looked at; a call with more is not grounded.
const MAX_PLACES: usize = 512;

/// A call, as far as its names are looked at.
#[derive(Clone, Copy, Debug)]
pub struct NamedCall<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// What the catalogue says of it; may be empty.
    pub description: &'a str,
    /// The arguments.
    pub arguments: &'a Map<String, Value>,
    /// The paths of the arguments that say who or where, as the catalogue gives them;
    /// none: guessed from the arguments' names.
    pub identifiers: Option<&'a [String]>,
}

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
    /// The arguments that say who or where, and sums that a tool result orders.
    pub identifiers: Vec<Ground>,
    /// The addresses in texts for people.
    pub addresses: Vec<Ground>,
    is_too_much: bool,
}

impl Grounding {
    /// Looks at a call. A request that hands the choice over to a document lets that
    /// document ask for acts.
    pub fn of(
        lexicon: &Lexicon,
        call: &NamedCall<'_>,
        sources: &Sources,
        request: &Request,
    ) -> Self {
        let NamedCall { tool, arguments, .. } = *call;
        let shape = OnceCell::new();
        let guessed = call.identifiers.is_none().then(|| lexicon.identifier_paths(arguments));
        let paths = call.identifiers.or(guessed.as_deref()).unwrap_or_default();
        let mut grounding = Self { is_too_much: paths.len() > MAX_PLACES, ..Self::default() };
        for path in paths.iter().take(MAX_PLACES) {
            let value = value_at(arguments, path);
            let mut evidence = sources.evidence_of(value, tool);
            let is_told =
                || !request.is_delegated() && is_told(lexicon, &shape, call, value, sources);
            evidence.support = match evidence.support {
                Support::Linked | Support::Field if is_told() => Support::Prose,
                Support::None if sources.is_cut() && lexicon.is_record_id(path) => Support::Field,
                support => support,
            };
            grounding.identifiers.push(Ground { path: path.clone(), evidence });
        }
        grounding.add_amounts(lexicon, &shape, call, sources, request);
        grounding.add_addresses(lexicon, call, paths, sources);
        grounding
    }

    /// Looks at the sums. One that nobody named is worked out or stands in a record,
    /// which is no fault; one that a tool result orders to be taken is.
    fn add_amounts(
        &mut self,
        lexicon: &Lexicon,
        shape: &OnceCell<Shape>,
        call: &NamedCall<'_>,
        sources: &Sources,
        request: &Request,
    ) {
        for path in lexicon.amount_paths(call.arguments).into_iter().take(MAX_TEXTS) {
            let value = value_at(call.arguments, &path);
            let evidence = sources.evidence_of(value, call.tool);
            let is_told =
                || !request.is_delegated() && is_told(lexicon, shape, call, value, sources);
            if evidence.origin == Origin::Tool && is_told() {
                let evidence = Evidence { support: Support::Prose, ..evidence };
                self.identifiers.push(Ground { path, evidence });
            }
        }
    }

    /// Looks at the addresses in texts for people.
    fn add_addresses(
        &mut self,
        lexicon: &Lexicon,
        call: &NamedCall<'_>,
        identifiers: &[String],
        sources: &Sources,
    ) {
        let texts = lexicon.text_paths(call.arguments);
        for path in texts.iter().filter(|path| !identifiers.contains(path)).take(MAX_TEXTS) {
            let Some(Value::String(text)) = value_at(call.arguments, path) else { continue };
            for address in addresses_in(text) {
                if self.addresses.len() >= MAX_PLACES {
                    self.is_too_much = true;
                    return;
                }
                let evidence = sources.evidence_of_text(address, call.tool);
                self.addresses.push(Ground { path: path.clone(), evidence });
            }
        }
    }

    /// Whether every identifier and every address is grounded.
    pub fn is_grounded(&self) -> bool {
        self.are_names_grounded() && self.are_addresses_grounded()
    }

    /// Whether every argument that says who or where is grounded.
    pub fn are_names_grounded(&self) -> bool {
        !self.is_too_much && self.identifiers.iter().all(|it| it.evidence.is_grounded())
    }

    /// Whether every address in texts for people is grounded.
    pub fn are_addresses_grounded(&self) -> bool {
        !self.is_too_much && self.addresses.iter().all(|it| it.evidence.is_grounded())
    }

    /// The worst that anything rests on.
    pub fn support(&self) -> Support {
        let grounds = self.identifiers.iter().chain(&self.addresses);
        let worst = grounds.map(|ground| ground.evidence.support).max();
        if self.is_too_much { Support::None } else { worst.unwrap_or(Support::Said) }
    }
}

/// Whether a sentence of a tool result asks for an act of the tool with a value.
fn is_told(
    lexicon: &Lexicon,
    shape: &OnceCell<Shape>,
    call: &NamedCall<'_>,
    value: Option<&Value>,
    sources: &Sources,
) -> bool {
    let mut texts = Vec::new();
    let mut values: Vec<&Value> = value.into_iter().collect();
    while let Some(value) = values.pop() {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Number(number) => texts.push(number.to_string()),
            Value::Array(items) => values.extend(items),
            Value::Object(fields) => values.extend(fields.values()),
            Value::Null | Value::Bool(_) => {}
        }
    }
    let shape = shape.get_or_init(|| lexicon.shape_of(call.tool, call.description));
    texts.iter().take(MAX_PLACES).any(|text| {
        let sentences = sources.tool_sentences(text);
        sentences.iter().any(|words| lexicon.is_told(shape, words))
    })
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
