//! Facts: what systems of record are asked about a call, and which of their
//! answers count.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::document::{FactSource, FactType};
use super::rule::glob;
use super::{FactAnswer, Path, Policy, PolicyError};
use crate::domain::secrets::refuse_secrets;
use crate::domain::time::{Span, Timestamp};

/// How old an answer may be unless the document says otherwise.
const MAX_AGE_DEFAULT: Span = Span::from_secs(60);
/// How far a provider's clock may be ahead.
const CLOCK_TOLERANCE: Span = Span::from_secs(5);
/// The longest text that an answer may be, in bytes: it is stored with the decision.
const MAX_TEXT_BYTES: usize = 4 * 1024;
/// The longest name of a provider.
const MAX_PROVIDER_NAME: usize = 32;
/// The largest whole number that every reader of JSON takes for the same, 2^53.
const MAX_EXACT: u64 = 1 << 53;

/// A fact that a system of record knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The registered provider that is asked.
    pub provider: String,
    /// What type the answer has.
    pub kind: FactType,
    /// The tools for which it is asked.
    pub tools: Vec<String>,
    /// The arguments that the provider is told.
    pub send: Vec<Path>,
    /// How old an answer may be.
    pub max_age: Span,
}

/// What a provider says of one fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer; `null`: not known.
    pub value: Value,
    /// When it was so, by the provider's clock.
    pub time: Option<Timestamp>,
}

/// Whether providers may be called so: 1 to 32 of `a-z0-9_`.
pub fn is_provider_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_PROVIDER_NAME).contains(&text.len()) && text.bytes().all(is_letter)
}

impl Fact {
    pub(super) fn compile(name: &str, source: FactSource) -> Result<Self, PolicyError> {
        let wrong = |part: &str, problem: String| PolicyError {
            place: format!("fact `{name}`, {part}"),
            problem,
        };
        if !is_provider_name(&source.provider) {
            let problem =
                format!("`{}`: want 1 to {MAX_PROVIDER_NAME} of `a-z0-9_`", source.provider);
            return Err(wrong("provider", problem));
        }
        if source.tools.is_empty() {
            return Err(wrong("tools", "want at least one name or pattern".to_owned()));
        }
        if let Some(expected) = source.expect {
            typed(source.kind, expected).map_err(|problem| wrong("expect", problem))?;
        }
        Ok(Self {
            provider: source.provider,
            kind: source.kind,
            tools: source.tools,
            send: source.send,
            max_age: source.max_age.map_or(MAX_AGE_DEFAULT, |it| it.0),
        })
    }

    /// What the policy takes a provider's reply for, at a time.
    pub fn take(&self, reply: Reply, now: Timestamp) -> FactAnswer {
        let known = || {
            let time = reply.time.ok_or("the answer does not say when it was so")?;
            let age = now.since(time);
            if age > self.max_age {
                let (age, most) = (seconds(age), seconds(self.max_age));
                return Err(format!("the answer is {age} s old, more than {most} s"));
            }
            if age.as_micros() < -CLOCK_TOLERANCE.as_micros() {
                return Err("the answer is from the future: look at the clocks".to_owned());
            }
            Ok(FactAnswer::Known { value: typed(self.kind, reply.value)?, time })
        };
        known().unwrap_or_else(|problem| FactAnswer::Missing { problem })
    }

    /// The arguments of a call that the provider is told.
    pub fn told(&self, arguments: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut told = Map::new();
        for path in &self.send {
            let Some(value) = path.find(arguments) else { continue };
            if !is_exact(value) {
                let path = path.as_str();
                return Err(format!(
                    "argument `{path}` holds a number that other systems read as another; \
                     send it as text"
                ));
            }
            put(&mut told, path.as_str(), value);
        }
        Ok(told)
    }
}

impl Policy {
    /// The facts that are asked for a call of this tool.
    pub fn facts_of(&self, tool: &str) -> impl Iterator<Item = (&String, &Fact)> {
        self.facts.iter().filter(move |(_, it)| it.tools.iter().any(|name| glob(name, tool)))
    }

    /// Values of facts as if they had been answered just now.
    pub fn answered(&self, values: &BTreeMap<String, Value>) -> BTreeMap<String, FactAnswer> {
        let time = Timestamp::default();
        let answer = |(name, value): (&String, &Value)| {
            let fact = self.facts.get(name)?;
            let reply = Reply { value: value.clone(), time: Some(time) };
            Some((name.clone(), fact.take(reply, time)))
        };
        values.iter().filter_map(answer).collect()
    }
}

/// A value of the type that was declared, in one form whoever sent it.
pub(super) fn typed(kind: FactType, value: Value) -> Result<Value, String> {
    match (kind, value) {
        (_, Value::Null) => Err("the provider does not know it".to_owned()),
        (FactType::Bool, value @ Value::Bool(_)) => Ok(value),
        (FactType::Int, Value::Number(number)) => whole(&number)
            .map(Value::from)
            .ok_or_else(|| "want a whole number of at most 2^53 in size".to_owned()),
        (FactType::Double, Value::Number(number)) => number
            .as_f64()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| "want a number that is finite".to_owned()),
        (FactType::String, Value::String(text)) => text_of(text),
        (kind, value) => {
            Err(format!("want {}, and the answer is {}", kind.name(), name_of(&value)))
        }
    }
}

fn text_of(text: String) -> Result<Value, String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("the text has {} bytes, more than {MAX_TEXT_BYTES}", text.len()));
    }
    match refuse_secrets("the answer", text.as_bytes()) {
        Ok(()) => Ok(Value::String(text)),
        Err(_) => Err("the answer holds what looks like a secret".to_owned()),
    }
}

/// A whole number, also one that came as a floating-point number.
fn whole(number: &Number) -> Option<i64> {
    let int = match (number.as_i64(), number.as_f64()) {
        (Some(int), _) => int,
        (None, Some(float)) if float.fract() == 0.0 && float.abs() <= MAX_EXACT as f64 => {
            float as i64
        }
        _ => return None,
    };
    (int.unsigned_abs() <= MAX_EXACT).then_some(int)
}

/// Whether every number in it is the same to a reader that knows doubles only.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => int.unsigned_abs() <= MAX_EXACT,
            (None, Some(_)) => false,
            (None, None) => true,
        },
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(fields) => fields.values().all(is_exact),
    }
}

/// Puts a value where a dotted path says; what a shorter path put there has it
/// already.
fn put(into: &mut Map<String, Value>, path: &str, value: &Value) {
    match path.split_once('.') {
        None => {
            into.insert(path.to_owned(), value.clone());
        }
        Some((first, rest)) => {
            let inner = into.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

const fn seconds(span: Span) -> i64 {
    span.as_micros() / 1_000_000
}

const fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl FactType {
    const fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number",
            Self::String => "text",
        }
    }
}

#[cfg(test)]
mod tests;
