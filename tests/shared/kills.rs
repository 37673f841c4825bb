//! `kill -9` of servers that share a queue, under load: their callers go on at the
//! others, nothing acknowledged is lost, nothing is done twice.

use std::sync::Arc;
use std::time::Duration;

use crate::harness::fleet::Fleet;
use crate::harness::journal;
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::poll::{PATIENCE, at_moment, eventually};
use crate::harness::postgres::Cluster;
use crate::harness::seed::{Seed, rounds};
use crate::harness::{policy, verify};

const SERVERS: usize = 3;
/// How long the servers are left alone at most between two kills.
const LONGEST_PEACE: Duration = Duration::from_millis(700);
/// How long a killed server stays away at most.
const LONGEST_ABSENCE: Duration = Duration::from_millis(300);
/// In so many of the kills another server dies as well while the first is away.
const SECOND_KILLS_PERCENT: usize = 30;
/// What was acknowledged is compared with what is there after so many kills.
const KILLS_PER_COMPARISON: usize = 25;
/// How much is acknowledged between two kills, at least.
const PROGRESS: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_one_queue_are_killed_and_nothing_is_lost_or_done_twice() {
    let mut seed = Seed::draw("shared kills");
    let database = Cluster::shared().database();
    let mut fleet = Fleet::start(&database, SERVERS, policy::BY_NAME).await;
    let ledger = Arc::new(Ledger::default());
    let (wanted, mut kills, mut longest) = (rounds(10, 200), 0, Duration::ZERO);
    while kills < wanted {
        let load = Load::start_on(fleet.addresses(), &ledger, &mut seed);
        progress(&ledger).await;
        ledger.pulse().take_longest();
        let end = wanted.min(kills + KILLS_PER_COMPARISON);
        while kills < end {
            at_moment(seed.moment(LONGEST_PEACE)).await;
            kills += kill_some(&mut fleet, &mut seed).await;
            progress(&ledger).await;
        }
        longest = longest.max(ledger.pulse().take_longest());
        load.stop().await;
        for address in fleet.addresses() {
            verify::verify(address, &ledger.copy()).await;
        }
        let acknowledged = ledger.book().acknowledged();
        println!(
            "{kills} kills: {acknowledged} acknowledged in {} commits",
            journal::verify(&database)
        );
    }
    fleet.verify_journal(0).await;
    let switches = ledger.pulse().switches();
    println!("longest gap {longest:.1?}, callers changed their server {switches} times");
    assert!(switches > wanted as u64, "the callers hardly noticed");
    assert!(ledger.book().acknowledged() > wanted * 20, "the load did hardly anything");
}

/// Kills one server, or two, and starts them again; answers how many.
async fn kill_some(fleet: &mut Fleet, seed: &mut Seed) -> usize {
    let first = seed.below(SERVERS);
    fleet.kill(first);
    at_moment(seed.moment(LONGEST_ABSENCE)).await;
    fleet.begin(first);
    if !seed.chance(SECOND_KILLS_PERCENT) {
        fleet.ready(first).await;
        return 1;
    }
    let second = (first + 1 + seed.below(SERVERS - 1)) % SERVERS;
    at_moment(seed.moment(LONGEST_ABSENCE)).await;
    fleet.kill(second);
    fleet.start_again(second).await;
    fleet.ready(first).await;
    2
}

/// Waits until the load has got somewhere.
pub async fn progress(ledger: &Ledger) {
    let wanted = ledger.pulse().count() + PROGRESS;
    eventually("the load gets on", PATIENCE, || async {
        (ledger.pulse().count() >= wanted).then_some(())
    })
    .await;
}
