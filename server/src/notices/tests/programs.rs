//! Programs that take notices.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::config::CommandConfig;

/// A program in a folder.
fn program(dir: &Path, lines: &str) -> CommandCourier {
    let path = dir.join("program");
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let args = vec![dir.display().to_string(), "$(touch hacked) ; *".to_owned()];
    CommandCourier::new(&CommandConfig { program: path, args, ..CommandConfig::default() })
}

#[tokio::test]
async fn a_program_gets_the_notice_and_its_arguments_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let courier = program(
        dir.path(),
        "cat > \"$1/body\"; echo \"$2\" > \"$1/args\"; env > \"$1/env\"; pwd >> \"$1/env\"",
    );
    deliver(&courier).await.unwrap();
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert_eq!(read("body"), letter::body(&letter()).unwrap());
    assert_eq!(read("args"), b"$(touch hacked) ; *\n");
    let env = String::from_utf8(read("env")).unwrap();
    // The shell of the program itself sets these.
    let own =
        |line: &&str| !["PWD=", "SHLVL=", "_=", "OLDPWD="].iter().any(|it| line.starts_with(it));
    assert_eq!(env.lines().filter(own).collect::<Vec<_>>(), ["/"]);
}

#[tokio::test]
async fn how_a_program_ends_decides() {
    for (lines, problem) in
        [("exit 3", DeliveryProblem::ExitCode(3)), ("kill -9 $$", DeliveryProblem::Killed)]
    {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(super::problem(&program(dir.path(), lines)).await, problem, "{lines}");
    }
    let config = CommandConfig { program: "/nowhere".into(), ..CommandConfig::default() };
    assert_eq!(problem(&CommandCourier::new(&config)).await, DeliveryProblem::NotStarted);
    // Neither one that does not read nor one that talks without end is in the way.
    let dir = tempfile::tempdir().unwrap();
    deliver(&program(dir.path(), "exec </dev/null; head -c 10000000 /dev/zero")).await.unwrap();
}

#[tokio::test]
async fn whoever_gives_up_ends_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let courier =
        program(dir.path(), "echo $$ > \"$1/new\"; mv \"$1/new\" \"$1/pid\"; exec sleep 600");
    let letter = letter();
    let mut waiting = courier.deliver(&letter);
    let pid = loop {
        assert!(futures::poll!(&mut waiting).is_pending());
        if let Ok(pid) = std::fs::read_to_string(dir.path().join("pid")) {
            break pid;
        }
        tokio::task::yield_now().await;
    };
    drop(waiting);
    let is_alive = || {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // One that has ended and is not yet waited for is a zombie.
        !stat.is_empty() && !stat.contains(") Z ")
    };
    tokio::time::timeout(PATIENCE, async {
        while is_alive() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it lives on");
}
