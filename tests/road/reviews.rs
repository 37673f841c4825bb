//! From the hundredth action to what people found: the page docs/reviews.md, with its
//! own documents.

use pointsman_api::v1::review::State;
use pointsman_api::v1::{self, Judgement};
use pointsman_client::{Insight, Proposal, Reviews, RunHandle, Said, report_outcomes};

use pointsman_server::config::Config;

use crate::harness::api::{AGENT, AUDITOR, REVIEWER, SUPERVISOR};
use crate::harness::fixture::{Fixture, allowed};
use crate::harness::receiver::{Receiver, SECRET};

const PAGE: &str = include_str!("../../docs/reviews.md");

/// A document of the page, by its place among them.
fn document(place: usize) -> &'static str {
    let block = PAGE.split("```yaml\n").nth(place + 1).unwrap();
    block.split("```").next().unwrap()
}

/// A server under the policy and the settings of the page.
async fn fixture() -> Fixture {
    fixture_with(|_| {}).await
}

async fn fixture_with(configure: impl FnOnce(&mut Config)) -> Fixture {
    let fixture = Fixture::start_with(document(0), configure).await;
    fixture.queue().put(document(1), "", "two people").await.unwrap();
    fixture
}

async fn done(fixture: &Fixture, run: &RunHandle, tool: &str) {
    let permit = allowed(run, Proposal::new(tool, r#"{"to": "Bob"}"#)).await;
    let report = permit.redeem().await.unwrap().into_report(true, "sent to Rob");
    report_outcomes(&fixture.connection(AGENT), vec![report]).await.unwrap();
}

fn said(judgement: Judgement, severity: u32) -> Said {
    Said { judgement, severity, note: "not their account".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hundredth_action_is_judged_by_two_who_do_not_see_each_other() {
    let fixture = fixture().await;
    let run = fixture.run().await;
    for _ in 0..100 {
        done(&fixture, &run, "look").await;
    }
    let first = Reviews::new(fixture.connection(REVIEWER));
    let second = Reviews::new(fixture.connection(SUPERVISOR));

    let held = first.claim_next("", "", None).await.unwrap().unwrap();
    assert_eq!(held.tool, "look");
    assert!(held.revealed.is_none());
    let other = second.claim_next("", "", None).await.unwrap().unwrap();
    assert_eq!(other.review_id, held.review_id);
    let seen = first.submit(&held, said(Judgement::WrongAction, 2)).await.unwrap();
    let revealed = seen.revealed.unwrap();
    assert_eq!(&revealed.outcome.unwrap().result[..], b"sent to Rob");

    let blind = second.get(&*held.review_id).await.unwrap();
    assert_eq!(blind, other, "nothing of the first can be seen");
    let third = fixture.token("third", v1::Role::Reviewer).await;
    let third = Reviews::new(fixture.connection(&third));
    assert!(third.claim_next("", "", None).await.unwrap().is_none(), "both places are taken");
    let seen = second.submit(&other, said(Judgement::Correct, 0)).await.unwrap();
    assert_eq!(seen.revealed.unwrap().judgements.len(), 2);

    let held = third.claim_next("", "", None).await.unwrap().unwrap();
    assert!(held.revealed.is_none(), "not even that they disagree");
    let seen = third.submit(&held, said(Judgement::WrongAction, 1)).await.unwrap();
    assert_eq!(seen.state(), State::Done);
    let stats = first.stats(v1::GetReviewStatsRequest::default()).await.unwrap();
    assert_eq!((stats.done_count, stats.both_count, stats.same_count), (1, 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payment_is_judged_and_the_list_is_paged() {
    let fixture = fixture().await;
    let run = fixture.run().await;
    for _ in 0..3 {
        done(&fixture, &run, "pay").await;
    }
    let reviews = Reviews::new(fixture.connection(REVIEWER));
    let open = State::Open.into();
    let mut request = v1::ListReviewsRequest {
        page_size: 2,
        state: open,
        rule_id: "paid".to_owned(),
        ..Default::default()
    };
    let page = reviews.list(request.clone()).await.unwrap();
    assert_eq!(page.reviews.len(), 2);
    request.page_token = page.next_page_token;
    let rest = reviews.list(request).await.unwrap();
    assert_eq!((rest.reviews.len(), &*rest.next_page_token), (1, ""));

    let held = reviews.claim_next("", "paid", None).await.unwrap().unwrap();
    assert_eq!(held.review_id, page.reviews[0].review_id, "the oldest");
    reviews.skip(&held, "I know the customer").await.unwrap();
    let next = reviews.claim_next("", "paid", None).await.unwrap().unwrap();
    assert_eq!(next.review_id, page.reviews[1].review_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_is_an_incident_that_the_owner_hears_of() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let mut receiver = Receiver::start(SECRET).await;
    let fixture = fixture_with(|config| {
        config.notices.default = Some("owner".to_owned());
        config.notices.webhooks.insert("owner".to_owned(), receiver.webhook(&secret));
    })
    .await;
    let run = fixture.run().await;
    for _ in 0..100 {
        done(&fixture, &run, "look").await;
    }
    let reviews = Reviews::new(fixture.connection(REVIEWER));
    let held = reviews.claim_next("", "", None).await.unwrap().unwrap();
    reviews.submit(&held, said(Judgement::ShouldHaveEscalated, 2)).await.unwrap();

    let told = receiver.next().await;
    assert!(told.contains("Incident, a reviewer found a mistake: look of"), "{told}");
    let seen_to = Reviews::new(fixture.connection(SUPERVISOR));
    let open =
        v1::ListIncidentsRequest { state: v1::incident::State::Open.into(), ..Default::default() };
    let listed = seen_to.incidents(open).await.unwrap().incidents;
    let [incident] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&incident.action_id, &incident.review_id), (&held.action_id, &held.review_id));
    assert_eq!(incident.reason, "not their account");
    seen_to.acknowledge_incident(&*incident.incident_id).await.unwrap();
    let closed = seen_to.close_incident(&*incident.incident_id, "a rule asks now").await.unwrap();
    assert_eq!(
        (&*closed.resolution, closed.acknowledged_by),
        ("a rule asks now", closed.closed_by)
    );

    // It is a labelled case, once the settings let such cases leave.
    let auditor = Insight::new(fixture.connection(AUDITOR));
    let request = v1::ExportFeedbackRequest::default;
    let refused = auditor.export_feedback(request()).await.unwrap_err();
    assert_eq!(refused.reason_name(), "FEEDBACK_NOT_CONSENTED");
    assert_eq!(refused.metadata("setting"), Some("feedback.export"));
    let second = Reviews::new(fixture.connection(SUPERVISOR));
    let held = second.claim_next("", "", None).await.unwrap().unwrap();
    second.submit(&held, said(Judgement::ShouldHaveEscalated, 1)).await.unwrap();
    let (current, _) = fixture.queue().settings("").await.unwrap().unwrap();
    fixture.queue().put(document(2), current.settings_id, "labels may leave").await.unwrap();
    let mut pages = auditor.export_feedback(request()).await.unwrap();
    let examples = pages.next().await.unwrap().unwrap();
    assert_eq!(pages.next().await.unwrap(), None);
    let [first, second] = &examples[..] else { panic!("{examples:?}") };
    for example in [first, second] {
        assert_eq!(example.action_id, held.action_id);
        assert_eq!(example.decided(), v1::DecisionEffect::Allow);
        assert_eq!(example.expected(), v1::DecisionEffect::Escalate);
        assert_eq!(example.source_id, held.review_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_redacts_does_not_leave() {
    let fixture = Fixture::start(document(0)).await;
    fixture.queue().put(document(2), "", "labels may leave").await.unwrap();
    let run = fixture.run().await;
    let permit = allowed(&run, Proposal::new("pay", r#"{"to": "Bob", "amount": 7}"#)).await;
    let action_id = permit.action_id().to_owned();
    let reviews = Reviews::new(fixture.connection(REVIEWER));
    let wrong = Judgement::WrongAction;
    reviews.raise_incident(&*action_id, wrong, 3, "not their account").await.unwrap();
    let auditor = Insight::new(fixture.connection(AUDITOR));
    let request = v1::ExportFeedbackRequest::default();
    let mut pages = auditor.export_feedback(request).await.unwrap();
    let examples = pages.next().await.unwrap().unwrap();
    let arguments = String::from_utf8(examples[0].arguments.to_vec()).unwrap();
    assert!(arguments.contains(r#""to":"[redacted "#) && arguments.contains("7"), "{arguments}");
    assert!(!format!("{examples:?}").contains("Bob"));
}
