//! The servers under load: one on a folder, or several on one database.

use std::path::Path;

use anyhow::Context as _;
use pointsman_server::config::{Config, StoreUrl};

use super::local::{Asking, LocalServer};
use super::numbers::Numbers;

/// Where the servers are; callers are spread over them.
#[derive(Clone, Debug)]
pub(super) struct Addresses(Vec<String>);

impl Addresses {
    /// One server.
    pub(super) fn one(address: String) -> Self {
        Self(vec![address])
    }

    /// The server that the caller with this number calls.
    pub(super) fn at(&self, number: usize) -> &str {
        self.0.get(number % self.count()).map_or("", String::as_str)
    }

    /// How many servers there are.
    pub(super) fn count(&self) -> usize {
        self.0.len().max(1)
    }

    /// The commits of all servers since they started.
    pub(super) async fn commits(&self) -> anyhow::Result<f64> {
        let mut commits = 0.0;
        for address in &self.0 {
            commits += Numbers::read(address).await?.commits;
        }
        Ok(commits)
    }
}

/// Running servers.
pub(super) struct Servers {
    running: Vec<LocalServer>,
}

impl Servers {
    /// One server on a folder.
    pub(super) async fn on_folder(policy: &str, place: &Path) -> anyhow::Result<Self> {
        let server =
            LocalServer::start(policy, Some(place.to_owned()), None, Asking::Unlimited).await?;
        Ok(Self { running: vec![server] })
    }

    /// Servers on an empty database, which is full afterwards.
    pub(super) async fn on_database(
        policy: &str,
        place: &Path,
        url: &str,
        count: usize,
    ) -> anyhow::Result<Self> {
        let config = Config { store: Some(StoreUrl::new(url)), ..Config::default() };
        config.validate()?;
        let tables = pointsman_server::run::migrate(&config).await?;
        // It makes tokens that everybody knows, and fills the tables.
        anyhow::ensure!(tables.from == 0, "the database is not empty; make one for the bench");
        let mut running = Vec::new();
        for number in 1..=count.max(1) {
            let place = place.join(format!("server-{number}"));
            let server =
                LocalServer::start(policy, Some(place), config.store.clone(), Asking::Unlimited);
            running.push(server.await.with_context(|| format!("server {number}"))?);
        }
        Ok(Self { running })
    }

    /// Where they are.
    pub(super) fn addresses(&self) -> Addresses {
        Addresses(self.running.iter().map(LocalServer::address).collect())
    }

    /// Stops all but the first.
    pub(super) async fn stop_others(mut self) -> anyhow::Result<LocalServer> {
        for server in self.running.drain(1..) {
            server.stop().await?;
        }
        self.running.pop().context("no server runs")
    }
}
