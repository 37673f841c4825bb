//! A disk of 64 MiB that fills: intake is refused first, people and outcomes go on
//! until the second watermark, nothing acknowledged is lost, and the server starts
//! on the full disk.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_client::{Connection, Error, Reviewer};
use tempfile::TempDir;

use crate::harness::api::{self, Called, called, connect, request_id};
use crate::harness::child::{Place, Server};
use crate::harness::disk::{Tmpfs, or_failed_to_run};
use crate::harness::ledger::{Known, Ledger, Try};
use crate::harness::load::{self, Load};
use crate::harness::poll::{PATIENCE, at_moment, eventually};
use crate::harness::seed::Seed;
use crate::harness::{policy, verify};

const DISK_MIB: u64 = 64;
/// The first watermark on it: a quarter.
const INTAKE_MIB: u64 = 16;
/// The second: a sixteenth.
const NORMAL_MIB: u64 = 4;
/// What is given up to start: an eighth.
const BALLAST_BYTES: u64 = 8 << 20;
/// What a start needs without it.
const START_BYTES: u64 = 1 << 20;
const STATE_BYTES: usize = 512 * 1024;
const LOAD_FOR: Duration = Duration::from_millis(500);
/// A projection that cannot be written is noticed when it is flushed.
const NOTICED_WITHIN: Duration = Duration::from_millis(1_500);
const RECOVERS_WITHIN: Duration = Duration::from_secs(5);
/// The exit code of a server that finds no room.
const EXIT_DISK_FULL: i32 = 9;

