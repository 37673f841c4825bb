//! One PostgreSQL server with its data.

use std::path::Path;
use std::process::Command;

use super::keeper::{Folder, Keeper, has_ended};
use super::tools::{PATIENCE, as_server, binaries, bounded, free_port, give_to_server, run, sql};
use super::wait::until;

/// What a standby calls itself unless it is told otherwise. A primary waits for this
/// name and not for `*`, because a backup that is being taken would count as well.
const STANDBY: &str = "walreceiver";
/// How often another port is tried when somebody took the one that was free.
const PORTS_TRIED: usize = 8;
/// What the server says when somebody listens on its port.
const PORT_TAKEN: &str = "Address already in use";

/// A PostgreSQL server; dropping it kills it and removes its data.
pub(super) struct Node {
    keeper: Keeper,
    port: u16,
    waits_for_standby: bool,
}

// === impl Node ===

impl Node {
    /// Makes an empty server and starts it, on a port that is free.
    pub(super) fn create() -> Self {
        let mut node = Self::new(free_port());
        node.make(
            "initdb",
            &[
                "--pgdata=data",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=icu",
                "--icu-locale=en-US",
                "--no-sync",
            ],
        );
        for _ in 1..PORTS_TRIED {
            match node.try_launch() {
                Err(failure) if failure.contains(PORT_TAKEN) => node.port = free_port(),
                outcome => return outcome.map_or_else(|failure| panic!("{failure}"), |()| node),
            }
        }
        node.launch();
        node
    }

    /// Copies a running server and starts the copy as its standby, on `port`.
    pub(super) fn create_standby(primary: &Self, port: u16) -> Self {
        let mut node = Self::new(port);
        node.make(
            "pg_basebackup",
            &[
                "--pgdata=data",
                &format!("--dbname={}", primary.dsn("postgres")),
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
            ],
        );
        node.launch();
        node
    }

