//! The same question again: while it is open, and after its end.

use serde_json::{Value, json};

use super::world::*;
use crate::domain::action::{ActionState, DecisionEffect};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, Repeats};
use crate::domain::event::EventKind;
use crate::domain::ids::RunId;
use crate::domain::principal::{Principal, Role};
use crate::domain::time::Span;
use crate::engine::propose::{Propose, Proposed};
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::runs::StartRun;

const DAY: Span = Span::from_secs(24 * 3_600);

fn reject() -> Verb {
    Verb::Reject { reason_code: "wrong_amount".to_owned() }
}

/// Proposes a refund on the same target each time.
async fn refund(world: &World, by: &Principal, run: RunId, to: Value) -> Result<Proposed, Error> {
    let command = Propose { target: "acct-7".to_owned(), ..proposal(run, "refund", &to) };
    Ok(world.engine.propose(by, command).await?.value)
}

async fn propose(world: &World, run: RunId, arguments: Value) -> Proposed {
    refund(world, &agent(), run, arguments).await.unwrap()
}

async fn ask(world: &World, run: RunId, arguments: Value) -> Result<Escalation, Error> {
    Ok(refund(world, &agent(), run, arguments).await?.escalation.unwrap())
}

#[tokio::test]
async fn what_is_open_is_not_asked_again_and_the_card_counts_it() {
    let world = World::new().await.at_rest();
    let (run, other) = (world.run().await, world.run().await);
    let open = ask(&world, run, json!({"amount": 600, "to": "Anna"})).await.unwrap();
    for (run, arguments) in [
        (run, json!({"amount": 600, "to": "Anna"})),
        (run, json!({"to": "Anna", "amount": 600.0})),
        (other, json!({"amount": 600, "to": "Anna"})),
    ] {
        world.clock.advance(Span::from_secs(1));
        let refused = ask(&world, run, arguments).await;
        let first = open.run.to_string();
        assert_eq!(refused, Err(Error::RepeatOfOpen { escalation: open.id, run: first }));
    }
    assert_eq!(world.open_questions().await.len(), 1);
    world.engine.store_floods().await.unwrap();
    let card = world.escalation(open.id).await;
    let last_time = Some(START.plus(Span::from_secs(3)));
    assert_eq!(card.repeats, Repeats { count: 3, last_time });
    assert_eq!(card.etag(), open.etag(), "whoever was about to answer still may");
    assert_eq!(world.events(EventKind::EscalationRepeated).await, 1, "stored together");
    world.approve(&card).await;
    let again = ask(&world, run, json!({"amount": 600, "to": "Anna"})).await.unwrap();
    assert_ne!(again.id, open.id, "an approval is of one execution: the next is asked");
}

#[tokio::test]
async fn a_retry_of_the_same_call_is_no_repeat() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let mut command = proposal(run, "refund", &json!({"amount": 600, "to": "Anna"}));
    command.request_id = request_id(7);
    let first = world.engine.propose(&agent(), command.clone()).await.unwrap();
    let again = world.engine.propose(&agent(), command).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value.action.id, first.value.action.id);
}

#[tokio::test]
async fn what_was_rejected_is_answered_from_the_record_for_a_day() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let arguments = json!({"amount": 600, "to": "Anna"});
    let open = ask(&world, run, arguments.clone()).await.unwrap();
    let note = "The invoice was for 60.".to_owned();
    let rejection = Resolve { note, ..resolution(&open, reject()) };
    world.engine.resolve(&reviewer(), rejection).await.unwrap();
    world.clock.advance(Span::from_micros(DAY.as_micros() - 1));
    let answered = propose(&world, run, arguments.clone()).await;
    assert_eq!(answered.escalation, None);
    assert_eq!(answered.action.state, ActionState::Denied);
    assert_eq!(answered.action.decision.effect, DecisionEffect::Deny);
    assert_eq!(answered.action.answered_from, Some(open.id));
    let said = format!(
        "alice rejected the same on 2027-01-15T08:00:00Z ({}), reason wrong_amount: The invoice \
         was for 60.",
        open.id
    );
    assert_eq!(answered.reason, said);
    assert_eq!(world.events(EventKind::ActionAnsweredFromRecord).await, 1);
    assert_eq!(world.events(EventKind::ActionDenied).await, 0, "no policy refused it");
    let changed = propose(&world, run, json!({"amount": 601, "to": "Anna"})).await;
    assert!(changed.escalation.is_some(), "what has changed is asked");
    world.clock.advance(Span::from_micros(1));
    assert!(propose(&world, run, arguments).await.escalation.is_some());
}

#[tokio::test]
async fn another_policy_and_another_person_ask_anew() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let arguments = json!({"amount": 600, "to": "Anna"});
    let open = ask(&world, run, arguments.clone()).await.unwrap();
    world.resolve(&open, reject()).await.unwrap();
    let somebody = principal("other", &[Role::Agent]);
    let start = StartRun::default();
    let other = world.engine.start_run(&somebody, start).await.unwrap().value.run.id;
    let asked = refund(&world, &somebody, other, arguments.clone()).await;
    assert!(asked.unwrap().escalation.is_some(), "another agent has its own record");
    let world = world.reopened(&POLICY.replace("> 500", "> 501"), false).await.at_rest();
    assert!(propose(&world, run, arguments).await.escalation.is_some());
}

#[tokio::test]
async fn what_nobody_answered_and_what_was_answered_otherwise_is_asked_again() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let arguments = json!({"amount": 600, "to": "Anna"});
    let open = ask(&world, run, arguments.clone()).await.unwrap();
    let response = Verb::Respond { response: "not now".into() };
    world.resolve(&open, response).await.unwrap();
    let open = ask(&world, run, arguments.clone()).await.unwrap();
    world.pass(DAY).await;
    assert_eq!(world.escalation(open.id).await.state.name(), "expired");
    ask(&world, run, arguments).await.unwrap();
}
