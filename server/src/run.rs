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
mod tls;
mod wire;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use error::RunError;
pub use tls::TlsError;

use crate::config::Config;
use crate::domain::principal::Role;
use crate::engine::clock::{Clock, SystemClock, SystemIds};
use crate::engine::limits::Limits;
use crate::engine::{Background, Engine, Parts};
use crate::http::{self, Pages};
use crate::rpc::Shared;
use crate::rpc::auth;
use crate::rpc::dispatch::Dispatch;
use crate::rpc::door::Gate;
use crate::rpc::limits::Gauge;
use crate::rpc::methods::Methods;
use crate::rpc::strangers::Strangers;
use crate::rpc::streams::Streams;
use crate::store::Store as _;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, OpenReport, Watermarks};
use crate::telemetry::health::{Health, Serving};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace;
use front::Front;
use listener::{Ending, Listener};
use numbers::Numbers;

/// The tokens of `dev`: secret, principal, role. Everybody knows them.
pub const DEV_TOKENS: [(&str, &str, Role); 3] = [
    ("dev-agent", "agent", Role::Agent),
    ("dev-reviewer", "reviewer", Role::Reviewer),
    ("dev-admin", "admin", Role::Admin),
];

/// The policy of a store that has none: whatever is proposed, a person is asked.
const FIRST_POLICY: &str = "version: 1\nrules: []\n";
/// How long connections may still send answers after the store failed.
const FAILURE_GRACE: Duration = Duration::from_millis(300);

/// Asks a server to stop; clones ask the same server.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

/// A server that runs. Dropping it cuts it off, as a crash would.
pub struct RunningServer {
    address: SocketAddr,
    first_token: Option<String>,
    grace: Duration,
    store: Arc<EmbeddedStore>,
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
            show_first_token(secret);
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
    let settings = settings(config).await?;
    let (store, report) = open_store(store_options(&settings.config)).await?;
    tell(&report);
    start_on(settings, store).await
}

/// What a start needs and an operator may have set wrong.
struct Settings {
    config: Config,
    tls: Option<TlsAcceptor>,
    policy: Option<String>,
}

/// Reads everything that can be wrong before anything is opened.
async fn settings(config: Config) -> Result<Settings, RunError> {
    config.validate()?;
    let tls = tls::acceptor(&config.tls)?;
    let policy = match &config.policy_file {
        None => None,
        Some(path) => {
            let unreadable = |cause| RunError::PolicyFile { path: path.clone(), cause };
            Some(tokio::fs::read_to_string(path).await.map_err(unreadable)?)
        }
    };
    Ok(Settings { config, tls, policy })
}

async fn start_on(
    settings: Settings,
    store: Arc<EmbeddedStore>,
) -> Result<RunningServer, RunError> {
    let Settings { config, tls, policy } = settings;
    let engine = build_engine(&config, &store);
    let background = engine.start().await?;
    put_in_force(&engine, policy).await?;
    let first_token = first_tokens(&engine, config.dev).await?;
    let listen = |cause| RunError::Listen { address: config.listen, cause };
    let socket = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = socket.local_addr().map_err(listen)?;
    let health = Health::new();
    let stopping = CancellationToken::new();
    let port = compose(&config, &engine, &store, tls, &health, &stopping)?;
    let ending = port.ending.clone();
    tracing::info!(%address, encrypted = port.tls.is_some(), dev = config.dev, "serving");
    let grace = config.shutdown_grace();
    let served = tokio::spawn(port.serve(socket));
    let server = RunningServer {
        address,
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

// === impl Shutdown ===

impl Shutdown {
    /// Not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the server to stop.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// Asks at the first SIGINT or SIGTERM; must be called on a runtime.
    pub fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = Self::new();
        let asked = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            asked.trigger();
        });
        Ok(shutdown)
    }
}

// === impl RunningServer ===

