//! Closed loops of one kind of call: the empty call that bounds everything, and
//! proposals that may run at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::calls;
use super::latency::Latency;
use super::load::{self, CHANNELS, Rate, Window};
use super::servers::Addresses;

/// Actions whose outcomes go into one report.
const BATCH: usize = 100;

/// Proposals that the policy allows: durable and redeemed with one call each.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Proposing {
    /// Actions per second, reports of their outcomes included.
    #[serde(flatten)]
    pub(super) rate: Rate,
    /// The empty call just before.
    pub(super) echo_per_second: f64,
    /// The share of the empty call's rate.
    pub(super) of_echo: f64,
    /// Commits for each action.
    pub(super) commits_per_operation: f64,
    /// Rules that matched each action.
    pub(super) rules_matched: usize,
}

/// Measures the empty call: `grpc.health.v1.Health/Check`.
pub(super) async fn echo(
    addresses: &Addresses,
    callers: usize,
    span: Duration,
) -> anyhow::Result<Rate> {
    let mut channels = Vec::new();
    for number in 0..CHANNELS * addresses.count() {
        let endpoint = tonic::transport::Endpoint::new(addresses.at(number).to_owned())?;
        channels.push(endpoint.connect().await?);
    }
    let window = Window::of(span);
    load::run(callers, window, |number| {
        let channel = channels.iter().cycle().nth(number % channels.len()).cloned();
        async move {
            let mut client = HealthClient::new(calls::whole(channel)?);
            let mut latency = Latency::default();
            while window.is_open() {
                let began = Instant::now();
                client.check(HealthCheckRequest::default()).await?;
                if window.counts(began) {
                    latency.record(began.elapsed());
                }
            }
            Ok(latency)
        }
    })
    .await
}

/// Measures proposals, with the empty call just before.
pub(super) async fn propose(
    addresses: &Addresses,
    callers: usize,
    span: Duration,
) -> anyhow::Result<Proposing> {
    let echo = echo(addresses, callers, span).await?;
    let agents = load::connect_each(addresses, "dev-agent").await?;
    let matched = Arc::new(AtomicU64::new(0));
    let numbers = Arc::new(AtomicU64::new(0));
    let before = addresses.commits().await?;
    let window = Window::of(span);
    let rate = load::run(callers, window, |caller| {
        let (agent, numbers) = (load::of(&agents, caller), Arc::clone(&numbers));
        let matched = Arc::clone(&matched);
        async move {
            let agent = agent?;
            let run_id = calls::start_run(&agent).await?;
            let mut latency = Latency::default();
            let mut ran = Vec::with_capacity(BATCH);
            while window.is_open() {
                let began = Instant::now();
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let request = calls::allowed(&agent, &run_id, number);
                let answer = calls::propose(&agent, request).await?;
                if window.counts(began) {
                    latency.record(began.elapsed());
                }
                let rules = answer.decision.map_or(0, |it| it.matched_rule_ids.len());
                matched.store(rules as u64, Ordering::Relaxed);
                anyhow::ensure!(answer.grant.is_some_and(|it| it.redeemed), "not redeemed");
                ran.push(answer.action_id);
                if ran.len() == BATCH {
                    calls::report(&agent, std::mem::take(&mut ran)).await?;
                }
            }
            if !ran.is_empty() {
                calls::report(&agent, ran).await?;
            }
            Ok(latency)
        }
    })
    .await?;
    let commits = addresses.commits().await? - before;
    Ok(Proposing {
        of_echo: rate.per_second / echo.per_second,
        echo_per_second: echo.per_second,
        commits_per_operation: commits / numbers.load(Ordering::Relaxed) as f64,
        rules_matched: usize::try_from(matched.load(Ordering::Relaxed))?,
        rate,
    })
}

/// Proposes until the journal has so many entries.
pub(super) async fn fill(
    addresses: &Addresses,
    callers: usize,
    entries: u64,
) -> anyhow::Result<()> {
    let admin = load::connect(addresses.at(0), "dev-admin").await?;
    let admin = pointsman_client::Admin::new(admin);
    while admin.server_info().await?.entries < entries {
        propose_for(addresses, callers, Duration::from_secs(5)).await?;
    }
    Ok(())
}

async fn propose_for(addresses: &Addresses, callers: usize, span: Duration) -> anyhow::Result<()> {
    let agents = load::connect_each(addresses, "dev-agent").await?;
    let window = Window::of(span);
    load::run(callers, window, |caller| {
        let agent = load::of(&agents, caller);
        async move {
            let agent = agent?;
            let run_id = calls::start_run(&agent).await?;
            let mut ran = Vec::with_capacity(BATCH);
            for number in 0.. {
                let request = calls::allowed(&agent, &run_id, number + caller as u64);
                ran.push(calls::propose(&agent, request).await?.action_id);
                if ran.len() == BATCH {
                    calls::report(&agent, std::mem::take(&mut ran)).await?;
                    if !window.is_open() {
                        break;
                    }
                }
            }
            Ok(Latency::default())
        }
    })
    .await?;
    Ok(())
}
