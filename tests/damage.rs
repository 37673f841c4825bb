//! Damaged files: the projection rebuilds itself, a torn tail is cut, and damage
//! to what was acknowledged is refused with its exact place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::child::Place;
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::poll::{PATIENCE, at_moment};
use crate::harness::seed::Seed;
use crate::harness::{policy, verify};

/// What `serve` and `doctor` answer to damage.
const EXIT_DAMAGED: i32 = 3;
const LOAD_FOR: Duration = Duration::from_millis(700);

/// A stopped server with data worth damaging.
struct Patient {
    place: Place,
    seed: Seed,
    state: String,
    _folder: TempDir,
}

impl Patient {
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
        let state = verify::state(server.address()).await;
        server.kill();
        Self { place, seed, state, _folder: folder }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.place.data().join(name)
    }

    async fn starts_with_the_same_state(&self, what: &str) {
        let server = self.place.serve_ready(PATIENCE).await;
        let state = verify::state(server.address()).await;
        assert!(state == self.state, "{what}: another state\n{}", server.log());
        server.kill();
    }

    async fn is_refused(&self, what: &str) {
        let server = self.place.serve();
        let ended = server.ended(PATIENCE).await;
        let log = fs::read_to_string(self.place.log()).unwrap();
        let last: Vec<_> = log.lines().rev().take(5).collect();
        assert_eq!(ended.code(), Some(EXIT_DAMAGED), "{what}, serve: {last:#?}");
        let names_place = |text: &str| text.contains("sequence") || text.contains("commit");
        assert!(last.iter().any(|line| names_place(line)), "{what}, serve: {last:#?}");
        let doctor = self.place.command("doctor").arg(self.place.data()).output().unwrap();
        assert_eq!(doctor.status.code(), Some(EXIT_DAMAGED), "{what}, doctor: {doctor:?}");
        let said = String::from_utf8_lossy(&[doctor.stdout, doctor.stderr].concat()).into_owned();
        assert!(names_place(&said), "{what}, doctor: {said}");
    }
}

/// Every file under a folder, biggest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_projection_rebuilds_itself() {
    let mut patient = Patient::new("damaged projection").await;
    let sled = patient.folder("sled");

    fs::remove_dir_all(&sled).unwrap();
    patient.starts_with_the_same_state("deleted").await;

    for file in files(&sled) {
        let length = fs::metadata(&file).unwrap().len();
        fs::File::options().write(true).open(&file).unwrap().set_len(length / 2).unwrap();
    }
    patient.starts_with_the_same_state("truncated").await;

    let log = files(&sled).swap_remove(0);
    let mut bytes = fs::read(&log).unwrap();
    for _ in 0..200 {
        let at = patient.seed.below(bytes.len());
        bytes[at] ^= 1 << patient.seed.below(8);
    }
    fs::write(&log, bytes).unwrap();
    patient.starts_with_the_same_state("200 bits flipped").await;

    fs::write(sled.join("snap.FFFFFFFFFFFFFFF0.generating"), b"").unwrap();
    patient.starts_with_the_same_state("half a snapshot planted").await;

    fs::write(sled.join("conf"), b"segment_size: x\n").unwrap();
    patient.starts_with_the_same_state("configuration overwritten").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut() {
    let patient = Patient::new("torn tail").await;
    let segment = newest_segment(&patient);
    let whole = fs::read(&segment).unwrap();
    for length in [1, 7, 64, 700] {
        // The beginning of a frame that was never synced, so never answered.
        let torn: Vec<u8> =
            whole.iter().copied().cycle().skip(whole.len() / 3).take(length).collect();
        let mut bytes = fs::read(&segment).unwrap();
        bytes.extend(torn);
        fs::write(&segment, bytes).unwrap();
        patient.starts_with_the_same_state(&format!("{length} torn bytes")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_before_the_tail_is_refused() {
    let mut patient = Patient::new("damaged journal").await;
    let segment = newest_segment(&patient);
    let whole = fs::read(&segment).unwrap();
    for trial in 0..3 {
        let mut bytes = whole.clone();
        let at = whole.len() / 10 + patient.seed.below(whole.len() / 2);
        bytes[at] ^= 1 << patient.seed.below(8);
        fs::write(&segment, bytes).unwrap();
        patient.is_refused(&format!("trial {trial}, a bit flipped at byte {at}")).await;
    }
    fs::write(&segment, &whole[..whole.len() / 2]).unwrap();
    patient.is_refused("half of the journal cut off").await;
    fs::write(&segment, &whole).unwrap();
    patient.starts_with_the_same_state("the journal put back").await;
}

fn newest_segment(patient: &Patient) -> PathBuf {
    let mut segments = files(&patient.folder("journal"));
    segments.retain(|path| fs::metadata(path).unwrap().len() > 0);
    segments.sort();
    segments.pop().unwrap()
}
