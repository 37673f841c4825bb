//! Bad values for every kind of field, from the descriptors.

use pointsman_api::CALLED_SERVICES;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use super::wire::Wire;

const MIB: usize = 1024 * 1024;
const DEEPEST: usize = 3;

/// One bad value for one field of a request.
pub struct Bad {
    /// The field's path in words, such as `wait.nanos`.
    pub field: String,
    /// The `oneof` that the field, or the one around it, belongs to.
    pub group: Option<String>,
    /// The same in field numbers.
    pub path: Vec<u32>,
    /// The value in words.
    pub what: &'static str,
    /// The value; none: the field is left out.
    pub value: Option<Wire>,
    /// Whether no field of this kind may ever take it.
    pub is_never_valid: bool,
}

/// The API's methods and messages.
pub struct Schema(FileDescriptorSet);

impl Schema {
    /// Reads the descriptors.
    pub fn new(files: FileDescriptorSet) -> Self {
        Self(files)
    }

    /// Every method's path with the type of its request.
    pub fn methods(&self) -> Vec<(String, String)> {
        let mut methods = Vec::new();
        for file in self.0.file.iter().filter(|file| file.package() == "pointsman.v1") {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                if CALLED_SERVICES.contains(&name.as_str()) {
                    continue;
                }
                methods.extend(service.method.iter().map(|method| {
                    let path = format!("/{name}/{}", method.name());
                    (path, method.input_type().to_owned())
                }));
            }
        }
        methods
    }

    /// Every bad value of every field of a message, also of the messages inside.
    pub fn bad_values(&self, message: &str) -> Vec<Bad> {
        let mut found = Vec::new();
        self.collect(self.message(message), &[], "", None, &mut found);
        found
    }

    fn collect(
        &self,
        message: &DescriptorProto,
        path: &[u32],
        name: &str,
        group: Option<&str>,
        found: &mut Vec<Bad>,
    ) {
        for field in &message.field {
            let path = [path, &[field.number().unsigned_abs()]].concat();
            let name = match name {
                "" => field.name().to_owned(),
                outer => format!("{outer}.{}", field.name()),
            };
            let oneof = field.oneof_index.map(|at| at.unsigned_abs() as usize);
            let own = oneof.map(|at| message.oneof_decl[at].name());
            let group = own.filter(|name| !name.starts_with('_')).or(group);
            for (what, value, is_never_valid) in bad_values(field) {
                found.push(Bad {
                    field: name.clone(),
                    group: group.map(str::to_owned),
                    path: path.clone(),
                    what,
                    value,
                    is_never_valid,
                });
            }
            if field.r#type() == Type::Message && path.len() < DEEPEST {
                self.collect(self.message(field.type_name()), &path, &name, group, found);
            }
        }
    }

    fn message(&self, name: &str) -> &DescriptorProto {
        let wanted = name.trim_start_matches('.');
        self.0
            .file
            .iter()
            .flat_map(|file| file.message_type.iter().map(move |one| (file.package(), one)))
            .find(|(package, one)| format!("{package}.{}", one.name()) == wanted)
            .map(|(_, one)| one)
            .unwrap_or_else(|| panic!("no message {wanted}"))
    }
}

type Value = (&'static str, Option<Wire>, bool);

fn bad_values(field: &FieldDescriptorProto) -> Vec<Value> {
    let mut values: Vec<Value> = vec![("left out", None, false)];
    let one_of = |kinds: Vec<(&'static str, Wire, bool)>| {
        kinds.into_iter().map(|(what, wire, never)| (what, Some(wire), never)).collect::<Vec<_>>()
    };
    values.extend(match field.r#type() {
        Type::String => one_of(strings()),
        Type::Bytes => one_of(bytes()),
        Type::Double => one_of(doubles()),
        Type::Enum => one_of(vec![
            ("not set", Wire::Varint(0), false),
            ("value 99", Wire::Varint(99), true),
            ("value -1", Wire::Varint(u64::MAX), true),
        ]),
        Type::Int32 | Type::Int64 | Type::Uint32 | Type::Uint64 => one_of(vec![
            ("0", Wire::Varint(0), false),
            ("-1, or the largest", Wire::Varint(u64::MAX), false),
            ("2^31 - 1", Wire::Varint(i32::MAX.unsigned_abs().into()), false),
            ("the most negative", Wire::Varint(1 << 63), false),
        ]),
        Type::Message => one_of(vec![("an empty message", Wire::Bytes(vec![]), false)]),
        _ => Vec::new(),
    });
    if field.label() == Label::Repeated && field.r#type() == Type::Message {
        values.push(("a thousand of them", Some(Wire::Repeated(vec![], 1_000)), true));
    }
    values
}

fn strings() -> Vec<(&'static str, Wire, bool)> {
    let text = |text: &str| Wire::Bytes(text.as_bytes().to_vec());
    vec![
        ("empty", text(""), false),
        ("a MiB", Wire::Bytes(vec![b'a'; MIB]), true),
        ("not UTF-8", Wire::Bytes(vec![0xff, 0xfe, b'a']), true),
        ("a NUL", text("\0"), false),
        ("a path", text("../../../etc/passwd"), false),
        ("turned around", text("\u{202e}gpj.exe\u{2066}"), false),
        ("an injection", text("'; drop table runs; -- ${jndi:x} {{7*7}} %s%n"), false),
        ("an id of another kind", text("tok_01jd0000000000000000000000"), false),
        ("an id out of range", text("run_zzzzzzzzzzzzzzzzzzzzzzzzzz"), false),
    ]
}

fn bytes() -> Vec<(&'static str, Wire, bool)> {
    let text = |text: &str| Wire::Bytes(text.as_bytes().to_vec());
    vec![
        ("empty", text(""), false),
        ("three MiB", Wire::Bytes(vec![b'a'; 3 * MIB]), true),
        ("not UTF-8", Wire::Bytes(vec![0xff; 32]), false),
        ("a key twice", text(r#"{"a":1,"a":2}"#), false),
        ("NaN", text(r#"{"a":NaN}"#), false),
        ("nested too deep", Wire::Bytes(nested(100)), false),
        ("nested absurdly deep", Wire::Bytes(nested(100_000)), false),
        ("more behind it", text("{} {}"), false),
        ("half a surrogate", text(r#"{"a":"\ud800"}"#), false),
        ("an array", text("[]"), false),
    ]
}

fn nested(depth: usize) -> Vec<u8> {
    let mut text = br#"{"a":"#.repeat(depth);
    text.push(b'1');
    text.extend(b"}".repeat(depth));
    text
}

fn doubles() -> Vec<(&'static str, Wire, bool)> {
    [
        ("NaN", f64::NAN, true),
        ("infinite", f64::INFINITY, true),
        ("below 0", -0.5, true),
        // An amount may be, a share may not.
        ("over 1", 1.5, false),
        ("huge", f64::MAX, true),
    ]
    .map(|(what, value, is_bad)| (what, Wire::Fixed64(value.to_bits()), is_bad))
    .to_vec()
}
