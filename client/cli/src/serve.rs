//! `pointsman serve`: the server itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use pointsman_server::config::Config;
use pointsman_server::run::{self, RunError, Shutdown};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::node::Node;

/// How to serve. What is not given here comes from the environment, the file,
/// and the defaults, in this order.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: pointsman serve --data-dir /var/lib/pointsman --policy policy.yaml"
)]
pub(crate) struct ServeArguments {
    /// The configuration file (TOML); docs/configuration.md lists its keys
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen; beyond loopback only with a certificate
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A database that several servers share, instead of a folder; better in the
    /// environment, where no process list shows its password
    #[arg(long, value_name = "URL", env = "POINTSMAN_STORE", hide_env_values = true)]
    store: Option<String>,
    /// Where journal, payloads and projection are; with --store, this server's key
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The policy to put in force
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Which database to prepare.
#[derive(Debug, Args)]
#[command(after_help = "Example: pointsman migrate --store postgres://db.example/pointsman")]
pub(crate) struct MigrateArguments {
    /// The configuration file (TOML); docs/configuration.md lists its keys
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database
    #[arg(long, value_name = "URL", env = "POINTSMAN_STORE", hide_env_values = true)]
    store: Option<String>,
}

/// Makes and changes the tables of a database as this version needs them.
pub(crate) async fn migrate(
    context: &Context,
    arguments: MigrateArguments,
) -> Result<Exit, Failure> {
    let flags = Vec::from_iter(arguments.store.map(|store| ("store", store)));
    let config = load(arguments.config.as_deref(), &flags)?;
    config.validate().map_err(|error| Failure::usage(error.to_string()))?;
    let done = run::migrate(&config).await.map_err(|error| failure(&error))?;
    let node = Node::map([
        ("from", Node::number(u64::from(done.from))),
        ("to", Node::number(u64::from(done.to))),
    ]);
    context.output.one(&node, || match done.from == done.to {
        true => format!("the tables are at step {} already", done.to),
        false => format!("the tables went from step {} to step {}", done.from, done.to),
    });
    Ok(Exit::Ok)
}

/// Serves until it is asked to stop.
pub(crate) async fn serve(arguments: ServeArguments) -> Result<Exit, Failure> {
    let shutdown = shutdown_on_signals()?;
    let config = arguments.into_config()?;
    run::serve(config, shutdown).await.map_err(|error| failure(&error))?;
    Ok(Exit::Ok)
}

/// Stops at the first SIGINT or SIGTERM.
pub(crate) fn shutdown_on_signals() -> Result<Shutdown, Failure> {
    Shutdown::on_signals()
        .map_err(|cause| Failure::new(Exit::Failure, format!("cannot listen to signals: {cause}")))
}

/// A server's failure with its exit code: 2 configuration, 3 damage, 9 a full
/// disk, 1 the rest.
pub(crate) fn failure(error: &RunError) -> Failure {
    let failure = Failure::new(Exit::Command(error.exit_code()), error.to_string());
    match error {
        RunError::Open(pointsman_server::store::damage::OpenError::Damaged(_)) => failure.next(
            "Nothing was changed. Look: pointsman doctor DIR. Back: pointsman restore BACKUP DIR",
        ),
        _ if error.exit_code() == Exit::DiskFull.code() => failure
            .next("Nothing that was acknowledged is lost. Free some room, and start it again."),
        RunError::Listen { .. } => failure.next("Is another server running there? See: --listen"),
        _ => failure,
    }
}

impl ServeArguments {
    fn into_config(self) -> Result<Config, Failure> {
        let path = |key, path: Option<PathBuf>| path.map(|path| (key, path.display().to_string()));
        let flags: Vec<_> = [
            self.listen.map(|listen| ("listen", listen.to_string())),
            self.store.map(|store| ("store", store)),
            path("data_dir", self.data_dir),
            path("policy_file", self.policy),
            path("tls.cert_file", self.tls_cert),
            path("tls.key_file", self.tls_key),
        ]
        .into_iter()
        .flatten()
        .collect();
        load(self.config.as_deref(), &flags)
    }
}

fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Config, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    Config::load(file, environment, flags).map_err(|error| Failure::usage(error.to_string()))
}
