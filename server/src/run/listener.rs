//! The port: accepts connections, limits them, and lets them finish.
//!
//! Every connection is a task of its own from the first byte on, so that a slow
//! handshake holds up nobody.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::front::Front;
use super::tls::Certificates;
use super::wire::Wire;
use crate::rpc::auth::Authenticate;
use crate::rpc::limits::{Gauge, spread};
use crate::rpc::strangers::{Stranger, Strangers};
use crate::telemetry::metrics::Metrics;

/// Streams of one connection.
const MAX_CONCURRENT_STREAMS: u32 = 1_024;
/// Bytes of all headers of a request.
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
/// Bytes that a request of HTTP/1 may keep in memory before it is read.
const MAX_HTTP1_BUFFER_BYTES: usize = 64 * 1024;
/// Streams that a peer opened and reset before we saw them (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Bytes of an answer that a slow reader keeps in memory, per stream.
const MAX_SEND_BUFFER_BYTES: usize = 256 * 1024;
/// How often a silent peer is asked whether it is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to answer.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long until the first request must have begun, and how long the headers
/// of a request of HTTP/1 may take.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// When a connection is asked to end, so that a balancer can spread it anew.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(60 * 60);
/// How long to wait after the system had no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the port comes to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    /// No new connections; open ones finish their calls.
    pub(super) drain: CancellationToken,
    /// Open connections are cut.
    pub(super) cut: CancellationToken,
}

/// The port.
pub(super) struct Listener<A> {
    /// What answers.
    pub(super) front: Front<A>,
    /// Encryption, if any.
    pub(super) tls: Option<Arc<Certificates>>,
    /// How many connections there may be.
    pub(super) connections: Arc<Gauge>,
    /// How many of one address that have shown no token.
    pub(super) strangers: Arc<Strangers>,
    /// Where they are counted.
    pub(super) metrics: Metrics,
    /// How it ends.
    pub(super) ending: Ending,
}

// === impl Listener ===

impl<A: Authenticate> Listener<A> {
    /// Serves until it is told to drain, then until the last connection is gone.
    pub(super) async fn serve(self, socket: TcpListener) {
        let listener = Arc::new(self);
        let mut tasks = JoinSet::new();
        let count = AtomicU32::new(0);
        loop {
            let accepted = tokio::select! {
                () = listener.ending.drain.cancelled() => break,
                // Forgets the connections that have ended.
                Some(_) = tasks.join_next() => continue,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let age = spread(MAX_CONNECTION_AGE, count.fetch_add(1, Ordering::Relaxed));
                    let cut = listener.ending.cut.clone();
                    let work = Arc::clone(&listener).connection(stream, peer, age);
                    tasks.spawn(async move { cut.run_until_cancelled(work).await });
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(socket);
        while tasks.join_next().await.is_some() {}
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, age: Duration) {
        let Some(_place) = self.connections.enter() else {
            self.metrics.refused_connections.inc();
            tracing::debug!(%peer, "too many connections");
            return;
        };
        let Some(stranger) = self.strangers.enter(peer.ip()) else {
            self.metrics.refused_connections.inc();
            tracing::debug!(%peer, "too many connections of this address without a token");
            return;
        };
        // Answers are small and wanted at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot turn off delays");
        }
        let Some(wire) = self.handshake(stream, peer).await else {
            self.metrics.refused_connections.inc();
            return;
        };
        self.requests(wire, stranger, age).await;
    }

    async fn handshake(&self, stream: TcpStream, peer: SocketAddr) -> Option<Wire> {
        let Some(tls) = &self.tls else {
            return Some(Wire::plain(stream, FIRST_REQUEST_TIMEOUT));
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => Some(Wire::encrypted(stream, FIRST_REQUEST_TIMEOUT)),
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!(%peer, "handshake took too long");
                None
            }
        }
    }

    async fn requests(&self, wire: Wire, stranger: Stranger, age: Duration) {
        let builder = protocol();
        let requests = self.front.connection(stranger, wire.certificate());
        let mut connection = pin!(builder.serve_connection(TokioIo::new(wire), requests));
        let must_end = async {
            tokio::select! {
                () = self.ending.drain.cancelled() => {}
                () = tokio::time::sleep(age) => {}
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = must_end => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended badly");
        }
    }
}

/// HTTP/1 and HTTP/2 with every limit set.
fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(FIRST_REQUEST_TIMEOUT)
        .max_buf_size(MAX_HTTP1_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_send_buf_size(MAX_SEND_BUFFER_BYTES)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
}

/// Whether an error of `accept` is about the connection that was to be
/// accepted, and not about the system.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
