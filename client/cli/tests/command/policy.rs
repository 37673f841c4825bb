//! `pointsman policy`: from a file to what decides, and back.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{POLICY, Server, code, said, written};

const TIGHTER: &str = "\
version: 1
default: escalate
rules:
  - { id: never, tools: [wipe], effect: deny, reason: cannot be undone }
";
const WRONG: &str = "\
version: 1
rules:
  - { id: odd, tools: [a], effect: deny, reason: b, when: nothing > 1 }
";

fn start() -> Server {
    let server = Server::start();
    for (name, text) in [("tighter.yaml", TIGHTER), ("wrong.yaml", WRONG), ("old.yaml", POLICY)] {
        std::fs::write(server.folder.path().join(name), text).unwrap();
    }
    server
}

#[test]
fn a_policy_is_checked_put_compared_activated_and_rolled_back() {
    let server = start();
    let run = |arguments: &[&str]| {
        let output = server.run(&[&["policy"], arguments].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", said(&output));
        (written(&output).trim_end().to_owned(), said(&output))
    };
    assert_eq!(
        run(&["lint", "tighter.yaml"]),
        (String::new(), "The server would take it.\n".into())
    );
    let (id, said_of_it) = run(&["put", "tighter.yaml", "--note", "tighter"]);
    assert!(id.starts_with("pol_"), "{id}");
    assert!(said_of_it.contains(&format!("pointsman policy activate {id}")), "{said_of_it}");
    let (again, said_of_it) = run(&["put", "tighter.yaml"]);
    assert_eq!(again, id);
    assert!(said_of_it.contains("put before, by admin"), "{said_of_it}");

    let change = "@@ -1,5 +1,4 @@\n  version: 1\n  default: escalate\n  rules:\n\
                  -   - { id: reads, tools: [read], effect: allow, reason: only reads }\n    \
                  - { id: never, tools: [wipe], effect: deny, reason: cannot be undone }";
    assert_eq!(run(&["diff", &id]).0, change);
    assert_eq!(run(&["diff", "tighter.yaml", "old.yaml"]).0, change);
    assert_eq!(run(&["diff", "old.yaml"]), (String::new(), "They are the same.\n".into()));

    let decide = |policy: &[&str]| {
        let question = ["policy", "evaluate", "--tool", "read"];
        let said = server.json(&[&question[..], policy].concat());
        said["decision"]["effect"].as_str().unwrap().to_owned()
    };
    assert_eq!(decide(&[]), "DECISION_EFFECT_ALLOW");
    assert_eq!(decide(&["--policy", "tighter.yaml"]), "DECISION_EFFECT_ESCALATE");
    assert_eq!(decide(&["--policy", &id]), "DECISION_EFFECT_ESCALATE");

    assert_eq!(run(&["activate", &id, "--reason", "agreed"]).0, format!("{id} is in force."));
    assert_eq!(decide(&[]), "DECISION_EFFECT_ESCALATE");
    assert_eq!(run(&["show"]).0 + "\n", TIGHTER);
    let listed = server.json(&["policy", "list"]);
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["STATE_IN_FORCE", "STATE_FORMER"]);

    let (back, _) = run(&["rollback", "--reason", "too tight"]);
    assert!(back.ends_with(" is in force again."), "{back}");
    assert_eq!(decide(&[]), "DECISION_EFFECT_ALLOW");
    let history = server.json(&["policy", "history", "--limit", "2"]);
    let what: Vec<_> = history.as_array().unwrap().iter().map(|it| &it["reason"]).collect();
    assert_eq!(what, ["too tight", "agreed"]);
    let (table, _) = run(&["history"]);
    assert!(table.lines().nth(1).unwrap().contains("roll back"), "{table}");
    assert!(run(&["list"]).0.contains("in force"));
}

