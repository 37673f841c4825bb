//! By what notices leave: webhooks and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use http::Uri;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::domain::notice::{NoticeKind, is_channel_name};

/// The most channels there may be.
pub const MAX_NOTICE_CHANNELS: usize = 32;
const WANT_NAME: &str = "want a name of 1 to 32 of `a-z0-9_`";

/// By what notices leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticesConfig {
    /// The channel of notices that no other gets; absent: they are not written.
    pub default: Option<String>,
    /// Channels that are addresses, by name.
    pub webhooks: BTreeMap<String, WebhookConfig>,
    /// Channels that are programs, by name.
    pub commands: BTreeMap<String, CommandConfig>,
}

/// A channel that is an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where notices are posted to, `https://`.
    pub url: String,
    /// A file with the secrets to sign with.
    pub secret_file: Option<PathBuf>,
    /// A variable with the secrets to sign with.
    pub secret_env: Option<String>,
    /// Who signs the receiver's certificate, PEM; absent: whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Networks beside the public ones that the receiver may be in.
    pub allow: Vec<IpNet>,
    /// Which notices it gets without being named.
    pub events: Vec<NoticeKind>,
}

/// A channel that is a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandConfig {
    /// The program, from the root of the file system.
    pub program: PathBuf,
    /// What it is given beside the notice.
    pub args: Vec<String>,
    /// Which notices it gets without being named.
    pub events: Vec<NoticeKind>,
}

type Wrong = (&'static str, String);

impl NoticesConfig {
    /// The keys of one channel of each kind, with their defaults.
    pub fn keys() -> Vec<(String, String)> {
        let mut keys = Vec::new();
        for (prefix, default) in [
            ("webhooks.NAME.", serde_json::to_value(WebhookConfig::default())),
            ("commands.NAME.", serde_json::to_value(CommandConfig::default())),
        ] {
            if let Ok(serde_json::Value::Object(all)) = default {
                super::flatten(prefix, &all, &mut keys);
            }
        }
        keys
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.webhooks.keys().chain(self.commands.keys())
    }

    pub(super) fn validate(&self, is_dev: bool) -> Result<(), ConfigError> {
        let wrong = |key: String, problem: String| ConfigError::Notices { key, problem };
        let mut seen = BTreeSet::new();
        for name in self.names() {
            if !is_channel_name(name) {
                return Err(wrong(format!("notices: `{name}`"), WANT_NAME.to_owned()));
            }
            if !seen.insert(name) {
                let problem = "a webhook has this name as well".to_owned();
                return Err(wrong(format!("notices.commands.{name}"), problem));
            }
        }
        if seen.len() > MAX_NOTICE_CHANNELS {
            let problem = format!("{} channels, at most {MAX_NOTICE_CHANNELS}", seen.len());
            return Err(wrong("notices".to_owned(), problem));
        }
        if let Some(name) = self.default.as_ref().filter(|name| !seen.contains(name)) {
            let problem = format!("there is no channel `{name}`");
            return Err(wrong("notices.default".to_owned(), problem));
        }
        for (name, webhook) in &self.webhooks {
            let found = webhook.validate(is_dev);
            found.map_err(|(key, it)| wrong(format!("notices.webhooks.{name}{key}"), it))?;
        }
        for (name, command) in &self.commands {
            let found = command.validate();
            found.map_err(|(key, it)| wrong(format!("notices.commands.{name}{key}"), it))?;
        }
        Ok(())
    }
}

impl WebhookConfig {
    /// Reads the address.
    pub fn address(&self) -> Result<Uri, String> {
        let want = || format!("`{}`: want https:// and a host", self.url);
        let Some((scheme @ ("https" | "http"), rest)) = self.url.split_once("://") else {
            return Err(want());
        };
        if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err("it holds a user name: no secret stands in an address".to_owned());
        }
        let uri: Uri = format!("{scheme}://{rest}").parse().map_err(|_| want())?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(want());
        }
        Ok(uri)
    }

    fn validate(&self, is_dev: bool) -> Result<(), Wrong> {
        let uri = self.address().map_err(|problem| (".url", problem))?;
        let is_plain = uri.scheme_str() == Some("http");
        if is_plain && !(is_dev && is_loopback(&uri)) {
            let problem = format!(
                "`{}` is not encrypted: use https://; http:// is for this machine under `dev`",
                self.url
            );
            return Err((".url", problem));
        }
        if is_plain && self.ca_file.is_some() {
            return Err((".ca_file", "the address is not encrypted: leave it out".to_owned()));
        }
        if self.secret_file.is_some() == self.secret_env.is_some() {
            let problem = "name either a file or a variable with the secret, and no secret here";
            return Err((".secret_file", problem.to_owned()));
        }
        Ok(())
    }
}

impl CommandConfig {
    fn validate(&self) -> Result<(), Wrong> {
        if self.program.is_absolute() {
            return Ok(());
        }
        let problem = format!(
            "`{}`: want a path from the root, because no search path is used",
            self.program.display()
        );
        Err((".program", problem))
    }
}

/// Whether an address is this machine by its own words.
pub(crate) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
