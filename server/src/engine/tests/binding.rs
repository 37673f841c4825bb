//! What a policy says of runs: what binds them, how long they may take, and what
//! becomes of questions that nobody answers.

use serde_json::json;

use super::world::*;
use crate::domain::action::DecisionEffect;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, Question};
use crate::domain::ids::RunId;
use crate::domain::policy::OnExpiry;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Span;
use crate::engine::resolve::Verb;
use crate::engine::runs::{FinishRun, StartRun};

const BINDING: &str = "
version: 1
default: allow
tools: {look: {write: false}, save: {}, ask: {}}
constraint_sets:
  reading: {tools: [look]}
  quiet: {tools: [look, save]}
triggers: {time_budget: {after: 600s}}
rules:
  - {id: fall, tools: [ask], effect: escalate, reason: Ask., on_expiry: fallback, expire: 60s}
";

async fn world() -> World {
    World::new().await.reopened(BINDING, false).await
}

async fn started(world: &World, parent: Option<RunId>, sets: &[&str]) -> Result<Run, Error> {
    let constraint_sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let command = StartRun { parent, constraint_sets, ..StartRun::default() };
    Ok(world.engine.start_run(&agent(), command).await?.value.run)
}

async fn effect(world: &World, run: RunId, tool: &str) -> DecisionEffect {
    world.propose(run, tool, json!({})).await.action.decision.effect
}

#[tokio::test]
async fn a_delegated_run_is_bound_by_its_own_sets_and_its_parents() {
    let world = world().await;
    let free = started(&world, None, &[]).await.unwrap();
    assert_eq!(effect(&world, free.id, "save").await, DecisionEffect::Allow);
    let child = started(&world, Some(free.id), &["reading"]).await.unwrap();
    assert_eq!(effect(&world, child.id, "look").await, DecisionEffect::Allow);
    assert_eq!(effect(&world, child.id, "save").await, DecisionEffect::Deny);
    let grandchild = started(&world, Some(child.id), &["quiet", "quiet"]).await.unwrap();
    assert_eq!(grandchild.constraint_sets, ["reading", "quiet"]);
    assert_eq!(effect(&world, grandchild.id, "look").await, DecisionEffect::Allow);
    assert_eq!(effect(&world, grandchild.id, "save").await, DecisionEffect::Deny);
    assert_eq!(effect(&world, free.id, "save").await, DecisionEffect::Allow);
}

#[tokio::test]
async fn sets_that_the_policy_does_not_have_and_too_many_are_refused() {
    let world = world().await;
    for (sets, field) in [
        (vec!["reading", "writing"], "constraint_sets[1]"),
        (vec![""], "constraint_sets[0]"),
        (vec!["reading"; 9], "constraint_sets"),
    ] {
        let refused = started(&world, None, &sets).await.unwrap_err();
        assert!(
            matches!(&refused, Error::InvalidField { field: it, .. } if it == field),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_run_is_overdue_by_the_servers_clock_and_not_for_waiting() {
    let world = world().await;
    let run = started(&world, None, &[]).await.unwrap().id;
    let overdue = async || world.engine.get_run(&agent(), run).await.unwrap().run.overdue_time;
    world.pass(Span::from_secs(590)).await;
    let asked = world.propose(run, "ask", json!({})).await.escalation.unwrap();
    world.pass(Span::from_secs(50)).await;
    world.approve(&asked).await;
    assert_eq!(overdue().await, None);
    world.pass(Span::from_secs(9)).await;
    assert_eq!(overdue().await, None);
    assert_eq!(effect(&world, run, "save").await, DecisionEffect::Allow);
    world.pass(Span::from_secs(12)).await;
    assert_eq!(overdue().await, Some(world.engine.now()));
    assert_eq!(effect(&world, run, "save").await, DecisionEffect::Escalate);
    let revision = world.engine.get_run(&agent(), run).await.unwrap().run.revision;
    world.pass(Span::from_secs(6_000)).await;
    let view = world.engine.get_run(&agent(), run).await.unwrap();
    assert_eq!(view.run.revision, revision, "it is said once");
}

async fn run_question(world: &World) -> Escalation {
    let about_run = |it: &Escalation| it.question == Question::RunOverdue;
    let found = world.open_questions().await.into_iter().find(about_run);
    found.expect("an overdue run is asked about")
}

#[tokio::test]
async fn a_run_that_does_nothing_at_all_is_asked_about_when_its_time_is_up() {
    let world = world().await;
    let run = started(&world, None, &[]).await.unwrap().id;
    world.pass(Span::from_secs(601)).await;
    let question = run_question(&world).await;
    assert_eq!((question.run, question.action), (run, None));
    assert_eq!(question.rule.as_deref(), Some("trigger.time_budget"));
    let modify = Verb::Modify { arguments: "{}".into(), target: None };
    let refused = world.resolve(&question, modify).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidField { .. }), "{refused}");

    // A yes gives the run as much time again, and grants nothing.
    let answered = world.approve(&question).await;
    assert_eq!(answered.resolution.unwrap().action, None);
    let view = world.engine.get_run(&agent(), run).await.unwrap();
    assert_eq!(view.run.overdue_time, None);
    assert_eq!(effect(&world, run, "save").await, DecisionEffect::Allow);
    world.pass(Span::from_secs(590)).await;
    assert_eq!(effect(&world, run, "save").await, DecisionEffect::Allow);
    world.pass(Span::from_secs(11)).await;
    assert_eq!(effect(&world, run, "save").await, DecisionEffect::Escalate);

    // A no leaves it overdue, and it is not asked again.
    let again = run_question(&world).await;
    let no = Verb::Reject { reason_code: String::new() };
    world.resolve(&again, no).await.unwrap();
    assert_eq!(effect(&world, run, "save").await, DecisionEffect::Escalate);
}

#[tokio::test]
async fn a_question_about_a_run_ends_with_it_and_by_its_time() {
    let world = world().await;
    let run = started(&world, None, &[]).await.unwrap().id;
    world.pass(Span::from_secs(601)).await;
    let question = run_question(&world).await;
    let command = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
    world.engine.finish_run(&agent(), command).await.unwrap();
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Cancelled);

    let slow = started(&world, None, &[]).await.unwrap().id;
    world.pass(Span::from_secs(601)).await;
    let question = run_question(&world).await;
    assert_eq!(question.run, slow);
    world.pass(question.expire_time.since(world.engine.now())).await;
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Expired);
    assert_eq!(effect(&world, slow, "save").await, DecisionEffect::Escalate);
}

#[tokio::test]
async fn a_question_that_nobody_answers_says_what_the_agent_does_then() {
    let world = world().await;
    let run = started(&world, None, &[]).await.unwrap().id;
    let asked = world.propose(run, "ask", json!({})).await.escalation.unwrap();
    world.pass(Span::from_secs(60)).await;
    let expired = world.escalation(asked.id).await;
    assert_eq!((expired.state, expired.on_expiry), (EscalationState::Expired, OnExpiry::Fallback));
}
