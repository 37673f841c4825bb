//! Practising on a past case: the page docs/drills.md, with its own document.

use pointsman_api::v1::{self, DrillChoice, DrillNotNow};
use pointsman_client::{Drills, Planted, Proposal};

use crate::harness::api::{REVIEWER, SUPERVISOR};
use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;

const PAGE: &str = include_str!("../../docs/drills.md");

fn document() -> &'static str {
    PAGE.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_case_is_practised_on_and_nothing_real_comes_of_it() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    fixture.queue().put(document(), "", "we practise").await.unwrap();
    let run = fixture.run().await;
    let pay = Proposal::new("ask_pay", r#"{"to": "Bob", "amount": 600}"#);
    let wait = asked(&run, pay).await;
    let seen = fixture.shown(wait.escalation_id()).await;
    fixture.reviewer().approve(&seen, "as the invoice says").await.unwrap();

    let lead = Drills::new(fixture.connection(SUPERVISOR));
    let planted = Planted {
        place: "/amount".to_owned(),
        value: "6000".to_owned(),
        defect: "ten times the invoice".to_owned(),
    };
    lead.create(wait.escalation_id(), Some(planted)).await.unwrap();
    lead.create(wait.escalation_id(), None).await.unwrap();
    let page = lead.list(v1::ListDrillsRequest::default()).await.unwrap();
    let [clean, wrong] = &page.drills[..] else { panic!("{page:?}") };
    assert!(clean.defect.is_none() && wrong.defect.is_some());

    let not_offered = Drills::new(fixture.connection(REVIEWER)).take().await.unwrap();
    assert_eq!((&not_offered.card, not_offered.not_now()), (&None, DrillNotNow::NotOffered));
    let dana = fixture.token("dana", v1::Role::Reviewer).await;
    let dana = Drills::new(fixture.connection(&dana));
    let card = dana.take().await.unwrap().card.unwrap();
    assert_eq!(&card.arguments[..], br#"{"to":"Bob","amount":6000}"#);
    let told = dana.answer(&*card.drill_id, DrillChoice::Approve).await.unwrap();
    assert!(!told.right);
    let defect = told.drill.unwrap().defect.unwrap();
    assert_eq!((&*defect.place, &defect.was[..]), ("/amount", &b"600"[..]));
    assert_eq!(&*defect.defect, "ten times the invoice");
    let resting = dana.take().await.unwrap();
    assert_eq!(resting.not_now(), DrillNotNow::Resting);
    assert!(resting.rest_until_time.is_some());

    let own = dana.stats().await.unwrap().own.unwrap();
    assert_eq!((own.planted, own.caught), (1, 0));
    let seen = lead.stats().await.unwrap();
    assert_eq!((seen.team, seen.private_people_count), (None, 1), "that would be dana's");
    let open = fixture.reviewer().list(v1::ListEscalationsRequest::default()).await.unwrap();
    assert!(open.escalations.iter().all(|it| it.escalation_id == wait.escalation_id()));
}
