//! The composition root: builds store, engine and services, and ends them.
//!
//! Order of the start: configuration, certificates, store, engine, policy,
//! tokens, port; nothing listens before everything behind it works. Order of
//! the end: health says so, streams end, connections drain up to a hard cap,
//! the engine's own work stops, the store closes. If the store fails, none of
//! this is waited for: nothing may be acknowledged any more.

mod error;
mod front;
mod listener;
mod numbers;
mod port;
mod prepare;
mod shutdown;
mod store;
mod switch;
mod tls;
mod wire;
mod workloads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use error::RunError;
pub use shutdown::Shutdown;
pub use store::migrate;
pub use tls::TlsError;

use crate::config::Config;
use crate::domain::principal::Role;
use crate::engine::Background;
use crate::store::{Store, StoreFailure};
use crate::telemetry::health::{Health, Serving};
use crate::telemetry::trace;
use listener::Ending;
use prepare::Settings;

/// The tokens of `dev`: secret, principal, role. Everybody knows them.
pub const DEV_TOKENS: [(&str, &str, Role); 6] = [
    ("dev-agent", "agent", Role::Agent),
    ("dev-reviewer", "reviewer", Role::Reviewer),
    ("dev-supervisor", "supervisor", Role::Supervisor),
    ("dev-author", "author", Role::PolicyAuthor),
    ("dev-auditor", "auditor", Role::Auditor),
    ("dev-admin", "admin", Role::Admin),
];

/// How long connections may still send answers after the store failed.
const FAILURE_GRACE: Duration = Duration::from_millis(300);

/// A server that runs. Dropping it cuts it off, as a crash would.
pub struct RunningServer {
    address: SocketAddr,
    overrides_address: Option<SocketAddr>,
    first_token: Option<String>,
    grace: Duration,
    store: Arc<dyn Store>,
    background: Background,
    health: Health,
    stopping: CancellationToken,
    ending: Ending,
    served: JoinHandle<()>,
    _end_when_dropped: [DropGuard; 3],
}

/// Serves until asked to stop; logs and traces are set up for the process.
pub async fn serve(config: Config, shutdown: Shutdown) -> Result<(), RunError> {
    let telemetry = trace::start(&config.telemetry())?;
    let ended = async {
        let server = start(config).await?;
        if let Some(secret) = &server.first_token {
            prepare::show_first_token(secret);
        }
        server.wait(shutdown).await
    };
    let ended = ended.await;
    // It waits for the collector, and the exporter needs this thread meanwhile.
    if let Err(error) = tokio::task::spawn_blocking(|| telemetry.stop()).await {
        tracing::warn!(%error, "some traces could not be sent");
    }
    ended
}

/// Starts a server and returns when it answers.
pub async fn start(config: Config) -> Result<RunningServer, RunError> {
    let settings = prepare::settings(config).await?;
    let store = store::open(&settings.config).await?;
    start_on(settings, store).await
}

async fn start_on(settings: Settings, store: Arc<dyn Store>) -> Result<RunningServer, RunError> {
    let Settings { config, tls, policy, outside } = settings;
    let engine = prepare::build_engine(&config, &store, outside);
    let background = engine.start().await?;
    prepare::put_in_force(&engine, policy).await?;
    let first_token = prepare::first_tokens(&engine, config.dev).await?;
    let listen = |cause| RunError::Listen { address: config.listen, cause };
    let socket = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = socket.local_addr().map_err(listen)?;
    let health = Health::new();
    let stopping = CancellationToken::new();
    if let Some(certificates) = &tls {
        certificates.keep_fresh(stopping.clone())?;
    }
    let port = port::compose(&config, &engine, &store, tls, &health, &stopping)?;
    let ending = port.ending.clone();
    let switch = switch::start(&config, &engine, &port, &health, &stopping)?;
    let overrides_address = switch.as_ref().map(|switch| switch.address);
    tracing::info!(%address, encrypted = port.tls.is_some(), dev = config.dev, "serving");
    let grace = config.shutdown_grace();
    let served = tokio::spawn(async move {
        port.serve(socket).await;
        if let Some(switch) = switch {
            // An error says that its thread is gone, and so it has ended.
            let _ = switch.ended.await;
        }
    });
    let server = RunningServer {
        address,
        overrides_address,
        first_token,
        grace,
        store,
        background,
        health,
        served,
        _end_when_dropped: [&stopping, &ending.drain, &ending.cut]
            .map(|it| it.clone().drop_guard()),
        stopping,
        ending,
    };
    Ok(server)
}

// === impl RunningServer ===

impl RunningServer {
    /// Where it listens, with the port that was chosen for port 0.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where overrides have a listener of their own; none: they have none.
    pub const fn overrides_addr(&self) -> Option<SocketAddr> {
        self.overrides_address
    }

    /// The secret of the admin token that the first start made.
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// Stops it, and waits for open calls as long as the configuration says.
    pub async fn shutdown(self) -> Result<(), RunError> {
        let asked = Shutdown::new();
        asked.trigger();
        self.wait(asked).await
    }

    /// Waits until it is asked to stop and has, or until its store fails.
    pub async fn wait(self, shutdown: Shutdown) -> Result<(), RunError> {
        let failure = tokio::select! {
            biased;
            failure = self.store.failure() => Some(failure),
            () = shutdown.asked() => None,
        };
        match failure {
            Some(failure) => Err(self.fail(failure).await),
            None => self.drain().await,
        }
    }

    /// Nothing may be acknowledged any more: says so, and ends within a second.
    async fn fail(self, failure: StoreFailure) -> RunError {
        tracing::error!(%failure, "the store failed; the server ends");
        self.health.set(Serving::Failed);
        self.stopping.cancel();
        self.ending.drain.cancel();
        let cut = self.ending.cut;
        finish(self.served, FAILURE_GRACE, &cut).await;
        RunError::StoreFailed(failure)
    }

    async fn drain(self) -> Result<(), RunError> {
        tracing::info!("draining");
        self.health.set(Serving::Draining);
        self.stopping.cancel();
        self.ending.drain.cancel();
        finish(self.served, self.grace, &self.ending.cut).await;
        drop(self.background);
        self.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Waits for connections to finish, and cuts them after a while.
async fn finish(mut served: JoinHandle<()>, grace: Duration, cut: &CancellationToken) {
    if tokio::time::timeout(grace, &mut served).await.is_err() {
        tracing::warn!("cutting connections that did not finish");
        cut.cancel();
        // A panic of the accept loop was reported where it happened.
        let _ = served.await;
    }
}

#[cfg(test)]
mod tests;