#[test]
fn what_is_refused_has_its_exit_code() {
    let server = start();
    let unknown = "pol_00000000000000000000000000";
    let in_force = server.json(&["policy", "show"])["revision"]["revision_id"].clone();
    let in_force = in_force.as_str().unwrap();
    let put = server.run(&["policy", "put", "tighter.yaml"]);
    let id = written(&put).trim().to_owned();
    let cases: [(&[&str], i32); 9] = [
        (&["put", "wrong.yaml"], 2),
        (&["put", "nowhere.yaml"], 2),
        (&["rollback"], 2),
        (&["show", unknown], 3),
        (&["starter", "show", "none"], 3),
        (&["list", "--token", "no such token"], 4),
        (&["put", "tighter.yaml", "--token", "dev-reviewer"], 5),
        (&["activate", in_force], 6),
        (&["activate", &id, "--replacing", unknown], 6),
    ];
    for (arguments, want) in cases {
        let output = server.run(&[&["policy"], arguments].concat());
        assert_eq!(code(&output), want, "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "data goes to stdout, failures do not");
    }
}

#[test]
fn what_lint_finds_is_data() {
    let server = start();
    let output = server.run(&["policy", "lint", "wrong.yaml", "-o", "json"]);
    assert_eq!(code(&output), 2, "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["valid"], false);
    assert!(found["findings"][0]["place"].as_str().unwrap().contains("odd"), "{found}");
    assert!(found["findings"][0]["problem"].as_str().unwrap().contains("nothing"), "{found}");
    let output = server.run(&["policy", "lint", "wrong.yaml"]);
    assert!(written(&output).contains("error"), "{}", written(&output));
}

const TESTED: &str = "\
version: 1
name: desk
guidance: Ask before you wipe.
tools:
  wipe: { write: true, effects: [delete] }
constraints:
  - { id: never, tools: [wipe], effect: deny, reason: cannot be undone }
rules:
  - { id: large, tools: [pay], when: args.amount > 500, effect: escalate, reason: much }
tests:
  - { name: wiping, tool: wipe, expect: deny, rule: never }
  - { name: paying, tool: pay, arguments: { amount: 600 }, expect: escalate, rule: large }
";

#[test]
fn a_policy_is_tested_before_it_is_put_and_explains_itself_after() {
    let server = start();
    let write =
        |text: &str| std::fs::write(server.folder.path().join("tested.yaml"), text).unwrap();
    write(&TESTED.replace("rule: large", "rule: none"));
    let failed = server.run(&["policy", "test", "tested.yaml"]);
    assert_eq!(code(&failed), 1, "{}", said(&failed));
    assert!(written(&failed).contains("failed  paying"), "{}", written(&failed));
    let refused = server.run(&["policy", "put", "tested.yaml"]);
    let refused = server.run(&["policy", "activate", written(&refused).trim()]);
    assert_eq!(code(&refused), 6, "{}", said(&refused));
    assert!(said(&refused).contains("paying"), "{}", said(&refused));

    write(TESTED);
    let passed = server.json(&["policy", "test", "tested.yaml"]);
    assert_eq!(
        (&passed["passed"], passed["results"].as_array().unwrap().len()),
        (&Value::Bool(true), 2)
    );
    let id = written(&server.run(&["policy", "put", "tested.yaml"])).trim().to_owned();
    assert_eq!(code(&server.run(&["policy", "activate", &id])), 0);
    assert_eq!(server.json(&["policy", "list"])[0]["name"], "desk");
    let told = written(&server.run(&["policy", "guidance", "--token", "dev-agent"]));
    assert_eq!(told, "Ask before you wipe.\nForbidden: wipe\n");

    let gated = server.gate(&["--tool", "pay", "--arguments", "{\"amount\": 600}", "--", "true"]);
    let action = server.json(&["esc", "get", &gated.escalation])["action_id"].clone();
    let action = action.as_str().unwrap();
    let why = written(&server.run(&["policy", "explain", action]));
    assert!(why.starts_with("decided     escalate by rule large: much\n"), "{why}");
    assert!(why.contains("args.amount > 500  [args.amount: 600]"), "{why}");
    let other = server.json(&["policy", "explain", action, "--policy", "old.yaml"]);
    assert_eq!(
        (&other["differs"], &other["decision"]["rule_id"]),
        (&Value::Bool(false), &"".into())
    );
    let question = ["policy", "evaluate", "--tool", "pay", "--arguments", "{\"amount\": 6}"];
    let tried = written(&server.run(&[&question[..], &["--explain"]].concat()));
    assert!(tried.contains("args.amount > 500  [args.amount: 6]"), "{tried}");
    server.run(&["esc", "reject", &gated.escalation, "--note", "no"]);
    assert_eq!(gated.end().2, 10);
}

const LOOSER: &str = "\
version: 1
default: allow
rules:
  - { id: never, tools: [wipe], effect: deny, reason: cannot be undone }
";

#[test]
fn what_was_recorded_is_judged_again_by_a_file_or_a_revision() {
    let server = start();
    std::fs::write(server.folder.path().join("looser.yaml"), LOOSER).unwrap();
    let nothing = server.run(&["policy", "backtest", "looser.yaml"]);
    assert_eq!((code(&nothing), &*said(&nothing)), (0, "No action is recorded.\n"));

    let gated = server.gate(&["--tool", "pay", "--arguments", "{\"amount\": 6}", "--", "true"]);
    server.run(&["esc", "reject", &gated.escalation, "--note", "no"]);
    assert_eq!(gated.end().2, 10);
    let shown = server.run(&["policy", "backtest", "looser.yaml"]);
    let rows: Vec<String> = written(&shown)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in ["escalate 1 0", "escalate allow 1 1 rejected", "escalations a day – –"] {
        assert!(rows.iter().any(|it| it == row), "{row}: {rows:?}");
    }
    let example = rows.last().unwrap();
    assert!(example.starts_with("act_"), "{example}");
    assert!(
        example.ends_with("pay escalate, the default allow, the default rejected"),
        "{example}"
    );
    assert!(said(&shown).starts_with("1 actions, from "), "{}", said(&shown));

    let id = written(&server.run(&["policy", "put", "looser.yaml"])).trim().to_owned();
    let found = server.json(&["policy", "backtest", &id, "--actions", "5"]);
    assert_eq!((&found["action_count"], &found["policy_revision_id"]), (&1.into(), &id.into()));
    assert_eq!(found["flips"][0]["answers"]["rejected"], 1);
    let agent = server.run(&["policy", "backtest", "looser.yaml", "--token", "dev-agent"]);
    assert_eq!(code(&agent), 5, "{}", said(&agent));
    let wrong = server.run(&["policy", "backtest", "wrong.yaml"]);
    assert_eq!(code(&wrong), 2, "{}", said(&wrong));
}

#[test]
fn a_starter_is_put_as_it_is_printed() {
    let server = start();
    let names = server.json(&["policy", "starter", "list"]);
    for starter in names.as_array().unwrap() {
        let shown = server.run(&["policy", "starter", "show", starter["name"].as_str().unwrap()]);
        std::fs::write(server.folder.path().join("starter.yaml"), &shown.stdout).unwrap();
        let put = server.run(&["policy", "put", "starter.yaml"]);
        assert_eq!(code(&put), 0, "{}", said(&put));
        let diff = server.run(&["policy", "diff", "starter.yaml", written(&put).trim()]);
        assert_eq!(written(&diff), "");
    }
}

/// A server that is not for development, on which a change of policy needs two
/// people, and the token of its first admin.
fn guarded() -> (Server, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    std::fs::write(folder.path().join("tighter.yaml"), TIGHTER).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["serve", "--policy", "policy.yaml"])
        .env("POINTSMAN_LISTEN", "127.0.0.1:0")
        .env("POINTSMAN_POLICY_SECOND_PERSON", "true")
        .env("NO_COLOR", "1")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let value = |line: String, key: &str| {
        let words = line.split_whitespace().map(str::to_owned);
        words.filter_map(|word| Some(word.strip_prefix(key)?.to_owned())).next()
    };
    let address = said.by_ref().find_map(|line| value(line.unwrap(), "address=")).unwrap();
    let token =
        printed.map_while(Result::ok).find_map(|line| value(line, "POINTSMAN_TOKEN=")).unwrap();
    (Server { child, address: format!("http://{address}"), said, folder }, token)
}

#[test]
fn another_admin_confirms_where_two_are_needed() {
    let (server, token) = guarded();
    let run = |token: &str, arguments: &[&str]| {
        server.command(arguments).env("POINTSMAN_TOKEN", token).output().unwrap()
    };
    let json = |token: &str, arguments: &[&str]| -> Value {
        let output = run(token, &[arguments, &["-o", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
    };
    let id = written(&run(&token, &["policy", "put", "tighter.yaml"])).trim().to_owned();
    let asked = json(&token, &["policy", "activate", &id]);
    assert_eq!(asked["state"], "STATE_PENDING");
    let pending = asked["activation_id"].as_str().unwrap();

    let own = run(&token, &["policy", "confirm", pending]);
    assert_eq!(code(&own), 5, "{}", said(&own));
    assert!(said(&own).contains("second person"), "{}", said(&own));
    let other = json(&token, &["token", "create", "ben", "--role", "admin"])["secret"].clone();
    let done = run(other.as_str().unwrap(), &["policy", "confirm", pending]);
    assert_eq!(written(&done), format!("{id} is in force.\n"), "{}", said(&done));
    let late = run(&token, &["policy", "withdraw", pending]);
    assert_eq!(code(&late), 6, "{}", said(&late));
}
