//! Drills: whom they are given to, what is told of them, and that nothing real knows them.

use serde_json::{Value, json};

use super::world::*;
use crate::domain::drill::{APART, DrillChoice, PAUSE, QUIET_BEFORE, TARGET};
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::event::EventKind;
use crate::domain::principal::{Principal, Role};
use crate::domain::time::Span;
use crate::engine::drills::{
    AnswerDrill, CreateDrill, DrillView, Feedback, NotNow, Offered, Plant,
};
use crate::engine::escalations::ClaimStep;
use crate::engine::list::Page;
use crate::engine::queue::{ClaimNext, Next, PutQueueSettings};
use crate::engine::resolve::{Resolve, Verb};

fn lead() -> Principal {
    principal("sue", &[Role::Supervisor])
}

fn person(name: &str) -> Principal {
    principal(name, &[Role::Reviewer])
}

/// A desk at which `pat` and everybody whose name begins with `q` practise, with two past
/// cases: one approved and one rejected.
async fn desk() -> (World, [Escalation; 2]) {
    let world = World::new().await;
    let document = "version: 1\nfriction: off\ndrills: {people: [pat, \"q*\"]}\n".to_owned();
    let reason = "for a test".to_owned();
    let command = PutQueueSettings { document, reason, ..Default::default() };
    world.engine.put_queue_settings(&admin(), command).await.unwrap();
    let run = world.run().await;
    let approved = world.escalate(run).await;
    let approved = world.approve(&approved).await;
    let rejected = world.escalate(run).await;
    let reject = Verb::Reject { reason_code: "wrong_account".to_owned() };
    world.resolve(&rejected, reject).await.unwrap();
    (world, [approved, rejected])
}

fn planted(source: &Escalation, place: &str, value: &Value) -> CreateDrill {
    let (place, value) = (place.to_owned(), value.to_string().into_bytes());
    let plant = Some(Plant { place, value, words: "ten times the invoice".to_owned() });
    CreateDrill { request_id: String::new(), source: source.id, plant }
}

async fn create(world: &World, command: CreateDrill) -> Result<DrillView, Error> {
    world.engine.create_drill(&lead(), command).await.map(|answer| answer.value)
}

async fn take(world: &World, who: &str) -> Offered {
    world.engine.take_drill(&person(who), "").await.unwrap().value
}

async fn given(world: &World, who: &str) -> DrillView {
    match take(world, who).await {
        Offered::Drill(view) => *view,
        Offered::NotNow(why) => panic!("{why:?}"),
    }
}

async fn answer(
    world: &World,
    who: &str,
    of: &DrillView,
    choice: DrillChoice,
) -> Result<Feedback, Error> {
    let command = AnswerDrill { request_id: String::new(), drill: of.drill.id, choice };
    world.engine.answer_drill(&person(who), command).await.map(|answer| answer.value)
}

#[tokio::test]
async fn one_planted_defect_is_told_with_the_answer_and_nothing_real_knows_of_it() {
    let (world, [approved, _]) = desk().await;
    let answered = world.events(EventKind::EscalationApproved).await;
    let approved = world.escalation(approved.id).await;
    let action = world.action(approved.action.unwrap()).await;
    let made = create(&world, planted(&approved, "/amount", &json!(6_000))).await.unwrap();
    let shown = given(&world, "pat").await;
    assert_eq!(shown, made);
    let arguments: Value = serde_json::from_slice(&shown.content.arguments).unwrap();
    assert_eq!(arguments["amount"], 6_000);
    assert_eq!(given(&world, "pat").await.drill.id, shown.drill.id, "the one that one has");
    assert_eq!(world.events(EventKind::DrillGiven).await, 1);

    let feedback = answer(&world, "pat", &shown, DrillChoice::Reject).await.unwrap();
    let defect = feedback.view.content.defect.unwrap();
    assert_eq!((&*defect.place, &*defect.was, &*defect.is), ("/amount", "600", "6000"));
    let again = answer(&world, "pat", &shown, DrillChoice::Approve).await;
    assert!(matches!(again, Err(Error::DrillNotHeld { .. })), "{again:?}");

    let own = world.engine.drill_stats(&person("pat")).await.unwrap();
    assert_eq!((own.own.given, own.own.planted, own.own.caught), (1, 1, 1));
    let seen = world.engine.drill_stats(&lead()).await.unwrap();
    assert_eq!((seen.team, seen.people.len(), seen.private_people), (None, 0, 1));
    assert_eq!(world.events(EventKind::EscalationApproved).await, answered);
    assert_eq!(world.escalation(approved.id).await, approved, "the past case is as it was");
    assert_eq!(world.action(action.id).await, action);
}

