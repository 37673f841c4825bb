//! Measures commits per second of the embedded store.
//!
//! `cargo run --profile ci -p pointsman-server --example store_bench -- [callers] [seconds] [directory]`
//!
//! Each commit has one expectation, three writes of about 250 bytes, one event
//! and one payload of 200 bytes, and is durable when it is answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pointsman_server::domain::event::{Event, EventKind, Subjects};
use pointsman_server::domain::payload::PayloadDraft;
use pointsman_server::domain::time::Timestamp;
use pointsman_server::store::embedded::{EmbeddedOptions, EmbeddedStore};
use pointsman_server::store::{CommitError, Expectation, Store, Transaction, Write};
use uuid::Uuid;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    Instant::now()
}

fn transaction(number: u64) -> Transaction {
    let key = |kind: &str| Bytes::from(format!("acme/{kind}/{number:020}"));
    let value = Bytes::from(vec![number as u8; 220]);
    let write = |kind: &str| Write { key: key(kind), value: Some(value.clone()) };
    let bytes = Bytes::from(vec![7; 200]);
    let id = Uuid::from_u128(u128::from(number));
    let payload = PayloadDraft::new(id, [1; 16], bytes, None);
    let payloads: Vec<_> = payload.into_iter().collect();
    let commitments = payloads.iter().map(|payload| payload.reference.commitment).collect();
    Transaction {
        tenant: "acme".to_owned(),
        principal: "agent:bench".to_owned(),
        expectations: vec![Expectation::Key { key: key("action"), version: None }],
        writes: vec![write("action"), write("run"), write("queue")],
        events: vec![Event {
            kind: EventKind::ActionEscalated,
            subjects: Subjects::default(),
            action_digest: None,
            payloads: commitments,
        }],
        payloads,
        ..Transaction::default()
    }
}

async fn caller(
    store: Arc<EmbeddedStore>,
    numbers: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
) -> Result<Vec<u64>, CommitError> {
    let mut micros = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let start = now();
        store.commit(transaction(number)).await?;
        micros.push(start.elapsed().as_micros() as u64);
    }
    Ok(micros)
}

fn percentile(sorted: &[u64], share: f64) -> u64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let callers: usize = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let dir =
        arguments.next().map_or_else(|| std::env::temp_dir().join("store_bench"), PathBuf::from);
    let epoch = now();
    let clock = Arc::new(move || Timestamp::from_micros(epoch.elapsed().as_micros() as i64));
    let mut options = EmbeddedOptions::new(dir.join("data"), clock);
    options.ballast_bytes = 0;
    options.watermarks.intake_percent = 0;
    let start = now();
    let (store, report) = EmbeddedStore::open(options)?;
    println!("opened in {:?}: {report:?}", start.elapsed());
    let store = Arc::new(store);
    let numbers = Arc::new(AtomicU64::new(report.commit + 1_000_000_000));
    for round in 1..=3 {
        let is_over = Arc::new(AtomicBool::new(false));
        let before = store.stats();
        let start = now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                tokio::spawn(caller(Arc::clone(&store), Arc::clone(&numbers), Arc::clone(&is_over)))
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        is_over.store(true, Ordering::Relaxed);
        let mut micros = Vec::new();
        for task in tasks {
            micros.extend(task.await??);
        }
        let elapsed = start.elapsed().as_secs_f64();
        micros.sort_unstable();
        let stats = store.stats();
        let groups = (stats.groups - before.groups).max(1);
        println!(
            "round {round}: {:.0} commits/s, p50 {} us, p99 {} us, max {} us; {:.1} commits a \
             group, {} us a sync, {} records not in sled",
            micros.len() as f64 / elapsed,
            percentile(&micros, 0.5),
            percentile(&micros, 0.99),
            percentile(&micros, 1.0),
            (stats.commits - before.commits) as f64 / groups as f64,
            (stats.sync_micros - before.sync_micros) / groups,
            stats.unapplied,
        );
    }
    let start = now();
    store.close().await;
    println!("closed in {:?}", start.elapsed());
    Ok(())
}
