//! The command behind the gate: its argv as JSON, its run, its outcome.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{ExitStatus, Stdio};

use ring::digest::{Context as Sha256, SHA256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;

/// What shells return for a command that cannot be started.
const NOT_STARTED: u8 = 127;
/// What shells add to the number of the signal that ended a command.
const SIGNAL_BASE: i32 = 128;
const CHUNK: usize = 16 * 1024;
const KEY: &str = "argv";

/// A program and its arguments; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    name: String,
    arguments: Vec<String>,
}

/// How a command ended, and what it wrote.
#[derive(Debug)]
pub(super) struct Ended {
    /// The exit code as a shell gives it.
    pub(super) code: u8,
    stdout: Written,
    stderr: Written,
}

/// What went through one stream.
#[derive(Debug)]
struct Written {
    bytes: u64,
    sha256: String,
}

// === impl Program ===

impl Program {
    /// The command of the command line.
    pub(super) fn of(command: &[OsString]) -> Result<Self, Failure> {
        let argv: Option<Vec<_>> =
            command.iter().map(|one| one.to_str().map(str::to_owned)).collect();
        let argv =
            argv.ok_or_else(|| Failure::usage("the command is not UTF-8: nobody could read it"))?;
        Self::from_argv(argv).ok_or_else(|| Failure::usage("no command is given"))
    }

    /// The command of permitted arguments: `{"argv": ["deploy.sh", "--all"]}`.
    ///
    /// Anything beside it is refused: the person who wrote it meant something by
    /// it that would not happen.
    pub(super) fn from_json(arguments: &[u8]) -> Result<Self, Failure> {
        let wrong = || {
            let what = "the permitted arguments are not {\"argv\": [...]}. Nothing ran";
            Failure::new(Exit::Rejected, what)
        };
        let mut parts: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(arguments).map_err(|_| wrong())?;
        let argv = parts.remove(KEY).ok_or_else(wrong)?;
        let argv: Vec<String> = serde_json::from_value(argv).map_err(|_| wrong())?;
        if !parts.is_empty() {
            return Err(wrong());
        }
        Self::from_argv(argv).ok_or_else(wrong)
    }

    fn from_argv(argv: Vec<String>) -> Option<Self> {
        let mut argv = argv.into_iter();
        let name = argv.next().filter(|name| !name.is_empty())?;
        Some(Self { name, arguments: argv.collect() })
    }

    /// The exact argv as the arguments of a proposal.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let argv: Vec<_> = std::iter::once(&self.name).chain(&self.arguments).collect();
        serde_json::json!({ KEY: argv }).to_string().into_bytes()
    }

    /// The command in one safe line.
    pub(super) fn shown(&self) -> String {
        let all: Vec<_> = std::iter::once(&self.name).chain(&self.arguments).cloned().collect();
        inline(&all.join(" "))
    }

    /// Runs it with its streams passed through. Interrupts are the command's to
    /// handle: its outcome is reported in any case.
    pub(super) async fn run(&self, environment: &[(&str, String)]) -> Result<Ended, Failure> {
        let failed = |cause: io::Error| {
            let what = format!("cannot start {}: {cause}", inline(&self.name));
            Failure::new(Exit::Command(NOT_STARTED), what)
        };
        let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut requests = signal(SignalKind::terminate()).map_err(failed)?;
        let mut child = Command::new(&self.name)
            .args(&self.arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdout = pass_through(child.stdout.take(), io::stdout());
        let stderr = pass_through(child.stderr.take(), io::stderr());
        let mut ended = std::pin::pin!(async { tokio::join!(stdout, stderr) });
        let (stdout, stderr) = loop {
            tokio::select! {
                written = &mut ended => break written,
                // The terminal sends it to the command as well.
                _ = interrupts.recv() => {}
                _ = requests.recv() => pass_on(&child).await,
            }
        };
        let status = child.wait().await.map_err(failed)?;
        Ok(Ended { code: code_of(status), stdout, stderr })
    }
}

// === impl Ended ===

impl Ended {
    /// What is reported as the outcome.
    pub(super) fn report(&self) -> Vec<u8> {
        let written = |written: &Written| {
            Node::map([
                ("bytes", Node::number(written.bytes)),
                ("sha256", Node::text(&written.sha256)),
            ])
        };
        Node::map([
            ("exit_code", Node::number(self.code)),
            ("stdout", written(&self.stdout)),
            ("stderr", written(&self.stderr)),
        ])
        .to_line()
        .into_bytes()
    }
}

/// Copies a stream of the command to ours and digests it. If ours is closed the
/// command's is still read to its end, or the command would hang.
async fn pass_through(from: Option<impl AsyncRead + Unpin>, mut to: impl Write) -> Written {
    let mut digest = Sha256::new(&SHA256);
    let mut bytes = 0_u64;
    if let Some(mut from) = from {
        let mut chunk = vec![0; CHUNK];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            let Some(part) = chunk.get(..read) else { break };
            digest.update(part);
            bytes = bytes.saturating_add(u64::try_from(read).unwrap_or_default());
            let _ = to.write_all(part).and_then(|()| to.flush());
        }
    }
    Written { bytes, sha256: hex::encode(digest.finish()) }
}

/// Asks the command to end, as this process was asked.
async fn pass_on(child: &Child) {
    if let Some(id) = child.id() {
        // It may have ended by itself just now.
        let _ = Command::new("kill").arg("-TERM").arg(id.to_string()).status().await;
    }
}

fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNAL_BASE + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or_else(|| Exit::Failure.code())
}