#[tokio::test]
async fn it_is_given_to_whom_the_settings_name_and_not_often() {
    let (world, [approved, rejected]) = desk().await;
    assert_eq!(take(&world, "pat").await, Offered::NotNow(NotNow::NoneLeft));
    create(&world, planted(&approved, TARGET, &json!("acct 1"))).await.unwrap();
    create(&world, planted(&rejected, "/to", &json!("Ann a"))).await.unwrap();
    assert_eq!(take(&world, "rob").await, Offered::NotNow(NotNow::NotOffered));
    let first = given(&world, "quinn").await;
    assert_eq!(first.drill.source, approved.id, "the oldest");
    answer(&world, "quinn", &first, DrillChoice::Approve).await.unwrap();
    let until = START.plus(PAUSE);
    assert_eq!(take(&world, "quinn").await, Offered::NotNow(NotNow::Resting(until)));
    world.clock.advance(PAUSE);
    let second = given(&world, "quinn").await;
    assert_eq!(second.drill.source, rejected.id);
    answer(&world, "quinn", &second, DrillChoice::Reject).await.unwrap();
    world.clock.advance(PAUSE);
    assert_eq!(take(&world, "quinn").await, Offered::NotNow(NotNow::NoneLeft));
}

#[tokio::test]
async fn nobody_is_given_one_while_a_real_question_is_near_its_end() {
    let (world, [approved, _]) = desk().await;
    create(&world, planted(&approved, "/amount", &json!(6_000))).await.unwrap();
    let open = world.escalate(world.run().await).await;
    let left = open.due_time.since(START).as_micros() - QUIET_BEFORE.as_micros();
    world.clock.advance(Span::from_micros(left + 1));
    assert_eq!(take(&world, "pat").await, Offered::NotNow(NotNow::Busy));
    world.approve(&open).await;
    given(&world, "pat").await;
}

#[tokio::test]
async fn who_made_it_or_answered_the_case_is_not_given_it() {
    let (world, [approved, _]) = desk().await;
    let document = "version: 1\nfriction: off\ndrills: {people: [\"*\"]}\n".to_owned();
    let current = world.engine.get_queue_settings(&admin(), None).await.unwrap();
    let current = current.map(|(view, _)| view.record.id);
    let reason = "for a test".to_owned();
    let command = PutQueueSettings { document, reason, current, ..Default::default() };
    world.engine.put_queue_settings(&admin(), command).await.unwrap();
    create(&world, planted(&approved, "/amount", &json!(6_000))).await.unwrap();
    for caller in [lead(), reviewer()] {
        let offered = world.engine.take_drill(&caller, "").await.unwrap().value;
        assert_eq!(offered, Offered::NotNow(NotNow::NoneLeft), "{}", caller.name);
    }
    given(&world, "pat").await;
}

#[tokio::test]
async fn a_case_with_nothing_planted_is_one_that_was_approved() {
    let (world, [approved, rejected]) = desk().await;
    let clean = |source: &Escalation| CreateDrill {
        request_id: String::new(),
        source: source.id,
        plant: None,
    };
    let refused = create(&world, clean(&rejected)).await;
    assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
    let open = world.escalate(world.run().await).await;
    for command in [
        clean(&open),
        planted(&open, "/amount", &json!(6_000)),
        planted(&approved, "/amount", &json!(600)),
        planted(&approved, "/nothing", &json!(1)),
    ] {
        let refused = create(&world, command).await;
        assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
    }
    let made = create(&world, clean(&approved)).await.unwrap();
    assert!(!made.drill.is_planted);
    let shown = given(&world, "pat").await;
    answer(&world, "pat", &shown, DrillChoice::Reject).await.unwrap();
    let own = world.engine.drill_stats(&person("pat")).await.unwrap().own;
    assert_eq!((own.clean, own.false_alarms, own.planted), (1, 1, 0));
    let listed = world.engine.list_drills(&lead(), Page::default()).await.unwrap();
    assert_eq!(listed.items, [made]);
}

