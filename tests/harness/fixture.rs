//! A server of one test, in its process, with callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_client::{
    Admin, Agent, Connection, Overrides, Permit, Policies, Proposal, Proposed, Queue, Reviewer,
    RunHandle, Runs, StartRun, Wait,
};
use pointsman_server::config::{Config, FloodsConfig, StoreUrl};
use pointsman_server::run::{self, RunningServer};
use tempfile::TempDir;

use super::api::{ADMIN, AGENT, REVIEWER, connect};
use super::postgres::Cluster;
use super::tenant;

/// Which store the tests run on: `postgres`, or a folder if it is not set. `make
/// check` runs what people and agents see on both.
const STORE_VARIABLE: &str = "POINTSMAN_TEST_STORE";

/// How much money each of the proposals is about, where a policy asks.
pub const AMOUNT: u32 = 600;

/// A running server with a folder of its own.
pub struct Fixture {
    server: Option<RunningServer>,
    address: String,
    config: Config,
    _folder: TempDir,
}

fn store_under_test() -> Option<StoreUrl> {
    match std::env::var(STORE_VARIABLE).as_deref() {
        Err(_) => None,
        Ok("postgres") => Some(StoreUrl::new(Cluster::shared().database())),
        Ok(other) => panic!("{STORE_VARIABLE}={other}: there is no such store"),
    }
}

impl Fixture {
    /// Starts a server in dev mode under a policy.
    pub async fn start(policy: &str) -> Self {
        Self::start_with(policy, |_| {}).await
    }

    /// The same, with a configuration of the test's own.
    pub async fn start_with(policy: &str, configure: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let policy_file = folder.path().join("policy.yaml");
        std::fs::write(&policy_file, policy).unwrap();
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            store: store_under_test(),
            data_dir: folder.path().join("data"),
            policy_file: Some(policy_file),
            dev: true,
            shutdown_grace_seconds: 1,
            ..Config::default()
        };
        // Whatever room the disk has: only the test of a full disk is about that.
        config.disk.intake_bytes = 0;
        config.disk.intake_percent = 0;
        config.disk.normal_bytes = 0;
        // One agent stands for many: only the tests of floods are about that.
        config.floods = FloodsConfig { rejected_hours: 24, ..FloodsConfig::unlimited() };
        config.limits.open_per_agent = 10_000;
        // Whichever is free, also when the same port is listened on again.
        config.overrides.listen = Some("127.0.0.1:0".parse().unwrap());
        configure(&mut config);
        log_to_the_test();
        let server = run::start(config.clone()).await.unwrap();
        config.listen = server.local_addr();
        let address = format!("http://{}", config.listen);
        Self { server: Some(server), address, config, _folder: folder }
    }

    /// Where the server listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether its store is a database.
    pub fn is_on_a_database() -> bool {
        store_under_test().is_some()
    }

    /// Where the listener of overrides is.
    pub fn overrides_address(&self) -> String {
        let address = self.server.as_ref().and_then(RunningServer::overrides_addr);
        format!("http://{}", address.unwrap())
    }

    /// Calls the listener of overrides as whoever has the token.
    pub fn overrides(&self, token: &str) -> Overrides {
        Overrides::new(connect(&self.overrides_address(), token))
    }

    /// Stops the server and starts it again on the same data and port.
    pub async fn restart(&mut self) {
        self.server.take().unwrap().shutdown().await.unwrap();
        self.server = Some(run::start(self.config.clone()).await.unwrap());
    }

    /// The secret of the first admin of another tenant, which takes a restart.
    pub async fn first_admin_of(&mut self, tenant: &str) -> String {
        self.server.take().unwrap().shutdown().await.unwrap();
        let secret = tenant::first_admin(&self.config, tenant).await;
        self.server = Some(run::start(self.config.clone()).await.unwrap());
        secret
    }

    /// Writes the file that the next start reads its policy from.
    pub fn write_policy(&self, policy: &str) {
        std::fs::write(self.config.policy_file.as_ref().unwrap(), policy).unwrap();
    }

    /// A connection of whoever has the token.
    pub fn connection(&self, token: &str) -> Connection {
        connect(self.address(), token)
    }

    /// The ready-made agent.
    pub fn agent(&self) -> Agent {
        Agent::new(self.connection(AGENT))
    }

    /// The ready-made reviewer.
    pub fn reviewer(&self) -> Reviewer {
        Reviewer::new(self.connection(REVIEWER))
    }

    /// The ready-made admin.
    pub fn admin(&self) -> Admin {
        Admin::new(self.connection(ADMIN))
    }

    /// The ready-made admin, for the queue's settings.
    pub fn queue(&self) -> Queue {
        Queue::new(self.connection(ADMIN))
    }

    /// The ready-made admin, for policies.
    pub fn policies(&self) -> Policies {
        Policies::new(self.connection(ADMIN))
    }

    /// Another admin, for policies.
    pub async fn other_policies(&self, principal: &str) -> Policies {
        Policies::new(self.connection(&self.token(principal, v1::Role::Admin).await))
    }

    /// Reads runs and actions as the admin.
    pub fn runs(&self) -> Runs {
        Runs::new(self.connection(ADMIN))
    }

    /// A new run of the ready-made agent.
    pub async fn run(&self) -> RunHandle {
        self.agent().start_run(StartRun::default()).await.unwrap()
    }

    /// Makes a token of another principal.
    pub async fn token(&self, principal: &str, role: v1::Role) -> String {
        self.admin().create_token(principal, &[role], None).await.unwrap().secret
    }

    /// The escalation as the reviewer sees it.
    pub async fn shown(&self, escalation_id: &str) -> v1::Escalation {
        self.reviewer().get(escalation_id).await.unwrap().escalation
    }
}

/// What the server warns of is shown when the test fails.
fn log_to_the_test() {
    let level = tracing_subscriber::filter::LevelFilter::WARN;
    let already_set = tracing_subscriber::fmt().with_max_level(level).with_test_writer().try_init();
    drop(already_set);
}

/// Proposes what the policy allows.
pub async fn allowed(run: &RunHandle, proposal: Proposal) -> Permit {
    match run.propose(proposal).await.unwrap() {
        Proposed::Allowed(permit) => permit,
        other => panic!("not allowed: {other:?}"),
    }
}

/// Proposes what the policy leaves to a person.
pub async fn asked(run: &RunHandle, proposal: Proposal) -> Wait {
    match run.propose(proposal).await.unwrap() {
        Proposed::Waiting(wait) => wait,
        other => panic!("nobody is asked: {other:?}"),
    }
}

/// A short span for requests.
pub fn span(duration: Duration) -> prost_types::Duration {
    duration.try_into().unwrap()
}

/// A proposal unlike any other: nobody is asked the same twice.
pub fn another(tool: &str) -> Proposal {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Proposal::new(tool, format!(r#"{{"number":{number},"amount":{AMOUNT}}}"#))
}
