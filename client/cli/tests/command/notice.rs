//! `pointsman notice`: channels that work, channels that do not, and what became of each
//! notice.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Server, code, said};

const CHANNELS: &str = "
listen = \"127.0.0.1:0\"
dev = true
[log]
format = \"json\"
[notices.commands.works]
program = \"/bin/true\"
events = [\"escalation.overdue\"]
[notices.commands.fails]
program = \"/bin/false\"
";

/// A server with channels, as `serve` reads them from a file.
fn start() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pointsman.toml");
    std::fs::write(&config, CHANNELS).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["serve", "--data-dir", "data", "--config"])
        .arg(&config)
        .current_dir(folder.path())
        .env_remove("POINTSMAN_STORE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = said.by_ref().find_map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).ok()?;
        let fields = line.get("fields").unwrap_or(&line);
        let is_it = fields["message"] == "serving";
        is_it.then(|| format!("http://{}", fields["address"].as_str().unwrap()))
    });
    Server { child, address: address.unwrap(), said, folder }
}

#[test]
fn a_channel_is_tried_and_a_notice_that_failed_is_sent_again() {
    let server = start();
    let works = server.run(&["notice", "test", "works"]);
    assert_eq!((code(&works), &*works.stdout), (0, &b"works took the test.\n"[..]));
    let fails = server.run(&["notice", "test", "fails"]);
    assert_eq!(code(&fails), 1, "{}", said(&fails));
    let line = String::from_utf8(fails.stdout).unwrap();
    assert_eq!(line, "fails does not deliver: the program ended with exit code 1.\n");
    let nowhere = server.run(&["notice", "test", "nowhere"]);
    assert_eq!(code(&nowhere), 3, "{}", said(&nowhere));

    let delivered = server.json(&["notice", "list", "--state", "delivered"]);
    assert_eq!(delivered.as_array().unwrap().len(), 1);
    let delivered = delivered[0]["notice_id"].as_str().unwrap();
    let again = server.run(&["notice", "retry", delivered]);
    assert_eq!(code(&again), 6, "{}", said(&again));
    let pending = server.json(&["notice", "list", "--state", "pending"]);
    let pending = pending[0]["notice_id"].as_str().unwrap();
    let again = server.run(&["notice", "retry", pending]);
    assert_eq!(code(&again), 0, "{}", said(&again));

    let channels = server.json(&["notice", "channels"]);
    let names = |channel: &Value| channel["name"].as_str().unwrap().to_owned();
    let all: Vec<_> = channels.as_array().unwrap().iter().map(names).collect();
    assert_eq!(all, ["fails", "works"]);
    for verb in ["list", "channels"] {
        let table = server.run(&["notice", verb]);
        let table = String::from_utf8(table.stdout).unwrap();
        for word in ["works", "fails", "escalation.overdue"] {
            let is_shown = table.contains(word) || (verb == "list" && word.contains('.'));
            assert!(is_shown, "{word} is not in\n{table}");
        }
    }
}
