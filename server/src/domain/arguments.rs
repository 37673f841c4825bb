//! Arguments: JSON that is accepted, or not, byte for byte.
//!
//! The bytes are never rewritten. The parsed view serves the policy and the
//! reviewer only; whatever two readers could understand differently is refused
//! (RFC 8259 section 4 on duplicate names; I-JSON, RFC 7493).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::Error;

/// The most bytes the arguments of one action may have.
pub const MAX_ARGUMENT_BYTES: usize = 256 * 1024;
/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 64;

/// Parses arguments: one JSON object in UTF-8, without duplicate names, deeper
/// nesting than [`MAX_DEPTH`] or anything after the object.
pub fn parse(field: &str, bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    if bytes.len() > MAX_ARGUMENT_BYTES {
        return Err(Error::field(
            field,
            format!("{} bytes, more than {MAX_ARGUMENT_BYTES}", bytes.len()),
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Error::ArgumentsMalformed {
        field: field.to_owned(),
        problem: "not UTF-8".to_owned(),
        position: error.valid_up_to(),
    })?;
    let malformed = |error: &serde_json::Error| Error::ArgumentsMalformed {
        field: field.to_owned(),
        problem: describe(error),
        position: byte_position(text, error.line(), error.column()),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value =
        Strict { depth: 0 }.deserialize(&mut deserializer).map_err(|error| malformed(&error))?;
    deserializer.end().map_err(|error| malformed(&error))?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(Error::ArgumentsMalformed {
            field: field.to_owned(),
            problem: "want a JSON object".to_owned(),
            position: 0,
        }),
    }
}

/// The parser's words without its place, which is a position of its own.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn byte_position(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// Reads one value and refuses duplicate names and deep nesting.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate name `{name}`")));
            }
            let value = entries.next_value_seed(self.deeper()?)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests;
