//! `pointsman checkpoint`: the states of a run, what differs, and the way back.

use pointsman_client::{Checkpoints, Connection, v1};
use serde_json::Value;

use super::{Server, code, said, written};

const POLICY: &str = "\
version: 1
default: allow
tools:
  send: { irreversibility: high }
";

/// Saves a state as the agent of the run; answers with the checkpoint's id.
fn save(server: &Server, run: &str, branch: u32, state: &'static str) -> String {
    let connection = Connection::builder(&server.address).token("dev-agent");
    let draft = v1::CheckpointDraft { state: state.into(), ..Default::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let saved = runtime.block_on(async {
        let checkpoints = Checkpoints::new(connection.connect_lazy().unwrap());
        checkpoints.save(run, branch, None, draft).await.unwrap()
    });
    saved.checkpoint_id
}

/// A server, a run with two checkpoints, and what ran between them.
fn desk() -> (Server, String, [String; 2]) {
    let server = Server::under(POLICY);
    let run = written(&server.run(&["run", "start", "--goal", "pay"])).trim().to_owned();
    let first = save(&server, &run, 0, r#"{"log":["a"],"step":1}"#);
    let sent = server.run(&["gate", "--run", &run, "--tool", "send", "--", "true"]);
    assert_eq!(code(&sent), 0, "{}", said(&sent));
    let second = save(&server, &run, 0, r#"{"log":["a","b"],"step":2}"#);
    (server, run, [first, second])
}

#[test]
fn states_are_listed_marked_compared_and_exported() {
    let (server, run, [first, second]) = desk();
    let cp = |arguments: &[&str]| {
        let output = server.run(&[&["cp"], arguments, &["-o", "table"]].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", said(&output));
        written(&output)
    };
    let listed = cp(&["list", &run]);
    assert!(listed.find(&second) < listed.find(&first), "the newest first: {listed}");
    cp(&["mark", &first, "--note", "all reconciled"]);
    let good = cp(&["list", &run, "--good"]);
    assert!(good.contains(&first) && !good.contains(&second), "{good}");
    let shown = cp(&["get", &first]);
    assert!(shown.contains("all reconciled") && !shown.contains("log"), "{shown}");
    let diffed = cp(&["diff", &first, &second]);
    assert_eq!(diffed.trim(), "/state/log/1\n  + \"b\"\n/state/step\n  - 1\n  + 2");
    cp(&["export", &second, "--to", "state.json"]);
    let exported = std::fs::read_to_string(server.folder.path().join("state.json")).unwrap();
    assert_eq!(exported, r#"{"log":["a","b"],"step":2}"#);
    let again = server.run(&["cp", "export", &second, "--to", "state.json"]);
    assert_eq!(code(&again), 1, "no file is overwritten: {}", said(&again));
    let people = server.run(&["cp", "export", &second, "--token", "dev-reviewer"]);
    assert_eq!(code(&people), 5, "{}", said(&people));
    cp(&["mark", &first, "--undo"]);
    assert!(!cp(&["list", &run, "--good"]).contains(&first));
}

#[test]
fn a_run_is_taken_back_once_what_stays_behind_is_known() {
    let (server, run, [first, _]) = desk();
    let back = |arguments: &[&str]| {
        let reason = ["cp", "rollback", &run, "--reason", "misread", "-o", "table"];
        server.run(&[&reason, arguments].concat())
    };
    assert_eq!(code(&back(&["--to", &first])), 2, "nobody can be asked");
    let none = back(&["--yes", "--expect", "1"]);
    assert_eq!(code(&none), 6, "none is known to be good: {}", said(&none));
    let trial = written(&back(&["--to", &first, "--dry-run"]));
    assert!(trial.contains("0 reversible, 0 compensatable, 1 irreversible"), "{trial}");
    let wrong = back(&["--to", &first, "--yes", "--expect", "0"]);
    assert_eq!(code(&wrong), 6, "{}", said(&wrong));
    let done = back(&["--to", &first, "--yes", "--expect", "1"]);
    assert_eq!(code(&done), 0, "{}", said(&done));
    assert!(written(&done).contains("goes on under branch 1"), "{}", written(&done));

    let former = server.run(&["gate", "--run", &run, "--tool", "send", "--", "true"]);
    assert_eq!(code(&former), 6, "{}", said(&former));
    let next = ["gate", "--run", &run, "--branch", "1", "--tool", "note", "--", "true"];
    assert_eq!(code(&server.run(&next)), 0);
    let compared = written(&server.run(&["cp", "compare", &run, "0", "1", "-o", "table"]));
    let parts = format!("They part on branch 0 after {first}.");
    assert!(compared.starts_with(&parts) && compared.contains("note"), "{compared}");
    let other = ["cp", "branch", &run, "--from", &first, "--reason", "dead end"];
    assert_eq!(code(&server.run(&other)), 0);
    let branches: Value = server.json(&["cp", "branches", &run]);
    let causes: Vec<_> = branches.as_array().unwrap().iter().map(|it| &it["cause"]).collect();
    assert_eq!(causes, ["BRANCH_CAUSE_ROLLBACK", "BRANCH_CAUSE_AGENT"]);
}
