//! The listener of overrides: stops and pauses get through however busy the port for
//! everything is.
//!
//! It has a thread, a runtime, connections and limits of its own, and serves
//! `OverrideService` and health only. What it asks of the engine goes by the exempt lane
//! and waits for no task of the other runtime.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::front::Front;
use super::listener::Listener;
use crate::config::Config;
use crate::engine::Engine;
use crate::http::{self, Pages};
use crate::rpc::Shared;
use crate::rpc::dispatch::Dispatch;
use crate::rpc::door::Gate;
use crate::rpc::limits::Gauge;
use crate::rpc::methods::Methods;
use crate::rpc::strangers::Strangers;
use crate::rpc::streams::Streams;
use crate::telemetry::health::Health;

/// The services that are served.
const SERVED: [&str; 2] = ["pointsman.v1.OverrideService", "grpc.health.v1.Health"];
/// The most connections: agents that wait for overrides, and people.
const CONNECTIONS: usize = 16_384;
/// The most streams that watch overrides.
const STREAMS: usize = 1_024;
/// The name of its thread.
const THREAD: &str = "overrides";

/// The listener while it runs.
pub(super) struct Switch {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Done when the last connection is gone.
    pub(super) ended: oneshot::Receiver<()>,
}

/// Starts the listener, unless the configuration says that there is none; `port` is that
/// for everything.
pub(super) fn start(
    config: &Config,
    engine: &Engine,
    port: &Listener<Engine>,
    health: &Health,
    stopping: &CancellationToken,
) -> Result<Option<Switch>, RunError> {
    let Some(address) = config.overrides_listen() else { return Ok(None) };
    let internal = |error: &dyn std::fmt::Display| RunError::Internal(error.to_string());
    let listen = |cause| RunError::Listen { address, cause };
    let socket = StdListener::bind(address).map_err(listen)?;
    socket.set_nonblocking(true).map_err(listen)?;
    let address = socket.local_addr().map_err(listen)?;
    let listener = compose(config, engine, port, health, stopping)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| internal(&error))?;
    let (done, ended) = oneshot::channel();
    let serve = move || {
        runtime.block_on(async {
            match TcpListener::from_std(socket) {
                Ok(socket) => listener.serve(socket).await,
                Err(error) => tracing::error!(%error, "the listener of overrides cannot serve"),
            }
        });
        // Whoever waited may have gone.
        let _ = done.send(());
    };
    let thread = std::thread::Builder::new().name(THREAD.to_owned()).spawn(serve);
    thread.map_err(|error| internal(&error))?;
    tracing::info!(overrides_address = %address, "serving overrides");
    Ok(Some(Switch { address, ended }))
}

fn compose(
    config: &Config,
    engine: &Engine,
    port: &Listener<Engine>,
    health: &Health,
    stopping: &CancellationToken,
) -> Result<Listener<Engine>, RunError> {
    let internal = |error: &dyn std::fmt::Display| RunError::Internal(error.to_string());
    let methods = Methods::new(&port.metrics, false).map_err(|error| internal(&error))?;
    let streams = Streams::new(engine.clone(), Gauge::new(STREAMS), stopping.clone());
    let shared = Shared { engine: engine.clone(), streams: Arc::new(streams), is_dev: false };
    let pages = Pages { metrics: port.metrics.clone(), health: health.clone(), reader: None };
    let front = Front {
        gate: Arc::new(Gate::new(engine.clone(), methods.only(&SERVED))),
        services: Dispatch::new(&shared, health.clone()).map_err(|error| internal(&error))?,
        pages: http::health_router(pages),
        calls_per_connection: config.limits.calls_per_connection,
    };
    Ok(Listener {
        front,
        tls: port.tls.clone(),
        connections: Gauge::new(CONNECTIONS),
        strangers: Strangers::new(config.limits.unauthenticated_per_address),
        metrics: port.metrics.clone(),
        ending: port.ending.clone(),
    })
}
