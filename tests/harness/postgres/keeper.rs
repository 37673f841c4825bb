//! What sees to it that no process and no folder outlives the tests.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use super::tools::{PATIENCE, give_to_server, plain};
use super::wait::until;

/// The shell beside a folder. It starts the command and kills it when it is told to,
/// and when the test's process is gone, which closes its input, it cleans up.
///
/// The processes to kill are those that work in the folder, as every process of
/// PostgreSQL does, also one whose parent has gone. They are stopped first, so that
/// none of them sees another die. Of a killed server remains a segment of System V
/// memory, of which a system has few: `postmaster.pid` names it.
const WATCH: &str = r#"
folder=$1; shift; cd /; child=
exec 2>>"$folder/log"
kin() {
  find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$folder" -o -lname "$folder/*" \) 2>/dev/null |
    cut -d/ -f3
}
slay() {
  while pids=$(kin) && [ -n "$pids" ]; do kill -STOP $pids; kill -KILL $pids; done 2>/dev/null
  [ -z "$child" ] || wait "$child"; child=
  segment=$(sed -n '7s/.* //p' "$folder/data/postmaster.pid" 2>/dev/null)
  [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
}
while read -r word; do
  case $word in
  start) (cd "$folder" && exec "$@") </dev/null >>"$folder/log" 2>&1 & child=$!; echo "$child";;
  kill) slay; echo killed;;
  esac
done
slay
rm -rf "$folder"
"#;

/// How many lines of a log an error shows.
const TAIL: usize = 40;

/// A new folder that nobody watches yet.
pub struct Folder(PathBuf);

/// A folder, the command that runs in it, and the shell that watches over both.
/// Dropping it kills all processes that work in the folder, and removes the folder.
pub struct Keeper {
    folder: PathBuf,
    shell: Child,
    words: Option<ChildStdin>,
    answers: Mutex<Receiver<String>>,
}

// === impl Folder ===

impl Folder {
    /// Makes a folder that belongs to the server's user.
    pub fn create() -> Self {
        let made = tempfile::Builder::new().prefix("pointsman-db-").tempdir().unwrap();
        let folder = made.keep();
        give_to_server(&folder);
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

// === impl Keeper ===

impl Keeper {
    /// Watches over a folder, in which `command` is going to run.
    pub fn new(folder: Folder, command: &[String]) -> Self {
        let Folder(folder) = folder;
        let mut shell = Command::new("sh");
        // In a group of its own, so that it survives what kills the group of the test.
        shell.args(["-c", WATCH, "sh"]).arg(&folder).args(command).process_group(0);
        plain(&mut shell);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let words = shell.stdin.take();
        let (sender, answers) = channel();
        let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { folder, shell, words, answers: Mutex::new(answers) }
    }

    /// Starts the command; answers its process id.
    pub fn start(&mut self) -> u32 {
        self.tell("start").parse().unwrap()
    }

    /// Kills all processes that work in the folder, and waits until none is left.
    pub fn kill(&mut self) {
        assert_eq!(self.tell("kill"), "killed");
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All that the command printed.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The last lines of what the command printed.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    fn tell(&mut self, word: &str) -> String {
        writeln!(self.words.as_mut().unwrap(), "{word}").unwrap();
        let answer = self.answers.get_mut().unwrap().recv_timeout(PATIENCE);
        answer.unwrap_or_else(|error| {
            panic!("the shell that watches {:?} did not `{word}`: {error}", self.folder)
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.words.take());
        if until(PATIENCE, || self.shell.try_wait().transpose()).is_none() {
            eprintln!("{:?} is still being removed after {PATIENCE:?}", self.folder);
        }
    }
}

/// Whether a process has ended, reaped or not.
pub(super) fn has_ended(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in brackets, may hold anything; the state follows it.
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['Z', 'X']))
}
