//! `pointsman drill`: a past case with a planted defect, and what is told of it.

use super::{Server, code, said, written};

#[test]
fn a_past_case_is_practised_on() {
    let server = Server::start();
    let lead = |arguments: &[&str]| {
        let output =
            server.run(&[arguments, &["--token", "dev-supervisor", "-o", "table"]].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", said(&output));
        written(&output)
    };
    let gated = server.gate(&["--tool", "send_mail", "--target", "Bob", "--", "true"]);
    let case = &gated.escalation;
    let digest = server.digest(case);
    let decided = server.run(&["esc", "approve", case, "--digest", &digest]);
    assert_eq!(code(&decided), 0, "{}", said(&decided));
    let plant = ["--place", "@target", "--value", "\"Rob\"", "--defect", "nobody knows Rob"];
    let made = lead(&[&["drill", "create", case], &plant[..]].concat());
    assert!(made.contains("was \"Bob\", planted \"Rob\": nobody knows Rob"), "{made}");
    let id = made.split_whitespace().next().unwrap();
    assert!(lead(&["drill", "list"]).contains(id));

    let none = server.run(&["drill", "next"]);
    assert_eq!(code(&none), 3, "{}", said(&none));
    assert!(said(&none).contains("drills.people"), "{}", said(&none));
    let settings = "version: 1\ndrills: {people: [dana]}\n";
    std::fs::write(server.folder.path().join("queue.yaml"), settings).unwrap();
    let put = ["queue", "settings", "put", "queue.yaml", "--reason", "we practise"];
    assert_eq!(code(&server.run(&put)), 0);
    let token = server.json(&["token", "create", "dana", "--role", "reviewer"])["secret"].clone();
    let dana = ["--token", token.as_str().unwrap(), "-o", "table"];
    let next = server.run(&[&["drill", "next"], &dana[..]].concat());
    let shown = written(&next);
    assert!(shown.contains("Rob") && !shown.contains("nobody knows"), "{shown}");
    let told = written(&server.run(&[&["drill", "answer", id, "reject"], &dana[..]].concat()));
    assert!(told.starts_with("Right: @target was \"Bob\""), "{told}");
    let seen = written(&server.run(&[&["drill", "stats"], &dana[..]].concat()));
    assert!(seen.contains("1 of 1") && seen.contains("0 of 0"), "{seen}");
    assert_eq!(gated.end().2, 0);
}
