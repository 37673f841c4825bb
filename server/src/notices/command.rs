//! A channel that is a program of the operator's.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::letter;
use crate::config::CommandConfig;
use crate::domain::notice::DeliveryProblem;
use crate::engine::outbox::{Courier, Letter, Undelivered};

/// Runs a program with the notice on its standard input. No shell, no environment, no
/// output; whoever gives up ends it.
pub(super) struct CommandCourier {
    program: PathBuf,
    args: Vec<String>,
}

impl CommandCourier {
    pub(super) fn new(config: &CommandConfig) -> Self {
        Self { program: config.program.clone(), args: config.args.clone() }
    }
}

#[async_trait]
impl Courier for CommandCourier {
    async fn deliver(&self, letter: &Letter) -> Result<(), Undelivered> {
        let body = letter::body(letter).ok_or(DeliveryProblem::NotStarted)?;
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .current_dir(Path::new("/"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|_| DeliveryProblem::NotStarted)?;
        if let Some(mut input) = child.stdin.take() {
            // One that does not read it all may still have done what it should.
            let _ = input.write_all(&body).await;
        }
        let ended = child.wait().await.map_err(|_| DeliveryProblem::Killed)?;
        match ended.code() {
            Some(0) => Ok(()),
            Some(code) => Err(DeliveryProblem::ExitCode(code).into()),
            None => Err(DeliveryProblem::Killed.into()),
        }
    }
}
