//! Turns protocol messages into printable data, by their descriptors.
//!
//! Field names are those of the protos; every field is there, set or not, so that
//! scripts can rely on them. Times are RFC 3339, enum values are their names,
//! digests are hexadecimal, JSON in bytes is shown as the JSON it is.

use std::borrow::Cow;
use std::sync::LazyLock;

use pointsman_api::FILE_DESCRIPTOR_SET;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value,
};
use prost_types::{Duration, Timestamp};

use super::node::Node;
use super::time::rfc3339;

const PACKAGE: &str = "pointsman.v1";

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());

/// Reads a message of `pointsman.v1` by its name there, such as `Escalation`.
pub(crate) fn node_of<M: prost::Message>(name: &str, message: &M) -> Node {
    let descriptor =
        POOL.as_ref().and_then(|pool| pool.get_message_by_name(&format!("{PACKAGE}.{name}")));
    let dynamic = descriptor.and_then(|descriptor| {
        DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok()
    });
    dynamic.map_or(Node::Null, |dynamic| message_node(&dynamic))
}

fn message_node(message: &DynamicMessage) -> Node {
    let descriptor = message.descriptor();
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            let time = message.transcode_to::<Timestamp>().ok();
            return time.and_then(|time| rfc3339(&time)).map_or(Node::Null, Node::Text);
        }
        "google.protobuf.Duration" => {
            let span = message.transcode_to::<Duration>().unwrap_or_default();
            return Node::Text(span.to_string());
        }
        _ => {}
    }
    let mut fields: Vec<_> = descriptor.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    let parts = fields.into_iter().filter_map(|field| {
        let is_set = message.has_field(&field);
        let is_alternative = field.containing_oneof().is_some_and(|oneof| oneof.fields().len() > 1);
        if is_alternative && !is_set {
            return None;
        }
        let part = if field.supports_presence() && !is_set {
            Node::Null
        } else {
            value_node(&field, &message.get_field(&field))
        };
        Some((field.name().to_owned(), part))
    });
    Node::Map(parts.collect())
}

fn value_node(field: &FieldDescriptor, value: &Value) -> Node {
    match value {
        Value::Bool(value) => Node::Bool(*value),
        Value::I32(number) => Node::number(number),
        Value::I64(number) => Node::number(number),
        Value::U32(number) => Node::number(number),
        Value::U64(number) => Node::number(number),
        Value::F32(number) => float_node(f64::from(*number)),
        Value::F64(number) => float_node(*number),
        Value::String(text) => Node::text(text),
        Value::Bytes(bytes) => bytes_node(field.name(), bytes),
        Value::EnumNumber(number) => enum_node(field, *number),
        Value::Message(message) => message_node(message),
        Value::List(items) => Node::List(items.iter().map(|one| value_node(field, one)).collect()),
        Value::Map(parts) => {
            let parts = parts.iter().map(|(key, part)| (key_text(key), value_node(field, part)));
            Node::Map(parts.collect())
        }
    }
}

fn float_node(number: f64) -> Node {
    if number.is_finite() { Node::number(number) } else { Node::Null }
}

fn enum_node(field: &FieldDescriptor, number: i32) -> Node {
    let Kind::Enum(descriptor) = field.kind() else {
        return Node::number(number);
    };
    match descriptor.get_value(number) {
        Some(value) => Node::text(value.name()),
        None => Node::number(number),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::String(text) => text.clone(),
        MapKey::Bool(value) => value.to_string(),
        MapKey::I32(number) => number.to_string(),
        MapKey::I64(number) => number.to_string(),
        MapKey::U32(number) => number.to_string(),
        MapKey::U64(number) => number.to_string(),
    }
}

/// Digests in hexadecimal; JSON as it is; text as text; everything else as
/// `{"hex": …}`, which no JSON of an agent is mistaken for by its field alone.
fn bytes_node(name: &str, bytes: &[u8]) -> Node {
    if name.ends_with("digest") {
        return Node::Text(hex::encode(bytes));
    }
    if bytes.is_empty() {
        return Node::Null;
    }
    match shown_bytes(bytes) {
        Some(ShownBytes::Json(json)) => Node::Raw(json.to_owned()),
        Some(ShownBytes::Text(text)) => Node::Text(text.to_owned()),
        None => Node::map([("hex", Node::Text(hex::encode(bytes)))]),
    }
}

/// What bytes of an agent or a person turn out to be.
pub(crate) enum ShownBytes<'a> {
    /// A JSON object, array, number …
    Json(&'a str),
    /// Text.
    Text(&'a str),
}

/// Recognises JSON and text; neither: none.
pub(crate) fn shown_bytes(bytes: &[u8]) -> Option<ShownBytes<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    Some(if is_json { ShownBytes::Json(text) } else { ShownBytes::Text(text) })
}

/// The name of an enum value without its prefix, in lower case: `STATE_OPEN` and
/// the prefix `STATE_` give `open`.
pub(crate) fn short_name(name: &str, prefix: &str) -> String {
    let short = name.strip_prefix(prefix).map_or(Cow::Borrowed(name), Cow::Borrowed);
    short.to_ascii_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests;
