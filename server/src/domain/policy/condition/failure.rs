//! Why an evaluation failed, in words that are the same every time.
//!
//! The library's own words show whole values: maps in an order that differs between
//! processes, and everything that was among the arguments. Here kinds are named instead.

use cel::{ExecutionError, Value};

use super::ConditionError;

/// The most characters of a name that an agent may have chosen.
const MAX_NAME_CHARS: usize = 64;

/// What went wrong.
pub(super) fn of(error: &ExecutionError) -> ConditionError {
    use ExecutionError as E;
    let words = match error {
        E::NoSuchKey(name) => format!("no such key: {}", name_of(name)),
        E::UndeclaredReference(name) => format!("there is no `{}`", name_of(name)),
        E::NoSuchOverload(overload) => overload.to_string(),
        E::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{operator}` is not for {} and {}", kind(left), kind(right))
        }
        E::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", kind(left), kind(right))
        }
        E::UnsupportedIndex(index, of) => format!("{} is no index of {}", kind(index), kind(of)),
        E::UnsupportedKeyType(key) => format!("{} is no key", kind(key)),
        E::UnsupportedTargetType { target } => format!("not for {}", kind(target)),
        E::NotSupportedAsMethod { method, target } => {
            format!("`{}` is not for {}", name_of(method), kind(target))
        }
        E::UnexpectedType { want, .. } => format!("want {want}"),
        E::InvalidArgumentCount { expected, actual } => {
            format!("{actual} arguments where {expected} are wanted")
        }
        E::FunctionError { function, .. } => format!("`{function}` fails"),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero".to_owned(),
        E::Overflow(operator, ..) => format!("`{operator}` is too large or too small"),
        E::IndexOutOfBounds(_) => "no such place in the list".to_owned(),
        E::DuplicateKey(_) => "a key stands in a map twice".to_owned(),
        E::MissingArgumentOrTarget => "an argument is missing".to_owned(),
        _ => "the values do not fit".to_owned(),
    };
    ConditionError(words)
}

fn name_of(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARS).collect()
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Int(_) | Value::UInt(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::String(_) => "a text",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        _ => "such a value",
    }
}
