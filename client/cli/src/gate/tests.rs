//! What is proposed is what runs, and what was changed is not ignored.

use super::*;

fn program(argv: &[&str]) -> Program {
    let argv: Vec<OsString> = argv.iter().map(Into::into).collect();
    Program::of(&argv).unwrap()
}

fn plan(is_argv: bool, accept_modified: bool) -> Plan {
    let program = program(&["./deploy.sh", "--all"]);
    let proposed = Bytes::from_static(b"{\"env\":\"prod\"}");
    Plan { program, proposed, is_argv, accept_modified }
}

#[test]
fn the_argv_goes_through_json_unchanged() {
    for argv in [&["a"][..], &["./x y", "", "\"q\"", "ü\u{202e}", "--", "-o"]] {
        let program = program(argv);
        assert_eq!(Program::from_json(&program.to_json()).unwrap(), program);
    }
    assert_eq!(program(&["a", "b c"]).to_json(), br#"{"argv":["a","b c"]}"#);
}

#[test]
fn a_command_that_nobody_can_read_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    assert_eq!(Program::of(&[OsString::from_vec(vec![0xff])]).unwrap_err().exit, Exit::Usage);
    assert_eq!(Program::of(&[OsString::new()]).unwrap_err().exit, Exit::Usage);
}

#[test]
fn permitted_bytes_that_are_no_argv_run_nothing() {
    for bytes in [
        "",
        "[]",
        "{}",
        r#"{"argv":[]}"#,
        r#"{"argv":[1]}"#,
        r#"{"argv":"a"}"#,
        r#"{"argv":["a"],"cwd":"/"}"#,
    ] {
        assert_eq!(
            Program::from_json(bytes.as_bytes()).unwrap_err().exit,
            Exit::Rejected,
            "{bytes}"
        );
    }
}

#[test]
fn a_changed_argv_is_what_runs() {
    let runs = plan(true, false).program_for(br#"{"argv":["./deploy.sh","--one"]}"#).unwrap();
    assert_eq!(runs, program(&["./deploy.sh", "--one"]));
}

#[test]
fn changed_arguments_need_a_command_that_reads_them() {
    let (same, changed) = (br#"{"env":"prod"}"#, br#"{"env":"test"}"#);
    assert!(plan(false, false).program_for(same).is_ok());
    assert_eq!(plan(false, false).program_for(changed).unwrap_err().exit, Exit::Rejected);
    assert!(plan(false, true).program_for(changed).is_ok());
}

#[tokio::test]
async fn the_exit_code_and_digests_are_reported() {
    let program = program(&["sh", "-c", "printf abc; printf $GIVEN >&2; exit 7"]);
    let ended = program.run(&[("GIVEN", "x".to_owned())]).await.unwrap();
    assert_eq!(ended.code, 7);
    let report: serde_json::Value = serde_json::from_slice(&ended.report()).unwrap();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(report["stdout"]["sha256"], abc);
    assert_eq!((&report["stdout"]["bytes"], &report["stderr"]["bytes"]), (&3.into(), &1.into()));
}

#[tokio::test]
async fn a_command_ended_by_a_signal_has_a_shells_code() {
    let ended = program(&["sh", "-c", "kill -9 $$"]).run(&[]).await.unwrap();
    assert_eq!(ended.code, 137);
    let failure = program(&["./is-not-there"]).run(&[]).await.unwrap_err();
    assert_eq!(failure.exit.code(), 127);
}
