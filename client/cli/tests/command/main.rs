//! The command as people and scripts use it, against a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod briefing;
mod checkpoint;
mod deciding;
mod drill;
mod notice;
mod policy;
mod queue;
mod review;

use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = "\
version: 1
default: escalate
rules:
  - { id: reads, tools: [read], effect: allow, reason: only reads }
  - { id: never, tools: [wipe], effect: deny, reason: cannot be undone }
";

/// A server for one test.
struct Server {
    child: Child,
    address: String,
    said: Lines<BufReader<ChildStderr>>,
    folder: TempDir,
}

/// A command behind the gate that waits for a person.
struct Gated {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
    escalation: String,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.yaml");
        std::fs::write(&policy, POLICY).unwrap();
        let policy = policy.to_str().unwrap();
        Self::start_with(folder, &["--no-demo", "--policy", policy])
    }

    /// One without a demo, under a policy.
    fn under(policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.yaml");
        std::fs::write(&file, policy).unwrap();
        let file = file.to_str().unwrap().to_owned();
        Self::start_with(folder, &["--no-demo", "--policy", &file])
    }

    fn start_with(folder: TempDir, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
            .args(["dev", "--port", "0"])
            .args(arguments)
            // It is killed in the end and leaves its data behind.
            .env("TMPDIR", folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = said.next().expect("the server says where it listens").unwrap();
        let address = line.split_whitespace().last().unwrap().to_owned();
        Self { child, address, said, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command.args(arguments).env("POINTSMAN_ADDRESS", &self.address);
        for name in ["POINTSMAN_TOKEN", "POINTSMAN_OUTPUT", "POINTSMAN_TIMEOUT"] {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["-o", "json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).expect(&said)
    }

    /// The first digits of what is asked, as a reviewer reads them.
    fn digest(&self, escalation: &str) -> String {
        let escalation = self.json(&["esc", "get", escalation]);
        escalation["action_digest"].as_str().unwrap()[..8].to_owned()
    }

    /// Puts a command behind the gate and returns when a person is asked.
    fn gate(&self, arguments: &[&str]) -> Gated {
        let mut child = self
            .command(&[&["gate"], arguments].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = said.next().unwrap().unwrap();
        let escalation = line.split_whitespace().next().unwrap().to_owned();
        assert!(escalation.starts_with("esc_"), "{line}");
        Gated { child, said, escalation }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for line in self.said.by_ref().map_while(Result::ok) {
            println!("server: {line}");
        }
    }
}

impl Gated {
    /// What it wrote, what it said, how it ended.
    fn end(mut self) -> (String, String, i32) {
        let mut written = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut written).unwrap();
        let said: Vec<_> = self.said.map(Result::unwrap).collect();
        (written, said.join("\n"), self.child.wait().unwrap().code().unwrap())
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn written(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_approved_command_runs_and_its_outcome_is_recorded() {
    let server = Server::start();
    let script = "printf \"$1 $POINTSMAN_ACTION_ID $POINTSMAN_ESCALATION_ID\"; exit 3";
    let gated = server.gate(&["--tool", "deploy", "--", "sh", "-c", script, "sh", "v 7"]);
    let escalation = gated.escalation.clone();
    let digest = server.digest(&escalation);

    let approved = server.run(&["esc", "approve", &escalation, "--digest", &digest]);
    assert_eq!(code(&approved), 0, "{}", said(&approved));
    let (written, said_by_gate, exit) = gated.end();

    assert_eq!(exit, 3, "{said_by_gate}");
    let shown = server.json(&["esc", "get", &escalation]);
    let action = shown["action_id"].as_str().unwrap();
    assert_eq!(written, format!("v 7 {action} {escalation}"));
    let run = server.json(&["run", "get", shown["run_id"].as_str().unwrap()]);
    assert_eq!(run["run"]["state"], "STATE_FAILED");
    let outcome = &run["actions"][0]["outcome"];
    assert_eq!(outcome["result"]["exit_code"], 3);
    assert_eq!(outcome["result"]["stdout"]["bytes"], written.len());

    let late = server.run(&["esc", "reject", &escalation, "--reason", "late"]);
    assert_eq!(code(&late), 6);
    assert!(said(&late).contains("Yours was not recorded"), "{}", said(&late));
}

#[test]
fn a_changed_command_runs_as_changed() {
    let server = Server::start();
    let gated = server.gate(&["--", "echo", "all"]);
    let digest = server.digest(&gated.escalation);
    let set = ["--set", "argv.1=one", "--digest", &digest];
    let modified = server.run(&[&["esc", "modify", &gated.escalation], &set[..]].concat());
    assert_eq!(code(&modified), 0, "{}", said(&modified));
    assert!(said(&modified).contains("-     \"all\"\n+     \"one\""), "{}", said(&modified));
    let (written, said, exit) = gated.end();
    assert_eq!((written.as_str(), exit), ("one\n", 0), "{said}");
}

#[test]
fn without_a_permit_nothing_runs() {
    let server = Server::start();
    let touched = server.folder.path().join("touched");
    let touch = ["--", "touch", "touched"];
    let nothing_ran = |what: &str| assert!(!Path::new(&touched).exists(), "{what}");

    let gated = server.gate(&touch);
    let reject = ["--reason", "freeze", "--note", "after the freeze"];
    server.run(&[&["esc", "reject", &gated.escalation], &reject[..]].concat());
    let (_, said_by_gate, exit) = gated.end();
    assert_eq!(exit, 10);
    assert!(said_by_gate.contains("[freeze]: after the freeze"), "{said_by_gate}");
    nothing_ran("rejected");

    let again = server.run(&[&["gate"], &touch[..]].concat());
    assert_eq!(code(&again), 5, "the same is not asked twice: {}", said(&again));
    assert!(said(&again).contains("after the freeze"), "{}", said(&again));
    nothing_ran("answered from the record");

    let gated = server.gate(&[&touch[..], &["by-hand"]].concat());
    server.run(&["esc", "respond", &gated.escalation, "--with", "by hand"]);
    let (written, _, exit) = gated.end();
    assert_eq!((written.as_str(), exit), ("by hand\n", 10));
    nothing_ran("answered");

    let gated = server.gate(&[&["--timeout", "200ms"], &touch[..], &["too-late"]].concat());
    let escalation = gated.escalation.clone();
    assert_eq!(gated.end().2, 8);
    assert_eq!(code(&server.run(&["esc", "wait", &escalation])), 11, "the question is withdrawn");
    nothing_ran("nobody answered");

    let denied = server.run(&[&["gate", "--tool", "wipe"], &touch[..]].concat());
    assert_eq!(code(&denied), 5);
    assert!(said(&denied).contains("cannot be undone"), "{}", said(&denied));
    nothing_ran("denied");

    let away = server
        .command(&[&["gate"], &touch[..]].concat())
        .env("POINTSMAN_ADDRESS", "http://127.0.0.1:1")
        .output();
    assert_eq!(code(&away.unwrap()), 1);
    nothing_ran("unreachable");

    let allowed = server.run(&[&["gate", "--tool", "read"], &touch[..]].concat());
    assert_eq!(code(&allowed), 0, "{}", said(&allowed));
    assert!(touched.exists());
}

#[test]
fn failures_have_their_exit_codes() {
    let server = Server::start();
    let gated = server.gate(&["--", "true"]);
    let id = gated.escalation.clone();
    let id = id.as_str();
    let unknown = "esc_00000000000000000000000000";
    let cases: [(&[&str], i32); 8] = [
        (&["esc", "approve", id], 2),
        (&["esc", "approve", id, "--digest", "123"], 2),
        (&["esc", "approve", id, "--digest", "00000000"], 6),
        (&["esc", "get", unknown], 3),
        (&["inbox", "--token", "no such token"], 4),
        (&["inbox", "--token", "dev-agent"], 5),
        (&["esc", "wait", id, "--timeout", "100ms"], 8),
        (&["esc", "watch", "--cursor", "damaged"], 2),
    ];
    for (arguments, want) in cases {
        let output = server.run(arguments);
        assert_eq!(code(&output), want, "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "data goes to stdout, failures do not");
    }
    let digest = server.digest(id);
    assert_eq!(code(&server.run(&["esc", "approve", id, "--digest", &digest])), 0);
    assert_eq!(gated.end().2, 0);
    assert_eq!(code(&server.run(&["esc", "wait", id])), 0);
}

#[test]
fn a_watch_tells_everything_once_and_goes_on_with_its_cursor() {
    let server = Server::start();
    let gated = server.gate(&["--", "true"]);
    let follow = |arguments: &[&str]| {
        let watch = [&["esc", "watch", "-o", "jsonl"], arguments].concat();
        let mut child = server.command(&watch).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        (child, events)
    };
    let (mut first, mut events) = follow(&[]);
    assert_eq!(events.next().unwrap()["snapshot"]["escalation_id"], gated.escalation.as_str());
    let end = events.next().unwrap();
    assert_eq!(end["snapshot_end"]["count"], 1);
    let cursor = end["cursor"].as_str().unwrap().to_owned();

    server.run(&["esc", "claim", &gated.escalation]);
    assert_eq!(events.next().unwrap()["change"]["events"][0], "escalation.claimed");
    first.kill().unwrap();
    first.wait().unwrap();

    let (mut second, mut events) = follow(&["--cursor", &cursor]);
    assert_eq!(events.next().unwrap()["change"]["events"][0], "escalation.claimed");
    second.kill().unwrap();
    second.wait().unwrap();
    server.run(&["esc", "release", &gated.escalation]);
    server.run(&["esc", "reject", &gated.escalation, "--note", "no"]);
    assert_eq!(gated.end().2, 10);
}

/// Runs a line as somebody would who pastes it into another terminal.
fn paste(line: &str) -> Output {
    let mut shell = Command::new("sh");
    for name in ["POINTSMAN_ADDRESS", "POINTSMAN_TOKEN", "POINTSMAN_OUTPUT", "PATH"] {
        shell.env_remove(name);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    shell.args(["-c", line]).current_dir(elsewhere.path()).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn what_the_demo_says_to_type_works_elsewhere() {
    let mut server = Server::start_with(tempfile::tempdir().unwrap(), &[]);
    let mut next = |what: &str| {
        let mut lines = server.said.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(what)).unwrap_or_else(|| panic!("never said: {what}"))
    };
    let greeting = next(" inbox -w");
    next("in a second terminal:");
    let (inbox, approve) = (next(" inbox"), next(" esc approve esc_"));

    let shown = paste(&inbox);
    assert!(shown.status.success(), "{inbox}: {shown:?}");
    let escalation = approve.split_whitespace().last().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains(&escalation[..12]), "{shown:?}");
    // Without a person it asks for what was seen, after it has found the question.
    let refused = paste(&format!("{approve} --no-input"));
    assert_eq!(code(&refused), 2, "{approve}: {refused:?}");
    let digest = server.digest(escalation);
    let approved = paste(&format!("{approve} --no-input --digest {digest}"));
    assert!(approved.status.success(), "{approve}: {approved:?}");
    assert_eq!(greeting.trim(), format!("{} -w", inbox.trim()));
}
