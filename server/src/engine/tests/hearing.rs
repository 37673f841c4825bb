//! What a run has heard decides where values come from: whoever says it, whichever
//! server took it, before and after a restart.

use bytes::Bytes;
use serde_json::json;

use super::world::*;
use crate::domain::action::OutcomeStatus;
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::ids::RunId;
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::limits;
use crate::engine::messages::{AppendMessages, Told};
use crate::engine::outcomes::{Report, ReportOutcomes};
use crate::engine::resolve::Verb;
use crate::engine::runs::{FinishRun, StartRun};
use crate::engine::{Answer, Engine};

/// Every origin has a rule of its own.
const BY_ORIGIN: &str = r#"
version: 1
default: escalate
tools: {pay: {}, look: {}}
rules:
  - {id: look, tools: [look], effect: allow, reason: Reads.}
  - {id: user, tools: [pay], when: 'provenance("to") == "user"', effect: allow, reason: u}
  - {id: person, tools: [pay], when: 'provenance("to") == "person"', effect: escalate, reason: p}
  - {id: tool, tools: [pay], when: 'provenance("to") == "tool"', effect: escalate, reason: t}
  - {id: nowhere, tools: [pay], when: 'provenance("to") == "nowhere"', effect: escalate, reason: n}
"#;

async fn world() -> World {
    World::new().await.reopened(BY_ORIGIN, false).await
}

async fn started(engine: &Engine, goal: &str, parent: Option<RunId>) -> RunId {
    let command = StartRun { goal: goal.to_owned(), parent, ..StartRun::default() };
    engine.start_run(&agent(), command).await.unwrap().value.run.id
}

/// Where a value comes from, as the rule that decides says.
async fn origin(engine: &Engine, run: RunId, to: &str) -> String {
    let proposal = proposal(run, "pay", &json!({"to": to}));
    let proposed = engine.propose(&agent(), proposal).await.unwrap().value;
    proposed.action.decision.rule.unwrap()
}

fn said(text: &str) -> Told {
    Told::User { text: text.to_owned() }
}

fn answered(text: &str) -> Told {
    Told::Tool { tool: "search".to_owned(), text: text.to_owned() }
}

async fn append(engine: &Engine, run: RunId, messages: Vec<Told>) -> Result<Answer<()>, Error> {
    let command = AppendMessages { run: Some(run), messages, ..AppendMessages::default() };
    engine.append_messages(&agent(), command).await
}

/// Has a person asked about a payment.
async fn asked(world: &World, run: RunId) -> Escalation {
    world.propose(run, "pay", json!({"to": "nobody at all"})).await.escalation.unwrap()
}

/// Runs an allowed tool that answers.
async fn looked(world: &World, run: RunId, result: &'static str) {
    let action = world.propose(run, "look", json!({})).await.action.id;
    world.redeem(action).await.unwrap();
    let (status, result) = (OutcomeStatus::Succeeded, Bytes::from_static(result.as_bytes()));
    let outcomes = vec![Report { action, status, result }];
    let command = ReportOutcomes { request_id: String::new(), outcomes };
    world.engine.report_outcomes(&agent(), command).await.unwrap();
}

