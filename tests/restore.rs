//! Restoring a backup: the same state in a new life, or a refusal that names the
//! place and makes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::watch_escalations_response::Event;
use pointsman_client::{Agent, Error, QueueEvent, Reviewer, StartRun};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::api::{ADMIN, AGENT, REVIEWER, connect};
use crate::harness::child::Place;
use crate::harness::disk::{Tmpfs, contents, or_failed_to_run};
use crate::harness::fixture::{another, asked};
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::poll::{PATIENCE, at_moment, within};
use crate::harness::seed::Seed;
use crate::harness::{policy, verify};

const EXIT_DAMAGED: i32 = 3;
const EXIT_DISK_FULL: i32 = 9;
const LOAD_FOR: Duration = Duration::from_millis(700);

/// A backup, and what its server showed when it was made.
struct Saved {
    place: Place,
    backup: PathBuf,
    state: String,
    /// Where a watcher of that server was.
    cursor: String,
    folder: TempDir,
}

impl Saved {
    async fn new(test: &str) -> Self {
        let mut seed = Seed::draw(test);
        let folder = TempDir::new().unwrap();
        let place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
        let ledger = Arc::new(Ledger::default());
        let server = place.serve_ready(PATIENCE).await;
        let load = Load::start(server.address(), &ledger, &mut seed);
        at_moment(LOAD_FOR).await;
        server.kill();
        load.ended().await;
        let server = place.serve_ready(PATIENCE).await;
        let cursor = cursor(server.address()).await;
        let state = verify::state(server.address()).await;
        let mut command = place.command("backup");
        command.env("POINTSMAN_ADDRESS", server.address()).env("POINTSMAN_TOKEN", ADMIN);
        let made = command.args(["nightly", "-o", "json"]).output().unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).expect("the backup is made");
        server.kill();
        let backup = PathBuf::from(made["path"].as_str().unwrap());
        Self { place, backup, state, cursor, folder }
    }

    fn restore(&self, into: &Path) -> Output {
        self.place.command("restore").arg(&self.backup).arg(into).output().unwrap()
    }

    /// Refused by name and place; nothing is made, and nothing is changed.
    fn is_refused(&self, file: &str, what: &str) {
        let before = contents(&self.backup);
        let into = self.folder.path().join("restored");
        let refused = self.restore(&into);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(EXIT_DAMAGED), "{what}: {said}");
        let place = format!("{} at byte ", self.backup.join(file).display());
        assert!(said.contains(&place) && said.contains("concerned: commit "), "{what}: {said}");
        assert!(!into.exists(), "{what}: something was made");
        assert!(contents(&self.backup) == before, "{what}: the backup was changed");
    }

    /// The root that `doctor` finds.
    fn root(&self, dir: &Path) -> String {
        let said = self.place.command("doctor").arg(dir).args(["-o", "json"]).output().unwrap();
        let found: Value = serde_json::from_slice(&said.stdout).expect("it is sound");
        found["root"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_is_the_same_with_a_new_life() {
    let saved = Saved::new("restore").await;
    let folder = TempDir::new().unwrap();
    let place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
    let restored = saved.restore(place.data());
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(saved.root(place.data()), saved.root(&saved.backup));

    let server = place.serve_ready(PATIENCE).await;
    assert!(verify::state(server.address()).await == saved.state, "another state");
    let refusal = watch(server.address(), &saved.cursor).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "WATCH_COMPACTED");
    assert_eq!(refusal.code(), tonic::Code::OutOfRange);
    starts_over(server.address(), &saved.cursor).await;

    let own = cursor(server.address()).await;
    server.kill();
    let server = place.serve_ready(PATIENCE).await;
    watch(server.address(), &own).await.unwrap();

    // The former life goes on as well; each knows its own cursors only.
    let former = saved.place.serve_ready(PATIENCE).await;
    watch(former.address(), &saved.cursor).await.unwrap();
    let refusal = watch(former.address(), &own).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "WATCH_COMPACTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_refused_with_its_place() {
    let saved = Saved::new("damaged backup").await;
    let (journal, pack) = ("journal/0000000001.log", "packs/0001.pack");
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let damages: [(&str, Change); 3] = [
        ("a bit flipped", flip),
        ("half of it cut off", |bytes| bytes.truncate(bytes.len() / 2)),
        ("the last two bytes cut off", |bytes| bytes.truncate(bytes.len() - 2)),
    ];
    for file in [journal, pack, "head"] {
        let path = saved.backup.join(file);
        let sound = fs::read(&path).unwrap();
        for (what, damage) in damages {
            let mut bytes = sound.clone();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            saved.is_refused(file, what);
        }
        fs::write(&path, &sound).unwrap();
    }
    for file in [journal, pack] {
        let path = saved.backup.join(file);
        let sound = fs::read(&path).unwrap();
        fs::write(&path, [&sound[..], &sound[..40]].concat()).unwrap();
        saved.is_refused(file, "a torn tail");
        fs::write(&path, &sound).unwrap();
    }
    for file in [journal, pack, "head", "key.pub", "store"] {
        let path = saved.backup.join(file);
        let sound = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        saved.is_refused(file, "missing");
        fs::write(&path, &sound).unwrap();
    }
    assert!(saved.restore(&saved.folder.path().join("restored")).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_without_room_makes_nothing() {
    let Some(disk) = or_failed_to_run("restore without room", Tmpfs::new(1)) else { return };
    let saved = Saved::new("restore without room").await;
    disk.fill(32 << 10);
    let into = disk.path().join("restored");
    let refused = saved.restore(&into);
    assert_eq!(refused.status.code(), Some(EXIT_DISK_FULL), "{refused:?}");
    assert!(!into.exists());
}

type Change = fn(&mut Vec<u8>);
type Watch = tonic::Streaming<v1::WatchEscalationsResponse>;

/// Opens a watch and reads its first message.
async fn watch(
    address: &str,
    cursor: &str,
) -> Result<(Watch, v1::WatchEscalationsResponse), Error> {
    let heartbeat = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let cursor = cursor.to_owned();
    let request = v1::WatchEscalationsRequest { cursor, heartbeat, ..Default::default() };
    let mut service = connect(address, REVIEWER).escalation_service();
    let mut watch = service.watch_escalations(request).await?.into_inner();
    let first = within("the watch says something", PATIENCE, watch.message()).await?;
    Ok((watch, first.expect("the watch goes on")))
}

/// Where a watcher is who has seen everything up to a new question.
async fn cursor(address: &str) -> String {
    let (mut watch, mut message) = watch(address, "").await.unwrap();
    let agent = Agent::new(connect(address, AGENT));
    let run = agent.start_run(StartRun::default()).await.unwrap();
    let asked = asked(&run, another("ask_it").detached()).await.escalation_id().to_owned();
    loop {
        if let Some(Event::Change(change)) = &message.event
            && change.escalations.iter().any(|one| one.escalation_id == asked)
        {
            return message.cursor;
        }
        let next = within("the watch says something", PATIENCE, watch.message()).await;
        message = next.unwrap().expect("the watch goes on");
    }
}

/// The client's watch says that it lost its place, and shows everything again.
async fn starts_over(address: &str, cursor: &str) {
    let reviewer = Reviewer::new(connect(address, REVIEWER));
    let cursor = cursor.to_owned();
    let request = v1::WatchEscalationsRequest { cursor, ..Default::default() };
    let mut watch = reviewer.watch(request);
    match within("the watch starts over", PATIENCE, watch.next()).await.unwrap().unwrap() {
        QueueEvent::StartedOver(error) => assert_eq!(error.reason_name(), "WATCH_COMPACTED"),
        other => panic!("not started over: {other:?}"),
    }
    let mut count = 0;
    let end = loop {
        match within("the snapshot goes on", PATIENCE, watch.next()).await.unwrap().unwrap() {
            QueueEvent::Snapshot(_) => count += 1,
            QueueEvent::SnapshotEnd(end) => break end,
            other => panic!("in the snapshot: {other:?}"),
        }
    };
    assert!(count > 0 && end.count == count);
}
