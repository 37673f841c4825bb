//! A disk that fills: intake is refused first, people and outcomes go on, nothing
//! acknowledged is lost, and the server starts again on the full disk.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_client::{Agent, Proposal, Reviewer, StartRun};
use tempfile::TempDir;

use crate::harness::api::{self, Called, called, connect, request_id};
use crate::harness::child::Place;
use crate::harness::disk::{Tmpfs, or_failed_to_run};
use crate::harness::fixture::asked;
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::poll::{PATIENCE, at_moment, eventually};
use crate::harness::seed::Seed;
use crate::harness::{policy, verify};

/// Four times the ballast: less, and the server lays none in.
const DISK_MIB: u64 = 320;
const INTAKE_MIB: u64 = 16;
const NORMAL_MIB: u64 = 8;
const RECOVERS_WITHIN: Duration = Duration::from_secs(5);

async fn start_run(connection: &pointsman_client::Connection) -> Called<v1::StartRunResponse> {
    let goal = verify::PROBE.to_owned();
    let request = v1::StartRunRequest { request_id: request_id(), goal, ..Default::default() };
    called(connection.run_service().start_run(request).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_intake_first_and_loses_nothing() {
    let mut seed = Seed::draw("full disk");
    let Some(disk) = or_failed_to_run("full disk", Tmpfs::new(DISK_MIB)) else { return };
    let notes = TempDir::new().unwrap();
    let mut place = Place::new(disk.path(), notes.path(), policy::BY_NAME);
    place.set_watermarks(INTAKE_MIB, NORMAL_MIB);
    let ledger = Arc::new(Ledger::default());

    let server = place.serve_ready(PATIENCE).await;
    let load = Load::start(server.address(), &ledger, &mut seed);
    at_moment(Duration::from_millis(400)).await;
    drop(load);
    let question = ask(server.address()).await;
    let filler = disk.path().join("filler");
    fill(&filler, disk.path(), (INTAKE_MIB - 1) << 20);

    let agent = connect(server.address(), api::AGENT);
    eventually("intake is refused", PATIENCE, || async {
        match start_run(&agent).await {
            Called::Refused(error) => {
                assert_eq!(error.reason_name(), "DISK_FULL");
                Some(())
            }
            _ => None,
        }
    })
    .await;
    approve(server.address(), &question).await;
    server.kill();

    // To the last byte: the server must still start, and know everything.
    let rest = disk.path().join("rest");
    fill(&rest, disk.path(), 0);
    let server = place.serve_ready(PATIENCE).await;
    verify::verify(server.address(), &ledger.copy()).await;
    // The ballast that was given up makes room; to be sure of it, all of it.
    fill(&disk.path().join("more"), disk.path(), (INTAKE_MIB - 1) << 20);
    let agent = connect(server.address(), api::AGENT);
    eventually("intake is refused again", PATIENCE, || async {
        matches!(start_run(&agent).await, Called::Refused(_)).then_some(())
    })
    .await;

    fs::remove_file(&rest).unwrap();
    fs::remove_file(&filler).unwrap();
    eventually("intake goes on", RECOVERS_WITHIN, || async {
        matches!(start_run(&agent).await, Called::Done(_)).then_some(())
    })
    .await;
}

/// Asks a question beside the load.
async fn ask(address: &str) -> String {
    let agent = Agent::new(connect(address, api::AGENT));
    let goal = verify::PROBE.to_owned();
    let run = agent.start_run(StartRun { goal, ..StartRun::default() }).await.unwrap();
    let wait = asked(&run, Proposal::new("ask_it", "{}").detached()).await;
    wait.escalation_id().to_owned()
}

/// A person's answer passes between the watermarks.
async fn approve(address: &str, question: &str) {
    let reviewer = Reviewer::new(connect(address, api::REVIEWER));
    let claimed = reviewer.claim(question, None).await.unwrap();
    reviewer.approve(&claimed, "in spite of the disk").await.unwrap();
}

/// Writes into `file` until only `leave` bytes of its disk are free.
fn fill(file: &std::path::Path, disk: &std::path::Path, leave: u64) {
    use std::io::Write as _;
    let chunk = Bytes::from(vec![7; 64 * 1024]);
    let mut file = fs::File::create(file).unwrap();
    while free(disk) > leave {
        if file.write_all(&chunk).is_err() {
            return;
        }
    }
}

fn free(disk: &std::path::Path) -> u64 {
    let output = std::process::Command::new("df")
        .args(["--output=avail", "--block-size=1"])
        .arg(disk)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().nth(1).unwrap().trim().parse().unwrap()
}
