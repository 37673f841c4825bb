//! Windows, time at work and samples: what only the server counts.

use bytes::Bytes;
use futures::future::join_all;
use serde_json::json;

use super::world::*;
use crate::domain::action::{Action, DecisionEffect};
use crate::domain::ids::RunId;
use crate::domain::policy::WindowCount;
use crate::domain::principal::{Principal, Role};
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::Engine;
use crate::engine::propose::Proposed;
use crate::engine::resolve::Verb;
use crate::engine::runs::{FinishRun, StartRun};
use crate::engine::windows::MAX_WINDOW_ENTRIES;
use crate::store::{Direction, Transaction, Write, keys};

const HOUR: Span = Span::from_secs(3_600);

/// One call an hour, per run, agent or customer; more needs a person.
fn one_per(scope: &str) -> String {
    format!(
        "
version: 1
default: allow
tools: {{pay: {{amount: amount, customer: to}}}}
windows:
  few: {{tools: [pay], per: {scope}, over: 1h, max_calls: 1}}
rules:
  - {{id: never, tools: [pay], when: 'args.to == \"nobody\"', effect: deny, reason: No.}}
  - {{id: large, tools: [pay], when: args.amount >= 1000.0, effect: escalate, reason: Much., expire: 10m}}
"
    )
}

async fn world(policy: &str) -> World {
    World::new().await.reopened(policy, false).await
}

async fn run_of(engine: &Engine, agent: &Principal) -> RunId {
    engine.start_run(agent, StartRun::default()).await.unwrap().value.run.id
}

async fn pays(engine: &Engine, agent: &Principal, run: RunId, to: &str, amount: f64) -> Proposed {
    let proposal = proposal(run, "pay", &json!({"to": to, "amount": amount}));
    engine.propose(agent, proposal).await.unwrap().value
}

async fn pay(world: &World, run: RunId, to: &str, amount: f64) -> Proposed {
    pays(&world.engine, &agent(), run, to, amount).await
}

/// What the window held when an action was decided.
async fn held(world: &World, action: &Action) -> WindowCount {
    let view = world.engine.get_action(&agent(), action.id).await.unwrap();
    view.content.inputs.windows["few"]
}

fn is_allowed(proposed: &Proposed) -> bool {
    match proposed.action.decision.effect {
        DecisionEffect::Allow => true,
        _ => {
            assert_eq!(proposed.action.decision.rule.as_deref(), Some("window.few"));
            false
        }
    }
}

#[tokio::test]
async fn a_window_counts_those_it_is_for_and_forgets_them_in_time() {
    let other = principal("other", &[Role::Agent]);
    // Same run, another run of the agent, another agent: each with one customer.
    let cases = [("run", [false, true, true]), ("agent", [false, false, true])];
    for (scope, expected) in cases.into_iter().chain([("customer", [false, false, false])]) {
        let world = world(&one_per(scope)).await;
        let engine = &world.engine;
        let run = run_of(engine, &agent()).await;
        assert!(is_allowed(&pay(&world, run, "Anna", 1.0).await), "{scope}");
        let second = pay(&world, run, " an-NA", 1.0).await;
        let another = pay(&world, run_of(engine, &agent()).await, "Anna", 1.0).await;
        let run_of_other = run_of(engine, &other).await;
        let foreign = pays(engine, &other, run_of_other, "Anna", 1.0).await;
        assert_eq!([second, another, foreign].each_ref().map(is_allowed), expected, "{scope}");
        world.clock.advance(HOUR);
        assert!(!is_allowed(&pay(&world, run, "Anna", 1.0).await), "{scope}");
        world.clock.advance(HOUR);
        world.clock.advance(Span::from_micros(1));
        assert!(is_allowed(&pay(&world, run, "Anna", 1.0).await), "{scope}");
    }
}

#[tokio::test]
async fn customers_are_told_apart() {
    let world = world(&one_per("customer")).await;
    let run = world.run().await;
    for to in ["Anna", "Ben"] {
        assert!(is_allowed(&pay(&world, run, to, 1.0).await));
        assert!(!is_allowed(&pay(&world, run, to, 1.0).await));
    }
}

