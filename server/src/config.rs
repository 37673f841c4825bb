//! What an operator can set: one TOML file, the environment, and flags.
//!
//! Later wins: defaults, file, environment, flags. [`Config::load`] refuses
//! what it does not know; [`Config::validate`] refuses what is not safe, so
//! that nothing unsafe is ever opened. Every key stands in
//! `docs/configuration.md`, and a test compares the two.

mod database;
mod error;
mod facts;
mod floods;
mod identity;
mod notices;
mod overrides;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use database::{DatabaseConfig, StoreUrl};
pub use error::ConfigError;
pub use facts::{
    FactProtocol, FactProviderConfig, FactProviderUrl, FactsConfig, MAX_FACT_PROVIDERS,
};
pub use floods::FloodsConfig;
pub use identity::{IdentityConfig, JwksPlace, OidcConfig, SpiffeConfig};
pub(crate) use notices::is_loopback;
pub use notices::{CommandConfig, MAX_NOTICE_CHANNELS, NoticesConfig, WebhookConfig};
pub use overrides::OverridesConfig;

/// The port for everything.
pub const DEFAULT_PORT: u16 = 7420;
/// What every environment variable of the server begins with.
const ENV_PREFIX: &str = "POINTSMAN_";

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The database that several servers share, `postgres://…`; absent: all data
    /// are in `data_dir`.
    pub store: Option<StoreUrl>,
    /// Where journal, payloads and projection are; with a `store`, this server's
    /// signing key and signed head.
    pub data_dir: PathBuf,
    /// Where the signed tree head is; absent: beside `data_dir`.
    pub head_file: Option<PathBuf>,
    /// Where backups are made; absent: beside `data_dir`.
    pub backup_dir: Option<PathBuf>,
    /// The policy to put in force at the start; absent: the stored one.
    pub policy_file: Option<PathBuf>,
    /// How policies come into force.
    pub policy: PolicyConfig,
    /// Ready-made tokens with well-known secrets; on loopback only.
    pub dev: bool,
    /// How long open calls may take to finish when the server stops.
    pub shutdown_grace_seconds: u64,
    /// Encryption.
    pub tls: TlsConfig,
    /// Logs.
    pub log: LogConfig,
    /// Traces.
    pub otlp: OtlpConfig,
    /// The metrics page.
    pub metrics: MetricsConfig,
    /// Limits of the wire.
    pub limits: LimitsConfig,
    /// How much agents may ask of people.
    pub floods: FloodsConfig,
    /// How runs in flight are stopped.
    pub overrides: OverridesConfig,
    /// When to stop taking work because the disk fills; without a `store`.
    pub disk: DiskConfig,
    /// How the `store` is used.
    pub database: DatabaseConfig,
    /// Who may be asked for facts.
    pub facts: FactsConfig,
    /// By what notices leave.
    pub notices: NoticesConfig,
    /// Who else may say who somebody is.
    pub identity: IdentityConfig,
}

/// How policies come into force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Whether an admin's activation waits for another admin.
    pub second_person: bool,
}

/// Certificates; all absent: no encryption, on loopback only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate chain, PEM.
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub key_file: Option<PathBuf>,
    /// Who signs the certificates that clients must have: one authority or several;
    /// absent: none needed.
    pub client_ca_file: Option<PathBuf>,
    /// Whether clients may also come without; only where certificates name callers.
    pub client_cert_optional: bool,
}

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// Which events, in the syntax of `tracing`.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Where traces go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// The collector's gRPC endpoint; absent: no traces.
    pub endpoint: Option<String>,
}

/// Who may read the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Whether `/metrics` needs no token.
    pub open: bool,
}

/// How much at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Connections.
    pub connections: usize,
    /// Connections of one address that have shown no valid token.
    pub unauthenticated_per_address: usize,
    /// Calls of one connection that are being answered.
    pub calls_per_connection: usize,
    /// Open streams: watches and waits.
    pub streams: usize,
    /// Open escalations of one agent.
    pub open_per_agent: u64,
    /// Open escalations of the tenant.
    pub open_per_tenant: u64,
}

/// Free bytes below which the server refuses work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskConfig {
    /// Below it, new runs, proposals and checkpoints are refused; at most a
    /// quarter of the disk.
    pub intake_bytes: u64,
    /// The same as a percentage of the disk; the greater of both counts.
    pub intake_percent: u64,
    /// Below it, everything but stops is refused; at most a sixteenth of the
    /// disk.
    pub normal_bytes: u64,
}

/// What telemetry needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// The form of log lines.
    pub format: LogFormat,
    /// Which events are logged.
    pub filter: String,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
}

// === impl Config ===

impl Config {
    /// Reads file, environment and flags, in this order, over the defaults.
    ///
    /// `env` is asked for each known variable; `flags` are pairs of key and
    /// value, such as `("tls.cert_file", "/etc/cert.pem")`.
    pub fn load(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<String>,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let mut builder = ::config::Config::builder();
        if let Some(file) = file {
            builder =
                builder.add_source(::config::File::from(file).format(::config::FileFormat::Toml));
        }
        for (key, _) in Self::keys() {
            builder = builder.set_override_option(&key, env(&Self::env_name(&key)))?;
        }
        let in_file = builder.build_cloned()?.get_table("facts.providers").unwrap_or_default();
        let in_file = in_file.into_keys().collect();
        for (key, value) in FactsConfig::from_environment(&in_file, &env)? {
            builder = builder.set_override(key, value)?;
        }
        for (key, value) in flags {
            builder = builder.set_override(key, value.as_str())?;
        }
        Ok(builder.build()?.try_deserialize()?)
    }

