//! The harness's own databases, with SQL: what they promise to the tests that stand
//! on them, and that nothing of them remains.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use crate::harness::postgres::{Cluster, PATIENCE, Pair, find, sql, until};
use crate::harness::writer::{self, Writer};

const WRITERS: usize = 4;
/// How many rows are acknowledged before the primary is killed.
const ENOUGH: usize = 400;
/// How often the pair changes sides.
const CYCLES: usize = 2;
/// Set for a process of this very binary that holds a server until its input ends.
const HOLD: &str = "POINTSMAN_TEST_HOLDS_POSTGRES";
const HELD: &str = "holds ";

#[test]
fn where_postgresql_is_absent_a_test_names_the_package() {
    let absent = find(vec![PathBuf::from("/usr/bin"), PathBuf::from("/absent")]).unwrap_err();
    assert!(absent.contains("apt-get install postgresql-15"), "{absent}");
    assert!(absent.contains("\"/absent\"") && absent.contains("initdb"), "{absent}");
}

#[test]
fn a_database_takes_rows_and_is_nobody_elses() {
    let began = Instant::now();
    let cluster = Cluster::shared();
    println!("the shared server: {:?}", began.elapsed());
    let (one, other) = (cluster.database(), cluster.database());
    println!("with two databases: {:?}", began.elapsed());
    sql(&one, "CREATE TABLE row (id int); INSERT INTO row VALUES (7)").unwrap();
    assert_eq!(sql(&one, "SELECT id FROM row").unwrap(), "7");
    let absent = sql(&other, "SELECT id FROM row").unwrap_err();
    assert!(absent.contains("\"row\" does not exist"), "{absent}");
    if std::env::var_os(HOLD).is_some() {
        println!("{HELD}{}", cluster.folder().display());
        std::io::stdin().lines().for_each(drop);
    }
}

#[test]
fn a_killed_server_comes_back_with_its_rows() {
    let mut cluster = Cluster::start();
    let dsn = cluster.database();
    sql(&dsn, "CREATE TABLE row (id int); INSERT INTO row VALUES (7)").unwrap();
    assert_eq!(sql(&dsn, "SHOW fsync; SHOW synchronous_commit").unwrap(), "on\non");
    cluster.kill();
    let refused = sql(&dsn, "SELECT 1").unwrap_err();
    assert!(refused.contains("Connection refused"), "{refused}");
    let began = Instant::now();
    cluster.restart();
    println!("started again: {:?}", began.elapsed());
    assert_eq!(sql(&dsn, "SELECT id FROM row").unwrap(), "7");
}

#[test]
fn nothing_remains_of_a_dropped_server() {
    let cluster = Cluster::start();
    let folder = cluster.folder().to_owned();
    assert!(processes_in(&folder).len() > 3, "a server has children");
    let file = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let segment = file.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    assert!(memory_segments().contains(&segment), "a server has shared memory");
    drop(cluster);
    assert_eq!(processes_in(&folder), Vec::<u32>::new());
    assert!(!folder.exists(), "{folder:?} is still there");
    assert!(!memory_segments().contains(&segment), "its memory is still there");
}

#[test]
fn nothing_remains_of_a_test_that_ended_or_was_killed() {
    for is_killed in [false, true] {
        let (mut holder, input, folder) = hold();
        assert!(!processes_in(&folder).is_empty(), "the server runs");
        if is_killed {
            holder.kill().unwrap();
        }
        drop(input);
        assert_eq!(holder.wait().unwrap().success(), !is_killed);
        let is_gone = || (processes_in(&folder).is_empty() && !folder.exists()).then_some(());
        until(PATIENCE, is_gone).expect("what a test leaves is removed");
    }
}

