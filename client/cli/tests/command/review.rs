//! `pointsman review`: from what waits to what people found.

use serde_json::Value;

use super::{Server, code, said, written};

const POLICY: &str = "\
version: 1
default: allow
rules:
  - { id: paid, tools: [pay], effect: sample, reason: every payment is looked at }
";

#[test]
fn what_ran_unasked_is_judged_and_counted() {
    let server = Server::under(POLICY);
    let run = |arguments: &[&str]| {
        let output = server.run(&[&["review"], arguments].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", said(&output));
        written(&output)
    };
    let none = server.run(&["review", "next"]);
    assert_eq!(code(&none), 3, "{}", said(&none));
    for _ in 0..2 {
        let gated = server.run(&["gate", "--tool", "pay", "--", "echo", "sent to Rob"]);
        assert_eq!(code(&gated), 0, "{}", said(&gated));
    }
    let listed: Value = serde_json::from_str(&run(&["list", "-o", "json"])).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let id = listed[0]["review_id"].as_str().unwrap();
    let early = server.run(&["review", "submit", id, "correct"]);
    assert_eq!(code(&early), 6, "{}", said(&early));

    let shown = run(&["next", "-o", "table"]);
    assert!(shown.contains(id) && shown.contains("allow by paid"), "{shown}");
    assert!(!shown.contains("executed"), "{shown}");
    let grave = ["submit", id, "wrong-action", "--severity", "2", "--note", "not theirs"];
    let judged = run(&[&grave[..], &["-o", "table"]].concat());
    assert!(judged.contains("executed") && judged.contains("not theirs"), "{judged}");
    let next: Value = serde_json::from_str(&run(&["next", "-o", "json"])).unwrap();
    let id = next["review_id"].as_str().unwrap();
    run(&["skip", id, "--reason", "I know the customer"]);
    assert!(run(&["get", id, "-o", "table"]).contains("once you have judged it"));
    let stats = run(&["stats", "--rule", "paid", "--since", "1h", "-o", "table"]);
    assert!(stats.starts_with("1 done, 1 open, 0 given up"), "{stats}");
    assert!(stats.contains("1  wrong action"), "{stats}");

    let incident = |arguments: &[&str]| {
        let output = server.run(&[&["incident"], arguments, &["-o", "json"]].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", said(&output));
        serde_json::from_str::<Value>(&written(&output)).unwrap()
    };
    let found = incident(&["list", "--state", "open"]);
    let (id, action) = (found[0]["incident_id"].as_str().unwrap(), &found[0]["action_id"]);
    assert_eq!(found[0]["severity"], 2);
    incident(&["ack", id]);
    let twice = server.run(&["incident", "ack", id]);
    assert_eq!(code(&twice), 6, "{}", said(&twice));
    incident(&["close", id, "--resolution", "a rule asks now"]);
    assert_eq!(incident(&["get", id])["resolution"], "a rule asks now");
    let action = action.as_str().unwrap();
    let why = ["raise", action, "should-have-escalated", "--severity", "1", "--reason", "again"];
    assert_eq!(incident(&why)["kind"], "KIND_RAISED");
    let shown = server.run(&["incident", "list", "-o", "table"]);
    assert!(written(&shown).contains("should have escalated"), "{}", written(&shown));

    let refused = server.run(&["feedback", "export", "labels.jsonl"]);
    assert_eq!(code(&refused), 5, "{}", said(&refused));
    assert!(said(&refused).contains("feedback.export"), "{}", said(&refused));
    let settings = "version: 1\nfeedback: {export: labelled}\n";
    std::fs::write(server.folder.path().join("queue.yaml"), settings).unwrap();
    let put = ["queue", "settings", "put", "queue.yaml", "--reason", "labels may leave"];
    assert_eq!(code(&server.run(&put)), 0);
    let exported = server.run(&["feedback", "export", "labels.jsonl", "--rule", "paid"]);
    assert_eq!(code(&exported), 0, "{}", said(&exported));
    let labels = std::fs::read_to_string(server.folder.path().join("labels.jsonl")).unwrap();
    let lines: Vec<Value> = labels.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let [found, raised] = &lines[..] else { panic!("{labels}") };
    assert_eq!((&found["kind"], &found["expected"]), (&"found".into(), &"deny".into()));
    assert_eq!((&raised["expected"], &raised["action_id"]), (&"escalate".into(), &action.into()));
    let judge = ["eval", "run", "--trajectories", "labels.jsonl", "--policy", "policy.yaml"];
    let judged = server.run(&judge);
    assert_eq!(code(&judged), 0, "eval reads what was exported: {}", said(&judged));
}
