//! `env:NAME`: secrets in the environment of the process.

use std::collections::BTreeSet;
use std::env::VarError;

use async_trait::async_trait;

use super::{Resolver, Secret, Unresolved};

/// Resolves to environment variables, of the names that it was given only.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeSet<String>);

impl Environment {
    /// Allows these variables.
    pub fn allowing<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

#[async_trait]
impl Resolver for Environment {
    async fn resolve(&self, name: &str) -> Result<Secret, Unresolved> {
        if !self.0.contains(name) {
            let rule = "the variable is none of those that it names".to_owned();
            return Err(Unresolved::NotAllowed { rule });
        }
        match std::env::var(name) {
            Ok(text) => Secret::new(text),
            Err(VarError::NotPresent) => {
                Err(Unresolved::Missing { what: format!("the variable `{name}`") })
            }
            Err(VarError::NotUnicode(_)) => Err(Unresolved::NoSecret { problem: "it is no text" }),
        }
    }
}
