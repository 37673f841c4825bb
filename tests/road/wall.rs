//! The wall and the timeline over the wire, as people's programs read them.

use pointsman_api::v1;
use pointsman_api::v1::RunCondition;
use pointsman_api::v1::run_step::Detail;
use pointsman_client::{RunEnd, Runs, WallEvent, WallWatch};

use crate::harness::api::{REVIEWER, connect};
use crate::harness::fixture::{Fixture, another, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, within};

/// The first wall on which so many runs are in a condition.
async fn until(watch: &mut WallWatch, condition: RunCondition, count: u32) -> v1::Wall {
    loop {
        let event = within("the wall says something", PATIENCE, watch.next()).await.unwrap();
        let WallEvent::Wall(wall) = event else { continue };
        let is_so = |it: &v1::WallCount| it.condition() == condition && it.count == count;
        if wall.counts.iter().any(is_so) {
            return wall;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_on_the_wall_of_who_may_answer_and_in_the_timeline_of_its_run() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let runs = Runs::new(connect(fixture.address(), REVIEWER));
    let focus_run_ids = vec![run.run_id().to_owned()];
    let request = v1::WatchWallRequest { focus_run_ids, ..Default::default() };
    let mut watch = runs.wall(request);
    let wall = until(&mut watch, RunCondition::Working, 1).await;
    assert_eq!((wall.attention.len(), wall.focus.len(), wall.groups.len()), (0, 1, 1));

    let wait = asked(&run, another("ask_it").detached()).await;
    let wall = until(&mut watch, RunCondition::NeedsYou, 1).await;
    assert_eq!(wall.attention[0].escalation_id, wait.escalation_id());
    assert!(!wall.attention[0].headline.is_empty());

    let request = v1::ListRunStepsRequest {
        run_id: run.run_id().to_owned(),
        order: v1::list_run_steps_request::Order::Descending.into(),
        page_size: 1,
        ..Default::default()
    };
    let page = runs.steps(request).await.unwrap();
    assert!(!page.next_page_token.is_empty());
    let Some(Detail::Action(action)) = &page.steps[0].detail else { panic!("{page:?}") };
    assert_eq!(action.question.as_ref().unwrap().escalation_id, wait.escalation_id());

    let shown = runs.get(run.run_id()).await.unwrap();
    assert_eq!(shown.standing.unwrap().condition(), RunCondition::NeedsYou);

    fixture.restart().await;
    run.finish(RunEnd::Succeeded).await.unwrap();
    until(&mut watch, RunCondition::Done, 1).await;
}
