//! Moving a store with the command: folder to database and back, between servers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::api::ADMIN;
use crate::harness::child::{Place, Server};
use crate::harness::ledger::Ledger;
use crate::harness::load::Load;
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually};
use crate::harness::postgres::{Cluster, sql};
use crate::harness::seed::Seed;
use crate::harness::verify;

const EXIT_DAMAGED: i32 = 3;
const EXIT_CONFLICT: i32 = 6;
const EXIT_UNVERIFIED: i32 = 12;
/// How much is acknowledged before the server is killed: more than a copy takes at
/// once.
const ENOUGH: usize = 600;
/// How long that may take.
const WORKS_WITHIN: Duration = Duration::from_secs(60);

/// Runs the command; answers what it prints, and its exit code.
fn run(place: &Place, verb: &str, arguments: &[&str]) -> (Value, Option<i32>, String) {
    let done = place.command(verb).args(arguments).args(["-o", "json"]).output().unwrap();
    let printed = serde_json::from_slice(&done.stdout).unwrap_or(Value::Null);
    (printed, done.status.code(), String::from_utf8(done.stderr).unwrap())
}

/// The root that a verb names.
fn root(place: &Place, verb: &str, arguments: &[&str]) -> String {
    let (printed, code, said) = run(place, verb, arguments);
    assert_eq!(code, Some(0), "{verb} {arguments:?}: {said}");
    printed["root"].as_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mk_place(folder: &TempDir, store: Option<&str>) -> Place {
    let mut place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
    if let Some(store) = store {
        place.set("POINTSMAN_STORE", store);
    }
    place
}

/// Lets agents and reviewers work until the server is killed; answers what another
/// start of it shows.
async fn worked(place: &Place) -> (Server, String) {
    let ledger = Arc::new(Ledger::default());
    let server = place.serve_ready(PATIENCE).await;
    let load = Load::start(server.address(), &ledger, &mut Seed::draw("copy"));
    eventually("enough is done", WORKS_WITHIN, || async {
        (ledger.book().acknowledged() >= ENOUGH).then_some(())
    })
    .await;
    server.kill();
    load.ended().await;
    let server = place.serve_ready(PATIENCE).await;
    let state = verify::state(server.address()).await;
    (server, state)
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_go_on_with_what_was_moved() {
    let [first, second, third] = [(); 3].map(|()| TempDir::new().unwrap());
    let url = Cluster::shared().database();
    let here = mk_place(&first, None);
    let (server, state) = worked(&here).await;
    let copy = ["copy", text(here.data()), url.as_str()];
    let (_, code, said) = run(&here, "store", &copy);
    assert_eq!(code, Some(EXIT_CONFLICT), "a server has it open: {said}");
    server.kill();
    let moved = root(&here, "store", &copy);
    assert_eq!(moved, root(&here, "doctor", &[text(here.data())]));
    assert_eq!(moved, root(&here, "doctor", &[&url]));

    let there = mk_place(&second, Some(&url));
    let server = there.serve_ready(PATIENCE).await;
    assert!(verify::state(server.address()).await == state, "another state on the database");
    let mut backup = there.command("backup");
    backup.env("POINTSMAN_ADDRESS", server.address()).env("POINTSMAN_TOKEN", ADMIN);
    let made = backup.args(["nightly", "-o", "json"]).output().unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).expect("the backup is made");
    let saved = root(&there, "doctor", &[made["path"].as_str().unwrap()]);
    assert_eq!(saved, root(&there, "doctor", &[&url]), "while the server works");
    server.kill();

    let back = mk_place(&third, None);
    assert_eq!(root(&back, "store", &["copy", &url, text(back.data())]), saved);
    let server = back.serve_ready(PATIENCE).await;
    assert!(verify::state(server.address()).await == state, "another state in the folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_cannot_be_trusted_has_an_exit_code_of_its_own() {
    let [first, second] = [(); 2].map(|()| TempDir::new().unwrap());
    let (url, into) = (Cluster::shared().database(), second.path().join("into"));
    let here = mk_place(&first, None);
    worked(&here).await.0.kill();
    root(&here, "store", &["copy", text(here.data()), &url]);
    // Near the end: what stands before it is copied.
    let changed = sql(&url, "SELECT max(commit_number) - 1 FROM journal").unwrap();
    let change = format!("UPDATE journal SET tenant = 'other' WHERE commit_number = {changed}");
    sql(&url, &change).unwrap();
    for (verb, arguments) in
        [("doctor", vec![url.as_str()]), ("store", vec!["copy", &url, text(&into)])]
    {
        let (_, code, said) = run(&here, verb, &arguments);
        assert_eq!(code, Some(EXIT_DAMAGED), "{verb}: {said}");
        assert!(
            said.contains("table `journal`") && said.contains(&format!("commit {changed}")),
            "{said}"
        );
    }
    let (_, code, said) = run(&here, "doctor", &[text(&into)]);
    assert_eq!(code, Some(EXIT_UNVERIFIED), "{said}");
    assert!(said.contains("unfinished copy"), "{said}");
    let mut unfinished = mk_place(&second, None);
    unfinished.set("POINTSMAN_DATA_DIR", text(&into));
    let refused = unfinished.command("serve").output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}
