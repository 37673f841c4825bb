//! Faults of the database under load: the servers stay the same processes, nothing
//! acknowledged is lost, nothing is done twice.

mod network;
mod patroni;
mod primary;
mod setback;

use std::sync::Arc;
use std::time::Duration;

use super::kills::progress;
use crate::harness::fleet::Fleet;
use crate::harness::journal;
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::seed::Seed;
use crate::harness::{policy, verify};

const SERVERS: usize = 3;

/// Servers under load on a database that is about to fail.
struct Trial {
    fleet: Fleet,
    ledger: Arc<Ledger>,
    load: Load,
    /// The longest gap of all rounds.
    longest: Duration,
}

// === impl Trial ===

impl Trial {
    /// Starts a server for each address of the store, and the load.
    async fn start(stores: &[String], seed: &mut Seed) -> Self {
        let fleet = Fleet::start_with(stores, policy::BY_NAME, &[]).await;
        let ledger = Arc::new(Ledger::default());
        let load = Load::start_on(fleet.addresses(), &ledger, seed);
        progress(&ledger).await;
        Self { fleet, ledger, load, longest: Duration::ZERO }
    }

    /// Makes a fault happen, and waits until the load goes on after it; prints how
    /// long there was no acknowledgement.
    async fn survive<T>(&mut self, what: &str, fault: impl AsyncFnOnce() -> T) -> T {
        progress(&self.ledger).await;
        self.ledger.pulse().take_longest();
        let came = fault().await;
        progress(&self.ledger).await;
        let gap = self.ledger.pulse().take_longest();
        self.longest = self.longest.max(gap);
        println!(
            "{what}: {} acknowledged, longest gap {gap:.1?}",
            self.ledger.book().acknowledged()
        );
        came
    }

    /// Ends the load, and compares what was acknowledged with what is there.
    async fn settle(mut self, dsn: &str) {
        self.load.stop().await;
        self.fleet.assert_running();
        for address in self.fleet.addresses() {
            verify::verify(address, &self.ledger.copy()).await;
        }
        let commits = journal::verify(dsn);
        self.fleet.verify_journal(0).await;
        let acknowledged = self.ledger.book().acknowledged();
        println!(
            "{acknowledged} acknowledged, {commits} commits, longest gap {:.1?}",
            self.longest
        );
    }
}
