//! What the policy decides by itself, and what then runs.

use std::convert::Infallible;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::action::State;
use pointsman_client::{Proposal, Proposed, RunEnd};

use crate::harness::fixture::{Fixture, allowed, asked};
use crate::harness::policy;

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_action_runs_on_its_exact_bytes_and_is_reported() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let arguments = Bytes::from_static(br#"{ "amount": 1e2,"to":"\u00e9" }"#);

    let permit = allowed(&run, Proposal::new("allow_pay", arguments.clone()).target("A-1")).await;
    let action = fixture.runs().action(permit.action_id()).await.unwrap();
    assert_eq!(action.state(), State::Granted);
    let mut ran_on = None;
    let executed = permit
        .execute(|bytes| {
            ran_on = Some(bytes);
            async { Ok::<_, Infallible>("paid") }
        })
        .await
        .unwrap();
    executed.report.unwrap();

    assert_eq!(ran_on, Some(arguments.clone()));
    let action = fixture.runs().action(executed.action_id).await.unwrap();
    assert_eq!(action.state(), State::Executed);
    assert_eq!(action.arguments, arguments);
    assert_eq!(action.target, "A-1");
    let decision = action.decision.unwrap();
    assert_eq!(decision.effect(), v1::DecisionEffect::Allow);
    assert_eq!(decision.rule_id, "allowed");
    let outcome = action.outcome.unwrap();
    assert_eq!(
        (outcome.status(), &*outcome.result),
        (v1::outcome::Status::Succeeded, &b"paid"[..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_action_may_be_redeemed_in_the_same_call() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;

    let permit = allowed(&run, Proposal::new("allow_read", "{}").redeem_if_allowed()).await;

    assert!(permit.grant().redeemed);
    let action = fixture.runs().action(permit.action_id()).await.unwrap();
    assert_eq!(action.state(), State::Redeemed);
    permit.redeem().await.unwrap().failed("no such file").await.unwrap();
    let actions = v1::ListActionsRequest { run_id: run.run_id().into(), ..Default::default() };
    let listed = fixture.runs().actions(actions).await.unwrap().actions;
    assert_eq!(listed.iter().map(v1::Action::state).collect::<Vec<_>>(), [State::Failed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_action_says_which_rule_and_why() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;

    for (tool, arguments, rule) in
        [("deny_it", "{}", "denied"), ("allow_pay", r#"{"amount":1000001}"#, "too-much")]
    {
        let Proposed::Denied(denial) = run.propose(Proposal::new(tool, arguments)).await.unwrap()
        else {
            panic!("{tool} is not denied");
        };
        assert_eq!(denial.decision.rule_id, rule);
        assert!(!denial.decision.reason.is_empty());
        let action = fixture.runs().action(denial.action_id).await.unwrap();
        assert_eq!(action.state(), State::Denied);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_rule_knows_is_asked() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;

    let wait = asked(&run, Proposal::new("never.heard:of/it", "{}")).await;

    let escalation = fixture.shown(wait.escalation_id()).await;
    assert_eq!(escalation.briefing.unwrap().rule_id, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_run_closes_its_questions_and_revokes_its_grants() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let mut wait = asked(&run, Proposal::new("ask_it", "{}")).await;
    let permit = allowed(&run, Proposal::new("allow_it", "{}")).await;

    run.finish(RunEnd::Cancelled).await.unwrap();

    let answer = wait.answer().await.unwrap();
    assert!(matches!(answer, pointsman_client::Answer::Cancelled), "{answer:?}");
    let refusal = permit.redeem().await.unwrap_err();
    assert!(["GRANT_REVOKED", "RUN_NOT_RUNNING"].contains(&refusal.reason_name()), "{refusal:?}");
    let escalation = fixture.shown(wait.escalation_id()).await;
    assert_eq!(escalation.state(), v1::escalation::State::Cancelled);
    let refusal = run.propose(Proposal::new("allow_it", "{}")).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "RUN_NOT_RUNNING");
}