    /// Starts the server and waits until it answers; somebody else who listens on its
    /// port may go first.
    pub(super) fn launch(&mut self) {
        let mut outcome = Ok(());
        until(PATIENCE, || {
            outcome = self.try_launch();
            let is_taken = matches!(&outcome, Err(failure) if failure.contains(PORT_TAKEN));
            (!is_taken).then_some(())
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// Kills the server and all of its children at once.
    pub(super) fn kill(&mut self) {
        self.keeper.kill();
    }

    /// Lets a primary acknowledge only what its standby has on disk as well. Returns
    /// when this holds.
    pub(super) fn wait_for_standby(&mut self) {
        self.waits_for_standby = true;
        self.write_settings();
        self.ask("SELECT pg_reload_conf()");
        let query = format!(
            "SELECT sync_state FROM pg_stat_replication WHERE application_name = '{STANDBY}'"
        );
        self.eventually("the standby is synchronous", &query, "sync");
        // Commits wait from when the checkpointer has read the settings, which it does
        // before it makes a checkpoint.
        self.ask("CHECKPOINT");
    }

    /// Lets a primary acknowledge by itself again. Returns when this holds.
    pub(super) fn forget_standby(&mut self) {
        self.waits_for_standby = false;
        self.write_settings();
        self.ask("SELECT pg_reload_conf()");
        self.eventually("nobody is waited for", "SHOW synchronous_standby_names", "");
        self.ask("CHECKPOINT");
    }

    /// Sends its first process a signal.
    pub(super) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.process().to_string());
        run(kill).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Shuts it down in its own way, with a last checkpoint.
    pub(super) fn stop(&mut self) {
        let process = self.process();
        self.signal("INT");
        let ended = until(PATIENCE, || has_ended(process).then_some(()));
        assert!(ended.is_some(), "it does not stop:\n{}", self.log());
        // Whoever watches over it still has to hear of it.
        self.keeper.kill();
    }

    /// Lets a standby become a primary. Returns when it takes writes.
    pub(super) fn promote(&mut self) {
        let promoted = self.ask(&format!("SELECT pg_promote(true, {})", PATIENCE.as_secs()));
        assert_eq!(promoted, "t", "not promoted:\n{}", self.log());
        self.eventually("the promoted one leads", "SELECT pg_is_in_recovery()", "f");
    }

    /// Runs SQL in the database `postgres`, as `sql` does; fails with the server's log.
    pub(super) fn ask(&self, statements: &str) -> String {
        sql(&self.dsn("postgres"), statements)
            .unwrap_or_else(|error| panic!("{error}\nthe server's log:\n{}", self.log()))
    }

    /// How one of its databases is reached.
    pub(super) fn dsn(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }

    /// Where it listens.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port, which stays the same over all of its lives.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds data, socket and log.
    pub(super) fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    /// The last lines of its log.
    pub(super) fn log(&self) -> String {
        self.keeper.tail()
    }

    /// All that it has logged.
    pub(super) fn whole_log(&self) -> String {
        self.keeper.log()
    }

    /// Its first process.
    fn process(&self) -> u32 {
        let file = std::fs::read_to_string(self.folder().join("data/postmaster.pid"));
        let file = file.unwrap_or_else(|error| panic!("it does not run: {error}"));
        file.lines().next().and_then(|line| line.trim().parse().ok()).expect("a process id")
    }

    fn new(port: u16) -> Self {
        let folder = Folder::create();
        let mut command = as_server();
        command.push(binaries().join("postgres").to_str().unwrap().to_owned());
        command.extend(["-D", "data", "-c", "config_file=server.conf"].map(str::to_owned));
        Self { keeper: Keeper::new(folder, &command), port, waits_for_standby: false }
    }

    /// Makes the data by one of PostgreSQL's programs.
    fn make(&self, program: &str, arguments: &[&str]) {
        let program = binaries().join(program);
        let mut words = as_server();
        words.push(program.to_str().unwrap().to_owned());
        let mut command = bounded(&words.iter().map(String::as_str).collect::<Vec<_>>());
        command.args(arguments).current_dir(self.folder());
        run(command).unwrap_or_else(|error| panic!("{error}"));
    }

    fn try_launch(&mut self) -> Result<(), String> {
        self.write_settings();
        let before = self.keeper.log().len();
        let process = self.keeper.start();
        let answers = until(PATIENCE, || match self.is_ready(process) {
            true => Some(true),
            false => has_ended(process).then_some(false),
        });
        let problem = match answers {
            Some(true) => return Ok(()),
            Some(false) => "ended".to_owned(),
            None => format!("did not answer within {PATIENCE:?}"),
        };
        let log = self.keeper.log();
        self.keeper.kill();
        let said = log.get(before..).unwrap_or_default();
        Err(format!("PostgreSQL on {} {problem}; its log:\n{said}", self.address()))
    }

    /// Whether the server says in its file that it takes connections.
    fn is_ready(&self, process: u32) -> bool {
        let file = self.folder().join("data/postmaster.pid");
        let file = std::fs::read_to_string(file).unwrap_or_default();
        let mut lines = file.lines();
        lines.next().is_some_and(|first| first == process.to_string())
            && lines.next_back().is_some_and(|last| last.trim() == "ready")
    }

    /// Outside of the data, so that a standby does not inherit it with a copy of them.
    fn write_settings(&self) {
        let folder = self.folder();
        let standby = if self.waits_for_standby { STANDBY } else { "" };
        let settings = format!(
            "listen_addresses = '127.0.0.1'
port = {}
unix_socket_directories = '{}'
max_connections = 200
shared_buffers = 128MB
dynamic_shared_memory_type = mmap
fsync = on
synchronous_commit = on
synchronous_standby_names = '{standby}'
wal_level = replica
max_wal_senders = 8
hot_standby = on
timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] '
",
            self.port,
            folder.display(),
        );
        let file = folder.join("server.conf");
        std::fs::write(&file, settings).unwrap();
        give_to_server(&file);
    }

    fn eventually(&self, what: &str, query: &str, wanted: &str) {
        let mut last = String::new();
        let seen = until(PATIENCE, || {
            last = self.ask(query);
            (last == wanted).then_some(())
        });
        assert!(
            seen.is_some(),
            "not within {PATIENCE:?}: {what}; `{query}` says `{last}`; the log:\n{}",
            self.log()
        );
    }
}
