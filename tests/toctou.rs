//! What was approved is what runs: any change between approval and redemption is
//! refused, and leaves the grant as it was.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_client::Proposal;

use crate::harness::api::{AGENT, Called, called, request_id};
use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;

const ARGUMENTS: &str = "{\"amount\": 100, \"to\": \"caf\u{e9}\", \"big\": 9007199254740993}";

/// The arguments with the same meaning to some reader, in other bytes; and with
/// another meaning.
fn other_arguments() -> Vec<(&'static str, Bytes)> {
    let changed = |from: &str, to: &str| Bytes::from(ARGUMENTS.replace(from, to));
    vec![
        ("number formatting 1e2", changed("100", "1e2")),
        ("number formatting 100.0", changed("100", "100.0")),
        ("white space", changed(", ", ",")),
        ("key order", "{\"to\": \"caf\u{e9}\", \"amount\": 100, \"big\": 9007199254740993}".into()),
        ("Unicode in another normal form", changed("\u{e9}", "e\u{301}")),
        ("Unicode escaped", changed("\u{e9}", "\\u00e9")),
        ("over 2^53 by one", changed("9007199254740993", "9007199254740992")),
        ("a space behind", Bytes::from(format!("{ARGUMENTS} "))),
        ("a line end behind", Bytes::from(format!("{ARGUMENTS}\n"))),
        ("an object behind", Bytes::from(format!("{ARGUMENTS}{{}}"))),
        ("a byte order mark", Bytes::from(format!("\u{feff}{ARGUMENTS}"))),
        ("one digit", changed("100", "101")),
        ("one letter", changed("to", "To")),
        ("a field more", changed("}", ", \"more\": 1}")),
        ("a field twice", changed("}", ", \"amount\": 100}")),
        ("cut short", Bytes::from(ARGUMENTS[..ARGUMENTS.len() - 1].to_owned())),
        ("nothing", Bytes::new()),
        ("an empty object", Bytes::from_static(b"{}")),
    ]
}

/// Every way to redeem something else than what was approved.
fn changes(
    request: &v1::RedeemGrantRequest,
    other: &v1::RedeemGrantRequest,
) -> Vec<(String, v1::RedeemGrantRequest)> {
    let mut changes = Vec::new();
    for (what, arguments) in other_arguments() {
        let changed = v1::RedeemGrantRequest { arguments, ..request.clone() };
        changes.push((format!("arguments, {what}"), changed));
    }
    let mut add = |what: &str, change: &dyn Fn(&mut v1::RedeemGrantRequest)| {
        let mut changed = request.clone();
        change(&mut changed);
        changes.push((what.to_owned(), changed));
    };
    add("tool", &|request| request.tool.push('2'));
    add("tool in capitals", &|request| request.tool = request.tool.to_uppercase());
    add("schema version", &|request| request.tool_schema_version = "v2".to_owned());
    add("no schema version", &|request| request.tool_schema_version.clear());
    add("target", &|request| request.target.push('8'));
    add("target in another normal form", &|request| {
        request.target = request.target.replace('\u{e9}', "e\u{301}");
    });
    add("no target", &|request| request.target.clear());
    add("preconditions", &|request| request.preconditions = "{\"etag\":2}".into());
    add("no preconditions", &|request| request.preconditions = Bytes::new());
    add("a field moved into the next", &|request| {
        request.tool_schema_version = format!("{}{}", request.tool_schema_version, request.target);
        request.target.clear();
    });
    add("another run", &|request| request.run_id.clone_from(&other.run_id));
    add("another action", &|request| request.action_id.clone_from(&other.action_id));
    add("another grant", &|request| request.grant_id.clone_from(&other.grant_id));
    changes
}

/// An approved action, ready to be redeemed.
async fn approved(fixture: &Fixture) -> v1::RedeemGrantRequest {
    let run = fixture.run().await;
    let proposal = Proposal::new("ask_pay", ARGUMENTS)
        .tool_schema_version("v1")
        .target("caf\u{e9}/A-77")
        .preconditions("{\"etag\":1}");
    let mut wait = asked(&run, proposal).await;
    let seen = fixture.shown(wait.escalation_id()).await;
    fixture.reviewer().approve(&seen, "").await.unwrap();
    let pointsman_client::Answer::Approved(permit) = wait.answer_kept().await.unwrap() else {
        panic!("not approved");
    };
    v1::RedeemGrantRequest {
        request_id: String::new(),
        grant_id: permit.grant().grant_id.clone(),
        action_id: permit.action_id().to_owned(),
        run_id: run.run_id().to_owned(),
        tool: "ask_pay".to_owned(),
        tool_schema_version: "v1".to_owned(),
        target: "caf\u{e9}/A-77".to_owned(),
        arguments: ARGUMENTS.into(),
        preconditions: "{\"etag\":1}".into(),
    }
}

async fn redeem(fixture: &Fixture, request: &v1::RedeemGrantRequest) -> Called<()> {
    let request = v1::RedeemGrantRequest { request_id: request_id(), ..request.clone() };
    match called(fixture.connection(AGENT).action_service().redeem_grant(request).await) {
        Called::Done(_) => Called::Done(()),
        Called::Refused(error) => Called::Refused(error),
        Called::Lost(error) => Called::Lost(error),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_after_approval_is_refused() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let request = approved(&fixture).await;
    let other = approved(&fixture).await;
    let mut findings = Vec::new();
    for (what, changed) in changes(&request, &other) {
        assert_ne!(changed, request, "{what} changes nothing");
        match redeem(&fixture, &changed).await {
            Called::Refused(error) if is_right(error.reason_name()) => {}
            answer => findings.push(format!("{what}: {answer:?}")),
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));

    let action = fixture.runs().action(&*request.action_id).await.unwrap();
    assert_eq!(action.state(), v1::action::State::Granted, "a refused change used the grant up");
    redeem(&fixture, &request).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_agent_cannot_redeem() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let request = approved(&fixture).await;
    let token = fixture.token("other-agent", v1::Role::Agent).await;

    let stolen = v1::RedeemGrantRequest { request_id: request_id(), ..request.clone() };
    let answer =
        called(fixture.connection(&token).action_service().redeem_grant(stolen).await).refused();

    let hidden = ["GRANT_NOT_FOUND", "ACTION_NOT_FOUND", "RUN_NOT_FOUND"];
    assert!(hidden.contains(&&*answer), "{answer}");
    redeem(&fixture, &request).await.done();
}

fn is_right(reason: &str) -> bool {
    [
        "DIGEST_MISMATCH",
        "GRANT_NOT_FOUND",
        "ACTION_NOT_FOUND",
        "RUN_NOT_FOUND",
        "ARGUMENTS_MALFORMED",
        "INVALID_FIELD",
    ]
    .contains(&reason)
}