#[test]
fn a_server_ends_with_the_shell_that_watches_it() {
    let cluster = Cluster::start();
    let folder = cluster.folder().to_owned();
    let server = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let status = format!("/proc/{}/status", server.lines().next().unwrap());
    let status = std::fs::read_to_string(status).unwrap();
    let shell = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim();
    let killed = Command::new("kill").args(["-KILL", shell]).status().unwrap();
    assert!(killed.success());
    until(PATIENCE, || processes_in(&folder).is_empty().then_some(())).expect("the server ends");
    drop(cluster);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn rows_acknowledged_before_the_primary_is_killed_survive() {
    let began = Instant::now();
    let mut pair = Pair::start();
    println!("the pair: {:?}", began.elapsed());
    let dsn = pair.dsn();
    sql(&dsn, "CREATE TABLE row (id text PRIMARY KEY)").unwrap();
    let mut acknowledged = BTreeSet::new();
    for cycle in 0..CYCLES {
        let writers: Vec<_> =
            (0..WRITERS).map(|one| Writer::start(&dsn, &format!("{cycle}-{one}"))).collect();
        let wanted = acknowledged.len() + ENOUGH;
        let count = || sql(&pair.primary_dsn(), "SELECT count(*) FROM row").ok()?.parse().ok();
        until(PATIENCE, || count().filter(|count: &usize| *count >= wanted)).expect("rows");
        pair.kill_primary();
        let killed = Instant::now();
        let before = acknowledged.len();
        for writer in writers {
            acknowledged.extend(writer.acknowledged());
        }
        let new = acknowledged.len() - before;
        assert!(
            (ENOUGH / 2..WRITERS * writer::ROWS).contains(&new),
            "{new} rows: not killed under load"
        );
        pair.promote();
        println!("cycle {cycle}: {new} rows, promoted after {:?}", killed.elapsed());
        let rows = sql(&dsn, "SELECT id FROM row").unwrap();
        let rows: BTreeSet<_> = rows.lines().map(str::to_owned).collect();
        let lost: Vec<_> = acknowledged.difference(&rows).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}\n{}", pair.log());
        acknowledged = rows;
        sql(&dsn, &format!("INSERT INTO row VALUES ('after {cycle}')")).unwrap();
        let began = Instant::now();
        pair.rejoin();
        println!("cycle {cycle}: rejoined within {:?}", began.elapsed());
    }
}

#[test]
fn a_row_waits_for_the_standby() {
    let mut pair = Pair::start();
    sql(&pair.dsn(), "CREATE TABLE row (id text PRIMARY KEY)").unwrap();
    pair.kill_standby();
    let writer = Writer::start(&pair.dsn(), "alone");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let waiting = || sql(&pair.primary_dsn(), waits).ok().filter(|count| count == "1");
    until(PATIENCE, waiting).expect("the commit waits");
    assert_eq!(sql(&pair.primary_dsn(), "SELECT count(*) FROM row").unwrap(), "0");
    pair.rejoin();
    let first = || sql(&pair.dsn(), "SELECT count(*) > 1 FROM row").ok().filter(|it| it == "t");
    until(PATIENCE, first).expect("the commit goes on");
    pair.kill_primary();
    assert!(!writer.acknowledged().is_empty());
}

/// Starts this test binary so that it holds a server; answers its process, the input
/// that ends it, and the server's folder.
fn hold() -> (Child, ChildStdin, PathBuf) {
    let test = "postgres::a_database_takes_rows_and_is_nobody_elses";
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(HOLD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = holder.stdin.take().unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let folder = lines.find_map(|line| line.unwrap().strip_prefix(HELD).map(PathBuf::from));
    // Whoever prints into a closed pipe fails: the rest is read until the process ends.
    std::thread::spawn(move || lines.for_each(drop));
    (holder, input, folder.expect("it says where the server is"))
}

/// The processes that work in a folder or below it.
fn processes_in(folder: &Path) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let is_in = |process: &PathBuf| {
        std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    let processes = processes.map(|entry| entry.path()).filter(is_in);
    processes.filter_map(|process| process.file_name()?.to_str()?.parse().ok()).collect()
}

/// The ids of the whole system's segments of System V memory.
fn memory_segments() -> Vec<String> {
    let segments = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let ids = segments.lines().filter_map(|line| line.split_whitespace().nth(1));
    ids.map(str::to_owned).collect()
}
