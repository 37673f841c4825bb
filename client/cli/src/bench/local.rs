//! A dev server in this process: own thread, own runtime, ephemeral port.
//!
//! It speaks to the rest of the process through its port alone. Replay and bench
//! use it; `pointsman dev` serves a person and is another verb.

use std::path::PathBuf;
use std::thread::JoinHandle;

use anyhow::Context as _;
use pointsman_server::config::{Config, FloodsConfig, StoreUrl};
use pointsman_server::run::{Shutdown, start};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Threads that the server's runtime works on.
const WORKERS: usize = 2;
/// What the server logs while its numbers matter.
const LOG_FILTER: &str = "warn";

/// The most open questions of an agent that stands for many.
const MOST_OPEN: u64 = 10_000;

/// How much agents may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// As much as the configuration says that is not changed.
    Usual,
    /// As much as they like: one agent stands for many, and every call is judged by
    /// itself.
    Unlimited,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct LocalServer {
    address: String,
    overrides_address: String,
    shutdown: Shutdown,
    thread: JoinHandle<anyhow::Result<()>>,
    /// Kept so that the folder lives as long as the server.
    folder: Option<TempDir>,
}

impl LocalServer {
    /// Starts a server with a policy; without `data_dir` in a folder that goes
    /// away with it. With a `store` the data are there.
    pub(crate) async fn start(
        policy: &str,
        data_dir: Option<PathBuf>,
        store: Option<StoreUrl>,
        asking: Asking,
    ) -> anyhow::Result<Self> {
        let (folder, place) = match data_dir {
            Some(place) => (None, place),
            None => {
                let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
                let place = folder.path().to_owned();
                (Some(folder), place)
            }
        };
        std::fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
        let policy_file = place.join("policy.yaml");
        std::fs::write(&policy_file, policy).with_context(|| policy_file.display().to_string())?;
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            store,
            data_dir: place.join("data"),
            policy_file: Some(policy_file),
            dev: true,
            ..Config::default()
        };
        config.log.filter = LOG_FILTER.to_owned();
        config.metrics.open = true;
        // The folder is gone afterwards; a fixed reserve guards the disk well enough.
        config.disk.intake_percent = 0;
        if asking == Asking::Unlimited {
            config.floods = FloodsConfig::unlimited();
            config.limits.open_per_agent = MOST_OPEN;
        }
        let shutdown = Shutdown::new();
        let (started, address) = oneshot::channel();
        let asked = shutdown.clone();
        let thread = std::thread::Builder::new()
            .name("local-server".to_owned())
            .spawn(move || serve(config, asked, started))?;
        let Ok((address, overrides_address)) = address.await else {
            return Err(joined(thread)
                .err()
                .unwrap_or_else(|| anyhow::anyhow!("it did not start")))
            .context("the local server");
        };
        Ok(Self { address, overrides_address, shutdown, thread, folder })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Where the listener of overrides is.
    pub(crate) fn overrides_address(&self) -> String {
        self.overrides_address.clone()
    }

    /// Stops it and waits until everything is on disk.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.trigger();
        let thread = self.thread;
        let stopped = tokio::task::spawn_blocking(move || joined(thread)).await?;
        drop(self.folder);
        stopped
    }
}

fn joined(thread: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    thread.join().map_err(|_| anyhow::anyhow!("the server's thread panicked"))?
}

fn serve(
    config: Config,
    asked: Shutdown,
    started: oneshot::Sender<(String, String)>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("local-server")
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = start(config).await?;
        let address = format!("http://{}", server.local_addr());
        let overrides = server.overrides_addr().unwrap_or_else(|| server.local_addr());
        let overrides = format!("http://{overrides}");
        // Nobody waits any more if the caller gave up: then it stops at once.
        if started.send((address, overrides)).is_err() {
            asked.trigger();
        }
        server.wait(asked).await?;
        Ok(())
    })
}
