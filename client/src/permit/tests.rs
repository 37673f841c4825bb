//! The guard: nothing runs without a redeemed grant, and only the redeemed bytes do.

use std::sync::atomic::{AtomicU32, Ordering};

use pointsman_api::v1;
use tonic::{Code, Status};

use super::*;
use crate::testing::{Fake, refusal};

/// Bytes that a re-serialisation would change: order, spaces, a float's digits.
const ODD_BYTES: &str = r#"{ "b":1.0,  "a" : 2 }"#;

fn permit(connection: &Connection) -> Permit {
    let call = ExactCall {
        run_id: "run_1".into(),
        action_id: "act_1".into(),
        tool: "refund".into(),
        tool_schema_version: "3".into(),
        target: "A-77".into(),
        arguments: ODD_BYTES.into(),
        preconditions: "v9".into(),
    };
    let grant = v1::Grant { grant_id: "grt_1".into(), ..v1::Grant::default() };
    Permit::new(connection.clone(), call, grant)
}

fn redeemed() -> v1::RedeemGrantResponse {
    v1::RedeemGrantResponse {
        redeem_time: Some(prost_types::Timestamp::default()),
        ..v1::RedeemGrantResponse::default()
    }
}

#[tokio::test]
async fn the_tool_runs_on_exactly_the_redeemed_bytes() {
    let (fake, connection) = Fake::start().await;
    fake.redeem.will(Ok(redeemed()));
    fake.report.will(Ok(v1::ReportOutcomesResponse::default()));

    let executed = permit(&connection)
        .execute(|bytes| async move { Ok::<_, Status>([b"ran ", &bytes[..]].concat()) })
        .await
        .unwrap();

    let sent = &fake.redeem.seen()[0];
    assert_eq!(sent.arguments, ODD_BYTES);
    assert_eq!((sent.target.as_str(), sent.tool_schema_version.as_str()), ("A-77", "3"));
    assert_eq!(sent.preconditions, "v9");
    assert_eq!(executed.result.unwrap(), format!("ran {ODD_BYTES}"));
    executed.report.unwrap();
    let outcome = &fake.report.seen()[0].outcomes[0];
    assert_eq!(outcome.status(), OutcomeStatus::Succeeded);
    assert_eq!(outcome.result, format!("ran {ODD_BYTES}"));
}

#[tokio::test]
async fn after_a_refusal_the_tool_does_not_run() {
    for reason in ["GRANT_REDEEMED", "GRANT_EXPIRED", "DIGEST_MISMATCH", "DENIED_BY_POLICY"] {
        let (fake, connection) = Fake::start().await;
        fake.redeem.will(Err(refusal(Code::FailedPrecondition, reason, &[("effect", "none")])));
        let runs = AtomicU32::new(0);
        let error = permit(&connection)
            .execute(|_| async {
                runs.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Status>("")
            })
            .await
            .unwrap_err();
        assert_eq!(error.reason_name(), reason);
        assert_eq!(runs.into_inner(), 0);
        assert!(fake.report.seen().is_empty());
    }
}

#[tokio::test]
async fn an_empty_answer_does_not_permit() {
    let (fake, connection) = Fake::start().await;
    fake.redeem.will(Ok(v1::RedeemGrantResponse::default()));
    assert!(permit(&connection).redeem().await.is_err());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    let (fake, connection) = Fake::start().await;
    fake.redeem.will(Err(Status::unavailable("cut")));
    fake.redeem.will(Ok(redeemed()));
    permit(&connection).redeem().await.unwrap();
    let seen = fake.redeem.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1]);
    assert!(!seen[0].request_id.is_empty());
}

#[tokio::test]
async fn a_failed_tool_is_reported_as_failed() {
    let (fake, connection) = Fake::start().await;
    fake.redeem.will(Ok(redeemed()));
    fake.report.will(Ok(v1::ReportOutcomesResponse::default()));
    let executed = permit(&connection)
        .execute(|_| async { Err::<Vec<u8>, _>("no such account") })
        .await
        .unwrap();
    assert_eq!(executed.result, Err("no such account"));
    let outcome = &fake.report.seen()[0].outcomes[0];
    assert_eq!(
        (outcome.status(), &outcome.result[..]),
        (OutcomeStatus::Failed, &b"no such account"[..])
    );
}

#[tokio::test]
async fn a_result_with_a_secret_is_reported_without_it() {
    let (fake, connection) = Fake::start().await;
    fake.redeem.will(Ok(redeemed()));
    let found = [("effect", "none"), ("where", "outcomes[0].result")];
    fake.report.will(Err(refusal(Code::InvalidArgument, "SECRET_FOUND", &found)));
    fake.report.will(Ok(v1::ReportOutcomesResponse::default()));
    let executed =
        permit(&connection).execute(|_| async { Ok::<_, Status>("AKIA…") }).await.unwrap();
    executed.report.unwrap();
    let second = &fake.report.seen()[1].outcomes[0];
    assert_eq!(second.status(), OutcomeStatus::Succeeded);
    assert_eq!(second.result, "result withheld: a secret was found in outcomes[0].result");
}

#[tokio::test]
async fn a_grant_redeemed_with_the_proposal_needs_no_call() {
    let (fake, connection) = Fake::start().await;
    let mut permit = permit(&connection);
    permit.grant.redeemed = true;
    assert_eq!(permit.redeem().await.unwrap().arguments(), ODD_BYTES);
    assert!(fake.redeem.seen().is_empty());
}