impl RunningServer {
    /// Where it listens, with the port that was chosen for port 0.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
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
            () = shutdown.0.cancelled() => None,
        };
        match failure {
            Some(failure) => Err(self.fail(failure).await),
            None => self.drain().await,
        }
    }

    /// Nothing may be acknowledged any more: says so, and ends within a second.
    async fn fail(self, failure: crate::store::embedded::StoreFailure) -> RunError {
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

fn store_options(config: &Config) -> EmbeddedOptions {
    let clock = SystemClock;
    let mut options = EmbeddedOptions::new(&config.data_dir, Arc::new(move || clock.now()));
    options.head_file = Some(config.head_file());
    options.watermarks = Watermarks {
        intake_bytes: config.disk.intake_bytes,
        intake_percent: config.disk.intake_percent,
        normal_bytes: config.disk.normal_bytes,
    };
    options
}

/// Opens the store on a thread that may block: a large journal takes seconds.
async fn open_store(
    options: EmbeddedOptions,
) -> Result<(Arc<EmbeddedStore>, OpenReport), RunError> {
    let opened = tokio::task::spawn_blocking(move || EmbeddedStore::open(options)).await;
    let (store, report) = opened.map_err(|error| RunError::Internal(error.to_string()))??;
    Ok((Arc::new(store), report))
}

fn tell(report: &OpenReport) {
    tracing::info!(
        commit = report.commit,
        entries = report.entries,
        replayed = report.replayed,
        "the store is open"
    );
    if let Some(aside) = &report.quarantined {
        let reason = report.quarantine_reason.as_deref().unwrap_or_default();
        tracing::warn!(aside = %aside.display(), reason, "the projection was rebuilt");
    }
    if report.cut_commits > 0 || report.cut_bytes > 0 {
        let (commits, bytes) = (report.cut_commits, report.cut_bytes);
        tracing::warn!(commits, bytes, "an unfinished end of the journal was cut");
    }
    if report.ballast_released {
        tracing::warn!("the disk is full; the ballast was given up to start");
    }
}

fn build_engine(config: &Config, store: &Arc<EmbeddedStore>) -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Engine::new(Parts {
        store: Arc::clone(store) as Arc<dyn crate::store::Store>,
        ids: Arc::new(SystemIds::new(Arc::clone(&clock))),
        clock,
        limits: Limits {
            open_per_agent: config.limits.open_per_agent,
            open_per_tenant: config.limits.open_per_tenant,
        },
        backup_dir: config.backup_dir(),
    })
}

/// The policy of the file, else the stored one, else one that asks a person.
async fn put_in_force(engine: &Engine, document: Option<String>) -> Result<(), RunError> {
    let stored = engine.restore_policy().await?;
    let revision = match (document, stored) {
        (Some(document), _) => engine.activate_policy(&document).await?,
        (None, Some(stored)) => stored,
        (None, None) => {
            tracing::warn!("no policy is set: every action is escalated to a person");
            engine.activate_policy(FIRST_POLICY).await?
        }
    };
    tracing::info!(%revision, "the policy is in force");
    Ok(())
}

/// Makes the tokens of `dev`, or the first admin token of an empty store.
async fn first_tokens(engine: &Engine, is_dev: bool) -> Result<Option<String>, RunError> {
    if is_dev {
        for (secret, principal, role) in DEV_TOKENS {
            engine.ensure_dev_token(secret, principal, &[role]).await?;
        }
        return Ok(None);
    }
    for (secret, _, _) in DEV_TOKENS {
        if engine.authenticate(secret).await.is_ok() {
            return Err(RunError::DevTokens);
        }
    }
    Ok(engine.bootstrap_admin().await?.map(|made| made.secret))
}

fn compose(
    config: &Config,
    engine: &Engine,
    store: &Arc<EmbeddedStore>,
    tls: Option<TlsAcceptor>,
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
    Arc::new(move |headers| {
        let engine = engine.clone();
        async move {
            let Ok(secret) = auth::bearer(&headers) else { return false };
            engine.authenticate(secret).await.is_ok()
        }
        .boxed()
    })
}

/// Prints the first token where only whoever started the server sees it: not
/// into the log.
fn show_first_token(secret: &str) {
    let line = "-".repeat(72);
    let text = format!(
        "{line}\nFirst start: the admin token. It is shown this once and stored nowhere.\n\
         POINTSMAN_TOKEN={secret}\n{line}\n"
    );
    // Without a standard output nobody can read it; a new token needs new data.
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        tracing::error!(%error, "the first admin token could not be shown");
    }
}

#[cfg(test)]
mod tests;
