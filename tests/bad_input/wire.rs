//! Messages in their wire form, with one field replaced.

use bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, encode_key, encode_varint, skip_field};

/// A value as it stands on the wire.
#[derive(Clone, Debug)]
pub enum Wire {
    /// Integers, enums, bools.
    Varint(u64),
    /// Doubles.
    Fixed64(u64),
    /// Strings, bytes, messages.
    Bytes(Vec<u8>),
    /// The same several times.
    Repeated(Vec<u8>, usize),
}

/// The message with the field at `path` (field numbers, outermost first) replaced
/// by `value`, or left out.
pub fn with(message: &[u8], path: &[u32], value: Option<&Wire>) -> Vec<u8> {
    let [field, inner @ ..] = path else { return message.to_vec() };
    let (mut rest, found) = without(message, *field);
    if inner.is_empty() {
        if let Some(value) = value {
            append(&mut rest, *field, value);
        }
        return rest;
    }
    let inside = with(found.as_deref().unwrap_or_default(), inner, value);
    append(&mut rest, *field, &Wire::Bytes(inside));
    rest
}

/// The message without a field, and the field's last length-delimited content.
fn without(message: &[u8], field: u32) -> (Vec<u8>, Option<Vec<u8>>) {
    let (mut rest, mut found) = (Vec::new(), None);
    let mut left = message;
    while left.has_remaining() {
        let start = left;
        let (number, wire_type) = decode_key(&mut left).unwrap();
        let mut content = left;
        skip_field(wire_type, number, &mut left, DecodeContext::default()).unwrap();
        let whole = &start[..start.len() - left.len()];
        if number != field {
            rest.extend_from_slice(whole);
        } else if wire_type == WireType::LengthDelimited {
            prost::encoding::decode_varint(&mut content).unwrap();
            found = Some(content[..content.len() - left.len()].to_vec());
        }
    }
    (rest, found)
}

fn append(message: &mut Vec<u8>, field: u32, value: &Wire) {
    match value {
        Wire::Varint(value) => {
            encode_key(field, WireType::Varint, message);
            encode_varint(*value, message);
        }
        Wire::Fixed64(value) => {
            encode_key(field, WireType::SixtyFourBit, message);
            message.extend(value.to_le_bytes());
        }
        Wire::Bytes(value) => {
            encode_key(field, WireType::LengthDelimited, message);
            encode_varint(value.len() as u64, message);
            message.extend(value);
        }
        Wire::Repeated(value, count) => {
            for _ in 0..*count {
                append(message, field, &Wire::Bytes(value.clone()));
            }
        }
    }
}
