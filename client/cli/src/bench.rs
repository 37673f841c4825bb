//! `pointsman bench`: how fast the server on this machine is, as ratios to an
//! empty call of the same run.
//!
//! The server has a runtime of its own with two workers, the load another with
//! one thread; both are in this process and share its cores. Where memory is measured
//! the server is a process of its own.

pub(crate) mod latency;
pub(crate) mod local;

mod apart;
mod calls;
mod flood;
mod judging;
mod load;
mod mailbox;
mod novelty;
mod numbers;
mod queue;
mod reasoning;
mod report;
mod restart;
mod rounds;
mod scanning;
mod servers;
mod sessions;
mod stop;
mod throughput;
mod waits;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::sync::oneshot;

use self::apart::Apart;
use self::report::{Machine, Report};
use self::servers::Servers;
use pointsman_server::config::StoreUrl;

/// What the server judges by.
const POLICY: &str = include_str!("bench/policy.yaml");
/// How many pieces an agent that thinks aloud sends per second.
const PIECES_A_SECOND: u32 = 10;
/// Rounds begun per second where the load is moderate.
const MODERATE: f64 = 100.0;

const AFTER_HELP: &str = "\
Measured one after another against a new server with a durable store:
  echo      the empty call grpc.health.v1.Health/Check, again before each loop of calls
  propose   allowed, durable, redeemed by the same call; outcomes in batches of 100
  rounds    propose, watch, claim, resolve, resume, redeem, report, by unary calls
  moderate  the same, 100 rounds begun per second
  policy    judging a call by 1 rule and by 100, alone and as part of a proposal; novelty;
            looking for secrets
  waits     many agents waiting at once: opened, listed, claimed as the next one, resolved
            and resumed; then a question is told to 200 watches
  flood     one agent at 5,000 questions a second beside 49 at 2; on a folder, with the
            limits that a server has without being told
  stop      100 runs stopped while all callers propose and ask as fast as they can; on a
            folder
  reasoning agents that stream what they think, and people who watch some of them; the
            server is a process of its own, on a folder
  idle      agents whose sessions are open and say nothing; the same
  restart   from the start of the process's store until the server answers
visible is from before the proposal is sent until a watch has the question; resumed is from
before the resolution is sent until the agent has the answer and its grant.

Example:
  pointsman bench --duration 10 -o json";

/// How much to measure.
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchArguments {
    /// How long each closed loop is measured, in seconds
    #[arg(long, default_value_t = 10.0, value_name = "S")]
    pub(crate) duration: f64,
    /// Callers at once
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub(crate) callers: usize,
    /// Where to put the server's data, on the disk that matters; a folder in it is
    /// made and removed
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Measure on this database, which must be empty, instead of a folder
    #[arg(long, value_name = "URL", hide_env_values = true)]
    pub(crate) store: Option<String>,
    /// How many servers share the database; agents and reviewers use different ones
    #[arg(long, default_value_t = 1, value_name = "N", requires = "store")]
    pub(crate) servers: usize,
    /// How many agents wait at once
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(crate) waits: u64,
    /// How many agents stream what they think, 10 pieces a second each
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) thinkers: usize,
    /// How many people watch one of them each
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) watchers: usize,
    /// How many agents hold a session and say nothing
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(crate) idle: usize,
    /// Measure these parts only
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    pub(crate) only: Vec<Part>,
    /// Fill the journal to so many entries before the restart
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) entries: u64,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// The empty call.
    Echo,
    /// Allowed actions.
    Propose,
    /// Rounds at a fixed rate.
    Moderate,
    /// Rounds in a closed loop.
    Rounds,
    /// Many waits.
    Waits,
    /// What a policy costs.
    Policy,
    /// One agent that floods, beside others.
    Flood,
    /// Stops, while everything else is full.
    Stop,
    /// Agents that think aloud.
    Reasoning,
    /// Agents that say nothing.
    Idle,
    /// A restart.
    Restart,
}

impl BenchArguments {
    /// Whether a part is wanted; says that it begins.
    fn begins(&self, part: Part) -> bool {
        let is_wanted = self.only.is_empty() || self.only.contains(&part);
        if is_wanted {
            say(format!("bench: {}", format!("{part:?}").to_lowercase()));
        }
        is_wanted
    }
}

