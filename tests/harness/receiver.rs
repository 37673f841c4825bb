//! Somebody who is told: the receiver of webhooks that docs/notices.md shows, as a process.

use std::path::Path;
use std::process::Stdio;

use pointsman_server::config::WebhookConfig;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::poll::{PATIENCE, within};

/// A secret that signs what is sent.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The receiver of the documentation.
pub struct Receiver {
    port: String,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Receiver {
    /// Starts it with the secrets that it knows.
    pub async fn start(secrets: &str) -> Self {
        let page = include_str!("../../docs/notices.md");
        let code = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
        let mut process = Command::new("python3")
            .args(["-c", code])
            .env("SECRETS", secrets)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = within("the receiver starts", PATIENCE, lines.next_line()).await;
        let first = first.unwrap().unwrap();
        let port = first.strip_prefix("listening on ").unwrap().to_owned();
        Self { port, lines, _process: process }
    }

    /// Its place in a configuration, signed with the secrets of a file.
    pub fn webhook(&self, secret_file: &Path) -> WebhookConfig {
        WebhookConfig {
            url: format!("http://127.0.0.1:{}/", self.port),
            secret_file: Some(secret_file.to_owned()),
            ..WebhookConfig::default()
        }
    }

    /// What it is told next: the id of the notice, and its text.
    pub async fn next(&mut self) -> String {
        within("a notice comes", PATIENCE, self.lines.next_line()).await.unwrap().unwrap()
    }
}
