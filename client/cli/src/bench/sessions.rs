//! Many agents that hold a session and say nothing: what they cost in memory.

use anyhow::Context as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use pointsman_api::v1;
use pointsman_client::{Agent, Connection, StartRun};
use serde::Serialize;
use tokio::sync::oneshot;
use tonic::Streaming;

use super::apart::Apart;

/// Streams that one connection takes, with some to spare for calls.
const STREAMS_PER_CONNECTION: usize = 500;
/// How many sessions are opened at once.
const OPENING: usize = 64;

/// What sessions cost that say nothing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Idle {
    pub(super) sessions: usize,
    /// How much more memory the server takes with them, in MiB.
    more_mib: f64,
}

/// A session that is held open.
struct Held {
    _up: oneshot::Sender<()>,
    _down: Streaming<v1::OpenSessionResponse>,
}

/// Measures it.
pub(super) async fn measure(server: &Apart, count: usize) -> anyhow::Result<Idle> {
    let channels = count / STREAMS_PER_CONNECTION + 1;
    let builder =
        Connection::builder(server.addresses().at(0)).token("dev-agent").channels(channels);
    let connection = builder.connect().await?;
    let agent = Agent::new(connection.clone());
    let starts = (0..count).map(|_| agent.start_run(StartRun::default()));
    let runs: Vec<_> = stream::iter(starts).buffered(OPENING).try_collect().await?;
    let before = server.resident_mib();
    let opening = runs.iter().map(|run| open(&connection, run.run_id()));
    let held: Vec<Held> = stream::iter(opening).buffered(OPENING).try_collect().await?;
    Ok(Idle { sessions: held.len(), more_mib: server.resident_mib() - before })
}

async fn open(connection: &Connection, run_id: &str) -> anyhow::Result<Held> {
    let open = v1::SessionOpen { run_id: run_id.to_owned(), heartbeat: None };
    let event = Some(v1::open_session_request::Event::Open(open));
    let (up, closed) = oneshot::channel::<()>();
    let first = stream::iter([v1::OpenSessionRequest { event }]);
    // Nothing more is said until the other end is dropped.
    let silence = stream::once(closed).filter_map(|_| std::future::ready(None));
    let mut service = connection.reasoning_service();
    let mut down = service.open_session(first.chain(silence)).await?.into_inner();
    down.message().await?.context("the session did not open")?;
    Ok(Held { _up: up, _down: down })
}

impl Idle {
    /// The figures for people.
    pub(super) fn words(&self) -> String {
        format!("{:.0} MiB more", self.more_mib)
    }
}