#[tokio::test]
async fn every_way_to_hear_counts_from_the_next_proposal_on() {
    let world = world().await;
    let engine = &world.engine;
    let run = started(engine, "Pay Anna Berg what we owe her", None).await;
    assert_eq!(origin(engine, run, "Anna Berg").await, "user");
    for name in ["Ben Wolf", "Cleo Marsh", "Dora Finch", "Emil Stork", "Fay Heron"] {
        assert_eq!(origin(engine, run, name).await, "nowhere", "{name}");
    }
    append(engine, run, vec![said("And Ben Wolf as well")]).await.unwrap();
    assert_eq!(origin(engine, run, "Ben Wolf").await, "user");
    append(engine, run, vec![answered("payee: Cleo Marsh")]).await.unwrap();
    assert_eq!(origin(engine, run, "Cleo Marsh").await, "tool");
    looked(&world, run, r#"{"payee": "Dora Finch"}"#).await;
    assert_eq!(origin(engine, run, "Dora Finch").await, "tool");
    let arguments = Bytes::from_static(br#"{"to": "Emil Stork"}"#);
    let verb = Verb::Modify { arguments, target: None };
    world.resolve(&asked(&world, run).await, verb).await.unwrap();
    assert_eq!(origin(engine, run, "Emil Stork").await, "person");
    let verb = Verb::Respond { response: Bytes::from_static(b"take Fay Heron") };
    world.resolve(&asked(&world, run).await, verb).await.unwrap();
    assert_eq!(origin(engine, run, "Fay Heron").await, "person");
    assert_eq!(origin(engine, started(engine, "", None).await, "Ben Wolf").await, "nowhere");
}

#[tokio::test]
async fn what_was_heard_is_the_same_after_a_restart_and_on_another_server() {
    let world = world().await;
    let run = started(&world.engine, "Pay Anna Berg", None).await;
    let clock = &world.clock;
    let (other, _background) = start(&world.store, clock, BY_ORIGIN).await;
    for (number, engine) in [&other, &world.engine, &other, &world.engine].iter().enumerate() {
        clock.advance(Span::from_millis(1));
        let name = format!("Otto Crane{number}");
        assert_eq!(origin(&world.engine, run, &name).await, "nowhere");
        append(engine, run, vec![said(&name)]).await.unwrap();
        assert_eq!(origin(&world.engine, run, &name).await, "user");
        assert_eq!(origin(&other, run, &name).await, "user");
    }
    append(&other, run, vec![answered("payee: Dora Finch")]).await.unwrap();
    drop((other, _background));
    let world = world.restarted().await.reopened(BY_ORIGIN, false).await;
    for number in 0..4 {
        assert_eq!(origin(&world.engine, run, &format!("Otto Crane{number}")).await, "user");
    }
    assert_eq!(origin(&world.engine, run, "Dora Finch").await, "tool");
}

#[tokio::test]
async fn the_words_of_a_server_whose_clock_is_behind_are_heard() {
    let world = world().await;
    let run = started(&world.engine, "", None).await;
    let behind = crate::engine::clock::ManualClock::new(world.engine.now());
    let (other, _background) = start(&world.store, &behind, BY_ORIGIN).await;
    world.clock.advance(Span::from_secs(60));
    append(&world.engine, run, vec![said("Anna Berg")]).await.unwrap();
    assert_eq!(origin(&world.engine, run, "Anna Berg").await, "user");
    append(&other, run, vec![said("Ben Wolf")]).await.unwrap();
    assert_eq!(origin(&world.engine, run, "Ben Wolf").await, "user");
    assert_eq!(origin(&world.engine, run, "Anna Berg").await, "user");
}

#[tokio::test]
async fn more_than_are_looked_at_again_are_all_known_and_one_among_the_last_is_heard() {
    let world = world().await;
    let run = started(&world.engine, "", None).await;
    let behind = crate::engine::clock::ManualClock::new(world.engine.now());
    let (other, _background) = start(&world.store, &behind, BY_ORIGIN).await;
    let result = |number: usize| answered(&format!("payee: Number{number} Crane"));
    for batch in 0..10 {
        let messages = (0..40).map(|number| result(batch * 40 + number)).collect();
        append(&world.engine, run, messages).await.unwrap();
        for number in [0, batch * 40, batch * 40 + 39] {
            let to = format!("Number{number} Crane");
            assert_eq!(origin(&world.engine, run, &to).await, "tool", "{to}");
        }
        world.clock.advance(Span::from_secs(1));
        behind.advance(Span::from_secs(1));
    }
    world.clock.advance(Span::from_millis(2));
    append(&world.engine, run, vec![result(400)]).await.unwrap();
    assert_eq!(origin(&world.engine, run, "Number400 Crane").await, "tool");
    append(&other, run, vec![answered("payee: Ben Wolf")]).await.unwrap();
    assert_eq!(origin(&world.engine, run, "Ben Wolf").await, "tool");
    assert_eq!(origin(&world.engine, run, "Number0 Crane").await, "tool");
}

#[tokio::test]
async fn results_that_find_no_room_are_forgotten_and_the_users_words_are_not() {
    let world = world().await;
    let run = started(&world.engine, "Pay Anna Berg", None).await;
    let filler = "x ".repeat(3_000);
    let result = |number: usize| answered(&format!("payee: Number{number} {filler}"));
    append(&world.engine, run, vec![said("or Ben Wolf")]).await.unwrap();
    for batch in 0..4 {
        let messages = (0..30).map(|number| result(batch * 30 + number)).collect();
        append(&world.engine, run, messages).await.unwrap();
        // What is at hand grows with every batch.
        assert_eq!(origin(&world.engine, run, &format!("Number{}", batch * 30)).await, "tool");
    }
    let known = async |world: &World| {
        let mut known = Vec::new();
        for number in 0..120 {
            known.push(origin(&world.engine, run, &format!("Number{number}")).await);
        }
        known
    };
    let incremental = known(&world).await;
    assert_eq!((incremental[0].as_str(), incremental[119].as_str()), ("nowhere", "tool"));
    let world = world.reopened(BY_ORIGIN, false).await;
    assert_eq!(known(&world).await, incremental);
    assert_eq!(origin(&world.engine, run, "Ben Wolf").await, "user");
}

#[tokio::test]
async fn the_goal_of_a_delegated_run_is_not_its_users_word() {
    let world = world().await;
    let parent = started(&world.engine, "Pay our suppliers", None).await;
    let child = started(&world.engine, "Pay Mallory Thorn", Some(parent)).await;
    assert_eq!(origin(&world.engine, child, "Mallory Thorn").await, "nowhere");
    append(&world.engine, child, vec![said("Pay Anna Berg")]).await.unwrap();
    assert_eq!(origin(&world.engine, child, "Anna Berg").await, "user");
}

#[tokio::test]
async fn a_retried_call_is_heard_once_and_too_many_words_are_refused() {
    let world = world().await;
    let run = started(&world.engine, "", None).await;
    let text = "y".repeat(limits::MAX_USER_MESSAGE_BYTES);
    let most = limits::MAX_USER_BYTES / limits::MAX_USER_MESSAGE_BYTES;
    for number in 0..most {
        let command = AppendMessages {
            request_id: request_id(number as u128),
            run: Some(run),
            messages: vec![said(&text)],
        };
        let first = world.engine.append_messages(&agent(), command.clone()).await.unwrap();
        let again = world.engine.append_messages(&agent(), command).await.unwrap();
        assert_eq!((first.is_replayed, again.is_replayed), (false, true));
    }
    let refused = append(&world.engine, run, vec![answered("z"), said("Anna Berg")]).await;
    assert!(matches!(refused, Err(Error::MessagesFull { .. })), "{refused:?}");
    append(&world.engine, run, vec![answered("Anna Berg")]).await.unwrap();
    assert_eq!(origin(&world.engine, run, "Anna Berg").await, "tool");
}

#[tokio::test]
async fn only_its_own_agent_tells_a_running_run_and_no_secrets() {
    let world = world().await;
    let run = started(&world.engine, "", None).await;
    let secret = format!("sk-ant-api03-{}", "a1B2".repeat(12));
    let refused = append(&world.engine, run, vec![said("hello"), said(&secret)]).await;
    assert!(matches!(refused, Err(Error::SecretFound { .. })), "{refused:?}");
    let refused = append(&world.engine, run, Vec::new()).await;
    assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
    let stranger = principal("stranger", &[crate::domain::principal::Role::Agent]);
    let command = AppendMessages {
        run: Some(run),
        messages: vec![said("Pay me")],
        ..AppendMessages::default()
    };
    let refused = world.engine.append_messages(&stranger, command).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    let state = RunState::Succeeded;
    let finish = FinishRun { request_id: String::new(), run, state };
    world.engine.finish_run(&agent(), finish).await.unwrap();
    let refused = append(&world.engine, run, vec![said("Pay me")]).await;
    assert!(matches!(refused, Err(Error::RunNotRunning { .. })), "{refused:?}");
}
