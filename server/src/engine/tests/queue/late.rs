//! Every late question says why.

use super::*;
use crate::domain::principal::Role;
use crate::domain::queue::LateReason;
use crate::engine::escalations::ClaimStep;
use crate::engine::people::SetAvailability;

const TEAM_OF_ONE: &str = "
version: 1
teams: {own: {members: [claims]}}
routing: [{lanes: [money], team: own}]
";

#[tokio::test]
async fn nobody_looked() {
    let (world, question) = asked("version: 1").await;
    assert_eq!(question.late, None);
    world.pass(minutes(30)).await;
    let late = world.escalation(question.id).await;
    assert_eq!((late.is_overdue, late.late), (true, Some(LateReason::NotLookedAt)));
}

#[tokio::test]
async fn somebody_took_it_and_did_not_answer() {
    let (world, question) = asked("version: 1").await;
    let step = ClaimStep::Claim(Some(MINUTE));
    world.engine.claim(&reviewer(), "", question.id, step).await.unwrap();
    world.pass(minutes(30)).await;
    assert_eq!(world.escalation(question.id).await.late, Some(LateReason::ClaimedAndIdle));
}

#[tokio::test]
async fn the_team_has_nobody_but_who_asked() {
    let (world, question) = asked(TEAM_OF_ONE).await;
    assert_eq!(question.late, Some(LateReason::NobodyEligible));
    world.pass(minutes(30)).await;
    let late = world.escalation(question.id).await.late;
    assert_eq!(late, Some(LateReason::NotLookedAt), "the supervisors were asked");
}

#[tokio::test]
async fn there_is_no_supervisor_either() {
    let world = World::new().await.at_rest();
    hands::introduce(&world, "alice", &[Role::Reviewer]).await;
    put(&world, TEAM_OF_ONE).await.unwrap();
    let question = world.escalate(world.run().await).await;
    world.pass(minutes(30)).await;
    assert_eq!(world.escalation(question.id).await.late, Some(LateReason::NobodyEligible));
}

#[tokio::test]
async fn the_reason_is_found_anew_when_it_expires() {
    let (world, question) = asked(TEAM_OF_ONE).await;
    world.pass(minutes(30)).await;
    put(&world, &TEAM_OF_ONE.replace("[claims]", "[claims, dora]")).await.unwrap();
    world.pass(HOUR).await;
    world.pass(minutes(23 * 60)).await;
    let expired = world.escalation(question.id).await;
    assert_eq!((expired.state.name(), expired.late), ("expired", Some(LateReason::NotLookedAt)));
}

#[tokio::test]
async fn nobody_was_on_duty() {
    let closed = r#"
version: 1
lanes: {money: {calendar: mondays}}
calendars:
  mondays: {time_zone: UTC, hours: [{days: [mon], from: "09:00", to: "17:00"}]}
"#;
    let (world, question) = asked(closed).await;
    world.pass(minutes(24 * 60)).await;
    let expired = world.escalation(question.id).await;
    assert_eq!((expired.state.name(), expired.late), ("expired", Some(LateReason::OffDuty)));
}

#[tokio::test]
async fn everybody_in_the_team_is_away() {
    let two = TEAM_OF_ONE.replace("[claims]", "[alice, bob]");
    for (off, expected) in [(1, LateReason::NotLookedAt), (2, LateReason::OffDuty)] {
        let (world, question) = asked(&two).await;
        for person in [reviewer(), world::other_reviewer()].into_iter().take(off) {
            let command = SetAvailability { is_off_duty: true, ..SetAvailability::default() };
            world.engine.set_availability(&person, command).await.unwrap();
        }
        world.pass(minutes(30)).await;
        assert_eq!(world.escalation(question.id).await.late, Some(expected), "{off} off duty");
    }
}

#[tokio::test]
async fn the_status_counts_what_waits_and_why_by_lane() {
    let world = World::new().await;
    put(&world, CHAIN).await.unwrap();
    let question = world.escalate(world.run().await).await;
    world.clock.advance(minutes(30));
    loop {
        world.engine.fire_due().await.unwrap();
        let status = world.engine.queue_status(&reviewer()).await.unwrap();
        let lane = &status.lanes["money"];
        if lane.overdue == 0 {
            tokio::task::yield_now().await;
            continue;
        }
        assert_eq!((lane.open, lane.oldest), (1, Some(question.create_time)));
        assert_eq!((lane.lane.weight, lane.lane.chain.as_deref()), (3, Some("money")));
        assert_eq!(lane.late.iter().collect::<Vec<_>>(), [(&LateReason::NotLookedAt, &1)]);
        assert_eq!(status.settings, question.plan.unwrap().revision);
        break;
    }
}
