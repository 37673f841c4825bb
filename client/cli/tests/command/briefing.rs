//! The example of docs/briefing.md is what the command shows.

use super::{Server, code};

const PAGE: &str = include_str!("../../../../docs/briefing.md");

/// The first block of a language on the page.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_documented_briefing_is_the_one_that_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, block("yaml")).unwrap();
    let policy = policy.to_str().unwrap().to_owned();
    let server = Server::start_with(folder, &["--no-demo", "--policy", &policy]);
    let reasoning = "Invoice and photos match.\nApproved by your supervisor.";
    let arguments = block("json").trim();
    let call = ["--tool", "pay_claim", "--target", "A-77", "--arguments", arguments];
    let gated = server.gate(&[&call[..], &["--reasoning", reasoning, "--", "true"]].concat());

    let output = server.run(&["esc", "get", &gated.escalation]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let mut lines = shown.lines();
    // Ids and times differ.
    let is_fixed = |line: &&str| !line.contains('…') || line.starts_with("If you");
    for wanted in block("text").lines().filter(is_fixed) {
        assert!(lines.any(|line| line == wanted), "not in its place: {wanted:?}\n{shown}");
    }

    let digest = server.digest(&gated.escalation);
    let reject = ["esc", "reject", &gated.escalation, "--reason", "no", "--digest", &digest];
    assert_eq!(code(&server.run(&reject)), 0);
    gated.end();
}
