//! A slice of recorded trajectories through the real command and a real server:
//! nothing may run twice, nothing may get lost.
//!
//! The recordings are not part of the project. They are looked for in the folder
//! that `POINTSMAN_SHARED` names, else in `../shared` beside the checkout.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Trajectories of each recording.
const SLICE: usize = 40;

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn recordings() -> Option<Vec<PathBuf>> {
    let shared = std::env::var_os("POINTSMAN_SHARED")
        .map_or_else(|| checkout().join("../shared"), PathBuf::from);
    let folder = shared.join("data/trajectories");
    let names = ["agentdojo.jsonl", "tau-bench.retail.jsonl", "tau2-bench.retail.jsonl"];
    let files: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    files.iter().all(|file| file.exists()).then_some(files)
}

/// Every `n`th trajectory, so that all kinds are among them.
fn slice(file: &Path, into: &Path) -> usize {
    let lines = || BufReader::new(std::fs::File::open(file).unwrap()).lines().map(Result::unwrap);
    let id = |line: &str| {
        let call: Value = serde_json::from_str(line).unwrap();
        call["trajectory_id"].as_str().unwrap().to_owned()
    };
    let mut known = BTreeSet::new();
    let all: Vec<_> = lines().map(|line| id(&line)).filter(|id| known.insert(id.clone())).collect();
    let step = all.len().div_ceil(SLICE);
    let chosen: BTreeSet<_> = all.into_iter().step_by(step).collect();
    let mut out = std::fs::File::create(into).unwrap();
    lines().filter(|line| chosen.contains(&id(line))).for_each(|line| {
        writeln!(out, "{line}").unwrap();
    });
    chosen.len()
}

#[test]
fn nothing_runs_twice_and_nothing_gets_lost() {
    let Some(files) = recordings() else {
        eprintln!("SKIPPED: no recordings; set POINTSMAN_SHARED or put them into ../shared");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(["replay", "--agents", "20", "-o", "json", "--policy"]);
    command.arg(checkout().join("policies/assistant.yaml"));
    let mut count = 0;
    for (number, file) in files.iter().enumerate() {
        let part = folder.path().join(format!("{number}.jsonl"));
        count += slice(file, &part);
        command.arg("--trajectories").arg(part);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Value = serde_json::from_slice(&output.stdout).expect(&said);
    assert_eq!(report["executed_twice"], 0, "{report:#}\n{said}");
    assert_eq!(report["lost"], 0, "{report:#}\n{said}");
    assert_eq!(report["trajectories"], count, "{report:#}");
    let decisions = &report["decisions"];
    let decided: u64 =
        ["allow", "deny", "escalate"].iter().map(|it| decisions[it].as_u64().unwrap()).sum();
    assert_eq!(report["calls"], decided, "every call was decided");
    assert!(decisions["escalate"].as_u64().unwrap() > 20, "{report:#}");
    assert!(report["recall"].as_f64().unwrap() > 0.8, "{report:#}");
    assert!(output.status.success(), "{said}");
}
