//! The one door that every call passes: method, limits, caller, role, time,
//! details. Nothing of a request's message is read before.
//!
//! It stands around all services alike, so that no handler checks any of this
//! by hand. It is one future with one allocation per call, because it lies on
//! the hot path.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::auth::{self, Authenticate, Pass};
use super::foreign;
use super::limits::{self, Gauge, Place, RequestLimit};
use super::methods::{Access, Method, Methods};
use super::strangers::Acquaintance;
use crate::domain::error::Error;
use crate::engine::admission::Shown;
use crate::telemetry::clock::Stopwatch;
use crate::telemetry::trace;

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// What all doors of a server share.
pub struct Gate<A> {
    authenticator: A,
    methods: Methods,
}

/// The door of one connection: a tower service around the others.
pub struct Door<S, A> {
    inner: S,
    gate: Arc<Gate<A>>,
    calls: Arc<Gauge>,
    peer: Acquaintance,
}

// === impl Gate ===

impl<A: Authenticate> Gate<A> {
    /// Knows the methods and asks this authenticator.
    pub const fn new(authenticator: A, methods: Methods) -> Self {
        Self { authenticator, methods }
    }

    /// Lets a call in: a place for it, and its caller in the extensions.
    async fn admit<B>(
        &self,
        method: &Method,
        request: &mut Request<B>,
        door: &Door<impl Sized, A>,
    ) -> Result<Place, Error> {
        let full = Error::Overloaded { retry_after: limits::OVERLOAD_RETRY };
        let place = door.calls.enter().ok_or(full)?;
        if let Access::Caller(need) = method.access {
            let secret = auth::secret(request.headers())?;
            let certificate = door.peer.certificate().map(|it| &**it);
            let shown = Shown { secret, certificate, origin: door.peer.origin() };
            let principal = self.authenticator.authenticate(shown).await?;
            door.peer.introduce();
            tracing::Span::current().record("tenant", A::tenant(&principal));
            A::permit(&principal, need)?;
            let pass = method.is_stream.then(|| Pass::new(secret, &door.peer, need));
            request.extensions_mut().insert(principal);
            if let Some(pass) = pass {
                request.extensions_mut().insert(pass);
            }
        }
        Ok(place)
    }
}

// === impl Door ===

impl<S: Clone, A: Authenticate> Door<S, A> {
    /// A door for one connection, which lets `calls` in at once.
    pub const fn new(inner: S, gate: Arc<Gate<A>>, calls: Arc<Gauge>, peer: Acquaintance) -> Self {
        Self { inner, gate, calls, peer }
    }

    /// Answers a call; errors are answers, too.
    pub async fn pass<B>(self, request: Request<B>) -> Response<Body>
    where
        S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    {
        let stopwatch = Stopwatch::start();
        let path = request.uri().path();
        let Some(method) = self.gate.methods.find(path) else {
            return foreign::unimplemented(path).into_http();
        };
        let span = call_span(method, request.headers());
        let response = self.answer(method, request).instrument(span.clone()).await;
        let code = foreign::head_code(response.headers()).unwrap_or(Code::Ok);
        span.record("code", code as i32);
        method.observe(code, stopwatch.elapsed());
        response
    }

    async fn answer<B>(&self, method: &Method, mut request: Request<B>) -> Response<Body>
    where
        S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    {
        let limit = time_limit(method, request.headers());
        let mut inner = self.inner.clone();
        let work = async {
            let _place = self.gate.admit(method, &mut request, self).await?;
            request.extensions_mut().insert(RequestLimit(method.max_request_bytes));
            let Ok(response) = inner.call(request).await;
            Ok::<_, Error>(response)
        };
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(response)) => foreign::repair(response, method.max_request_bytes),
            Ok(Err(refusal)) => Status::from(refusal).into_http(),
            Err(_) => foreign::deadline_exceeded(limit).into_http(),
        }
    }
}

impl<S: Clone, A> Clone for Door<S, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: Arc::clone(&self.gate),
            calls: Arc::clone(&self.calls),
            peer: self.peer.clone(),
        }
    }
}

impl<S, A, B> Service<Request<B>> for Door<S, A>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    A: Authenticate,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok(door.pass(request).await) })
    }
}

/// The span of a call; its fields are ids only, never what anybody wrote.
fn call_span(method: &Method, headers: &HeaderMap) -> tracing::Span {
    let span = tracing::debug_span!(
        target: trace::CALLS,
        "call",
        otel.name = method.path,
        otel.kind = "server",
        method = method.path,
        tenant = Empty,
        run_id = Empty,
        action_id = Empty,
        escalation_id = Empty,
        code = Empty,
    );
    if !span.is_disabled() {
        trace::adopt_parent(&span, headers);
    }
    span
}

/// How long a call may take: what the caller asks for, up to our own limit.
fn time_limit(method: &Method, headers: &HeaderMap) -> Duration {
    caller_timeout(headers).map_or(method.timeout, |asked| asked.min(method.timeout))
}

/// The caller's own deadline, as the `grpc-timeout` header has it; an
/// unreadable one counts as none.
fn caller_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
