//! Systems of record as the operator registered them: the wire to those who answer
//! the engine's questions.
//!
//! One HTTP client for both protocols: what is asked for encrypted is asked for
//! encrypted or not at all, no redirect is followed, and no proxy is taken from the
//! environment. What a provider says beside the answer is neither kept nor logged.

mod client;
mod grpc;
mod json;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{FactProtocol, FactProviderConfig, FactsConfig};
use crate::domain::time::Span;
use crate::engine::facts::{FactProvider, Providers};
use crate::outgoing::TrustError;
use client::Access;
use grpc::GrpcProvider;
use json::JsonProvider;

/// The most bytes an answer may have.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Why providers cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The address of a provider cannot be read.
    #[error("`facts.providers.{name}.url`: {problem}")]
    Url {
        /// The provider.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The file with the token cannot be used.
    #[error("`facts.providers.{name}.token_file` = `{path}` cannot be used: {cause}")]
    Token {
        /// The provider.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: std::io::Error,
    },
    /// Nobody can be trusted to be the provider.
    #[error("`facts.providers.{name}.ca_file`: {problem}")]
    Trust {
        /// The provider.
        name: String,
        /// What is wrong.
        problem: TrustError,
    },
}

/// Registers every provider of the configuration. Nobody is connected to before the
/// first question: a provider that is down holds up no start.
pub fn register(config: &FactsConfig) -> Result<Providers, FactsError> {
    let mut providers = Providers::default();
    for (name, provider) in &config.providers {
        let timeout = i64::try_from(provider.timeout_ms).map_or(Span::ZERO, Span::from_millis);
        providers.register(name.clone(), connect(name, provider)?, timeout);
    }
    Ok(providers)
}

fn connect(name: &str, config: &FactProviderConfig) -> Result<Arc<dyn FactProvider>, FactsError> {
    let address = config.address();
    let address = address.map_err(|problem| FactsError::Url { name: name.to_owned(), problem })?;
    let access = Access::read(name, config)?;
    Ok(match address.protocol {
        FactProtocol::Grpc => Arc::new(GrpcProvider::new(address.uri, access)),
        FactProtocol::Http => Arc::new(JsonProvider::new(address.uri, access)),
    })
}

#[cfg(test)]
mod tests;
