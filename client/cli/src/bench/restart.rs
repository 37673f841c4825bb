//! How long a server with a history takes to serve again.

use std::path::PathBuf;

use pointsman_client::Admin;
use pointsman_server::config::StoreUrl;
use serde::Serialize;
use tokio::time::Instant;

use super::load;
use super::local::{Asking, LocalServer};

/// A restart after an orderly stop.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Restart {
    /// Entries of the journal.
    pub(super) entries: u64,
    /// How long the orderly stop took.
    pub(super) stop_seconds: f64,
    /// From the start until the server answered a call.
    pub(super) seconds: f64,
}

/// Stops the server, starts another on the same folder, and stops that.
pub(super) async fn measure(
    server: LocalServer,
    policy: &str,
    place: PathBuf,
    store: Option<StoreUrl>,
) -> anyhow::Result<Restart> {
    let entries = entries(&server).await?;
    let began = Instant::now();
    server.stop().await?;
    let stop_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let server = LocalServer::start(policy, Some(place), store, Asking::Unlimited).await?;
    let again = self::entries(&server).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.stop().await?;
    anyhow::ensure!(again >= entries, "{again} entries after the restart, {entries} before");
    Ok(Restart { entries, stop_seconds, seconds })
}

async fn entries(server: &LocalServer) -> anyhow::Result<u64> {
    let admin = Admin::new(load::connect(&server.address(), "dev-admin").await?);
    Ok(admin.server_info().await?.entries)
}
