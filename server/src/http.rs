//! What probes and browsers ask for on the same port: health, metrics, a page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures::future::BoxFuture;

use crate::domain::refusal::Origin;
use crate::telemetry::health::{Health, Serving};
use crate::telemetry::metrics::Metrics;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const ABOUT: &str = concat!(
    "Pointsman ",
    env!("CARGO_PKG_VERSION"),
    ": the human-in-the-loop control plane for AI agents.\n\n",
    "This port speaks gRPC and gRPC-web (package pointsman.v1) and has\n",
    "  /metrics  numbers, in the OpenMetrics format\n",
    "  /healthz  whether the process works\n",
    "  /readyz   whether it takes calls\n",
);

/// Says whether the sender of these headers, from so far away, may read the metrics.
pub type Reader = Arc<dyn Fn(HeaderMap, Origin) -> BoxFuture<'static, bool> + Send + Sync>;

/// What the pages show.
#[derive(Clone)]
pub struct Pages {
    /// The numbers.
    pub metrics: Metrics,
    /// Whether the server serves.
    pub health: Health,
    /// Who may read the numbers; absent: everybody.
    pub reader: Option<Reader>,
}

/// The pages as a service.
pub fn router(pages: Pages) -> Router {
    Router::new()
        .route("/", get(async || text(StatusCode::OK, ABOUT)))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || text(StatusCode::NOT_FOUND, "there is no such page\n"))
        .with_state(pages)
}

/// Health alone, as a service.
pub fn health_router(pages: Pages) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(async || text(StatusCode::NOT_FOUND, "there is no such page\n"))
        .with_state(pages)
}

/// Works unless the store failed: then the process is about to end.
async fn healthz(State(pages): State<Pages>) -> Response {
    match pages.health.get() {
        Serving::Yes | Serving::Draining => text(StatusCode::OK, "ok\n"),
        Serving::Failed => text(StatusCode::SERVICE_UNAVAILABLE, "the store failed\n"),
    }
}

async fn readyz(State(pages): State<Pages>) -> Response {
    match pages.health.get() {
        Serving::Yes => text(StatusCode::OK, "ready\n"),
        Serving::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        Serving::Failed => text(StatusCode::SERVICE_UNAVAILABLE, "the store failed\n"),
    }
}

async fn metrics(
    State(pages): State<Pages>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
) -> Response {
    let origin = origin.map_or(Origin::Public, |Extension(origin)| origin);
    if let Some(may_read) = &pages.reader
        && !may_read(headers, origin).await
    {
        let mut refusal = text(StatusCode::UNAUTHORIZED, "metrics need a bearer token\n");
        let challenge = HeaderValue::from_static("Bearer");
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return refusal;
    }
    match pages.metrics.render() {
        Ok(numbers) => with_type(StatusCode::OK, OPEN_METRICS, numbers),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the numbers cannot be shown\n"),
    }
}

fn text(status: StatusCode, body: &'static str) -> Response {
    with_type(status, "text/plain; charset=utf-8", body.to_owned())
}

/// An answer that no browser guesses about, keeps or frames.
fn with_type(status: StatusCode, content_type: &'static str, body: String) -> Response {
    const SAFE: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, [(header::CONTENT_TYPE, content_type)], SAFE, body).into_response()
}

#[cfg(test)]
mod tests;
