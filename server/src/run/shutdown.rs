//! How a server is asked to stop.

use tokio_util::sync::CancellationToken;

/// Asks a server to stop; clones ask the same server.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

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

    /// Returns when it was asked.
    pub(super) async fn asked(&self) {
        self.0.cancelled().await;
    }
}
