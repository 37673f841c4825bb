//! `pointsman queue`: from a file to what holds for new questions, and what waits.

use serde_json::Value;

use super::{Server, code, said, written};

const WRONG: &str = "version: 1\nlanes: {money: {calendar: gone}}\n";

#[test]
fn settings_are_checked_put_and_shown_and_the_status_says_what_waits() {
    let server = Server::start();
    let run = |arguments: &[&str]| {
        let output = server.run(&[&["queue"], arguments].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", said(&output));
        (written(&output), said(&output))
    };
    let none = server.run(&["queue", "settings", "show"]);
    assert_eq!(code(&none), 3, "{}", said(&none));
    assert!(said(&none).contains("pointsman queue settings starter"), "{}", said(&none));

    let (starter, _) = run(&["settings", "starter"]);
    std::fs::write(server.folder.path().join("queue.yaml"), &starter).unwrap();
    std::fs::write(server.folder.path().join("wrong.yaml"), WRONG).unwrap();
    let (_, taken) = run(&["settings", "lint", "queue.yaml"]);
    assert_eq!(taken, "The server would take them.\n");
    let refused = server.run(&["queue", "settings", "lint", "wrong.yaml"]);
    assert_eq!(code(&refused), 2);
    assert!(written(&refused).contains("lanes.money.calendar: there is no calendar `gone`"));

    let (id, said_of_it) = run(&["settings", "put", "queue.yaml", "--reason", "first hours"]);
    assert!(id.starts_with("qs_") && said_of_it.contains("is in force"), "{id}{said_of_it}");
    let other = "qs_00000000000000000000000001";
    let late = ["queue", "settings", "put", "queue.yaml", "--reason", "x", "--replacing", other];
    let late = server.run(&late);
    assert_eq!(code(&late), 6, "{}", said(&late));
    assert_eq!(run(&["settings", "show"]).0.trim_end(), starter.trim_end());
    let (history, _) = run(&["settings", "history", "-o", "json"]);
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history[0]["reason"], "first hours");
    assert_eq!(history[0]["settings_id"], id.trim_end());

    let (lanes, _) = run(&["lanes", "-o", "json"]);
    let lanes: Value = serde_json::from_str(&lanes).unwrap();
    let money = lanes.as_array().unwrap().iter().find(|lane| lane["lane"] == "money").unwrap();
    assert_eq!((&money["weight"], &money["chain"]), (&3.into(), &"money".into()));
    let (status, _) = run(&["status", "-o", "json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["settings_id"], id.trim_end());
    assert_eq!(status["watchdog_repaired"], 0);
    assert!(run(&["status", "-o", "table"]).0.contains("had its timer"));
}
