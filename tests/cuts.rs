//! Power cuts: what the disk had not got is gone, and still nothing that was
//! acknowledged. The device's own cache is not modelled.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::child::Place;
use crate::harness::disk::{Ext4, or_failed_to_run};
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::poll::{PATIENCE, at_moment};
use crate::harness::seed::{Seed, rounds};
use crate::harness::{policy, verify};

const DISK_MIB: u64 = 192;
const LONGEST_LIFE: Duration = Duration::from_millis(900);
/// After a failed write or sync a server answers nothing more and ends.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// A fresh disk after so many cuts: half of the damage needs old files, half new.
const CUTS_PER_DISK: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn servers_without_power_lose_nothing_and_invent_nothing() {
    let mut seed = Seed::draw("cuts");
    let rounds = rounds(6, 40);
    let mut cuts = 0;
    while cuts < rounds {
        let Some(disk) = or_failed_to_run("power cuts", Ext4::new(DISK_MIB)) else { return };
        let notes = TempDir::new().unwrap();
        let mut place = Place::new(&disk.path(), notes.path(), policy::BY_NAME);
        place.set_watermarks(2, 1);
        let ledger = Arc::new(Ledger::default());
        for _ in 0..CUTS_PER_DISK.min(rounds - cuts) {
            let server = place.serve_ready(PATIENCE).await;
            verify::verify(server.address(), &ledger.copy()).await;
            let load = Load::start(server.address(), &ledger, &mut seed);
            let cut = disk.prepare_cut();
            at_moment(seed.moment(LONGEST_LIFE)).await;
            let before = ledger.copy();
            cut.make();
            let ended = server.ended(ENDS_WITHIN).await;
            assert!(!ended.success(), "a server without its disk must not end well");
            load.ended().await;
            ledger.book().doubt_since(&before);
            disk.replug();
            cuts += 1;
            println!("cut {cuts}: {} acknowledged", ledger.book().acknowledged());
        }
        let server = place.serve_ready(PATIENCE).await;
        verify::verify(server.address(), &ledger.copy()).await;
        server.kill();
    }
}
