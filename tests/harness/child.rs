//! The server as a process of its own, to be killed.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use pointsman_api::v1;

use super::api;
use super::poll::eventually;

/// Where the logs of all servers stay, to be read after a failure.
const LOGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/e2e-logs");

/// Below the ports that a system gives to outgoing connections, so that none of those
/// takes a server's port while the server is down, and below those of the databases.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 10_000;

/// Where a server has its data, and how it is called.
pub struct Place {
    data: PathBuf,
    log: PathBuf,
    port: u16,
    variables: Vec<(String, String)>,
}

/// A running server; dropping it kills it.
pub struct Server {
    process: Child,
    address: String,
    log: PathBuf,
}

/// The `pointsman` command, built from these sources as the tests are.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "dev" } else { "ci" };
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--workspace", "--bins", "--profile", profile])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(status.success(), "`pointsman` does not build");
        built().join("pointsman")
    })
}

/// An example of the client, built from these sources: a program that is no test.
pub fn example(name: &str) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "pointsman-client", "--example", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success(), "the example `{name}` does not build");
    built().join("examples").join(name)
}

/// Where what is built is.
fn built() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().to_owned()
}

// === impl Place ===

impl Place {
    /// A server with its data under `disk` and its policy under `notes`; the two
    /// may be the same folder.
    pub fn new(disk: &Path, notes: &Path, policy: &str) -> Self {
        let policy_file = notes.join("policy.yaml");
        std::fs::write(&policy_file, policy).unwrap();
        let port = free_port();
        std::fs::create_dir_all(LOGS).unwrap();
        let log = Path::new(LOGS).join(format!("{}-{port}.log", std::process::id()));
        let mut place = Self { data: disk.join("data"), log, port, variables: Vec::new() };
        place.set("POINTSMAN_POLICY_FILE", policy_file.to_str().unwrap());
        place.set("POINTSMAN_DEV", "true");
        // Whatever room the disk has: only the test of a full disk is about that.
        place.set_watermarks(0, 0);
        // One agent stands for many: only the tests of floods are about that.
        for scope in ["AGENT", "OWNER", "RULE"] {
            place.set(&format!("POINTSMAN_FLOODS_{scope}_PER_MINUTE"), "0");
        }
        place.set("POINTSMAN_LIMITS_OPEN_PER_AGENT", "10000");
        place
    }

    /// Sets a variable of the server's environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Puts the journal into a database that several servers share; the data folder
    /// then holds what is this server's alone.
    pub fn share(&mut self, store: &str) {
        self.set("POINTSMAN_STORE", store);
    }

    /// The small disks of the tests are below the usual watermarks.
    pub fn set_watermarks(&mut self, intake_mib: u64, normal_mib: u64) {
        self.set("POINTSMAN_DISK_INTAKE_BYTES", &(intake_mib << 20).to_string());
        self.set("POINTSMAN_DISK_INTAKE_PERCENT", "0");
        self.set("POINTSMAN_DISK_NORMAL_BYTES", &(normal_mib << 20).to_string());
    }

    /// The watermarks that a server has without being told.
    pub fn keep_usual_watermarks(&mut self) {
        self.variables.retain(|(name, _)| !name.starts_with("POINTSMAN_DISK_"));
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The log of all its servers.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The `pointsman` command with a verb, in this place's environment.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(binary());
        command
            .arg(verb)
            .env("POINTSMAN_DATA_DIR", &self.data)
            .env("POINTSMAN_LISTEN", format!("127.0.0.1:{}", self.port))
            // The port after it may be another's.
            .env("POINTSMAN_OVERRIDES_LISTEN", "127.0.0.1:0")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Starts the server; it may not be ready yet.
    pub fn serve(&self) -> Server {
        let file = File::options().create(true).append(true).open(&self.log).unwrap();
        let process =
            self.command("serve").stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let address = format!("http://127.0.0.1:{}", self.port);
        println!("{address} logs into {}", self.log.display());
        Server { process, address, log: self.log.clone() }
    }

    /// Starts the server and waits until it answers.
    pub async fn serve_ready(&self, limit: Duration) -> Server {
        let mut server = self.serve();
        server.ready(limit).await;
        server
    }
}

// === impl Server ===

impl Server {
    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the server answers; fails if it ends instead.
    pub async fn ready(&mut self, limit: Duration) {
        let connection = api::connect(&self.address, api::ADMIN);
        let log = self.log.clone();
        let process = &mut self.process;
        eventually("the server answers", limit, || {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended with {ended:?}:\n{}", tail(&log));
            let mut service = connection.admin_service();
            async move { service.get_server_info(v1::GetServerInfoRequest {}).await.ok() }
        })
        .await;
    }

    /// Kills the process at once, as `kill -9` does; tells how it ended, if that
    /// was before.
    pub fn kill(mut self) -> ExitStatus {
        self.process.kill().unwrap();
        self.process.wait().unwrap()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits for the process to end by itself.
    pub async fn ended(mut self, limit: Duration) -> ExitStatus {
        let process = &mut self.process;
        eventually("the server ends", limit, || {
            let ended = process.try_wait().unwrap();
            async move { ended }
        })
        .await
    }

    /// The most memory it had at once, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// The last lines of all its lives' logs.
    pub fn log(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A port that nobody listens on, and that no other server of this process was given.
fn free_port() -> u16 {
    static STEP: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap();
    let mut ports = std::iter::repeat_with(|| {
        let step = STEP.fetch_add(1, Ordering::Relaxed) % PORTS;
        FIRST_PORT + (start + step) % PORTS
    });
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.by_ref().take(PORTS.into()).find(is_free).expect("a port is free")
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