/// The figures of a bench.
#[derive(Debug)]
pub(crate) struct Benched(Report);

impl Benched {
    /// As data.
    pub(crate) fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(&self.0)?)
    }

    /// For people.
    pub(crate) fn to_text(&self) -> String {
        self.0.to_text()
    }
}

/// Measures everything.
pub(crate) async fn bench(arguments: &BenchArguments) -> anyhow::Result<Benched> {
    let arguments = arguments.clone();
    let (done, result) = oneshot::channel();
    // One thread for all callers: the load must not take the server's cores.
    std::thread::Builder::new().name("bench-load".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let measured = match runtime {
            Ok(runtime) => runtime.block_on(measure(&arguments)),
            Err(error) => Err(error.into()),
        };
        drop(done.send(measured));
    })?;
    Ok(Benched(result.await??))
}

async fn measure(arguments: &BenchArguments) -> anyhow::Result<Report> {
    let folder = match &arguments.data_dir {
        None => tempfile::tempdir()?,
        Some(place) => {
            std::fs::create_dir_all(place)?;
            tempfile::tempdir_in(place)?
        }
    };
    let span = Duration::try_from_secs_f64(arguments.duration)?;
    let callers = arguments.callers.max(1);
    let place = folder.path().to_owned();
    let servers = match &arguments.store {
        Some(url) => Servers::on_database(POLICY, &place, url, arguments.servers).await?,
        None => Servers::on_folder(POLICY, &place).await?,
    };
    let addresses = servers.addresses();
    let mut report = Report { machine: Machine::look(), ..Report::default() };
    if arguments.begins(Part::Echo) {
        report.echo_alone = Some(throughput::echo(&addresses, 1, span).await?);
        report.echo = Some(throughput::echo(&addresses, callers, span).await?);
    }
    if arguments.begins(Part::Propose) {
        report.propose = Some(throughput::propose(&addresses, callers, span).await?);
    }
    if arguments.begins(Part::Moderate) {
        report.moderate = Some(rounds::paced(&addresses, MODERATE, span).await?);
    }
    if arguments.begins(Part::Rounds) {
        report.rounds = Some(rounds::closed(&addresses, callers, span).await?);
    }
    if arguments.begins(Part::Waits) {
        let count = arguments.waits.max(1);
        report.waits = Some(waits::measure(&addresses, callers, count).await?);
    }
    if arguments.begins(Part::Policy) {
        report.judging = Some(judging::measure(callers, span).await?);
        report.novelty = Some(novelty::measure()?);
        report.scanning = Some(scanning::measure()?);
    }
    if arguments.begins(Part::Flood) {
        report.flood = Some(flood::measure(POLICY, &place, span).await?);
    }
    if arguments.begins(Part::Stop) {
        report.stop = Some(stop::measure(POLICY, &place, callers).await?);
    }
    if arguments.begins(Part::Reasoning) {
        let (agents, watchers) = (arguments.thinkers, arguments.watchers.min(arguments.thinkers));
        let load = reasoning::Load { agents, rate: PIECES_A_SECOND, watchers, span };
        let server = Apart::start(POLICY, &place.join("reasoning")).await?;
        report.reasoning = Some(reasoning::measure(&server, load).await?);
    }
    if arguments.begins(Part::Idle) {
        let server = Apart::start(POLICY, &place.join("idle")).await?;
        report.idle = Some(sessions::measure(&server, arguments.idle).await?);
    }
    if arguments.begins(Part::Restart) {
        throughput::fill(&addresses, callers, arguments.entries).await?;
        let server = servers.stop_others().await?;
        let (store, place) = match &arguments.store {
            Some(url) => (Some(StoreUrl::new(url)), place.join("server-1")),
            None => (None, place),
        };
        report.restart = Some(restart::measure(server, POLICY, place, store).await?);
    } else {
        servers.stop_others().await?.stop().await?;
    }
    report.machine.look_again();
    Ok(report)
}

/// Tells on standard error how far it is.
pub(crate) fn say(text: impl AsRef<str>) {
    // If nobody reads it there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}
