//! JSON as protobuf has it, and answers by name.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Map, Number, Value};

use crate::domain::policy::Reply;

/// An object.
pub(super) fn to_struct(map: &Map<String, Value>) -> Struct {
    Struct { fields: map.iter().map(|(name, value)| (name.clone(), to_value(value))).collect() }
}

fn to_value(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        // The domain sends no number that a double does not hold.
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(to_value).collect() })
        }
        Value::Object(fields) => Kind::StructValue(to_struct(fields)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Any value; what is none of JSON's is not known.
pub(super) fn to_json(value: Option<prost_types::Value>) -> Value {
    match value.and_then(|value| value.kind) {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => {
            Number::from_f64(number).map_or(Value::Null, Value::Number)
        }
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => {
            list.values.into_iter().map(|value| to_json(Some(value))).collect()
        }
        Some(Kind::StructValue(fields)) => {
            let fields = fields.fields.into_iter();
            Value::Object(fields.map(|(name, value)| (name, to_json(Some(value)))).collect())
        }
    }
}

/// Answers by name; of two for one name none can be trusted.
pub(super) fn by_name(
    facts: impl Iterator<Item = (String, Reply)>,
) -> Result<BTreeMap<String, Reply>, String> {
    let mut found = BTreeMap::new();
    for (name, reply) in facts {
        if found.insert(name, reply).is_some() {
            return Err("it answered one fact twice".to_owned());
        }
    }
    Ok(found)
}
