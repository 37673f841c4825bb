//! The systems of record that may be asked for facts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};
use crate::domain::policy::is_provider_name;

/// The most providers there may be.
pub const MAX_FACT_PROVIDERS: usize = 32;
/// How long an answer may be waited for at most, in milliseconds.
const MAX_TIMEOUT_MS: u64 = 5_000;
/// How long an answer is waited for unless the operator says otherwise.
const TIMEOUT_MS_DEFAULT: u64 = 500;
/// The variable that names providers which no file names.
const NAMES_KEY: &str = "facts.providers";
const WANT_NAME: &str = "want a name of 1 to 32 of `a-z0-9_`";

/// Who may be asked for facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FactsConfig {
    /// The providers, by the name that policies use.
    pub providers: BTreeMap<String, FactProviderConfig>,
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FactProviderConfig {
    /// Where it is: `grpc://`, `grpcs://`, `http://` or `https://`.
    pub url: String,
    /// How long an answer is waited for.
    pub timeout_ms: u64,
    /// A file with the token to show, read for every question; absent: none.
    pub token_file: Option<PathBuf>,
    /// Who signs its certificate, PEM; absent: whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether it may be asked without encryption beyond loopback.
    pub allow_plain: bool,
}

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactProtocol {
    /// `FactProviderService` over HTTP/2.
    Grpc,
    /// JSON in the body of a POST.
    Http,
}

/// Where a provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactProviderUrl {
    /// How it is spoken to.
    pub protocol: FactProtocol,
    /// The address, with `http` or `https`.
    pub uri: Uri,
}

impl Default for FactProviderConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            timeout_ms: TIMEOUT_MS_DEFAULT,
            token_file: None,
            ca_file: None,
            allow_plain: false,
        }
    }
}

impl FactsConfig {
    /// The keys of one provider, with their defaults.
    pub fn keys() -> Vec<(String, String)> {
        let mut keys = Vec::new();
        let default = serde_json::to_value(FactProviderConfig::default());
        if let Ok(serde_json::Value::Object(all)) = default {
            super::flatten("", &all, &mut keys);
        }
        keys
    }

    /// What the environment says of providers, as keys with their values: of those
    /// that the file names, and of those that its own list names.
    pub(super) fn from_environment(
        in_file: &BTreeSet<String>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, String)>, ConfigError> {
        let list = Config::env_name(NAMES_KEY);
        let listed = env(&list).unwrap_or_default();
        let listed: BTreeSet<_> =
            listed.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
        if let Some(name) = listed.iter().find(|name| !is_provider_name(name)) {
            let problem = format!("`{name}`: {WANT_NAME}");
            return Err(ConfigError::FactProvider { key: list, problem });
        }
        let mut found = Vec::new();
        for name in in_file.union(&listed).filter(|name| is_provider_name(name)) {
            for (key, default) in Self::keys() {
                let key = format!("{NAMES_KEY}.{name}.{key}");
                let value = env(&Config::env_name(&key));
                // A name that nothing else speaks of is one without an address.
                let is_new = key.ends_with(".url") && !in_file.contains(name);
                found.extend(value.or_else(|| is_new.then_some(default)).map(|it| (key, it)));
            }
        }
        Ok(found)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.providers.len() > MAX_FACT_PROVIDERS {
            return Err(ConfigError::TooManyProviders { count: self.providers.len() });
        }
        for (name, provider) in &self.providers {
            let wrong = |key: &str, problem: String| ConfigError::FactProvider {
                key: format!("{NAMES_KEY}.{name}{key}"),
                problem,
            };
            if !is_provider_name(name) {
                return Err(wrong("", WANT_NAME.to_owned()));
            }
            provider.validate().map_err(|(key, problem)| wrong(key, problem))?;
        }
        Ok(())
    }
}

impl FactProviderConfig {
    /// How long an answer is waited for.
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Reads the address.
    pub fn address(&self) -> Result<FactProviderUrl, String> {
        let wrong = |problem: &str| format!("`{}`: {problem}", self.url);
        let want = "want grpc://, grpcs://, http:// or https:// and a host";
        let (scheme, rest) = self.url.split_once("://").ok_or_else(|| wrong(want))?;
        let (protocol, scheme) = match scheme {
            "grpc" => (FactProtocol::Grpc, "http"),
            "grpcs" => (FactProtocol::Grpc, "https"),
            "http" => (FactProtocol::Http, "http"),
            "https" => (FactProtocol::Http, "https"),
            _ => return Err(wrong(want)),
        };
        if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
            return Err("it holds a user name: secrets stand in `token_file`".to_owned());
        }
        let uri: Uri = format!("{scheme}://{rest}").parse().map_err(|_| wrong(want))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(wrong(want));
        }
        if protocol == FactProtocol::Grpc && uri.path_and_query().is_some_and(|it| *it != "/") {
            return Err(wrong("a gRPC address has no path"));
        }
        Ok(FactProviderUrl { protocol, uri })
    }

    fn validate(&self) -> Result<(), (&'static str, String)> {
        let address = self.address().map_err(|problem| (".url", problem))?;
        let is_plain = !address.is_encrypted();
        if is_plain && !address.is_loopback() && !self.allow_plain {
            let problem = format!(
                "`{}` is not encrypted and not on this machine, so that whoever is in between \
                 decides: use grpcs:// or https://, or set `allow_plain`",
                self.url
            );
            return Err((".url", problem));
        }
        if is_plain && self.ca_file.is_some() {
            return Err((".ca_file", "the address is not encrypted: leave it out".to_owned()));
        }
        if !(1..=MAX_TIMEOUT_MS).contains(&self.timeout_ms) {
            return Err((".timeout_ms", format!("want 1 to {MAX_TIMEOUT_MS}")));
        }
        Ok(())
    }
}

impl FactProviderUrl {
    /// Whether what is said is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests;
