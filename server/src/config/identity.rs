//! Who else than this server may say who somebody is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::Uri;
use serde::{Deserialize, Serialize};

mod spiffe;

pub use spiffe::SpiffeConfig;

use super::{ConfigError, is_loopback};
use crate::domain::principal::Role;

/// The most values of a claim that give roles.
const MAX_ROLE_VALUES: usize = 256;

/// Who else may say who somebody is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// An OpenID Connect provider.
    pub oidc: OidcConfig,
    /// Certificates of clients that name workloads.
    pub spiffe: SpiffeConfig,
}

/// An OpenID Connect provider whose signed tokens count; without an issuer: none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcConfig {
    /// What a token's `iss` must be; absent: signed tokens do not count.
    pub issuer: Option<String>,
    /// What must be in a token's `aud`.
    pub audience: Option<String>,
    /// Where its keys are, `https://`.
    pub jwks_url: Option<String>,
    /// A file with its keys instead.
    pub jwks_file: Option<PathBuf>,
    /// Who signs the certificate of `jwks_url`, PEM; absent: whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The claim that is the principal's name.
    pub name_claim: String,
    /// The claim that gives the roles; dots lead inside.
    pub roles_claim: String,
    /// Which of its values give which role.
    pub roles: BTreeMap<Role, Vec<String>>,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksPlace {
    /// At an address.
    Url(Uri),
    /// In a file.
    File(PathBuf),
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            jwks_url: None,
            jwks_file: None,
            ca_file: None,
            name_claim: "sub".to_owned(),
            roles_claim: "roles".to_owned(),
            roles: BTreeMap::new(),
        }
    }
}

impl OidcConfig {
    /// Where the keys are.
    pub fn jwks(&self) -> Result<JwksPlace, String> {
        match (&self.jwks_url, &self.jwks_file) {
            (Some(url), None) => {
                let uri: Option<Uri> = url.parse().ok();
                let is_address = |uri: &Uri| {
                    uri.host().is_some_and(|host| !host.is_empty())
                        && matches!(uri.scheme_str(), Some("https" | "http"))
                };
                let uri = uri.filter(is_address);
                Ok(JwksPlace::Url(uri.ok_or_else(|| format!("`{url}`: want https:// and a host"))?))
            }
            (None, Some(path)) => Ok(JwksPlace::File(path.clone())),
            _ => Err("name either an address or a file (`jwks_file`) with the keys".to_owned()),
        }
    }

    pub(super) fn validate(&self, is_dev: bool) -> Result<(), ConfigError> {
        let wrong = |key: &str, problem: String| {
            Err(ConfigError::Identity { key: format!("identity.oidc.{key}"), problem })
        };
        if self.issuer.is_none() {
            if *self != Self::default() {
                return wrong("issuer", "the other keys mean nothing without it".to_owned());
            }
            return Ok(());
        }
        if self.audience.as_ref().is_none_or(String::is_empty) {
            let problem = "want the name that tokens for this server have in `aud`";
            return wrong("audience", problem.to_owned());
        }
        match self.jwks() {
            Err(problem) => return wrong("jwks_url", problem),
            Ok(JwksPlace::Url(uri)) => {
                let is_plain = uri.scheme_str() == Some("http");
                if is_plain && !(is_dev && is_loopback(&uri)) {
                    let problem = format!(
                        "`{uri}` is not encrypted, so that whoever is in between says who \
                         everybody is: use https://; http:// is for this machine under `dev`"
                    );
                    return wrong("jwks_url", problem);
                }
            }
            Ok(JwksPlace::File(_)) => {}
        }
        if self.name_claim.is_empty() || self.roles_claim.is_empty() {
            return wrong("name_claim", "and `roles_claim`: want the names of claims".to_owned());
        }
        let values = self.roles.values().map(Vec::len).sum::<usize>();
        if values > MAX_ROLE_VALUES {
            let problem = format!(
                "want which values of `{}` give which role, at most {MAX_ROLE_VALUES}; or none, \
                 and assign roles with `pointsman role assign`",
                self.roles_claim
            );
            return wrong("roles", problem);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
