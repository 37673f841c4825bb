//! JSON Schemas of a tool's arguments and results: the only place that knows the
//! library. References to other documents are refused; nothing is fetched.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// The most findings that one validation names.
const MAX_FINDINGS: usize = 8;

/// A compiled schema.
#[derive(Clone)]
pub struct ArgumentSchema {
    source: Arc<Value>,
    validator: Arc<jsonschema::Validator>,
}

impl fmt::Debug for ArgumentSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArgumentSchema({})", self.source)
    }
}

impl PartialEq for ArgumentSchema {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl ArgumentSchema {
    /// Checks and compiles a schema.
    pub(in crate::domain) fn compile(source: Value) -> Result<Self, String> {
        if let Some(reference) = outside(&source) {
            return Err(format!("`{reference}` points outside the document; nothing is fetched"));
        }
        let validator = jsonschema::validator_for(&source).map_err(|error| error.to_string())?;
        Ok(Self { source: Arc::new(source), validator: Arc::new(validator) })
    }

    /// What is wrong with a value: nothing, or what and where.
    pub fn findings(&self, value: &Value) -> Vec<String> {
        let place = |error: &jsonschema::ValidationError<'_>| match error.instance_path().as_str() {
            "" => error.to_string(),
            path => format!("{path}: {error}"),
        };
        self.validator.iter_errors(value).take(MAX_FINDINGS).map(|error| place(&error)).collect()
    }

    /// Whether a value is as it should be.
    pub fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// Whether the schema knows a field of this dotted path; a schema that names
    /// no fields knows all.
    pub fn knows(&self, path: &str) -> bool {
        let mut schema: &Value = &self.source;
        for part in path.split('.') {
            let Some(properties) = schema.get("properties") else { return true };
            let Some(next) = properties.get(part) else {
                return schema.get("additionalProperties").is_some_and(|it| it != false)
                    || schema.get("patternProperties").is_some();
            };
            schema = next;
        }
        true
    }
}

/// A reference that leaves the schema.
fn outside(schema: &Value) -> Option<&str> {
    match schema {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let reference = value.as_str().filter(|_| name == "$ref" || name == "$dynamicRef");
            match reference {
                Some(reference) => Some(reference).filter(|it| !it.starts_with('#')),
                None => outside(value),
            }
        }),
        Value::Array(items) => items.iter().find_map(outside),
        _ => None,
    }
}