#[tokio::test]
async fn what_will_not_run_does_not_count() {
    let world = world(&one_per("agent")).await;
    let run = world.run().await;
    let denied = pay(&world, run, "nobody", 1.0).await;
    assert_eq!(denied.action.decision.effect, DecisionEffect::Deny);

    let large = pay(&world, run, "Anna", 1000.0).await;
    assert!(!is_allowed_at_all(&pay(&world, run, "Anna", 2000.0).await));
    let verb = Verb::Reject { reason_code: String::new() };
    world.resolve(&large.escalation.unwrap(), verb).await.unwrap();
    world.pass(Span::from_secs(600)).await;

    let cancelled = run_of(&world.engine, &agent()).await;
    assert!(!is_allowed_at_all(&pay(&world, cancelled, "Anna", 1000.0).await));
    let finish =
        FinishRun { request_id: String::new(), run: cancelled, state: RunState::Cancelled };
    world.engine.finish_run(&agent(), finish).await.unwrap();
    assert!(is_allowed(&pay(&world, run, "Anna", 1.0).await));
    assert!(!is_allowed(&pay(&world, run, "Anna", 1.0).await));
}

fn is_allowed_at_all(proposed: &Proposed) -> bool {
    proposed.action.decision.effect == DecisionEffect::Allow
}

