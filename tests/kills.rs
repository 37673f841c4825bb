//! `kill -9` at random moments under mixed load: nothing acknowledged is lost,
//! nothing is invented, and the server starts by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::child::Place;
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::poll::{PATIENCE, at_moment};
use crate::harness::seed::{Seed, rounds};
use crate::harness::{policy, verify};

/// How long a server lives at most before it is killed.
const LONGEST_LIFE: Duration = Duration::from_millis(600);
/// How long the first start may take; later ones are measured, so that kills during
/// a start fall on any part of it.
const FIRST_START: Duration = Duration::from_millis(40);
/// Before so many of the kills under load, another one comes during the start.
const KILLS_AT_START_PERCENT: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn killed_servers_lose_nothing_and_invent_nothing() {
    let mut seed = Seed::draw("kills");
    let folder = TempDir::new().unwrap();
    let place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
    let ledger = Arc::new(Ledger::default());
    let rounds = rounds(30, 200);
    let (mut start, mut kills_at_start) = (FIRST_START, 0);
    for round in 0..rounds {
        if round * KILLS_AT_START_PERCENT % 100 < KILLS_AT_START_PERCENT {
            let server = place.serve();
            at_moment(seed.moment(start)).await;
            server.kill();
            kills_at_start += 1;
        }
        let began = Instant::now();
        let server = place.serve_ready(PATIENCE).await;
        start = began.elapsed();
        verify::verify(server.address(), &ledger.copy()).await;
        let load = Load::start(server.address(), &ledger, &mut seed);
        at_moment(seed.moment(LONGEST_LIFE)).await;
        server.kill();
        load.ended().await;
        println!("kill {}: {} acknowledged", round + 1, ledger.book().acknowledged());
    }
    println!("{kills_at_start} more kills during a start, the last of which took {start:?}");
    let server = place.serve_ready(PATIENCE).await;
    verify::verify(server.address(), &ledger.copy()).await;
    assert!(ledger.book().acknowledged() > rounds * 20, "the load did hardly anything");
}
