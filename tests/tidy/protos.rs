//! The comments of `proto/`: all there, and their errors exist.

use std::collections::HashMap;

use pointsman_api::{FILE_DESCRIPTOR_SET, v1::ErrorReason};
use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::none;

// Field numbers of descriptor.proto: the steps of a source location's path.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_ONEOF: i32 = 8;
const ENUM_VALUE: i32 = 2;
const SERVICE_METHOD: i32 = 2;

/// One commentable element of a proto file.
struct Element {
    name: String,
    comment: String,
    is_method: bool,
}

/// Collects the elements of one file with their comments.
struct Collector {
    comments: HashMap<Vec<i32>, String>,
    elements: Vec<Element>,
}

impl Collector {
    fn add(&mut self, path: &[i32], name: String, is_method: bool) {
        let comment = self.comments.get(path).cloned().unwrap_or_default();
        self.elements.push(Element { name, comment, is_method });
    }

    fn add_message(&mut self, path: &[i32], scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        self.add(path, name.clone(), false);
        for (at, field) in message.field.iter().enumerate() {
            self.add(&step(path, MESSAGE_FIELD, at), format!("{name}.{}", field.name()), false);
        }
        for (at, oneof) in message.oneof_decl.iter().enumerate() {
            // `optional` fields make a oneof of their own that no source shows.
            if !oneof.name().starts_with('_') {
                self.add(&step(path, MESSAGE_ONEOF, at), format!("{name}.{}", oneof.name()), false);
            }
        }
        for (at, nested) in message.nested_type.iter().enumerate() {
            self.add_message(&step(path, MESSAGE_NESTED, at), &name, nested);
        }
        for (at, nested) in message.enum_type.iter().enumerate() {
            self.add_enum(&step(path, MESSAGE_ENUM, at), &name, nested);
        }
    }

    fn add_enum(&mut self, path: &[i32], scope: &str, enumeration: &EnumDescriptorProto) {
        let name = format!("{scope}.{}", enumeration.name());
        self.add(path, name.clone(), false);
        for (at, value) in enumeration.value.iter().enumerate() {
            self.add(&step(path, ENUM_VALUE, at), format!("{name}.{}", value.name()), false);
        }
    }
}

fn step(path: &[i32], field: i32, at: usize) -> Vec<i32> {
    let at = i32::try_from(at).unwrap();
    [path, &[field, at]].concat()
}

fn elements_of(file: &FileDescriptorProto) -> Vec<Element> {
    let locations = &file.source_code_info.as_ref().expect("source info").location;
    let comments = locations
        .iter()
        .map(|location| (location.path.clone(), location.leading_comments().to_owned()))
        .collect();
    let mut collector = Collector { comments, elements: Vec::new() };
    let package = file.package();
    for (at, message) in file.message_type.iter().enumerate() {
        collector.add_message(&step(&[], FILE_MESSAGE, at), package, message);
    }
    for (at, enumeration) in file.enum_type.iter().enumerate() {
        collector.add_enum(&step(&[], FILE_ENUM, at), package, enumeration);
    }
    for (at, service) in file.service.iter().enumerate() {
        let path = step(&[], FILE_SERVICE, at);
        let name = format!("{package}.{}", service.name());
        collector.add(&path, name.clone(), false);
        for (at, method) in service.method.iter().enumerate() {
            collector.add(
                &step(&path, SERVICE_METHOD, at),
                format!("{name}.{}", method.name()),
                true,
            );
        }
    }
    collector.elements
}

fn elements() -> Vec<Element> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    files
        .file
        .iter()
        .filter(|file| file.package().starts_with("pointsman."))
        .flat_map(elements_of)
        .collect()
}

#[test]
fn every_element_is_commented() {
    let elements = elements();
    assert!(elements.len() > 300, "only {} elements found", elements.len());
    let findings: Vec<_> = elements
        .iter()
        .filter(|element| element.comment.trim().is_empty())
        .map(|element| element.name.clone())
        .collect();
    none(&findings, "comments of the API");
}

#[test]
fn every_rpc_names_effect_and_errors() {
    let mut findings = Vec::new();
    for method in elements().iter().filter(|element| element.is_method) {
        let comment = &method.comment;
        if !["No effect", "Effect:", "Event:", "Events:"].iter().any(|word| comment.contains(word))
        {
            findings.push(format!("{}: neither `Effect:`, `Event:` nor `No effect`", method.name));
        }
        if !comment.contains("Errors:") && !comment.contains("No errors") {
            findings.push(format!("{}: neither `Errors:` nor `No errors`", method.name));
        }
        for reason in reasons_named(comment) {
            if ErrorReason::from_wire_name(&reason).is_none() {
                findings.push(format!("{}: {reason} is not in error_reason.proto", method.name));
            }
        }
    }
    none(&findings, "comments of the rpcs");
}

#[test]
fn every_list_says_what_time_it_is() {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let messages = files.file.iter().flat_map(|file| &file.message_type);
    let lists: Vec<_> = messages
        .filter(|message| {
            message.name().starts_with("List") && message.name().ends_with("Response")
        })
        .collect();
    assert!(lists.len() >= 4, "only {} lists found", lists.len());
    let has_time = |message: &DescriptorProto| {
        message.field.iter().any(|field| {
            field.name() == "server_time" && field.type_name() == ".google.protobuf.Timestamp"
        })
    };
    let findings: Vec<_> = lists
        .iter()
        .filter(|message| !has_time(message))
        .map(|message| format!("{} has no `server_time`", message.name()))
        .collect();
    none(&findings, "clients' clocks are wrong: a list carries the server's");
}

/// The words in capitals that stand in a comment's list of errors, outside
/// parentheses.
fn reasons_named(comment: &str) -> Vec<String> {
    let Some((_, list)) = comment.split_once("Errors:") else {
        return Vec::new();
    };
    let list = list.split("Next:").next().unwrap_or(list);
    let mut depth = 0_usize;
    let outside: String = list
        .chars()
        .map(|letter| {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 { letter } else { ' ' }
        })
        .collect();
    outside
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| {
            word.len() > 3
                && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
        })
        .map(str::to_owned)
        .collect()
}
