//! One queue: whatever is done on one server, the others go on from it.

use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::action::State;
use pointsman_client::{Answer, Policies, Proposal, Proposed, Reviewer, report_outcomes};

use super::watching::Seen;
use crate::harness::api::{ADMIN, AGENT, REVIEWER, called, connect, request_id};
use crate::harness::fixture::{allowed, asked};
use crate::harness::fleet::Fleet;
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually, within};
use crate::harness::postgres::Cluster;

/// Where the agents call, the reviewers, and the workers.
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
/// How long a token may still work elsewhere after it was revoked.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);

async fn mk_fleet() -> Fleet {
    Fleet::start(&Cluster::shared().database(), 3, policy::BY_NAME).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_here_a_reviewer_there_and_a_worker_elsewhere() {
    let mut fleet = mk_fleet().await;
    let mut seen = Seen::open(&fleet, B).await;
    let run = fleet.run(A).await;
    let mut wait = asked(&run, Proposal::new("ask_it", r#"{"n":1}"#)).await;
    let state = Bytes::from_static(b"half way");
    let draft = v1::CheckpointDraft {
        state: state.clone(),
        schema_version: "test/1".to_owned(),
        ..Default::default()
    };
    let detached = Proposal::new("ask_it", r#"{"n":2}"#).checkpoint(draft).detached();
    let left = asked(&run, detached).await.escalation_id().to_owned();
    let first = seen.wait_for("escalation.opened", wait.escalation_id()).await;
    let second = seen.wait_for("escalation.opened", &left).await;

    fleet.kill(A);
    for question in [&first, &second] {
        fleet.reviewer(B).approve(question, "go on").await.unwrap();
    }
    fleet.start_again(A).await;

    let answer = within("A has B's answer", PATIENCE, wait.answer()).await.unwrap();
    let Answer::Approved(permit) = answer else { panic!("not approved: {answer:?}") };
    permit.redeem().await.unwrap().succeeded("one").await.unwrap();
    let worker = fleet.worker(C).only_escalation(&*left).poll(Duration::from_secs(10));
    let resumed = worker.claim(1).await.unwrap().pop().expect("C is given the answer");
    assert_eq!(resumed.checkpoint().await.unwrap().expect("a checkpoint").state, state);
    let Answer::Approved(permit) = resumed.answer().unwrap() else { panic!("not approved") };
    let report = permit.redeem().await.unwrap().into_report(true, "two");
    report_outcomes(&fleet.connection(A, AGENT), vec![report]).await.unwrap();
    for (question, result) in [(first, "one"), (second, "two")] {
        for at in [A, B, C] {
            let action = fleet.runs(at).action(&*question.action_id).await.unwrap();
            assert_eq!(action.state(), State::Executed);
            assert_eq!(action.outcome.unwrap().result, result);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_sent_again_to_another_server_has_its_first_answer() {
    let fleet = mk_fleet().await;
    let [a, b, c] = [A, B, C].map(|at| fleet.connection(at, AGENT));
    let goal = "once".to_owned();
    let start = v1::StartRunRequest { request_id: request_id(), goal, ..Default::default() };
    let first = called(a.run_service().start_run(start.clone()).await).done();
    let again = called(b.run_service().start_run(start.clone()).await).done();
    assert_eq!(first.run, again.run);
    assert!(again.header.unwrap().replayed);

    let propose = v1::ProposeActionRequest {
        request_id: request_id(),
        run_id: first.run.unwrap().run_id,
        tool: "allow_it".to_owned(),
        arguments: "{}".into(),
        ..Default::default()
    };
    let proposed = called(b.action_service().propose_action(propose.clone()).await).done();
    let again = called(c.action_service().propose_action(propose.clone()).await).done();
    assert_eq!((&proposed.action_id, &proposed.grant), (&again.action_id, &again.grant));
    assert!(again.header.unwrap().replayed);

    let redeem = v1::RedeemGrantRequest {
        request_id: request_id(),
        grant_id: proposed.grant.unwrap().grant_id,
        action_id: proposed.action_id,
        run_id: propose.run_id.clone(),
        tool: propose.tool.clone(),
        arguments: propose.arguments.clone(),
        ..Default::default()
    };
    let redeemed = called(c.action_service().redeem_grant(redeem.clone()).await).done();
    for line in [&a, &b, &c] {
        let again = called(line.action_service().redeem_grant(redeem.clone()).await).done();
        assert_eq!(again.redeem_time, redeemed.redeem_time);
        assert!(again.header.unwrap().replayed);
        let other = v1::RedeemGrantRequest { request_id: request_id(), ..redeem.clone() };
        let refusal = called(line.action_service().redeem_grant(other).await).refused();
        assert_eq!(refusal, "GRANT_REDEEMED");
        let other = v1::StartRunRequest { goal: "twice".to_owned(), ..start.clone() };
        let refusal = called(line.run_service().start_run(other).await).refused();
        assert_eq!(refusal, "REQUEST_ID_REUSED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_here_is_refused_there() {
    let fleet = mk_fleet().await;
    let made = fleet.admin(A).create_token("second", &[v1::Role::Reviewer], None).await.unwrap();
    for at in [A, B, C] {
        let reviewer = Reviewer::new(fleet.connection(at, &made.secret));
        reviewer.list(v1::ListEscalationsRequest::default()).await.unwrap();
    }

    fleet.admin(A).revoke_token(&*made.token.token_id).await.unwrap();

    for at in [A, B, C] {
        let line = connect(&fleet.addresses()[at], &made.secret);
        let refusal = eventually("the token is refused", REVOKED_WITHIN, || async {
            let request = v1::ListEscalationsRequest::default();
            line.escalation_service().list_escalations(request).await.err()
        })
        .await;
        assert_eq!(refusal.code(), tonic::Code::Unauthenticated, "{refusal:?}");
    }
    let line = fleet.connection(B, REVIEWER);
    called(line.escalation_service().list_escalations(v1::ListEscalationsRequest::default()).await)
        .done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_put_in_force_here_decides_there() {
    let mut fleet = mk_fleet().await;
    let run = fleet.run(B).await;
    drop(allowed(&run, Proposal::new("allow_it", "{}")).await);

    fleet.set_policy(
        A,
        &policy::BY_NAME.replace(r#""allow_*"], effect: allow"#, "\"allow_*\"], effect: deny"),
    );
    fleet.kill(A);
    fleet.start_again(A).await;

    for at in [A, B, C] {
        let run = fleet.agent(at).run(run.run_id());
        let proposed = run.propose(Proposal::new("allow_it", "{}")).await.unwrap();
        assert!(matches!(proposed, Proposed::Denied(_)), "server {at}: {proposed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_activations_on_two_servers_one_decides_everywhere() {
    let fleet = mk_fleet().await;
    let run = fleet.run(C).await;
    drop(allowed(&run, Proposal::new("allow_it", "{}")).await);
    let former = fleet.admin(C).server_info().await.unwrap().policy_revision_id;
    let stricter = |number: u32| {
        let denying = "\"allow_*\"], effect: deny";
        policy::BY_NAME.replace(r#""allow_*"], effect: allow"#, denying) + &format!("# {number}\n")
    };

    let change = async |at: usize, number: u32| {
        let policies = Policies::new(fleet.connection(at, ADMIN));
        let put = policies.put(stricter(number), "").await.unwrap().revision;
        policies.activate(put.revision_id, &former, "").await
    };
    let (one, other) = tokio::join!(change(A, 1), change(B, 2));

    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    let (won, lost) = (won.unwrap(), lost.unwrap_err());
    assert_eq!(lost.reason_name(), "POLICY_CHANGED");
    assert_eq!(lost.metadata("current_revision_id"), Some(&*won.activation.revision_id));
    for at in [A, B, C] {
        let run = fleet.agent(at).run(run.run_id());
        match run.propose(Proposal::new("allow_it", "{}")).await.unwrap() {
            Proposed::Denied(denial) => {
                assert_eq!(
                    denial.decision.policy_revision_id, won.activation.revision_id,
                    "server {at}"
                );
            }
            other => panic!("server {at}: {other:?}"),
        }
    }
}
