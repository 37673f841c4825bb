//! Collecting what a connection needs, and connecting.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::{BearerToken, Connection, Shared};
use crate::entropy::{Entropy, SystemEntropy};
use crate::error::{Error, Result};
use crate::retry::RetryLimits;

/// How long a connection may take to come up.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How often a silent connection is probed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the answer to a probe may take before the connection counts as cut.
const KEEPALIVE_LIMIT: Duration = Duration::from_secs(10);

/// The variable that names a file of trusted authorities.
const AUTHORITIES_VARIABLE: &str = "SSL_CERT_FILE";
/// Where systems keep them.
const AUTHORITIES_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Collects what a [`Connection`] needs.
#[derive(Clone)]
pub struct ConnectionBuilder {
    address: String,
    token: Option<String>,
    tls_ca: Option<Vec<u8>>,
    tls_domain: Option<String>,
    tls_identity: Option<(Vec<u8>, Vec<u8>)>,
    channels: usize,
    limits: RetryLimits,
    entropy: Arc<dyn Entropy>,
}

// === impl ConnectionBuilder ===

impl ConnectionBuilder {
    pub(super) fn new(address: String) -> Self {
        Self {
            address,
            token: None,
            tls_ca: None,
            tls_domain: None,
            tls_identity: None,
            channels: 1,
            limits: RetryLimits::default(),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Sends this bearer token with every call.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Trusts the certificate authorities of this PEM text, and no others. Without
    /// it those that the system trusts, or the file that `SSL_CERT_FILE` names.
    #[must_use]
    pub fn tls_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls_ca = Some(pem.into());
        self
    }

    /// Expects this name in the server's certificate instead of the address.
    #[must_use]
    pub fn tls_domain(mut self, name: impl Into<String>) -> Self {
        self.tls_domain = Some(name.into());
        self
    }

    /// Shows this certificate to the server: chain and key in PEM.
    #[must_use]
    pub fn tls_identity(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls_identity = Some((chain.into(), key.into()));
        self
    }

    /// Spreads calls over this many connections; 1 is enough below some 50,000
    /// calls a second.
    #[must_use]
    pub fn channels(mut self, count: usize) -> Self {
        self.channels = count.max(1);
        self
    }

    /// Bounds each call, all tries together.
    #[must_use]
    pub fn call_limit(mut self, limit: Duration) -> Self {
        self.limits.total = limit;
        self.limits.attempt = self.limits.attempt.min(limit);
        self
    }

    /// Sets all limits of repetition.
    #[must_use]
    pub fn retry_limits(mut self, limits: RetryLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes request ids and jitter from here.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Connects now, so that a wrong address shows at once.
    ///
    /// # Errors
    ///
    /// InvalidInput for a malformed address, token or certificate; Connection if
    /// the server cannot be reached.
    pub async fn connect(self) -> Result<Connection> {
        let endpoint = self.endpoint()?;
        let mut channels = Vec::with_capacity(self.channels);
        for _ in 0..self.channels {
            let channel = endpoint
                .connect()
                .await
                .map_err(|cause| Error::unreachable(&self.address, &cause))?;
            channels.push(channel);
        }
        self.finish(channels)
    }

    /// Connects with the first call. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// InvalidInput for a malformed address, token or certificate.
    pub fn connect_lazy(self) -> Result<Connection> {
        let endpoint = self.endpoint()?;
        let channels = (0..self.channels).map(|_| endpoint.connect_lazy()).collect();
        self.finish(channels)
    }

    fn finish(self, channels: Vec<Channel>) -> Result<Connection> {
        let token = self
            .token
            .map(|token| MetadataValue::try_from(format!("Bearer {}", token.trim())))
            .transpose()
            .map_err(|_| Error::invalid_input("the token has characters that no token has"))?
            .map(|mut value| {
                value.set_sensitive(true);
                value
            });
        Ok(Connection(Arc::new(Shared {
            address: self.address,
            channels,
            next_channel: AtomicUsize::new(0),
            token: BearerToken(token),
            limits: self.limits,
            entropy: self.entropy,
        })))
    }

    fn endpoint(&self) -> Result<Endpoint> {
        let address = with_scheme(&self.address);
        let refused = |cause: &dyn std::error::Error| {
            let address = &self.address;
            Error::invalid_input(format!("`{address}` is not an address to connect to: {cause}"))
        };
        let endpoint = Endpoint::from_shared(address.clone())
            .map_err(|cause| refused(&cause))?
            .connect_timeout(CONNECT_LIMIT.min(self.limits.total))
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_LIMIT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        if !address.starts_with("https:") {
            return Ok(endpoint);
        }
        endpoint.tls_config(self.tls()?).map_err(|cause| refused(&cause))
    }

    fn tls(&self) -> Result<ClientTlsConfig> {
        let authorities = match &self.tls_ca {
            Some(pem) => pem.clone(),
            None => system_authorities()?,
        };
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authorities));
        if let Some(name) = &self.tls_domain {
            tls = tls.domain_name(name);
        }
        if let Some((chain, key)) = &self.tls_identity {
            tls = tls.identity(Identity::from_pem(chain, key));
        }
        Ok(tls)
    }
}

impl fmt::Debug for ConnectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The certificate authorities that the system trusts, as PEM.
pub(crate) fn system_authorities() -> Result<Vec<u8>> {
    let named = std::env::var_os(AUTHORITIES_VARIABLE).map(PathBuf::from);
    let known = AUTHORITIES_FILES.iter().map(PathBuf::from);
    let found = named.into_iter().chain(known).find_map(|path| std::fs::read(path).ok());
    found.ok_or_else(|| {
        Error::invalid_input("the system names no certificate authorities: give one for TLS")
    })
}

/// `host:port` means plain HTTP/2, which servers speak on loopback only.
fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.into() } else { format!("http://{address}") }
}