#[tokio::test]
async fn what_is_approved_counts_and_an_edit_counts_in_its_place() {
    let world = world(&one_per("run")).await;
    let run = world.run().await;
    let first = pay(&world, run, "Anna", -1000.0).await;
    assert!(is_allowed(&first));
    assert_eq!(held(&world, &first.action).await, WindowCount { calls: 1, total: 1000.0 });
    let waiting = pay(&world, run, "Anna", 30.0).await;
    assert_eq!(held(&world, &waiting.action).await, WindowCount { calls: 2, total: 1030.0 });
    let arguments = Bytes::from_static(br#"{"to": "Anna", "amount": 5}"#);
    let verb = Verb::Modify { arguments, target: None };
    let resolved = world.resolve(&waiting.escalation.unwrap(), verb).await.unwrap().value;
    let edited = world.action(resolved.escalation.resolution.unwrap().action.unwrap()).await;
    assert_eq!(held(&world, &edited).await, WindowCount { calls: 2, total: 1005.0 });
    let approved = pay(&world, run, "Anna", 7.0).await;
    world.approve(&approved.escalation.unwrap()).await;
    world.redeem(edited.id).await.unwrap();
    let last = pay(&world, run, "Anna", 1.0).await;
    assert_eq!(held(&world, &last.action).await, WindowCount { calls: 4, total: 1013.0 });
}

#[tokio::test]
async fn an_amount_that_is_no_number_is_more_than_any_limit() {
    let policy = one_per("run").replace("max_calls: 1", "max_total: 1000000.0");
    let world = world(&policy.replace("args.amount >= 1000.0", "false")).await;
    let run = world.run().await;
    let arguments = json!({"to": "Anna", "amount": "12"});
    let proposed = world.propose(run, "pay", arguments).await;
    assert_eq!(proposed.action.decision.rule.as_deref(), Some("window.few"));
}

#[tokio::test]
async fn a_full_window_asks() {
    let policy = one_per("run").replace("max_calls: 1", "max_calls: 100000");
    let world = world(&policy).await;
    let run = world.run().await;
    assert!(is_allowed(&pay(&world, run, "Anna", 1.0).await));
    let start = Bytes::from_static(b"default/window/");
    let found = world.store.scan(keys::prefixed(&start), Direction::Ascending, 2).await.unwrap();
    let (key, row) = found.rows.first().unwrap();
    let writes = (0..MAX_WINDOW_ENTRIES as u32).map(|number| {
        let mut key = key.to_vec();
        let end = key.len() - 4;
        key[end..].copy_from_slice(&number.to_be_bytes());
        Write { key: key.into(), value: Some(row.value.clone()) }
    });
    let writes = writes.collect();
    let (tenant, principal) = ("default".to_owned(), "test".to_owned());
    let filling = Transaction { tenant, principal, writes, ..Transaction::default() };
    world.store.commit(filling).await.unwrap();
    assert!(!is_allowed(&pay(&world, run, "Anna", 1.0).await));
    world.clock.advance(HOUR);
    world.clock.advance(Span::from_micros(1));
    assert!(is_allowed(&pay(&world, run, "Anna", 1.0).await));
    let left = world.store.scan(keys::prefixed(&start), Direction::Ascending, 9).await.unwrap();
    assert!(left.rows.len() <= 3, "old entries are swept out: {}", left.rows.len());
}

#[tokio::test]
async fn a_retried_proposal_counts_once() {
    let world = world(&one_per("run")).await;
    let run = world.run().await;
    let mut command = proposal(run, "pay", &json!({"to": "Anna", "amount": 1}));
    command.request_id = request_id(1);
    for is_replayed in [false, true] {
        let answer = world.engine.propose(&agent(), command.clone()).await.unwrap();
        assert!(is_allowed(&answer.value));
        assert_eq!(answer.is_replayed, is_replayed);
    }
    let next = pay(&world, run, "Anna", 1.0).await;
    assert_eq!(held(&world, &next.action).await.calls, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_proposals_at_once_no_more_slip_through_than_the_window_holds() {
    let policy = one_per("customer");
    let world = world(&policy).await;
    let (other, _background) = start(&world.store, &world.clock, &policy).await;
    let run = world.run().await;
    for round in 0..20 {
        let customer = format!("Customer{round}");
        let proposals = (0..8).map(|number| {
            let engine = if number % 2 == 0 { world.engine.clone() } else { other.clone() };
            let customer = customer.clone();
            tokio::spawn(async move { pays(&engine, &agent(), run, &customer, 1.0).await })
        });
        let answers = join_all(proposals).await;
        let allowed = answers.iter().filter(|it| is_allowed(it.as_ref().unwrap())).count();
        assert_eq!(allowed, 1);
    }
}

#[tokio::test]
async fn time_at_work_leaves_out_waiting_for_people() {
    let policy = "
version: 1
default: allow
tools: {ask: {}, look: {}}
rules:
  - {id: late, tools: [look], when: run.elapsed_seconds >= 600, effect: escalate, reason: Late.}
  - {id: ask, tools: [ask], effect: escalate, reason: Ask.}
";
    let world = world(policy).await;
    let run = world.run().await;
    world.pass(Span::from_secs(500)).await;
    let first = world.propose(run, "ask", json!({})).await.escalation.unwrap();
    world.pass(Span::from_secs(300)).await;
    let second = world.propose(run, "ask", json!({})).await.escalation.unwrap();
    world.pass(Span::from_secs(100)).await;
    world.approve(&first).await;
    world.pass(Span::from_secs(300)).await;
    assert!(is_allowed_at_all(&world.propose(run, "look", json!({})).await), "one still waits");
    let shown = world.escalation(second.id).await;
    world.approve(&shown).await;
    world.pass(Span::from_secs(99)).await;
    assert!(is_allowed_at_all(&world.propose(run, "look", json!({})).await));
    world.pass(Span::from_secs(1)).await;
    let late = world.propose(run, "look", json!({})).await;
    assert_eq!(late.action.decision.rule.as_deref(), Some("late"));
    let view = world.engine.get_action(&agent(), late.action.id).await.unwrap();
    assert_eq!(view.content.inputs.elapsed, Span::from_secs(600));
}

#[tokio::test]
async fn every_second_action_of_an_agent_is_sampled() {
    let policy = "
version: 1
default: allow
tools: {look: {}}
sampling: {every: 2}
";
    let world = world(policy).await;
    for expected in [false, true, false, true] {
        let run = world.run().await;
        let action = world.propose(run, "look", json!({})).await.action;
        assert_eq!(action.decision.is_sampled, expected);
    }
    let world = world.restarted().await.reopened(policy, false).await;
    let run = world.run().await;
    assert!(!world.propose(run, "look", json!({})).await.action.decision.is_sampled);
}
