//! `pointsman dev`: a server for this machine, with ready tokens, an example
//! policy and a demo agent.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use pointsman_client::Connection;
use pointsman_server::config::{Config, DEFAULT_PORT};
use pointsman_server::run::{self, RunningServer, Shutdown};
use pointsman_server::telemetry::trace;
use tempfile::TempDir;

use crate::context::Capacity;
use crate::demo;
use crate::exit::{Exit, Failure};
use crate::output::write_error;
use crate::pasted;
use crate::serve::{failure, shutdown_on_signals};

/// What a dev server logs beside what it says.
const LOG_FILTER: &str = "warn";

/// How to serve for development.
#[derive(Debug, Args)]
#[command(after_help = "Example: pointsman dev --data-dir ./dev-data")]
pub(crate) struct DevArguments {
    /// Which port of this machine
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Where to keep the data; left out: in a folder that goes away at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The policy to put in force in place of the example
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Without the agent that fills the inbox
    #[arg(long)]
    no_demo: bool,
}

/// The token that every dev server knows for a capacity. Not a secret.
pub(crate) fn dev_token(capacity: Capacity) -> &'static str {
    match capacity {
        Capacity::Agent => "dev-agent",
        Capacity::Supervisor => "dev-supervisor",
        Capacity::Reviewer => "dev-reviewer",
        Capacity::Admin => "dev-admin",
    }
}

/// Serves for development until it is asked to stop.
pub(crate) async fn dev(arguments: DevArguments) -> Result<Exit, Failure> {
    let shutdown = shutdown_on_signals()?;
    // Lives as long as the server, which has its files in it.
    let folder = TempDir::with_prefix("pointsman-dev-").map_err(|cause| io(&cause))?;
    let config = config(&arguments, folder.path())?;
    let telemetry = trace::start(&config.telemetry())
        .map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
    let server = run::start(config).await.map_err(|error| failure(&error))?;
    let address = format!("http://{}", server.local_addr());
    greet(&address, &arguments);
    let ended = if arguments.no_demo {
        server.wait(shutdown).await.map_err(|error| failure(&error))
    } else {
        with_demo(server, &address, shutdown).await
    };
    telemetry.stop();
    ended.map(|()| Exit::Ok)
}

fn config(arguments: &DevArguments, folder: &Path) -> Result<Config, Failure> {
    let policy_file = match &arguments.policy {
        Some(file) => file.clone(),
        None => {
            let file = folder.join("policy.yaml");
            std::fs::write(&file, demo::POLICY).map_err(|cause| io(&cause))?;
            file
        }
    };
    let is_kept = arguments.data_dir.is_some();
    let mut config = Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        data_dir: arguments.data_dir.clone().unwrap_or_else(|| folder.join("data")),
        policy_file: Some(policy_file),
        dev: true,
        ..Config::default()
    };
    config.log.filter = LOG_FILTER.to_owned();
    if !is_kept {
        // Nothing of it stays: a full disk is guarded well enough by the reserve.
        config.disk.intake_percent = 0;
    }
    Ok(config)
}

fn greet(address: &str, arguments: &DevArguments) {
    let data = match &arguments.data_dir {
        Some(dir) => format!("{} (kept)", dir.display()),
        None => "in a temporary folder (gone at the end; keep it with --data-dir)".to_owned(),
    };
    let command = pasted::command(address);
    write_error(&format!(
        "Pointsman listens on {address}\n\
         \x20 data     {data}\n\
         \x20 tokens   dev-agent, dev-reviewer, dev-supervisor, dev-author, dev-auditor,\n\
         \x20          dev-admin (this machine only)\n\
         \x20 metrics  {address}/metrics\n\n\
         In a second terminal:\n\
         \x20 {command} inbox -w\n\
         \x20 {command} esc approve ESC_ID\n"
    ));
}

/// Serves with the demo agent at work.
async fn with_demo(
    server: RunningServer,
    address: &str,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let connect = |capacity| Connection::builder(address).token(dev_token(capacity)).connect();
    let admin = connect(Capacity::Admin).await?;
    let token = demo::token(&admin).await?;
    let agent = Connection::builder(address).token(token).connect().await?;
    let reviewer = connect(Capacity::Reviewer).await?;
    let (command, never) = (pasted::command(address), std::future::pending());
    let demo = demo::work(agent, reviewer, command, never, |line: &str| write_error(line));
    let serving = server.wait(shutdown);
    tokio::pin!(demo, serving);
    tokio::select! {
        ended = &mut serving => return ended.map_err(|error| failure(&error)),
        ended = &mut demo => {
            if let Err(error) = ended {
                write_error(&format!("demo  stopped: {error}"));
            }
        }
    }
    serving.await.map_err(|error| failure(&error))
}

fn io(cause: &std::io::Error) -> Failure {
    Failure::new(Exit::Failure, format!("cannot make a temporary folder: {cause}"))
}
