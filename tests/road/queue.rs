//! Time in the queue, as an admin sets it and a reviewer sees it.

use pointsman_api::v1;
use pointsman_api::v1::queue_step::Action;
use pointsman_client::{Answer, Proposal};
use tonic::Code;

use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually, within};

/// Two seconds after it was opened a question ends with the agent's fallback.
const SETTINGS: &str = r#"
version: 1
name: desk
lanes: {main: {weight: 7, chain: short}}
teams: {desk: {members: [reviewer, ada]}, seniors: {members: [carol]}}
chains:
  short:
    - {after: 1s, do: widen, team: seniors}
    - {after: 2s, do: fallback}
routing: [{lanes: [main], team: desk}]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_put_taken_and_seen() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let queue = fixture.queue();
    assert_eq!(queue.settings("").await.unwrap(), None);
    let put = queue.put(SETTINGS, "", "short hours").await.unwrap();
    assert!(put.settings_id.starts_with("qs_") && put.in_force);
    let run = fixture.run().await;
    let mut wait = asked(&run, Proposal::new("ask_it", "{}")).await;

    let plan = fixture.shown(wait.escalation_id()).await.plan.unwrap();
    assert_eq!((plan.settings_id, plan.chain.as_str()), (put.settings_id.clone(), "short"));
    assert_eq!(plan.teams, ["desk"]);
    fixture.restart().await;

    let answer = within("the chain ends", PATIENCE, wait.answer()).await.unwrap();
    assert!(matches!(answer, Answer::Expired(v1::OnExpiry::Fallback)), "{answer:?}");
    let ended = fixture.shown(wait.escalation_id()).await;
    assert_eq!(ended.late_reason(), v1::LateReason::NotLookedAt);
    let plan = ended.plan.unwrap();
    assert_eq!(plan.teams, ["desk", "seniors"]);
    let seconds = |time: Option<prost_types::Timestamp>| time.map(|time| time.seconds);
    let in_time = |step: &&v1::QueueStep| seconds(step.take_time) >= seconds(step.step_time);
    let actions: Vec<_> = plan.steps.iter().filter(in_time).map(v1::QueueStep::action).collect();
    assert_eq!(actions, [Action::Widen, Action::Fallback]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_admins_the_slower_is_told() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let queue = fixture.queue();
    let wrong =
        queue.put("version: 1\nlanes: {main: {chain: gone}}", "", "oops").await.unwrap_err();
    assert_eq!(
        (wrong.code(), wrong.reason_name()),
        (Code::InvalidArgument, "QUEUE_SETTINGS_INVALID")
    );
    assert_eq!(wrong.metadata("place"), Some("lanes.main.chain"));
    let first = queue.put(SETTINGS, "", "short hours").await.unwrap();
    let late = queue.put(SETTINGS, "", "mine").await.unwrap_err();
    assert_eq!((late.code(), late.reason_name()), (Code::Aborted, "QUEUE_SETTINGS_CHANGED"));
    assert_eq!(late.metadata("current_settings_id"), Some(first.settings_id.as_str()));
    let second = queue.put("version: 1", &first.settings_id, "longer again").await.unwrap();
    let history = queue.history(v1::ListQueueSettingsRequest::default()).await.unwrap().settings;
    let known: Vec<_> =
        history.iter().map(|it| (it.reason.as_str(), it.in_force, it.name.as_str())).collect();
    assert_eq!(known, [("longer again", true, ""), ("short hours", false, "desk")]);
    assert_eq!(history[0].replaced_settings_id, history[1].settings_id);
    let (_, document) = queue.settings(&first.settings_id).await.unwrap().unwrap();
    assert_eq!(document, SETTINGS);
    assert_eq!(queue.settings("").await.unwrap().unwrap().0.settings_id, second.settings_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_what_waits_and_that_it_has_its_timer() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let settings = fixture.queue().put(SETTINGS, "", "short hours").await.unwrap();
    let run = fixture.run().await;
    let wait = asked(&run, Proposal::new("ask_it", "{}")).await;
    let status = eventually("the lane is counted", PATIENCE, || async {
        let status = fixture.queue().status().await.unwrap();
        status.lanes.iter().any(|lane| lane.open_count == 1).then_some(status)
    })
    .await;
    let lane = status.lanes.iter().find(|lane| lane.lane == "main").unwrap();
    let shown = fixture.shown(wait.escalation_id()).await;
    assert_eq!((lane.weight, lane.chain.as_str()), (7, "short"));
    assert_eq!(lane.oldest_create_time, shown.create_time);
    assert_eq!(status.settings_id, settings.settings_id);
    assert!(status.watchdog_time.is_some() && status.watchdog_repaired == 0);
}
