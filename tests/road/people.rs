//! Authority and quorum, as operators and reviewers meet them: $5,000 for reviewers,
//! $50,000 for supervisors, above that two of them.

use pointsman_api::v1;
use pointsman_api::v1::escalation::State;
use pointsman_api::v1::grant_authority_request::Holder;
use pointsman_client::{Answer, Proposal, Reviewer, Seen, Verdict};
use tonic::Code;

use crate::harness::api::SUPERVISOR;
use crate::harness::fixture::{Fixture, asked};

const POLICY: &str = r#"
version: 1
default: allow
tools:
  pay: {amount: amount, currency: currency, effects: [money]}
rules:
  - id: payment
    tools: [pay]
    effect: escalate
    lane: payments
    reason: A payment needs a person.
  - id: very-large
    tools: [pay]
    when: args.amount > 50000
    effect: require_approval
    severity: critical
    required_role: supervisor
    quorum: 2
    reason: A payment over 50,000 needs two supervisors.
"#;

const BUILT_IN: &str = "auth_00000000000000000000000001";

fn up_to(units: f64) -> v1::AuthorityLimit {
    let max_amount = Some(v1::Money { units, currency: "USD".to_owned() });
    v1::AuthorityLimit { tools: vec!["pay".to_owned()], max_amount, ..Default::default() }
}

async fn desk() -> Fixture {
    let fixture = Fixture::start(POLICY).await;
    let admin = fixture.admin();
    admin.revoke_authority(BUILT_IN).await.unwrap();
    for (role, units) in [(v1::Role::Reviewer, 5_000.0), (v1::Role::Supervisor, 50_000.0)] {
        let holder = Holder::Role(role.into());
        admin.grant_authority(holder, up_to(units), "the board, 3 May").await.unwrap();
    }
    fixture
}

fn payment(units: u32) -> Proposal {
    Proposal::new("pay", format!(r#"{{"amount": {units}, "currency": "USD"}}"#))
}

async fn approve(by: &Reviewer, id: &str) -> Result<v1::Escalation, pointsman_client::Error> {
    let shown = by.get(id).await?;
    by.resolve(Seen::from(&shown.escalation), Verdict::Approve, "").await
}

#[tokio::test]
async fn a_payment_goes_to_whoever_has_the_authority() {
    let fixture = desk().await;
    let (reviewer, supervisor) =
        (fixture.reviewer(), Reviewer::new(fixture.connection(SUPERVISOR)));
    let run = fixture.run().await;
    let small = asked(&run, payment(4_200)).await;
    assert_eq!(approve(&reviewer, small.escalation_id()).await.unwrap().state(), State::Resolved);

    let large = asked(&run, payment(7_200)).await;
    let refused = approve(&reviewer, large.escalation_id()).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.reason_name()),
        (Code::PermissionDenied, "AUTHORITY_EXCEEDED")
    );
    assert_eq!(refused.metadata("limit"), Some("yours reaches to 5000 USD, and this is 7200 USD"));
    assert_eq!(refused.metadata("who_can"), Some("role supervisor can"));
    assert_eq!(approve(&supervisor, large.escalation_id()).await.unwrap().state(), State::Resolved);
}

#[tokio::test]
async fn very_large_payments_need_two_supervisors_who_say_the_same() {
    let fixture = desk().await;
    let supervisor = Reviewer::new(fixture.connection(SUPERVISOR));
    let admin = fixture.admin();
    let second = admin.create_token("sam", &[v1::Role::Supervisor], None).await.unwrap().secret;
    let second = Reviewer::new(fixture.connection(&second));
    let run = fixture.run().await;
    let mut waiting = asked(&run, payment(60_000)).await;
    let id = waiting.escalation_id().to_owned();
    let refused = approve(&supervisor, &id).await.unwrap_err();
    assert_eq!(refused.metadata("who_can"), Some("nobody can; an admin has to grant authority"));
    let holder = Holder::Role(v1::Role::Supervisor.into());
    admin.grant_authority(holder, up_to(1e6), "the board, 4 May").await.unwrap();

    let refused = approve(&fixture.reviewer(), &id).await.unwrap_err();
    assert_eq!(refused.reason_name(), "ROLE_REQUIRED");
    let first = approve(&supervisor, &id).await.unwrap();
    assert_eq!((first.state(), first.votes.len(), first.quorum), (State::Open, 1, 2));
    assert_eq!(first.votes[0].kind(), v1::resolution::Kind::Unspecified, "nobody is shown it");
    assert_eq!(approve(&supervisor, &id).await.unwrap_err().reason_name(), "ALREADY_VOTED");
    let decided = approve(&second, &id).await.unwrap();
    let approvers = decided.resolution.clone().unwrap().approvers;
    let names: Vec<_> = approvers.iter().map(|it| it.principal.as_str()).collect();
    assert_eq!((decided.state(), names), (State::Resolved, vec!["supervisor", "sam"]));
    let Answer::Approved(permit) = waiting.answer().await.unwrap() else {
        panic!("two supervisors approved it")
    };
    permit.redeem().await.unwrap();
}

#[tokio::test]
async fn an_agents_owner_does_not_approve_what_it_asks() {
    let fixture = Fixture::start(POLICY).await;
    let owned = v1::UpdatePrincipalRequest {
        principal: "agent".to_owned(),
        owner: Some("reviewer".to_owned()),
        ..Default::default()
    };
    fixture.admin().update_principal(owned).await.unwrap();
    let waiting = asked(&fixture.run().await, payment(10)).await;
    let refused = approve(&fixture.reviewer(), waiting.escalation_id()).await.unwrap_err();
    assert_eq!(refused.reason_name(), "SELF_REVIEW");
}
