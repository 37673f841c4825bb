//! Patroni with etcd: PostgreSQL that fails over by itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::postgres::{Folder, Keeper, PATIENCE, as_server, binaries, free_port, sql, until};

/// The least that Patroni takes: so long after its last sign of life a leader counts
/// as dead.
const TTL_SECONDS: u64 = 20;
/// How long another may take to lead, from the death of the leader.
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(3 * TTL_SECONDS);
/// Creates the first database, starts a copy, and agrees on who leads.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

const DATABASE: &str = "test";

/// Two PostgreSQL servers under Patroni in synchronous mode, one etcd, and one
/// database. Dropping it kills everything and removes the data.
pub struct Patroni {
    etcd: Keeper,
    /// In the order of the DSN, whoever leads.
    nodes: [Node; 2],
}

struct Node {
    keeper: Keeper,
    port: u16,
    api_port: u16,
}

// === impl Patroni ===

impl Patroni {
    /// Starts all, and returns when one leads and commits wait for the other.
    pub fn start() -> Self {
        let (etcd, address) = start_etcd();
        let nodes = [0, 1].map(|number| Node::start(number, &address));
        let patroni = Self { etcd, nodes };
        patroni.until_synchronous();
        patroni.make_database();
        patroni
    }

    /// How the database is reached, whoever leads.
    pub fn dsn(&self) -> String {
        let [one, other] = self.nodes.each_ref().map(|node| node.port);
        let hosts = format!("127.0.0.1:{one},127.0.0.1:{other}");
        format!("postgres://postgres@{hosts}/{DATABASE}?target_session_attrs=read-write")
    }

    /// Kills Patroni and PostgreSQL of the leader at once; answers how long nobody led,
    /// until the other takes writes.
    pub fn fail_over(&mut self) -> Duration {
        let leader = self.nodes.iter().position(Node::leads).expect("one leads");
        self.nodes[leader].keeper.kill();
        let killed = Instant::now();
        let led = until(TAKES_OVER_WITHIN, || self.nodes[1 - leader].leads().then_some(()));
        assert!(led.is_some(), "nobody took over within {TAKES_OVER_WITHIN:?}:\n{}", self.log());
        killed.elapsed()
    }

    /// Starts what was killed. Patroni makes a standby of it; returns when commits wait
    /// for it.
    pub fn rejoin(&mut self) {
        let dead = self.nodes.iter().position(|node| !node.leads()).expect("one does not lead");
        self.nodes[dead].keeper.start();
        self.until_synchronous();
    }

    /// The last lines of all logs.
    pub fn log(&self) -> String {
        let [one, other] = self.nodes.each_ref().map(|node| node.keeper.tail());
        format!("etcd:\n{}\n-- one:\n{one}\n-- other:\n{other}", self.etcd.tail())
    }

    /// PostgreSQL may wait for the standby before Patroni has noted that it may lead.
    fn until_synchronous(&self) {
        let standby = || self.nodes.iter().any(Node::may_lead).then_some(());
        let seen = until(STARTS_WITHIN, standby);
        assert!(seen.is_some(), "no standby within {STARTS_WITHIN:?}:\n{}", self.log());
    }

    /// Returns when both have it: the standby has a commit on disk before it shows it,
    /// and a client that asks it for a database it does not show gives up.
    fn make_database(&self) {
        let leader = self.nodes.iter().find(|node| node.leads()).expect("one leads");
        let made = leader.ask("postgres", &format!("CREATE DATABASE {DATABASE}"));
        made.unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        let have_it = || self.nodes.iter().all(|node| node.ask(DATABASE, "SELECT 1").is_ok());
        let seen = until(PATIENCE, || have_it().then_some(()));
        assert!(seen.is_some(), "a node without `{DATABASE}`:\n{}", self.log());
    }
}

// === impl Node ===

impl Node {
    fn start(number: usize, etcd: &str) -> Self {
        let folder = Folder::create();
        let (port, api_port) = (free_port(), free_port());
        let settings = settings(number, etcd, (port, api_port), &folder);
        std::fs::write(folder.path().join("patroni.yml"), settings).unwrap();
        let mut command = as_server();
        command.extend(["patroni", "patroni.yml"].map(str::to_owned));
        let mut keeper = Keeper::new(folder, &command);
        keeper.start();
        Self { keeper, port, api_port }
    }

    /// Whether Patroni takes it for a standby that has everything.
    fn may_lead(&self) -> bool {
        self.ask_patroni("/sync").is_ok_and(|answer| answer.starts_with("HTTP/1.0 200 "))
    }

    fn ask_patroni(&self, path: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.api_port))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        write!(connection, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Whether it takes writes.
    fn leads(&self) -> bool {
        self.ask("postgres", "SELECT pg_is_in_recovery()").is_ok_and(|answer| answer == "f")
    }

    fn ask(&self, database: &str, statements: &str) -> Result<String, String> {
        sql(&format!("postgres://postgres@127.0.0.1:{}/{database}", self.port), statements)
    }
}

/// Starts etcd and waits until it answers; also says where.
fn start_etcd() -> (Keeper, String) {
    let (clients, peers) = (free_port(), free_port());
    let mut command = as_server();
    let client_address = format!("http://127.0.0.1:{clients}");
    let peer_address = format!("http://127.0.0.1:{peers}");
    command.extend(["etcd", "--data-dir=etcd"].map(str::to_owned));
    command.extend([
        format!("--listen-client-urls={client_address}"),
        format!("--advertise-client-urls={client_address}"),
        format!("--listen-peer-urls={peer_address}"),
        format!("--initial-advertise-peer-urls={peer_address}"),
        format!("--initial-cluster=default={peer_address}"),
    ]);
    let mut keeper = Keeper::new(Folder::create(), &command);
    keeper.start();
    let address = format!("127.0.0.1:{clients}");
    let answers = || TcpStream::connect(&address).ok();
    assert!(
        until(PATIENCE, answers).is_some(),
        "etcd does not answer; `.ci/debian etcd` installs it where it is missing:\n{}",
        keeper.tail()
    );
    (keeper, address)
}

/// What a node of Patroni is told. Whoever was killed while it led is rewound to what
/// the other has, or copied afresh.
fn settings(number: usize, etcd: &str, ports: (u16, u16), folder: &Folder) -> String {
    let (port, api) = ports;
    let (folder, binaries) = (folder.path().display(), binaries().display());
    format!(
        "scope: test
name: node{number}
restapi: {{ listen: '127.0.0.1:{api}', connect_address: '127.0.0.1:{api}' }}
etcd3: {{ host: '{etcd}' }}
bootstrap:
  dcs:
    ttl: {TTL_SECONDS}
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 200
        shared_buffers: 128MB
        dynamic_shared_memory_type: mmap
        timezone: UTC
  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - locale-provider: icu
    - icu-locale: en-US
    - data-checksums
  pg_hba:
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
postgresql:
  listen: '127.0.0.1:{port}'
  connect_address: '127.0.0.1:{port}'
  data_dir: '{folder}/data'
  bin_dir: '{binaries}'
  pgpass: '{folder}/pgpass'
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  authentication:
    superuser: {{ username: postgres }}
    replication: {{ username: postgres }}
  parameters: {{ unix_socket_directories: '{folder}' }}
"
    )
}
