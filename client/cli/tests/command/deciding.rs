//! Answers with more than yes and no, as docs/deciding.md says.

use super::{Server, code, said};

const PAGE: &str = include_str!("../../../../docs/deciding.md");

/// The arguments of a command line of the page, with this escalation in place of `ESC`.
fn documented(begin: &str, escalation: &str) -> Vec<String> {
    let line = PAGE.lines().find(|line| line.starts_with(begin)).expect(begin);
    let mut arguments = Vec::new();
    for (place, part) in line.trim_start_matches("pointsman ").split('\'').enumerate() {
        match place % 2 {
            1 => arguments.push(part.to_owned()),
            _ => arguments.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    for argument in arguments.iter_mut().filter(|it| *it == "ESC") {
        escalation.clone_into(argument);
    }
    arguments
}

impl Server {
    fn does(&self, arguments: &[String]) {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output = self.run(&arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_correction_in_words_reaches_whoever_waits() {
    let server = Server::start();
    let gated = server.gate(&["--tool", "send_mail", "--", "true"]);
    server.does(&documented("pointsman esc instruct", &gated.escalation));
    let shown = server.json(&["esc", "get", &gated.escalation]);
    assert_eq!(shown["resolution"]["kind"], "KIND_INSTRUCTED");
    assert_eq!(shown["resolution"]["instruction"], "the price is 6 EUR since May");
    let (_, words, ended) = gated.end();
    assert_eq!(ended, 10);
    assert!(words.contains("was corrected by reviewer: the price is 6 EUR since May"), "{words}");
}

/// The first block of a language on the page, without what it is indented by.
fn block(language: &str) -> String {
    let (before, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    let indent = before.rsplit('\n').next().unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    block.lines().map(|line| line.strip_prefix(indent).unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn a_critical_answer_wants_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, block("yaml")).unwrap();
    std::fs::write(folder.path().join("queue.yaml"), "version: 1\n").unwrap();
    let policy = policy.to_str().unwrap().to_owned();
    let server = Server::start_with(folder, &["--no-demo", "--policy", &policy]);
    let put = server.run(&["queue", "settings", "put", "queue.yaml", "--reason", "the ladder"]);
    assert_eq!(code(&put), 0, "{}", said(&put));
    let arguments = r#"{"amount":4812.00,"currency":"EUR"}"#;
    let call = ["--tool", "pay_claim", "--target", "A-77", "--arguments", arguments];
    let gated = server.gate(&[&call[..], &["--", "true"]].concat());
    let id = gated.escalation.as_str();

    let shown = server.run(&["esc", "get", id]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for line in [
        "invoice: The invoice  https://crm.example/A-77/invoice",
        "photos, if you like: Photos of the damage",
        "a reason  (approve, reject, modify, respond, instruct)",
        "a look at the evidence  (approve, modify)",
        "the amount typed: 4812  (approve, modify)",
    ] {
        assert!(shown.contains(line), "{line:?} is missing in\n{shown}");
    }

    let digest = server.digest(id);
    let mut answer = vec!["esc", "approve", id, "--digest", &digest];
    for (reason, hint, more) in [
        ("REASON_REQUIRED", "--reason CODE", ["--note", "invoice matches"]),
        ("EVIDENCE_REQUIRED", "--evidence ID", ["--evidence", "invoice"]),
        ("CONFIRMATION_REQUIRED", "--confirm VALUE", ["--confirm", "4812"]),
    ] {
        let refused = server.run(&answer);
        assert_eq!(code(&refused), 2);
        let words = said(&refused);
        assert!(words.contains(reason) && words.contains(hint), "{words}");
        answer.extend(more);
    }
    let tried: Vec<_> = documented("pointsman esc modify", id);
    let tried: Vec<_> = tried.iter().map(String::as_str).collect();
    let critical = ["--evidence", "invoice", "--confirm", "3900"];
    let tried = server.run(&[&tried[..], &critical[..]].concat());
    assert_eq!(code(&tried), 0, "{}", said(&tried));
    let written = String::from_utf8(tried.stdout).unwrap();
    let said_of_the_edit = "The policy says escalate: Claims over 500 EUR need a person.";
    assert!(written.starts_with(said_of_the_edit) && written.contains("run as"), "{written}");

    let documented = documented("pointsman esc approve", id);
    let documented: Vec<_> = documented.iter().map(|it| it.replace("HEX", &digest)).collect();
    server.does(&documented);
    let (_, _, ended) = gated.end();
    assert_eq!(ended, 0);
}

#[test]
fn a_question_to_the_agent_is_answered_and_shown_before_the_decision() {
    let server = Server::start();
    let gated = server.gate(&["--tool", "send_mail", "--", "true"]);
    let id = gated.escalation.as_str();
    server.does(&documented("pointsman esc ask", id));
    let open = server.json(&["esc", "questions"]);
    let question = open[0]["question_id"].as_str().unwrap();
    assert_eq!(open[0]["text"], "Which invoice is it for?");
    let before = server.json(&["esc", "get", id]);
    let answer: Vec<_> = documented("pointsman esc answer", id);
    let answer: Vec<_> = answer
        .iter()
        .map(|it| if it == "QST" { question.to_owned() } else { it.clone() })
        .collect();
    server.does(&answer);
    let after = server.json(&["esc", "get", id]);
    assert_ne!(before["etag"], after["etag"]);
    let shown = server.run(&["esc", "get", id]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("asks: Which invoice is it for?") && shown.contains("┃ Invoice 17"),
        "{shown}"
    );

    server.does(&["esc", "comment", id, "--note", "a regular"].map(str::to_owned));
    let comments = server.json(&["esc", "comments", id]);
    assert_eq!(comments[0]["text"], "a regular");
    server.does(&["esc", "reject", id, "--reason", "no"].map(str::to_owned));
    assert_eq!(gated.end().2, 10);
}

#[test]
fn questions_of_one_kind_are_answered_by_count_and_digest() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    let asks =
        "{id: mails, tools: [send_mail], effect: escalate, severity: medium, reason: Mails.}";
    std::fs::write(&policy, format!("version: 1\ndefault: allow\nrules:\n  - {asks}\n")).unwrap();
    let policy = policy.to_str().unwrap().to_owned();
    let server = Server::start_with(folder, &["--no-demo", "--policy", &policy]);
    let begin = |target| server.gate(&["--tool", "send_mail", "--target", target, "--", "true"]);
    let gated = [begin("a@example"), begin("b@example")];
    let shown = server.json(&["esc", "bulk", "approve", "--lane", "default"]);
    assert_eq!(shown["count"], 2, "{shown}");
    let digest = shown["set_digest"].as_str().unwrap().to_owned();
    let answer: Vec<_> = documented("pointsman esc bulk approve --lane default --expect", "")
        .into_iter()
        .map(|it| it.replace("HEX", &digest))
        .collect();
    let with_count = |count: &str| -> Vec<_> {
        answer.iter().map(|it| if it == "COUNT" { count.to_owned() } else { it.clone() }).collect()
    };
    let wrong = with_count("3");
    let wrong: Vec<_> = wrong.iter().map(String::as_str).collect();
    let refused = server.run(&wrong);
    assert_ne!(code(&refused), 0);
    assert!(said(&refused).contains("they are 2 now, not 3"), "{}", said(&refused));
    server.does(&with_count("2"));
    for gated in gated {
        assert_eq!(gated.end().2, 0);
    }
}
