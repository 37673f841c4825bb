//! The published JSON Schema, and the reference for people: both are made of the
//! types that read the document, so that they cannot say anything else.

use std::fmt::Write as _;

use schemars::schema_for;
use serde_json::{Map, Value};

use super::document::Document;
use super::names::{FUNCTIONS, Name, OPEN_GROUPS, VALUES};

/// The JSON Schema of policy documents (draft 2020-12).
pub fn json_schema() -> Value {
    schema_for!(Document).to_value()
}

/// The reference of every field, name and function, in Markdown.
pub fn reference() -> String {
    let schema = json_schema();
    let mut text = String::from(
        "# Policy reference\n\n\
         Generated from the server's code by `make policy-docs`; a test compares. The JSON \
         Schema is [`policy.schema.json`](policy.schema.json); the guide is \
         [`policy.md`](policy.md).\n\n## Fields\n",
    );
    section(&mut text, "The document", &schema);
    if let Some(definitions) = schema.get("$defs").and_then(Value::as_object) {
        for (name, definition) in definitions {
            section(&mut text, name, definition);
        }
    }
    text.push_str("\n## Names in conditions\n\n");
    table(&mut text, VALUES);
    text.push_str("\nWhat the document or the agent defines:\n\n");
    table(&mut text, OPEN_GROUPS);
    text.push_str("\n## Functions in conditions\n\nEach takes one literal string.\n\n");
    table(&mut text, FUNCTIONS);
    text
}

fn table(text: &mut String, names: &[Name]) {
    text.push_str("| name | type | meaning |\n|---|---|---|\n");
    for Name { name, kind, meaning } in names {
        let _ = writeln!(text, "| `{name}` | {kind} | {} |", cell(meaning));
    }
}

/// A type: its fields, or its words.
fn section(text: &mut String, name: &str, schema: &Value) {
    let _ = writeln!(text, "\n### {name}\n");
    if let Some(meaning) = schema.get("description").and_then(Value::as_str) {
        let _ = writeln!(text, "{}\n", meaning.replace('\n', " "));
    }
    let required: Vec<_> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        fields_table(text, fields, &required);
    }
    let words = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    for word in words {
        let meaning = word.get("description").and_then(Value::as_str).unwrap_or_default();
        if let Some(value) = word.get("const").and_then(Value::as_str) {
            let _ = writeln!(text, "- `{value}`: {}", meaning.replace('\n', " "));
        }
    }
}

fn fields_table(text: &mut String, fields: &Map<String, Value>, required: &[&str]) {
    text.push_str("| field | type | meaning |\n|---|---|---|\n");
    for (name, field) in fields {
        let meaning = field.get("description").and_then(Value::as_str).unwrap_or_default();
        let must = if required.contains(&name.as_str()) { "**Required.** " } else { "" };
        let default = match field.get("default") {
            None | Some(Value::Null) => String::new(),
            Some(value) if value == &Value::from("") || is_empty(value) => String::new(),
            Some(value) => format!(" Default: `{value}`."),
        };
        let _ = writeln!(text, "| `{name}` | {} | {must}{}{default} |", kind(field), cell(meaning));
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
        || value
            .as_object()
            .is_some_and(|fields| fields.values().all(|it| it.is_null() || is_empty(it)))
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// A field's type, with a link where it is a type of this page.
fn kind(field: &Value) -> String {
    if let Some(name) = field.get("$ref").and_then(Value::as_str) {
        let name = name.trim_start_matches("#/$defs/");
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = field.get("anyOf").and_then(Value::as_array) {
        let is_real = |choice: &&Value| choice.get("type") != Some(&Value::from("null"));
        return choices.iter().filter(is_real).map(kind).collect::<Vec<_>>().join(" or ");
    }
    let of = |key: &str| field.get(key).map(kind);
    match field.get("type") {
        Some(Value::String(name)) if name == "array" => {
            format!("list of {}", of("items").unwrap_or_else(|| "anything".to_owned()))
        }
        Some(Value::String(name)) if name == "object" => match of("additionalProperties") {
            Some(inner) => format!("map to {inner}"),
            None => "map".to_owned(),
        },
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => match names.iter().find(|name| **name != "null") {
            Some(Value::String(name)) if name == "array" => {
                format!("list of {}", of("items").unwrap_or_else(|| "anything".to_owned()))
            }
            Some(Value::String(name)) => name.clone(),
            _ => "anything".to_owned(),
        },
        _ => "anything".to_owned(),
    }
}
