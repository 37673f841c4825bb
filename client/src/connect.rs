//! Connections: where the server is, who calls, and how long a call may take.
//!
//! A [`Connection`] is cheap to clone and shared by agents, workers and
//! reviewers. It reconnects by itself; a call that cannot reach the server
//! fails, and whoever asked for permission does not have it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pointsman_api::v1::action_service_client::ActionServiceClient;
use pointsman_api::v1::admin_service_client::AdminServiceClient;
use pointsman_api::v1::checkpoint_service_client::CheckpointServiceClient;
use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use pointsman_api::v1::run_service_client::RunServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Response, Status};

use crate::entropy::{Entropy, SystemEntropy};
use crate::error::{Error, Result};
use crate::retry::{Delays, RetryLimits, with_retries};

/// The environment variable with the server's address.
pub const ADDRESS_VARIABLE: &str = "POINTSMAN_ADDRESS";
/// The environment variable with the caller's bearer token.
pub const TOKEN_VARIABLE: &str = "POINTSMAN_TOKEN";
/// Where a server listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "http://127.0.0.1:7420";
/// The largest message that is sent: a checkpoint of 2 MiB and what comes with it.
const LARGEST_REQUEST: usize = 4 << 20;
/// The largest message that is read: a full page of escalations.
const LARGEST_ANSWER: usize = 64 << 20;
/// How long a connection may take to come up.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How often a silent connection is probed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the answer to a probe may take before the connection counts as cut.
const KEEPALIVE_LIMIT: Duration = Duration::from_secs(10);

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// A channel that adds the caller's token to every call.
pub type AuthorizedChannel = InterceptedService<Channel, BearerToken>;

/// Adds `authorization: Bearer …` to every call.
#[derive(Clone)]
pub struct BearerToken(Option<MetadataValue<Ascii>>);

/// A connection to one server, or to several behind one address.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    address: String,
    channels: Vec<Channel>,
    next_channel: AtomicUsize,
    token: BearerToken,
    limits: RetryLimits,
    entropy: Arc<dyn Entropy>,
}

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

// === impl BearerToken ===

impl Interceptor for BearerToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

// === impl Connection ===

impl Connection {
    /// Starts a connection to an address such as `http://127.0.0.1:7420`.
    pub fn builder(address: impl Into<String>) -> ConnectionBuilder {
        ConnectionBuilder {
            address: address.into(),
            token: None,
            tls_ca: None,
            tls_domain: None,
            tls_identity: None,
            channels: 1,
            limits: RetryLimits::default(),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Starts a connection from `POINTSMAN_ADDRESS` and `POINTSMAN_TOKEN`.
    pub fn from_env() -> ConnectionBuilder {
        let address = std::env::var(ADDRESS_VARIABLE).unwrap_or_else(|_| DEFAULT_ADDRESS.into());
        let builder = Self::builder(address);
        match std::env::var(TOKEN_VARIABLE) {
            Ok(token) => builder.token(token),
            Err(_) => builder,
        }
    }

    /// The address that was connected to.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The generated client of `RunService`, for what this crate has no words for.
    pub fn run_service(&self) -> RunServiceClient<AuthorizedChannel> {
        RunServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `ActionService`.
    pub fn action_service(&self) -> ActionServiceClient<AuthorizedChannel> {
        ActionServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `EscalationService`.
    pub fn escalation_service(&self) -> EscalationServiceClient<AuthorizedChannel> {
        EscalationServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `CheckpointService`.
    pub fn checkpoint_service(&self) -> CheckpointServiceClient<AuthorizedChannel> {
        CheckpointServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `AdminService`.
    pub fn admin_service(&self) -> AdminServiceClient<AuthorizedChannel> {
        AdminServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// A fresh request_id.
    pub fn new_request_id(&self) -> String {
        self.0.entropy.uuid().to_string()
    }

    /// Sends a call that is safe to repeat: one that reads, or carries a
    /// request_id. `call` is run once for every try.
    pub async fn send<T, F, Fut>(&self, call: F) -> Result<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.send_within(self.0.limits.clone(), call).await
    }

    /// Like [`send`](Self::send) for a call that the server answers late on
    /// purpose: `wait` is added to the limits.
    pub async fn send_and_wait<T, F, Fut>(&self, wait: Duration, call: F) -> Result<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.send_within(self.0.limits.clone().prolonged_by(wait), call).await
    }

    /// Sends a call that must not be repeated.
    pub(crate) async fn send_once<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T> {
        match tokio::time::timeout(limit, call).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(Error::timeout(limit)),
        }
    }

    async fn send_within<T, F, Fut>(&self, limits: RetryLimits, mut call: F) -> Result<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        with_retries(limits, Arc::clone(&self.0.entropy), || {
            let answer = call();
            async move { answer.await.map(Response::into_inner).map_err(Error::from) }
        })
        .await
    }

    /// The waits between tries to open a stream; they never end.
    pub(crate) fn stream_delays(&self) -> Delays {
        Delays::new(RetryLimits::for_streams(), Arc::clone(&self.0.entropy))
    }

    /// How long the opening of a stream may take.
    pub(crate) fn attempt_limit(&self) -> Duration {
        self.0.limits.attempt
    }

    /// The channels in turn.
    fn channel(&self) -> Channel {
        let turn = self.0.next_channel.fetch_add(1, Ordering::Relaxed);
        let at = turn.checked_rem(self.0.channels.len()).unwrap_or_default();
        match self.0.channels.get(at) {
            Some(channel) => channel.clone(),
            None => Endpoint::from_static(DEFAULT_ADDRESS).connect_lazy(),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.0.address).finish_non_exhaustive()
    }
}

// === impl ConnectionBuilder ===

impl ConnectionBuilder {
    /// Sends this bearer token with every call.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Trusts the certificate authority of this PEM text, and no other.
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
        endpoint.tls_config(self.tls()).map_err(|cause| refused(&cause))
    }

    fn tls(&self) -> ClientTlsConfig {
        let mut tls = ClientTlsConfig::new();
        if let Some(pem) = &self.tls_ca {
            tls = tls.ca_certificate(Certificate::from_pem(pem));
        }
        if let Some(name) = &self.tls_domain {
            tls = tls.domain_name(name);
        }
        if let Some((chain, key)) = &self.tls_identity {
            tls = tls.identity(Identity::from_pem(chain, key));
        }
        tls
    }
}

impl fmt::Debug for ConnectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

/// `host:port` means plain HTTP/2, which servers speak on loopback only.
fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.into() } else { format!("http://{address}") }
}

/// The protocol's message for a span of time.
pub(crate) fn span(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A part of an answer that the protocol promises.
pub(crate) fn promised<T>(part: Option<T>, name: &str) -> Result<T> {
    part.ok_or_else(|| Error::protocol(format!("the server's answer lacks `{name}`")))
}

#[cfg(test)]
mod tests;
