//! The case of a run that is redirected in the middle of its work.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::r#override::{Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_client::{Answer, Intent, Proposal, Queue, Reviewer};
use serde_json::json;

use super::{IBAN, PAYMENTS, Scene};
use crate::harness::api::{ADMIN, SUPERVISOR};
use crate::harness::fixture::asked;
use crate::harness::poll::{PATIENCE, within};

const TEAMS: &str = "version: 1\nfriction: off\nteams:\n  fraud: {members: [fiona]}\n";

/// "Do not call the claims API, escalate to the fraud team."
#[tokio::test(flavor = "multi_thread")]
async fn payments_a_run_leaves_the_claims_api_alone_and_goes_to_the_fraud_team() {
    let reading =
        "rules:\n  - { id: claims, tools: [\"claims.*\"], effect: allow, reason: reads }\n";
    let policy = PAYMENTS.replace("rules:\n", reading);
    let policy = policy.replace("tools:\n  wire", "tools:\n  claims.get: { write: false }\n  wire");
    let desk = Scene::open(&policy, &format!("Pay 20000 to {IBAN}")).await;
    let queue = Queue::new(desk.fixture.connection(ADMIN));
    queue.put(TEAMS, "", "the fraud desk").await.unwrap();
    desk.passes("claims.get", json!({"claim": "C-20931"})).await;
    let wire = json!({"amount": 20_000, "currency": "EUR", "iban": IBAN});
    let (mut wait, _) = desk.waits("wire", wire, "wire-over-limit").await;

    let sam = desk.fixture.overrides(SUPERVISOR);
    let closing =
        v1::ToolClosing { tool: "claims.*".to_owned(), instead: "fraud.open_case".to_owned() };
    let redirect = v1::Redirect {
        instruction: "the claim looks forged".to_owned(),
        close: vec![closing],
        team: "fraud".to_owned(),
        ..v1::Redirect::default()
    };
    let intent = Intent {
        kind: Kind::Redirect,
        scope: Some(Scope::RunId(desk.run.run_id().to_owned())),
        reason: "two claims for one car".to_owned(),
        redirect: Some(redirect.clone()),
        ..Intent::default()
    };
    let told = sam.request(intent).await.unwrap();

    // What waited on the former path is over, and nothing new begins before the team says so.
    let answer = within("the agent is told", PATIENCE, wait.answer()).await.unwrap();
    assert!(matches!(answer, Answer::Cancelled), "{answer:?}");
    let claims = || Proposal::new("claims.get", r#"{"claim": "C-20932"}"#).branch(1);
    let refused = desk.run.propose(claims()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::RunPaused));
    let heard = desk.run.overrides(Duration::from_secs(30)).await.unwrap();
    assert_eq!((heard[0].branch, heard[0].redirect.as_ref()), (1, Some(&redirect)));

    // The card goes to the team and to nobody else.
    let card = desk.fixture.shown(&told.escalation_id).await;
    desk.fixture.reviewer().approve(&card, "fine").await.unwrap_err();
    let fiona = desk.fixture.token("fiona", v1::Role::Reviewer).await;
    let fiona = Reviewer::new(desk.fixture.connection(&fiona));
    let shown = fiona.get(&told.escalation_id).await.unwrap();
    fiona.approve(&shown.escalation, "we take it, go on").await.unwrap();

    let refused = desk.run.propose(claims()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::ToolClosed));
    assert_eq!(refused.metadata("instead"), Some("fraud.open_case"));
    asked(&desk.run, Proposal::new("fraud.open_case", r#"{"claim": "C-20931"}"#).branch(1)).await;
    assert_eq!(sam.get(&told.override_id).await.unwrap().state(), State::Effective);
    let run = desk.fixture.runs().get(desk.run.run_id()).await.unwrap();
    assert_eq!(run.branch, 1);
}
