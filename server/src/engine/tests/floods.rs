//! Agents that ask too much: refused, told on one card, paused and let in again.

use serde_json::json;

use super::world::*;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, Question};
use crate::domain::event::EventKind;
use crate::domain::flood::{Allowance, FLOOD_RULE, FloodLimits, Rate, Scope};
use crate::domain::ids::RunId;
use crate::domain::principal::{Principal, Role};
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::people::{SetPause, UpdatePrincipal};
use crate::engine::propose::Proposed;
use crate::engine::resolve::Verb;
use crate::engine::runs::{FinishRun, StartRun};

const MINUTE: Span = Span::from_secs(60);

fn each(per_minute: u32, burst: u32) -> Allowance {
    Allowance { rate: Rate { per_minute, burst }, open: u64::MAX }
}

/// Three questions at once and then one a minute; owners and rules as they like.
fn few() -> FloodLimits {
    FloodLimits { agent: each(1, 3), owner: each(0, 1), rule: each(0, 1), ..FloodLimits::default() }
}

async fn world(limits: FloodLimits) -> World {
    World::limited(limits).await.at_rest()
}

fn supervisor() -> Principal {
    principal("sue", &[Role::Supervisor])
}

async fn run_of(world: &World, by: &Principal) -> RunId {
    world.engine.start_run(by, StartRun::default()).await.unwrap().value.run.id
}

async fn ask(world: &World, by: &Principal, run: RunId) -> Result<Proposed, Error> {
    let command = proposal(run, "refund", &json!({"amount": 600}));
    Ok(world.engine.propose(by, command).await?.value)
}

