//! PostgreSQL's programs: where they are, as whom they run, how long they may take.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long anything may take: a start, a backup, a promotion, a statement.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The release that Debian 12 has; another is taken where this one is absent.
const PREFERRED: &str = "/usr/lib/postgresql/15/bin";
/// Where Debian installs all of its releases.
const RELEASES: &str = "/usr/lib/postgresql";
/// What a folder must hold to be taken.
const NEEDED: [&str; 4] = ["initdb", "postgres", "psql", "pg_basebackup"];
/// The user that the package creates, as whom the server runs for root.
const ACCOUNT: &str = "postgres";

/// Below the ports that a system gives to outgoing connections, so that none of those
/// takes a server's port while the server is down.
const FIRST_PORT: u16 = 20_000;
const PORTS: u64 = 12_000;

/// The folder of PostgreSQL's programs; fails with the name of the package if there
/// is none.
pub fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| find(places()).unwrap_or_else(|absent| panic!("{absent}")))
}

/// Runs SQL through `psql`; answers the rows, one a line, columns parted by `|`. The
/// error is what `psql` printed.
pub fn sql(dsn: &str, statements: &str) -> Result<String, String> {
    let mut psql = bounded(&[binaries().join("psql").to_str().unwrap()]);
    psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", statements]);
    run(psql)
}

/// A port of 127.0.0.1 that nobody listens on now, and that no other call in this
/// process answers; another process may take it before it is used.
pub fn free_port() -> u16 {
    static START: OnceLock<u64> = OnceLock::new();
    static STEP: AtomicU64 = AtomicU64::new(0);
    let start = *START.get_or_init(|| RandomState::new().hash_one(FIRST_PORT) % PORTS);
    (0..PORTS)
        .map(|_| (start + STEP.fetch_add(1, Ordering::Relaxed)) % PORTS)
        .map(|offset| FIRST_PORT + u16::try_from(offset).unwrap())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}

/// The first of the folders that has all the programs.
pub fn find(places: Vec<PathBuf>) -> Result<PathBuf, String> {
    let found = places.iter().find(|place| NEEDED.iter().all(|name| place.join(name).exists()));
    found.cloned().ok_or_else(|| {
        format!(
            "PostgreSQL is not installed: no folder of {places:?} has {}; install the Debian \
             package `postgresql-15` (apt-get install postgresql-15)",
            NEEDED.join(", ")
        )
    })
}

/// Lets the server's user own a file or folder.
pub(super) fn give_to_server(path: &Path) {
    if let Some((user, group)) = account() {
        std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
    }
}

/// The words before a program that make it run as the server's user, and die when
/// the process that started it is gone.
pub fn as_server() -> Vec<String> {
    let mut words = vec!["setpriv".to_owned()];
    if let Some((user, group)) = account() {
        words.extend([format!("--reuid={user}"), format!("--regid={group}")]);
        words.push("--init-groups".to_owned());
    }
    words.extend(["--pdeathsig", "KILL"].map(str::to_owned));
    words
}

/// A program with its first words, to be killed if it takes longer than
/// [`PATIENCE`], and with nothing in its environment that changes what it does.
pub(super) fn bounded(words: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", &PATIENCE.as_secs().to_string()]).args(words);
    plain(&mut command);
    command
}

/// Leaves nothing in a command's environment but what it needs.
pub(super) fn plain(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
}

/// Runs a command to its end; the error is what it printed.
pub(super) fn run(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let Output { status, stdout, stderr } = output;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned());
    }
    Err(format!("{command:?} ended with {status}:\n{}", String::from_utf8_lossy(&stderr)))
}

/// The user and group as whom the server runs, if not as this process does.
fn account() -> Option<(u32, u32)> {
    static ACCOUNTS: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *ACCOUNTS.get_or_init(|| {
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        is_root.then(|| (id("-u"), id("-g")))
    })
}

fn id(which: &str) -> u32 {
    let mut command = Command::new("id");
    command.args([which, ACCOUNT]);
    let id = run(command).unwrap_or_else(|error| {
        panic!("root needs the user `{ACCOUNT}` of the Debian package `postgresql-15`: {error}")
    });
    id.parse().unwrap()
}

/// Where PostgreSQL may be, the best first.
fn places() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(PREFERRED)];
    let releases = std::fs::read_dir(RELEASES).into_iter().flatten().flatten();
    let mut releases: Vec<_> = releases.map(|release| release.path().join("bin")).collect();
    releases.sort();
    places.extend(releases.into_iter().rev());
    let mut config = Command::new("pg_config");
    config.arg("--bindir");
    places.extend(run(config).ok().map(PathBuf::from));
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path));
    places
}
