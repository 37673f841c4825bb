//! How fast a stop gets through while everything else is full.
//!
//! On a server of its own. Callers propose and ask in a closed loop as fast as the port for
//! everything lets them; the stops come on a thread of their own by the listener of
//! overrides, so that they do not wait for those callers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::r#override::Kind;
use pointsman_api::v1::override_scope::Scope;
use pointsman_client::{Connection, Error, Intent, Overrides};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::calls;
use super::latency::{Latency, Spread};
use super::load;
use super::local::{Asking, LocalServer};

/// Runs that are stopped. Of every two one has an agent that waits for overrides.
const RUNS: usize = 100;
/// How long the load goes on before the first stop.
const WARM_UP: Duration = Duration::from_secs(1);
/// Between two stops.
const PAUSE: Duration = Duration::from_millis(20);
/// How long an agent waits in one call.
const POLL: Duration = Duration::from_secs(30);
/// Every how many'th proposal asks a person.
const ASKED_EVERY: u64 = 4;

/// What a stop costs under load.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Stopped {
    /// Runs that were stopped.
    runs: usize,
    /// Callers that proposed meanwhile.
    callers: usize,
    /// What they proposed per second.
    proposed_per_second: f64,
    /// From before the stop is sent until it is answered, and in force.
    accepted_ms: Spread,
    /// From before the stop is sent until a waiting agent has it.
    told_ms: Spread,
    /// Grants of stopped runs that were tried afterwards, and refused.
    refused_grants: u64,
}

/// What the load does.
#[derive(Debug, Default)]
struct Load {
    is_over: AtomicBool,
    proposed: AtomicU64,
}

/// A run that is to be stopped, with a grant that was not redeemed.
struct Target {
    run_id: String,
    redeem: v1::RedeemGrantRequest,
}

/// Measures with so many callers beside.
pub(super) async fn measure(policy: &str, place: &Path, callers: usize) -> anyhow::Result<Stopped> {
    let place = place.join("stop");
    let server = LocalServer::start(policy, Some(place), None, Asking::Unlimited).await?;
    let stopped = under_load(&server, callers).await;
    server.stop().await?;
    stopped
}

async fn under_load(server: &LocalServer, callers: usize) -> anyhow::Result<Stopped> {
    let agent = load::connect(&server.address(), "dev-agent").await?;
    let mut targets = Vec::with_capacity(RUNS);
    for number in 0..RUNS {
        targets.push(target(&agent, number).await?);
    }
    let load = Arc::new(Load::default());
    let mut loading = JoinSet::new();
    for number in 0..callers {
        loading.spawn(propose(agent.clone(), number, Arc::clone(&load)));
    }
    tokio::time::sleep(WARM_UP).await;
    let (began, before) = (Instant::now(), load.proposed.load(Ordering::Relaxed));
    let (done, result) = oneshot::channel();
    let address = server.overrides_address();
    std::thread::Builder::new().name("bench-stop".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let measured = match runtime {
            Ok(runtime) => runtime.block_on(stop_all(&address, targets)),
            Err(error) => Err(error.into()),
        };
        drop(done.send(measured));
    })?;
    let (accepted, told, targets) = result.await??;
    let proposed = load.proposed.load(Ordering::Relaxed) - before;
    let seconds = began.elapsed().as_secs_f64();
    let refused_grants = try_grants(&agent, targets).await?;
    load.is_over.store(true, Ordering::Relaxed);
    while let Some(done) = loading.join_next().await {
        done??;
    }
    Ok(Stopped {
        runs: RUNS,
        callers,
        proposed_per_second: proposed as f64 / seconds,
        accepted_ms: accepted.spread(),
        told_ms: told.spread(),
        refused_grants,
    })
}

async fn target(agent: &Connection, number: usize) -> anyhow::Result<Target> {
    let run_id = calls::start_run(agent).await?;
    let number = u64::try_from(number)?;
    let request = v1::ProposeActionRequest {
        redeem_if_allowed: false,
        ..calls::allowed(agent, &run_id, number)
    };
    let answer = calls::propose(agent, request.clone()).await?;
    let redeem = v1::RedeemGrantRequest {
        request_id: agent.new_request_id(),
        grant_id: calls::whole(answer.grant)?.grant_id,
        action_id: answer.action_id,
        run_id: run_id.clone(),
        tool: request.tool,
        arguments: request.arguments,
        ..v1::RedeemGrantRequest::default()
    };
    Ok(Target { run_id, redeem })
}

/// One caller: proposes until it is over, whatever the answer.
async fn propose(agent: Connection, number: usize, load: Arc<Load>) -> anyhow::Result<()> {
    let run_id = calls::start_run(&agent).await?;
    let first = u64::try_from(number)? << 32;
    for number in first.. {
        if load.is_over.load(Ordering::Relaxed) {
            break;
        }
        let request = match number % ASKED_EVERY {
            0 => calls::asked(&agent, &run_id, number),
            _ => calls::allowed(&agent, &run_id, number),
        };
        // A server that is full may refuse some.
        if agent.action_service().propose_action(request).await.is_ok() {
            load.proposed.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Stops one run after another; half of them have an agent that waits.
async fn stop_all(
    address: &str,
    targets: Vec<Target>,
) -> anyhow::Result<(Latency, Latency, Vec<Target>)> {
    let sam = Overrides::new(load::connect(address, "dev-supervisor").await?);
    let agent = Overrides::new(load::connect(address, "dev-agent").await?);
    let (mut accepted, mut told) = (Latency::default(), Latency::default());
    for (number, target) in targets.iter().enumerate() {
        let waiting = (number % 2 == 0).then(|| {
            let (agent, run_id) = (agent.clone(), target.run_id.clone());
            tokio::spawn(async move { agent.receive(run_id, POLL).await.map(|_| Instant::now()) })
        });
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        sam.request(Intent {
            kind: Kind::Stop,
            scope: Some(Scope::RunId(target.run_id.clone())),
            reason: "measured, not meant".to_owned(),
            ..Intent::default()
        })
        .await?;
        accepted.record(began.elapsed());
        if let Some(waiting) = waiting {
            told.record(waiting.await??.saturating_duration_since(began));
        }
    }
    Ok((accepted, told, targets))
}

/// Tries the grants of what was stopped: every one must be refused.
async fn try_grants(agent: &Connection, targets: Vec<Target>) -> anyhow::Result<u64> {
    let mut refused = 0;
    for target in targets {
        let answer = agent.action_service().redeem_grant(target.redeem).await;
        let error = answer.err().map(Error::from);
        let reason = error.as_ref().and_then(Error::reason);
        anyhow::ensure!(
            reason == Some(ErrorReason::RunStopped) || reason == Some(ErrorReason::GrantRevoked),
            "a grant of a stopped run was not refused: {error:?}"
        );
        refused += 1;
    }
    Ok(refused)
}

impl Stopped {
    /// For people.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let spread =
            |it: &Spread| format!("p50 {:.2}  p99 {:.2}  max {:.2} ms", it.p50, it.p99, it.max);
        let row = |name: &str, value: String| (name.to_owned(), value);
        let (callers, proposed) = (self.callers, self.proposed_per_second);
        vec![
            row(&format!("stop of {} runs, accepted", self.runs), spread(&self.accepted_ms)),
            row("  agents told", spread(&self.told_ms)),
            row("  grants tried and refused", self.refused_grants.to_string()),
            row("  beside", format!("{proposed:>8.0} proposals /s of {callers} callers")),
        ]
    }
}
