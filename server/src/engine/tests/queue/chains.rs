//! Steps are taken in order, each once, however late; none after the end.

use super::*;
use crate::domain::escalation::EscalationState;
use crate::domain::policy::OnExpiry;
use crate::engine::resolve::Verb;

/// How many steps were taken.
fn taken(escalation: &Escalation) -> usize {
    let steps = &escalation.plan.as_ref().unwrap().steps;
    steps.iter().filter(|step| step.take_time.is_some()).count()
}

#[tokio::test]
async fn steps_are_taken_at_their_times_and_say_so() {
    let (world, question) = asked(CHAIN).await;
    assert_eq!(question.plan.as_ref().unwrap().teams, ["claims"]);
    for (minute, expected) in [(9, 0), (10, 1), (19, 1), (20, 2), (39, 2), (40, 3), (59, 4)] {
        let past = world.engine.now().since(question.create_time);
        world.pass(Span::from_micros(minutes(minute).as_micros() - past.as_micros())).await;
        let now = world.escalation(question.id).await;
        assert_eq!(taken(&now), expected, "after {minute} minutes");
        assert_eq!(timers_of(&world, question.id).await.len(), 1);
    }
    let plan = world.escalation(question.id).await.plan.unwrap();
    assert_eq!(plan.teams, ["claims", "seniors"]);
    assert!(plan.wants_supervisor);
    let took: Vec<_> = plan.steps.iter().filter_map(|step| step.take_time).collect();
    let after: Vec<_> = took.iter().map(|time| time.since(question.create_time)).collect();
    assert_eq!(after, [10, 20, 40, 59].map(minutes));
}

#[tokio::test]
async fn the_last_step_may_end_the_question_with_the_agents_fallback() {
    let (world, question) = asked(CHAIN).await;
    world.pass(HOUR).await;
    let ended = world.escalation(question.id).await;
    assert_eq!((ended.state, ended.on_expiry), (EscalationState::Expired, OnExpiry::Fallback));
    assert_eq!(world.action(question.action.unwrap()).await.state.name(), "cancelled");
    assert_eq!(timers_of(&world, question.id).await, []);
    use EventKind as E;
    let expected = [
        E::EscalationOpened,
        E::EscalationStepped,
        E::EscalationStepped,
        E::EscalationOverdue,
        E::EscalationStepped,
        E::EscalationStepped,
        E::EscalationStepped,
        E::EscalationExpired,
    ];
    let events = events_of(&world, question.id).await;
    assert_eq!(
        events.into_iter().filter(|it| *it != E::ActionEscalated).collect::<Vec<_>>(),
        expected
    );
}

#[tokio::test]
async fn late_steps_run_in_order_after_a_restart_and_none_twice() {
    let (world, question) = asked(CHAIN).await;
    world.pass(minutes(15)).await;
    let world = world.restarted().await.at_rest();
    world.pass(minutes(40)).await;
    let now = world.escalation(question.id).await;
    let took: Vec<_> =
        now.plan.as_ref().unwrap().steps.iter().filter_map(|step| step.take_time).collect();
    assert_eq!(took.len(), 4);
    assert!(took.is_sorted() && now.is_overdue);
    let steps = world.events(EventKind::EscalationStepped).await;
    world.engine.fire_due().await.unwrap();
    assert_eq!(world.events(EventKind::EscalationStepped).await, steps);
}

#[tokio::test]
async fn nothing_happens_to_what_is_closed() {
    let (world, question) = asked(CHAIN).await;
    world.approve(&question).await;
    assert_eq!(timers_of(&world, question.id).await, []);
    world.pass(HOUR).await;
    assert_eq!(world.events(EventKind::EscalationStepped).await, 0);
}

#[tokio::test]
async fn who_was_about_to_answer_still_may_after_a_step() {
    let (world, question) = asked(CHAIN).await;
    world.pass(minutes(20)).await;
    world.resolve(&question, Verb::Approve).await.unwrap();
}

#[tokio::test]
async fn what_is_open_keeps_the_settings_that_it_was_opened_under() {
    let (world, question) = asked(CHAIN).await;
    let before = question.plan.clone().unwrap();
    let now = put(&world, "version: 1").await.unwrap();
    let other = world.escalate(question.run).await;
    assert_eq!(other.plan.unwrap().revision, Some(now.record.id));
    world.pass(minutes(10)).await;
    let question = world.escalation(question.id).await;
    assert_eq!(taken(&question), 1);
    assert_eq!(question.plan.unwrap().revision, before.revision);
}

#[tokio::test]
async fn without_settings_there_is_no_plan() {
    let world = World::new().await.at_rest();
    let question = world.escalate(world.run().await).await;
    assert_eq!(question.plan, None);
    assert_eq!(question.due_time, question.create_time.plus(minutes(30)));
}

#[tokio::test]
async fn due_times_run_in_the_hours_of_the_lane_and_expire_times_never() {
    // Every world begins on a Friday, at nine in the morning in Berlin.
    let hours = r#"
version: 1
friction: off
lanes: {money: {calendar: late}}
calendars:
  late:
    time_zone: Europe/Berlin
    hours: [{days: [mon], from: "10:00", to: "10:20"}, {days: [tue], from: "10:00", to: "18:00"}]
"#;
    let (world, question) = asked(hours).await;
    assert_eq!(question.due_time, question.expire_time, "nobody is on duty within a day");
    assert_eq!(question.expire_time, question.create_time.plus(minutes(24 * 60)));
    let sooner = hours.replace("[mon]", "[fri, sat]").replace("[tue]", "[sun]");
    put(&world, &sooner).await.unwrap();
    let question = world.escalate(question.run).await;
    assert_eq!(question.due_time, question.expire_time, "twenty minutes on Friday are too few");
    let enough = sooner.replace("10:20", "10:40");
    put(&world, &enough).await.unwrap();
    let question = world.escalate(question.run).await;
    assert_eq!(question.due_time, question.create_time.plus(minutes(90)));
}
