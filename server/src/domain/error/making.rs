//! Errors in short, and what is the same of every one.

use super::{Effect, Error, Resource};
use crate::domain::ids::InvalidId;

impl Error {
    /// An [`Error::InvalidField`] in short.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidField { field: field.into(), problem: problem.into() }
    }

    /// What was asked for is not there, or not for the caller to know of.
    pub fn not_found(resource: Resource, id: impl ToString) -> Self {
        Self::NotFound { resource, id: id.to_string() }
    }

    /// A field that should hold an id and does not.
    pub fn id(field: &str, error: &InvalidId) -> Self {
        Self::field(field, error.to_string())
    }

    /// What the failed call has done: nothing, unless the store stopped midway.
    pub const fn effect(&self) -> Effect {
        match self {
            Self::Stopping { effect } => *effect,
            _ => Effect::None,
        }
    }
}
