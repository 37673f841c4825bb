//! Callers whom an OpenID Connect provider vouches for: its keys, its signatures, and
//! what its claims mean here.
//!
//! Which algorithm counts follows from the key and never from the token. Of a token
//! that does not count, its sender does not learn why; nothing of it is logged.

mod claims;
mod keys;
mod signatures;
pub(crate) mod spiffe;

use std::path::PathBuf;

use async_trait::async_trait;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};

use crate::config::{IdentityConfig, JwksPlace, OidcConfig};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::engine::identity::{Identities, Identity};
use crate::outgoing::{self, TrustError};
use claims::{Claims, Reading};
use keys::{Keys, Source};

/// Why a provider cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The settings make no sense.
    #[error("`identity.oidc.{key}`: {problem}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The file with the keys cannot be used.
    #[error("`identity.oidc.jwks_file` = `{path}` has no key to verify with: {problem}")]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody can be trusted to be the provider.
    #[error("`identity.oidc.ca_file`: {0}")]
    Trust(TrustError),
}

/// The provider of the configuration, if there is one. It is not asked before the first
/// token: one that is down holds up no start.
pub fn register(config: &IdentityConfig) -> Result<Option<Box<dyn Identities>>, IdentityError> {
    let config = &config.oidc;
    if config.issuer.is_none() {
        return Ok(None);
    }
    Ok(Some(Box::new(Oidc::new(config)?)))
}

/// One provider.
struct Oidc {
    keys: Keys,
    issuer: String,
    audience: String,
    reading: Reading,
}

impl Oidc {
    fn new(config: &OidcConfig) -> Result<Self, IdentityError> {
        signatures::install();
        let place = config.jwks();
        let place = place.map_err(|problem| IdentityError::Setting { key: "jwks_url", problem })?;
        let source = match place {
            JwksPlace::File(path) => {
                keys::read_file(&path)
                    .map_err(|problem| IdentityError::Keys { path: path.clone(), problem })?;
                Source::File(path)
            }
            JwksPlace::Url(uri) => {
                let tls = match uri.scheme_str() == Some("https") || config.ca_file.is_some() {
                    true => outgoing::trusting(config.ca_file.as_deref()),
                    false => outgoing::trusting_nobody(),
                };
                Source::address(uri, tls.map_err(IdentityError::Trust)?)
            }
        };
        Ok(Self {
            keys: Keys::new(source),
            issuer: config.issuer.clone().unwrap_or_default(),
            audience: config.audience.clone().unwrap_or_default(),
            reading: Reading::new(config),
        })
    }

    async fn claims(&self, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        // What must be understood and is not: RFC 7515, 4.1.11.
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let name = header.kid.ok_or(Refusal::UnknownKey)?;
        let key = self.keys.find(&name, now).await.ok_or(Refusal::UnknownKey)?;
        let mut validation = Validation::new(key.algorithm);
        // Times are judged by the engine's clock.
        validation.validate_exp = false;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let decoded = decode::<Claims>(token, &key.key, &validation);
        decoded.map(|token| token.claims).map_err(|error| match error.kind() {
            // Under another algorithm than its key's there is no signature of that key.
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => Refusal::WrongSignature,
            ErrorKind::InvalidIssuer => Refusal::WrongIssuer,
            ErrorKind::InvalidAudience => Refusal::WrongAudience,
            _ => Refusal::Malformed,
        })
    }
}

#[async_trait]
impl Identities for Oidc {
    async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Refusal> {
        let claims = self.claims(token, now).await?;
        self.reading.identity(&claims, now)
    }
}

#[cfg(test)]
pub(crate) mod tests;