/// Asks so often; how often people were asked.
async fn flood(world: &World, run: RunId, times: usize) -> usize {
    let mut asked = 0;
    for _ in 0..times {
        match ask(world, &agent(), run).await {
            Ok(_) => asked += 1,
            Err(Error::TooManyEscalations { scope: Scope::Agent, .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    asked
}

async fn card(world: &World) -> Option<Escalation> {
    let mut cards = world.open_questions().await;
    cards.retain(|it| it.question == Question::AgentFlood);
    assert!(cards.len() <= 1, "{cards:?}");
    cards.pop()
}

/// An agent that floods, and the card about it.
async fn flooded() -> (World, RunId, Escalation) {
    let world = world(few()).await;
    let run = world.run().await;
    assert_eq!(flood(&world, run, 20).await, 3);
    world.engine.store_floods().await.unwrap();
    let card = card(&world).await.unwrap();
    (world, run, card)
}

#[tokio::test]
async fn what_is_too_much_is_refused_until_there_is_room_and_leaves_nothing() {
    let world = world(few()).await;
    let run = world.run().await;
    assert_eq!(flood(&world, run, 3).await, 3);
    let before = world.store.sequence("default").await.unwrap();
    let refused = ask(&world, &agent(), run).await.unwrap_err();
    let whose = "claims".to_owned();
    let retry_after = MINUTE;
    let expected =
        Error::TooManyEscalations { scope: Scope::Agent, whose, per_minute: 1, retry_after };
    assert_eq!(refused, expected);
    assert_eq!(world.store.sequence("default").await.unwrap(), before);
    assert_eq!(world.propose(run, "lookup", json!({})).await.escalation, None, "nobody is asked");
    world.clock.advance(MINUTE);
    ask(&world, &agent(), run).await.unwrap();
    assert!(ask(&world, &agent(), run).await.is_err());
}

#[tokio::test]
async fn agents_of_one_owner_and_questions_of_one_rule_are_counted_together() {
    let cases = [
        (FloodLimits { owner: each(60, 4), ..few() }, Scope::Owner, "dora"),
        (FloodLimits { rule: each(60, 4), ..few() }, Scope::Rule, "refund-over-500"),
    ];
    for (limits, expected, name) in cases {
        let world = world(limits).await;
        let other = principal("other", &[Role::Agent]);
        for agent in ["claims", "other"] {
            let (principal, owner) = (agent.to_owned(), Some("dora".to_owned()));
            let command = UpdatePrincipal { principal, owner, ..UpdatePrincipal::default() };
            world.engine.update_principal(&admin(), command).await.unwrap();
        }
        let run = world.run().await;
        assert_eq!(flood(&world, run, 3).await, 3);
        let run = run_of(&world, &other).await;
        ask(&world, &other, run).await.unwrap();
        match ask(&world, &other, run).await {
            Err(Error::TooManyEscalations { scope, whose, .. }) => {
                assert_eq!((scope, whose.as_str()), (expected, name));
            }
            other => panic!("{other:?}"),
        }
        world.engine.store_floods().await.unwrap();
        assert_eq!(card(&world).await, None, "the agent itself asked no more than it may");
    }
}

#[tokio::test]
async fn a_retried_call_and_a_refused_one_take_nothing() {
    let world = world(few()).await;
    let run = world.run().await;
    let mut command = proposal(run, "refund", &json!({"amount": 600}));
    command.request_id = request_id(1);
    for _ in 0..5 {
        world.engine.propose(&agent(), command.clone()).await.unwrap();
    }
    assert_eq!(flood(&world, run, 3).await, 2);
}

#[tokio::test]
async fn a_flood_is_one_card_whose_counts_rise_and_which_outlives_the_run() {
    let (world, run, first) = flooded().await;
    assert_eq!((first.agent.as_str(), first.run, first.repeats.count), ("claims", run, 17));
    assert_eq!(first.rule.as_deref(), Some(FLOOD_RULE));
    assert_eq!(first.required_role, Some(Role::Supervisor));
    let finish = FinishRun { request_id: String::new(), run, state: RunState::Failed };
    world.engine.finish_run(&agent(), finish).await.unwrap();
    let run = world.run().await;
    assert_eq!(flood(&world, run, 20).await, 0);
    world.engine.store_floods().await.unwrap();
    let now = card(&world).await.unwrap();
    assert_eq!((now.id, now.repeats.count, now.etag()), (first.id, 37, first.etag()));
    let view = world.engine.get_escalation(&reviewer(), now.id).await.unwrap();
    let why = "37 questions refused; by rule: refund-over-500 37; by tool: refund 37";
    assert_eq!(view.briefing.why, why);
    assert_eq!(world.events(EventKind::EscalationOpened).await, 4);
}

#[tokio::test]
async fn a_few_too_many_are_no_flood() {
    let world = world(few()).await;
    let run = world.run().await;
    assert_eq!(flood(&world, run, 13).await, 3);
    world.engine.store_floods().await.unwrap();
    assert_eq!(card(&world).await, None);
}

#[tokio::test]
async fn a_person_who_says_yes_lets_it_ask_twice_as_much_until_it_is_over() {
    let (world, run, card_) = flooded().await;
    let by_reviewer = world.resolve(&card_, Verb::Approve).await;
    assert!(matches!(by_reviewer, Err(Error::RoleRequired { .. })), "{by_reviewer:?}");
    let yes = resolution(&card_, Verb::Approve);
    world.engine.resolve(&supervisor(), yes).await.unwrap();
    assert_eq!(flood(&world, run, 20).await, 3, "as much again");
    world.engine.store_floods().await.unwrap();
    assert_eq!(card(&world).await, None, "it was answered");
    // Nothing for two windows: it is over, and another one is another card.
    world.clock.advance(Span::from_secs(1_200));
    assert_eq!(flood(&world, run, 20).await, 3);
    world.engine.store_floods().await.unwrap();
    assert_ne!(card(&world).await.unwrap().id, card_.id);
}

#[tokio::test]
async fn a_person_who_says_no_pauses_it_until_a_supervisor_lets_it_in_again() {
    let (world, run, card_) = flooded().await;
    let no = resolution(&card_, Verb::Reject { reason_code: String::new() });
    world.engine.resolve(&supervisor(), no).await.unwrap();
    let refused = world.engine.propose(&agent(), proposal(run, "lookup", &json!({}))).await;
    match refused.map(|it| it.value) {
        Err(Error::AgentPaused { by, escalation, .. }) => {
            assert_eq!((by.as_str(), escalation), ("sue", Some(card_.id.to_string())));
        }
        other => panic!("{other:?}"),
    }
    let command = || SetPause {
        request_id: String::new(),
        agent: "claims".to_owned(),
        is_paused: false,
        reason: "it is repaired".to_owned(),
    };
    let refused = world.engine.set_pause(&reviewer(), command()).await;
    assert!(matches!(refused, Err(Error::RoleRequired { .. })), "{refused:?}");
    world.engine.set_pause(&supervisor(), command()).await.unwrap();
    world.engine.set_pause(&supervisor(), command()).await.unwrap();
    world.propose(run, "lookup", json!({})).await;
    let events = [EventKind::AgentPaused, EventKind::AgentResumed];
    for event in events {
        assert_eq!(world.events(event).await, 1, "{event:?}");
    }
    let pause = SetPause { is_paused: true, ..command() };
    let entry = world.engine.set_pause(&supervisor(), pause).await.unwrap().value;
    assert_eq!(entry.pause.unwrap().escalation, None);
}

#[tokio::test]
async fn a_card_that_nobody_answers_is_asked_again_while_the_flood_lasts() {
    let (world, run, first) = flooded().await;
    let left = first.expire_time.since(world.engine.now());
    world.pass(left).await;
    assert_eq!(world.escalation(first.id).await.state, EscalationState::Expired);
    assert_eq!(flood(&world, run, 20).await, 3);
    world.engine.store_floods().await.unwrap();
    assert_ne!(card(&world).await.unwrap().id, first.id);
}