async fn next(world: &World, who: &str, number: u32, takes_drills: bool) -> Next {
    let request_id = request_id(number.into());
    let command = ClaimNext { request_id, takes_drills, ..ClaimNext::default() };
    world.engine.claim_next(&person(who), command).await.unwrap().value
}

/// Gives somebody one question after the other until a drill comes in the place of one:
/// the drill, and how many questions it were.
async fn until_a_drill(world: &World, who: &str, number: &mut u32) -> (DrillView, u32) {
    let run = world.run().await;
    for questions in 0..=2 * APART.end() {
        *number += 1;
        let asked = world.escalate(run).await;
        let question = match next(world, who, *number, true).await {
            Next::Claimed(view, _) => view.escalation,
            Next::Drill(drill) => {
                let again = next(world, who, *number, true).await;
                assert_eq!(again, Next::Drill(drill.clone()), "a repeated call");
                world.approve(&asked).await;
                return (*drill, questions);
            }
            nothing @ Next::Nothing { .. } => panic!("{nothing:?}"),
        };
        let claim_epoch = question.claim.as_ref().unwrap().epoch;
        let command = Resolve { claim_epoch, ..resolution(&question, Verb::Approve) };
        world.engine.resolve(&person(who), command).await.unwrap();
    }
    panic!("no drill")
}

#[tokio::test]
async fn one_or_two_in_a_hundred_come_among_the_questions_of_whoever_practises() {
    let (world, [approved, _]) = desk().await;
    for amount in [6_000, 7_000] {
        create(&world, planted(&approved, "/amount", &json!(amount))).await.unwrap();
    }
    let mut number = 0;
    let (first, questions) = until_a_drill(&world, "pat", &mut number).await;
    assert_eq!(questions, *APART.end(), "nobody has drawn a number before the first");
    assert_eq!(world.events(EventKind::DrillGiven).await, 1);
    answer(&world, "pat", &first, DrillChoice::Reject).await.unwrap();

    world.clock.advance(PAUSE);
    let (second, questions) = until_a_drill(&world, "pat", &mut number).await;
    assert!(APART.contains(&questions), "{questions}");
    assert_ne!(second.drill.id, first.drill.id);
    answer(&world, "pat", &second, DrillChoice::Reject).await.unwrap();
}

/// Has somebody claim the next question, and give it back.
async fn given_back(world: &World, who: &str, number: u32, takes_drills: bool) {
    let claimed = next(world, who, number, takes_drills).await;
    let Next::Claimed(view, _) = claimed else { panic!("{claimed:?}") };
    let epoch = view.escalation.claim.as_ref().unwrap().epoch;
    let give_back = ClaimStep::Release { epoch };
    world.engine.claim(&person(who), "", view.escalation.id, give_back).await.unwrap();
}

#[tokio::test]
async fn a_drill_that_is_due_waits_for_a_caller_that_shows_it_and_nobody_else_gets_it() {
    let (world, [approved, _]) = desk().await;
    create(&world, planted(&approved, "/amount", &json!(6_000))).await.unwrap();
    let run = world.run().await;
    for number in 1..=*APART.end() {
        let asked = world.escalate(run).await;
        for who in ["rob", "pat"] {
            given_back(&world, who, number, false).await;
        }
        world.approve(&world.escalation(asked.id).await).await;
    }
    world.escalate(run).await;
    given_back(&world, "rob", 1_000, true).await;
    let claimed = next(&world, "pat", 1_001, false).await;
    assert!(matches!(claimed, Next::Claimed(..)), "it shows no drills: {claimed:?}");
    let given = next(&world, "pat", 1_002, true).await;
    assert!(matches!(given, Next::Drill(_)), "{given:?}");
}
