//! A server in a process of its own, so that its memory is that of the server alone.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use pointsman_client::{Admin, Connection};

use super::servers::Addresses;

/// How long it may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks whether it has.
const START_PAUSE: Duration = Duration::from_millis(20);

/// A running server; dropping it ends it.
pub(super) struct Apart {
    process: Child,
    addresses: Addresses,
}

impl Apart {
    /// Starts this program's server in dev mode, with its data in a folder.
    pub(super) async fn start(policy: &str, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let policy_file = folder.join("policy.yaml");
        std::fs::write(&policy_file, policy)?;
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .env("POINTSMAN_DEV", "true")
            .env("POINTSMAN_LISTEN", listen.to_string())
            .env("POINTSMAN_OVERRIDES_LISTEN", "127.0.0.1:0")
            .env("POINTSMAN_DATA_DIR", folder.join("data"))
            .env("POINTSMAN_POLICY_FILE", policy_file)
            .env("POINTSMAN_DISK_INTAKE_PERCENT", "0")
            .env("POINTSMAN_METRICS_OPEN", "true")
            .env("POINTSMAN_LOG_FILTER", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start a server beside this one")?;
        let mut apart = Self { process, addresses: Addresses::one(format!("http://{listen}")) };
        tokio::time::timeout(START_LIMIT, apart.answers()).await.context("it does not start")??;
        Ok(apart)
    }

    async fn answers(&mut self) -> anyhow::Result<()> {
        let connection = Connection::builder(self.addresses.at(0)).token("dev-admin");
        let admin = Admin::new(connection.connect_lazy()?);
        while admin.server_info().await.is_err() {
            if let Some(status) = self.process.try_wait()? {
                anyhow::bail!("the server beside this one ended with {status}");
            }
            tokio::time::sleep(START_PAUSE).await;
        }
        Ok(())
    }

    /// Where it is.
    pub(super) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The memory that it has, in MiB; 0 where the system does not say.
    pub(super) fn resident_mib(&self) -> f64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It may be over already; its folder goes away in either case.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
