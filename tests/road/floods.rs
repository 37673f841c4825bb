//! Floods of fake questions: one card each, and people keep the others in sight.

use pointsman_api::v1::escalation::Question;
use pointsman_api::v1::{self, ListEscalationsRequest, Role};
use pointsman_client::{Admin, Agent, Proposal, Proposed, Reviewer, StartRun};
use pointsman_server::config::FloodsConfig;

use crate::harness::api::SUPERVISOR;
use crate::harness::fixture::{Fixture, another, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually};

/// Five questions at once, and then one a minute.
async fn start() -> Fixture {
    let floods = FloodsConfig { agent_per_minute: 1, agent_burst: 5, ..FloodsConfig::default() };
    Fixture::start_with(policy::BY_NAME, |config| config.floods = floods).await
}

async fn open(fixture: &Fixture) -> Vec<v1::Escalation> {
    let request = ListEscalationsRequest { page_size: 500, ..Default::default() };
    fixture.reviewer().list(request).await.unwrap().escalations
}

/// The card about the flood, once it says so much.
async fn card(fixture: &Fixture, least: u64) -> v1::Escalation {
    eventually("the flood is a card", PATIENCE, || async {
        let mut cards = open(fixture).await;
        cards.retain(|it| it.question() == Question::AgentFlood);
        assert!(cards.len() <= 1, "one card for each flood: {cards:?}");
        cards.pop().filter(|card| card.repeat_count >= least)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_fake_ones_are_one_card_beside_the_questions_of_others() {
    let fixture = start().await;
    let run = fixture.run().await;
    let mut cards = 0;
    for _ in 0..200 {
        match run.propose(another("ask_it")).await {
            Ok(_) => cards += 1,
            Err(error) => {
                assert_eq!(error.reason_name(), "TOO_MANY_ESCALATIONS");
                assert_eq!(error.metadata("scope"), Some("agent"));
                assert!(error.retry_after().is_some(), "{error:?}");
            }
        }
    }
    assert!((5..=6).contains(&cards), "{cards}");

    let token = fixture.token("other", Role::Agent).await;
    let other = Agent::new(fixture.connection(&token));
    let other = other.start_run(StartRun::default()).await.unwrap();
    let real = asked(&other, another("ask_it")).await;
    assert!(open(&fixture).await.iter().any(|it| it.escalation_id == real.escalation_id()));

    let card = card(&fixture, 194).await;
    assert_eq!(open(&fixture).await.len(), cards + 2);
    let refused = fixture.reviewer().reject(&card, "", "too much").await.unwrap_err();
    assert_eq!(refused.reason_name(), "ROLE_REQUIRED");
    let supervisor = Reviewer::new(fixture.connection(SUPERVISOR));
    supervisor.reject(&card, "", "it asks nonsense").await.unwrap();
    let refused = run.propose(Proposal::new("allow_it", "{}")).await.unwrap_err();
    assert_eq!(refused.reason_name(), "AGENT_PAUSED");
    assert_eq!(refused.metadata("escalation_id"), Some(&*card.escalation_id));

    let admin = Admin::new(fixture.connection(SUPERVISOR));
    let agent = admin.resume_agent(card.agent, "repaired").await.unwrap();
    assert_eq!(agent.pause, None);
    run.propose(Proposal::new("allow_it", "{}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_question_again_and_again_is_one_card_and_one_answer() {
    let fixture = start().await;
    let run = fixture.run().await;
    let same = || Proposal::new("ask_it", r#"{"account": "A-1", "amount": 600}"#);
    let wait = asked(&run, same()).await;
    for _ in 0..50 {
        let refused = run.propose(same()).await.unwrap_err();
        assert_eq!(refused.reason_name(), "REPEAT_OF_OPEN");
        assert_eq!(refused.metadata("escalation_id"), Some(wait.escalation_id()));
    }
    let card = eventually("the card counts them", PATIENCE, || async {
        Some(fixture.shown(wait.escalation_id()).await).filter(|card| card.repeat_count == 50)
    })
    .await;
    assert_eq!(open(&fixture).await.len(), 1);
    fixture.reviewer().reject(&card, "fraud", "the account is closed").await.unwrap();
    for _ in 0..3 {
        let Proposed::Denied(denial) = run.propose(same()).await.unwrap() else {
            panic!("answered from the record")
        };
        assert!(denial.decision.reason.ends_with("the account is closed"), "{denial:?}");
    }
    asked(&run, Proposal::new("ask_it", r#"{"account": "A-2", "amount": 600}"#)).await;
}
