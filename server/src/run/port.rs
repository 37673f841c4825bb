//! Puts the port together: what answers, and what limits it.

use std::sync::Arc;

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::front::Front;
use super::listener::{Ending, Listener};
use super::numbers::Numbers;
use super::tls::Certificates;
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::admission::Shown;
use crate::http::{self, Pages};
use crate::rpc::Shared;
use crate::rpc::auth;
use crate::rpc::dispatch::Dispatch;
use crate::rpc::door::Gate;
use crate::rpc::limits::Gauge;
use crate::rpc::methods::Methods;
use crate::rpc::strangers::Strangers;
use crate::rpc::streams::Streams;
use crate::store::Store;
use crate::telemetry::health::Health;
use crate::telemetry::metrics::Metrics;

/// Builds everything behind the port.
pub(super) fn compose(
    config: &Config,
    engine: &Engine,
    store: &Arc<dyn Store>,
    tls: Option<Arc<Certificates>>,
    health: &Health,
    stopping: &CancellationToken,
) -> Result<Listener<Engine>, RunError> {
    let internal = |error: &dyn std::fmt::Display| RunError::Internal(error.to_string());
    let metrics = Metrics::new();
    let connections = Gauge::new(config.limits.connections);
    let streams = Gauge::new(config.limits.streams);
    metrics.collect_from(Box::new(Numbers {
        engine: engine.clone(),
        store: Arc::clone(store),
        connections: Arc::clone(&connections),
        streams: Arc::clone(&streams),
    }));
    let methods = Methods::new(&metrics, config.dev).map_err(|error| internal(&error))?;
    let guard = Arc::new(Streams::new(engine.clone(), streams, stopping.clone()));
    let shared = Shared { engine: engine.clone(), streams: guard, is_dev: config.dev };
    let services = Dispatch::new(&shared, health.clone()).map_err(|error| internal(&error))?;
    let reader = if config.dev || config.metrics.open { None } else { Some(reader(engine)) };
    let pages = Pages { metrics: metrics.clone(), health: health.clone(), reader };
    let front = Front {
        gate: Arc::new(Gate::new(engine.clone(), methods)),
        services,
        pages: http::router(pages),
        calls_per_connection: config.limits.calls_per_connection,
    };
    let strangers = Strangers::new(config.limits.unauthenticated_per_address);
    Ok(Listener { front, tls, connections, strangers, metrics, ending: Ending::default() })
}

/// Whoever has a token may read the metrics.
fn reader(engine: &Engine) -> http::Reader {
    let engine = engine.clone();
    Arc::new(move |headers, origin| {
        let engine = engine.clone();
        async move {
            let Ok(secret) = auth::bearer(&headers) else { return false };
            let shown = Shown { secret: Some(secret), certificate: None, origin };
            engine.admit(shown).await.is_ok()
        }
        .boxed()
    })
}
