//! Whose client certificates name callers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MAX_ROLE_VALUES;
use crate::config::{ConfigError, TlsConfig};
use crate::domain::principal::Role;

/// The longest trust domain: the id has to fit into a principal's name with a path.
const MAX_TRUST_DOMAIN_BYTES: usize = 64;

/// A trust domain of SPIFFE whose X.509-SVIDs count; without one: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpiffeConfig {
    /// The trust domain, such as `bank.example`; absent: certificates name nobody.
    pub trust_domain: Option<String>,
    /// Which paths give which role, as patterns with `*`.
    pub roles: BTreeMap<Role, Vec<String>>,
}

impl SpiffeConfig {
    pub(in crate::config) fn validate(&self, tls: &TlsConfig) -> Result<(), ConfigError> {
        let wrong = |key: &str, problem: String| {
            Err(ConfigError::Identity { key: format!("identity.spiffe.{key}"), problem })
        };
        let Some(trust_domain) = &self.trust_domain else {
            if !self.roles.is_empty() {
                return wrong("trust_domain", "`roles` mean nothing without it".to_owned());
            }
            if tls.client_cert_optional {
                let problem = "`tls.client_cert_optional` is for certificates that name callers: \
                               without a trust domain they are a lock, which nobody may go round";
                return wrong("trust_domain", problem.to_owned());
            }
            return Ok(());
        };
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let is_domain = !trust_domain.is_empty()
            && trust_domain.len() <= MAX_TRUST_DOMAIN_BYTES
            && trust_domain.bytes().all(is_allowed);
        if !is_domain {
            let problem = format!(
                "`{trust_domain}`: want 1 to {MAX_TRUST_DOMAIN_BYTES} of a-z, 0-9, `.`, `_`, `-`, \
                 without `spiffe://`"
            );
            return wrong("trust_domain", problem);
        }
        if tls.client_ca_file.is_none() {
            let problem = "needs `tls.client_ca_file`, the authorities that sign its certificates";
            return wrong("trust_domain", problem.to_owned());
        }
        let patterns = || self.roles.values().flatten();
        if let Some(pattern) = patterns().find(|it| !it.starts_with('/') && *it != "*") {
            return wrong("roles", format!("`{pattern}`: want a path such as `/agents/*`"));
        }
        if patterns().count() > MAX_ROLE_VALUES {
            return wrong("roles", format!("want at most {MAX_ROLE_VALUES} patterns"));
        }
        Ok(())
    }
}