    /// Every key with its default, in the order of the structs.
    pub fn keys() -> Vec<(String, String)> {
        let mut keys = Vec::new();
        if let Ok(serde_json::Value::Object(all)) = serde_json::to_value(Self::default()) {
            flatten("", &all, &mut keys);
        }
        keys
    }

    /// The environment variable of a key.
    pub fn env_name(key: &str) -> String {
        format!("{ENV_PREFIX}{}", key.replace('.', "_").to_uppercase())
    }

    /// Refuses what is not safe or makes no sense.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_reach()?;
        self.facts.validate()?;
        self.floods.validate()?;
        self.notices.validate(self.dev)?;
        self.identity.oidc.validate(self.dev)?;
        self.identity.spiffe.validate(&self.tls)?;
        if self.store.as_ref().is_some_and(|store| !store.is_database()) {
            return Err(ConfigError::StoreUrl);
        }
        for (key, path) in [("head_file", self.head_file()), ("backup_dir", self.backup_dir())] {
            if path.starts_with(&self.data_dir) {
                return Err(ConfigError::InsideData { key });
            }
        }
        if self.disk.normal_bytes > self.disk.intake_bytes {
            let want = "at most `disk.intake_bytes`";
            return Err(ConfigError::Number { key: "disk.normal_bytes", want });
        }
        if self.disk.intake_percent > 99 {
            return Err(ConfigError::Number { key: "disk.intake_percent", want: "at most 99" });
        }
        let positive = [
            ("limits.connections", self.limits.connections),
            ("limits.unauthenticated_per_address", self.limits.unauthenticated_per_address),
            ("limits.calls_per_connection", self.limits.calls_per_connection),
            ("limits.streams", self.limits.streams),
            ("database.connections", self.database.connections),
        ];
        match positive.into_iter().find(|(_, number)| *number == 0) {
            Some((key, _)) => Err(ConfigError::Number { key, want: "at least 1" }),
            None => Ok(()),
        }
    }

    fn validate_reach(&self) -> Result<(), ConfigError> {
        let TlsConfig { cert_file, key_file, client_ca_file, .. } = &self.tls;
        let pairs = [
            ("tls.cert_file", cert_file, "tls.key_file", key_file),
            ("tls.key_file", key_file, "tls.cert_file", cert_file),
            ("tls.client_ca_file", client_ca_file, "tls.cert_file", cert_file),
        ];
        for (present, this, absent, that) in pairs {
            if this.is_some() && that.is_none() {
                return Err(ConfigError::Incomplete { present, absent });
            }
        }
        let listening = [Some(self.listen), self.overrides_listen()];
        let beyond = listening.into_iter().flatten().find(|it| !it.ip().is_loopback());
        match beyond {
            Some(address) if self.dev => Err(ConfigError::DevBeyondLoopback(address)),
            Some(address) if cert_file.is_none() => Err(ConfigError::NotEncrypted(address)),
            _ => Ok(()),
        }
    }

    /// Where the signed tree head is.
    pub fn head_file(&self) -> PathBuf {
        self.head_file.clone().unwrap_or_else(|| beside(&self.data_dir, ".head"))
    }

    /// Where backups are made.
    pub fn backup_dir(&self) -> PathBuf {
        self.backup_dir.clone().unwrap_or_else(|| beside(&self.data_dir, "-backups"))
    }

    /// How long open calls may take to finish when the server stops.
    pub const fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }

    /// What telemetry needs to know.
    pub fn telemetry(&self) -> TelemetryConfig {
        TelemetryConfig {
            format: self.log.format,
            filter: self.log.filter.clone(),
            otlp_endpoint: self.otlp.endpoint.clone(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            store: None,
            data_dir: PathBuf::from("pointsman-data"),
            head_file: None,
            backup_dir: None,
            policy_file: None,
            policy: PolicyConfig::default(),
            dev: false,
            shutdown_grace_seconds: 10,
            tls: TlsConfig::default(),
            log: LogConfig::default(),
            otlp: OtlpConfig::default(),
            metrics: MetricsConfig::default(),
            limits: LimitsConfig::default(),
            floods: FloodsConfig::default(),
            overrides: OverridesConfig::default(),
            disk: DiskConfig::default(),
            database: DatabaseConfig::default(),
            facts: FactsConfig::default(),
            notices: NoticesConfig::default(),
            identity: IdentityConfig::default(),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: 2_048,
            unauthenticated_per_address: 64,
            calls_per_connection: 512,
            streams: 20_000,
            open_per_agent: 1_000,
            open_per_tenant: 200_000,
        }
    }
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self { intake_bytes: 512 << 20, intake_percent: 10, normal_bytes: 32 << 20 }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn flatten(
    prefix: &str,
    object: &serde_json::Map<String, serde_json::Value>,
    into: &mut Vec<(String, String)>,
) {
    for (name, value) in object {
        let key = format!("{prefix}{name}");
        match value {
            serde_json::Value::Object(inner) => flatten(&format!("{key}."), inner, into),
            serde_json::Value::Null => into.push((key, String::new())),
            serde_json::Value::String(text) => into.push((key, text.clone())),
            other => into.push((key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
