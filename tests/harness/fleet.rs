//! Several server processes on one database, each with a folder of its own.

use std::path::Path;
use std::time::Duration;

use pointsman_client::{Admin, Agent, Connection, Reviewer, RunHandle, Runs, StartRun, Worker};
use tempfile::TempDir;

use super::api::{ADMIN, AGENT, REVIEWER, connect};
use super::child::{Place, Server};
use super::poll::PATIENCE;

/// Servers that share a queue; dropping it kills them.
pub struct Fleet {
    places: Vec<Place>,
    servers: Vec<Option<Server>>,
    addresses: Vec<String>,
    _folder: TempDir,
}

// === impl Fleet ===

impl Fleet {
    /// Starts `count` servers at once on a store, and waits until all answer.
    pub async fn start(store: &str, count: usize, policy: &str) -> Self {
        Self::start_with(&vec![store.to_owned(); count], policy, &[]).await
    }

    /// Starts a server for each of the addresses of a store, with more variables.
    pub async fn start_with(stores: &[String], policy: &str, set: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let place = |(at, store): (usize, &String)| {
            let own = folder.path().join(format!("server-{at}"));
            std::fs::create_dir(&own).unwrap();
            let mut place = Place::new(&own, &own, policy);
            place.share(store);
            set.iter().for_each(|(name, value)| place.set(name, value));
            place
        };
        let places: Vec<_> = stores.iter().enumerate().map(place).collect();
        let mut servers: Vec<_> = places.iter().map(Place::serve).collect();
        for server in &mut servers {
            server.ready(PATIENCE).await;
        }
        let addresses = servers.iter().map(|server| server.address().to_owned()).collect();
        let servers = servers.into_iter().map(Some).collect();
        Self { places, servers, addresses, _folder: folder }
    }

    /// Where the servers listen.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Kills a server, as `kill -9` does.
    pub fn kill(&mut self, at: usize) {
        let status = self.servers[at].take().expect("it was started").kill();
        assert_eq!(status.code(), None, "server {at} had ended before");
    }

    /// Begins to start a server that was killed.
    pub fn begin(&mut self, at: usize) {
        self.servers[at] = Some(self.places[at].serve());
    }

    /// Waits until a server answers.
    pub async fn ready(&mut self, at: usize) {
        self.servers[at].as_mut().expect("it was started").ready(PATIENCE).await;
    }

    /// Starts a server that was killed, and waits until it answers.
    pub async fn start_again(&mut self, at: usize) {
        self.begin(at);
        self.ready(at).await;
    }

    /// Waits for a server to end by itself; answers its exit code, and starts it again
    /// to answer the exit code of that, with what it logged.
    pub async fn ends_for_good(&mut self, at: usize, limit: Duration) -> [(i32, String); 2] {
        let first = self.servers[at].take().expect("it was started");
        let log = self.places[at].log().to_owned();
        let first = (first.ended(limit).await.code().expect("not killed"), read(&log, 0));
        let second = self.places[at].serve();
        let code = second.ended(limit).await.code().expect("not killed");
        let second = (code, read(&log, first.1.len()));
        [first, second]
    }

    /// Lets a server verify the journal from its first commit on, by starting it
    /// without its note of what it has verified.
    pub async fn verify_journal(&mut self, at: usize) {
        self.kill(at);
        std::fs::remove_file(self.places[at].data().join("head.tree")).unwrap();
        self.start_again(at).await;
    }

    /// Gives a server another policy, from its next start on.
    pub fn set_policy(&mut self, at: usize, policy: &str) {
        let file = self.places[at].data().with_file_name("policy.yaml");
        std::fs::write(file, policy).unwrap();
    }

    /// Fails if any of the processes has ended.
    #[track_caller]
    pub fn assert_running(&mut self) {
        for (at, server) in self.servers.iter_mut().enumerate() {
            let server = server.as_mut().expect("it was started");
            assert!(server.is_running(), "server {at} has ended:\n{}", server.log());
        }
    }

    /// A connection of whoever has the token to one of the servers.
    pub fn connection(&self, at: usize, token: &str) -> Connection {
        connect(&self.addresses[at], token)
    }

    /// The ready-made agent.
    pub fn agent(&self, at: usize) -> Agent {
        Agent::new(self.connection(at, AGENT))
    }

    /// A new run of the ready-made agent.
    pub async fn run(&self, at: usize) -> RunHandle {
        self.agent(at).start_run(StartRun::default()).await.unwrap()
    }

    /// The ready-made reviewer.
    pub fn reviewer(&self, at: usize) -> Reviewer {
        Reviewer::new(self.connection(at, REVIEWER))
    }

    /// The ready-made admin.
    pub fn admin(&self, at: usize) -> Admin {
        Admin::new(self.connection(at, ADMIN))
    }

    /// A worker of the ready-made agent.
    pub fn worker(&self, at: usize) -> Worker {
        Worker::new(self.connection(at, AGENT))
    }

    /// Reads runs and actions as the admin.
    pub fn runs(&self, at: usize) -> Runs {
        Runs::new(self.connection(at, ADMIN))
    }
}

/// A log from some byte on.
fn read(log: &Path, from: usize) -> String {
    let bytes = std::fs::read(log).unwrap();
    String::from_utf8_lossy(&bytes[from.min(bytes.len())..]).into_owned()
}