/// A small disk with a server's data on it, and what its callers know.
struct World {
    disk: Tmpfs,
    place: Place,
    seed: Seed,
    ledger: Arc<Ledger>,
    _notes: TempDir,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_intake_first_and_loses_nothing() {
    let Some(mut world) = World::new("full disk") else { return };
    let server = world.place.serve_ready(PATIENCE).await;
    assert_eq!(world.ballast(), Some(BALLAST_BYTES));
    world.load_for(&server, LOAD_FOR).await;

    world.disk.fill((DISK_MIB / 2) << 20);
    world.flood(&server).await;
    assert!(world.disk.free() >> 20 < INTAKE_MIB);
    world.answer(&server).await.unwrap();

    world.disk.fill((NORMAL_MIB << 20) - 1);
    is_disk_full(&world.answer(&server).await.unwrap_err());
    world.disk.drain();
    world.disk.fill(NORMAL_MIB << 21);
    world.answer(&server).await.unwrap();

    // Another program takes what is left while the server is at work.
    let load = world.load(&server);
    world.disk.fill(0);
    at_moment(NOTICED_WITHIN).await;
    let ended = server.kill();
    assert!(matches!(ended.code(), None | Some(EXIT_DISK_FULL)), "{ended}");
    load.ended().await;

    world.disk.fill(0);
    let server = world.place.serve_ready(PATIENCE).await;
    assert_eq!(world.ballast(), None);
    world.verify(&server).await;
    refuses_intake(&server).await;
    world.answer(&server).await.unwrap();
    server.kill();
    let server = world.place.serve_ready(PATIENCE).await;
    world.answer(&server).await.unwrap();

    world.disk.drain();
    eventually("intake goes on", RECOVERS_WITHIN, || is_taken_in(&server)).await;
    let load = world.load(&server);
    eventually("the ballast is back", PATIENCE, || async { world.ballast() }).await;
    // The load may have answered every question that there was.
    load.stop().await;
    load::ask(server.address(), &world.ledger, &mut world.seed).await;
    server.kill();
    world.disk.fill(0);
    let server = world.place.serve_ready(PATIENCE).await;
    world.verify(&server).await;
    world.answer(&server).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_room_to_start_says_so_and_starts_when_there_is() {
    let Some(mut world) = World::new("no room to start") else { return };
    let server = world.place.serve_ready(PATIENCE).await;
    world.load_for(&server, LOAD_FOR).await;
    server.kill();
    fs::remove_file(world.place.data().join("ballast")).unwrap();
    world.disk.fill(0);
    let journal = world.journal();

    for _ in 0..3 {
        let server = world.place.serve();
        let log = server.log();
        let ended = server.ended(PATIENCE).await;
        assert_eq!(ended.code(), Some(EXIT_DISK_FULL), "{log}");
    }
    let log = fs::read_to_string(world.place.log()).unwrap();
    assert!(log.contains("no room on the disk of"), "{log}");
    assert!(log.contains("Free some room"), "{log}");
    // But for an end that was never answered.
    assert!(journal.starts_with(&world.journal()));

    world.disk.drain();
    world.disk.fill(START_BYTES);
    let server = world.place.serve_ready(PATIENCE).await;
    world.verify(&server).await;
    refuses_intake(&server).await;
    server.kill();

    world.disk.drain();
    let server = world.place.serve_ready(PATIENCE).await;
    world.verify(&server).await;
    assert_eq!(world.ballast(), Some(BALLAST_BYTES));
    eventually("intake goes on", RECOVERS_WITHIN, || is_taken_in(&server)).await;
}

impl World {
    fn new(test: &str) -> Option<Self> {
        let seed = Seed::draw(test);
        let disk = or_failed_to_run(test, Tmpfs::new(DISK_MIB))?;
        let notes = TempDir::new().unwrap();
        let mut place = Place::new(disk.path(), notes.path(), policy::BY_NAME);
        place.keep_usual_watermarks();
        Some(Self { disk, place, seed, ledger: Arc::new(Ledger::default()), _notes: notes })
    }

    fn load(&mut self, server: &Server) -> Load {
        Load::start(server.address(), &self.ledger, &mut self.seed)
    }

    async fn load_for(&mut self, server: &Server, time: Duration) {
        let load = self.load(server);
        at_moment(time).await;
        drop(load);
    }

    /// Asks questions with big checkpoints until the server takes no more.
    async fn flood(&mut self, server: &Server) {
        load::flood(server.address(), &self.ledger, &mut self.seed, STATE_BYTES).await;
        refuses_intake(server).await;
    }

    /// Claims and approves an open question.
    async fn answer(&self, server: &Server) -> Result<(), Error> {
        let reviewer = Reviewer::new(connect(server.address(), api::REVIEWER));
        let page = reviewer.list(v1::ListEscalationsRequest::default()).await?;
        let open = page.escalations.iter().find(|one| one.claim.is_none()).unwrap();
        let claimed = reviewer.claim(&open.escalation_id, None).await?;
        reviewer.approve(&claimed, "in spite of the disk").await?;
        let approved = Try { kind: v1::resolution::Kind::Approved, known: Known::Done };
        let mut book = self.ledger.book();
        book.tries.entry(open.escalation_id.clone()).or_default().push(approved);
        Ok(())
    }

    /// Everything acknowledged is there.
    async fn verify(&self, server: &Server) {
        verify::verify(server.address(), &self.ledger.copy()).await;
    }

    fn ballast(&self) -> Option<u64> {
        fs::metadata(self.place.data().join("ballast")).ok().map(|data| data.len())
    }

    fn journal(&self) -> Vec<u8> {
        fs::read(self.place.data().join("journal/0000000001.log")).unwrap()
    }
}

async fn refuses_intake(server: &Server) {
    match start_run(&connect(server.address(), api::AGENT)).await {
        Called::Refused(refusal) => is_disk_full(&refusal),
        other => panic!("not refused: {other:?}"),
    }
}

async fn is_taken_in(server: &Server) -> Option<()> {
    let answer = start_run(&connect(server.address(), api::AGENT)).await;
    matches!(answer, Called::Done(_)).then_some(())
}

async fn start_run(connection: &Connection) -> Called<v1::StartRunResponse> {
    let goal = verify::PROBE.to_owned();
    let request = v1::StartRunRequest { request_id: request_id(), goal, ..Default::default() };
    called(connection.run_service().start_run(request).await)
}

fn is_disk_full(refusal: &Error) {
    assert_eq!(refusal.code(), tonic::Code::ResourceExhausted, "{refusal:?}");
    assert_eq!(refusal.reason_name(), "DISK_FULL");
    assert_eq!(refusal.effect(), pointsman_client::Effect::None);
    assert!(refusal.metadata("free_bytes").is_some() && refusal.retry_after().is_some());
}
