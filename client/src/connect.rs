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
use pointsman_api::v1::drill_service_client::DrillServiceClient;
use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use pointsman_api::v1::insight_service_client::InsightServiceClient;
use pointsman_api::v1::override_service_client::OverrideServiceClient;
use pointsman_api::v1::policy_service_client::PolicyServiceClient;
use pointsman_api::v1::reasoning_service_client::ReasoningServiceClient;
use pointsman_api::v1::review_service_client::ReviewServiceClient;
use pointsman_api::v1::run_service_client::RunServiceClient;
use pointsman_api::v1::watch_service_client::WatchServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::retry::{Delays, RetryLimits, with_retries};

mod builder;

pub use builder::ConnectionBuilder;
pub(crate) use builder::system_authorities;

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

/// How much longer the server may work than the caller waits, so that it is always
/// the caller who says that it took too long.
const DEADLINE_MARGIN: Duration = Duration::from_millis(100);
/// The longest deadline that is told; no server works longer for one call.
const LONGEST_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

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
        ConnectionBuilder::new(address.into())
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

    /// The generated client of `PolicyService`.
    pub fn policy_service(&self) -> PolicyServiceClient<AuthorizedChannel> {
        PolicyServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `InsightService`.
    pub fn insight_service(&self) -> InsightServiceClient<AuthorizedChannel> {
        InsightServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `OverrideService`.
    pub fn override_service(&self) -> OverrideServiceClient<AuthorizedChannel> {
        OverrideServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `DrillService`.
    pub fn drill_service(&self) -> DrillServiceClient<AuthorizedChannel> {
        DrillServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `ReasoningService`.
    pub fn reasoning_service(&self) -> ReasoningServiceClient<AuthorizedChannel> {
        ReasoningServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `ReviewService`.
    pub fn review_service(&self) -> ReviewServiceClient<AuthorizedChannel> {
        ReviewServiceClient::with_interceptor(self.channel(), self.0.token.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_REQUEST)
    }

    /// The generated client of `WatchService`.
    pub fn watch_service(&self) -> WatchServiceClient<AuthorizedChannel> {
        WatchServiceClient::with_interceptor(self.channel(), self.0.token.clone())
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
    /// request_id. `call` is run once for every try, with a request that tells
    /// the server how long this try is waited for.
    pub async fn send<M, T, F, Fut>(&self, message: M, call: F) -> Result<T>
    where
        M: Clone,
        F: FnMut(Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.send_within(self.0.limits.clone(), message, call).await
    }

    /// Like [`send`](Self::send) for a call that the server answers late on
    /// purpose, by at most `wait`.
    pub async fn send_and_wait<M, T, F, Fut>(
        &self,
        wait: Duration,
        message: M,
        call: F,
    ) -> Result<T>
    where
        M: Clone,
        F: FnMut(Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.send_within(self.0.limits.clone().prolonged_by(wait), message, call).await
    }

    /// Sends a call that must not be repeated.
    pub(crate) async fn send_once<M, T, Fut>(
        &self,
        limit: Duration,
        message: M,
        call: impl FnOnce(Request<M>) -> Fut,
    ) -> Result<T>
    where
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        match tokio::time::timeout(limit, call(within(limit, message))).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(Error::timeout(limit)),
        }
    }

    async fn send_within<M, T, F, Fut>(
        &self,
        limits: RetryLimits,
        message: M,
        mut call: F,
    ) -> Result<T>
    where
        M: Clone,
        F: FnMut(Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        with_retries(limits, Arc::clone(&self.0.entropy), |limit| {
            let answer = call(within(limit, message.clone()));
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

/// A request that says how long its caller waits.
fn within<M>(limit: Duration, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(limit.saturating_add(DEADLINE_MARGIN).min(LONGEST_DEADLINE));
    request
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
