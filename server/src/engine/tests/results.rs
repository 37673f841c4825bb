//! Results that the catalogue does not expect.

use bytes::Bytes;
use serde_json::{Value, json};

use super::world::*;
use crate::domain::action::{ActionState, DecisionEffect, OutcomeStatus};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, Question};
use crate::domain::ids::RunId;
use crate::engine::limits::MAX_UNEXPECTED_ASKED;
use crate::engine::outcomes::{Report, ReportOutcomes};
use crate::engine::resolve::Verb;

const EXPECTING: &str = "
version: 1
default: allow
tools:
  balance:
    write: false
    result: { type: object, required: [balance, currency], properties: { balance: { type: number } } }
    expects: result.balance >= 0 && result.currency == args.currency
  pay: {}
triggers: { results: { severity: critical, lane: odd } }
";

async fn world() -> World {
    World::new().await.reopened(EXPECTING, false).await
}

/// Reads a balance and reports what came.
async fn read(world: &World, run: RunId, status: OutcomeStatus, result: &str) {
    let action = world.propose(run, "balance", json!({"currency": "EUR"})).await.action;
    world.redeem(action.id).await.unwrap();
    let result = Bytes::copy_from_slice(result.as_bytes());
    let outcomes = vec![Report { action: action.id, status, result }];
    let command = ReportOutcomes { request_id: String::new(), outcomes };
    world.engine.report_outcomes(&agent(), command).await.unwrap();
    let expected = match status {
        OutcomeStatus::Succeeded => ActionState::Executed,
        OutcomeStatus::Failed => ActionState::Failed,
    };
    assert_eq!(world.action(action.id).await.state, expected);
}

async fn open(world: &World) -> Vec<Escalation> {
    let all = world.open_questions().await.into_iter();
    all.filter(|it| it.question == Question::UnexpectedResult).collect()
}

async fn pays(world: &World, run: RunId) -> DecisionEffect {
    world.propose(run, "pay", json!({})).await.action.decision.effect
}

fn fine() -> Value {
    json!({"balance": 10.5, "currency": "EUR"})
}

#[tokio::test]
async fn an_expected_result_asks_nobody() {
    let world = world().await;
    let run = world.run().await;
    read(&world, run, OutcomeStatus::Succeeded, &fine().to_string()).await;
    read(&world, run, OutcomeStatus::Failed, "no such account").await;
    assert_eq!(open(&world).await, []);
    assert_eq!(pays(&world, run).await, DecisionEffect::Allow);
}

#[tokio::test]
async fn an_unexpected_result_is_asked_about_and_holds_up_what_the_run_would_change() {
    for odd in [
        r#"{"balance": "much", "currency": "EUR"}"#,
        r#"{"balance": -1, "currency": "EUR"}"#,
        r#"{"balance": 1, "currency": "USD"}"#,
        "service unavailable",
        "",
    ] {
        let world = world().await;
        let (run, other) = (world.run().await, world.run().await);
        read(&world, run, OutcomeStatus::Succeeded, odd).await;
        let [question] = open(&world).await.try_into().expect("one question");
        assert_eq!((&*question.lane, question.run, &*question.tool), ("odd", run, "balance"));
        assert_eq!(pays(&world, run).await, DecisionEffect::Escalate, "{odd}");
        assert_eq!(pays(&world, other).await, DecisionEffect::Allow, "another run is free");
        let looks = world.propose(run, "balance", json!({"currency": "EUR"})).await;
        assert_eq!(looks.action.decision.effect, DecisionEffect::Allow, "reading goes on");

        let response = Verb::Respond { response: "5".into() };
        let refused = world.resolve(&question, response).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidField { .. }), "{refused}");
        let answered = world.approve(&question).await;
        assert_eq!(answered.resolution.unwrap().action, None);
        assert_eq!(pays(&world, run).await, DecisionEffect::Allow);
    }
}

#[tokio::test]
async fn a_no_keeps_the_run_in_doubt_and_the_decision_explains_itself() {
    let world = world().await;
    let run = world.run().await;
    read(&world, run, OutcomeStatus::Succeeded, "odd").await;
    let [question] = open(&world).await.try_into().expect("one question");
    let no = Verb::Reject { reason_code: String::new() };
    let view = world.resolve(&question, no).await.unwrap().value;
    assert_eq!(view.escalation.state, EscalationState::Resolved);
    assert!(view.briefing.why.contains("not as the policy expects"), "{}", view.briefing.why);
    let proposed = world.propose(run, "pay", json!({})).await;
    assert_eq!(proposed.action.decision.rule.as_deref(), Some("trigger.results"));
    let explained = world.engine.explain_decision(&reviewer(), proposed.action.id, None).await;
    assert!(!explained.unwrap().differs());
    let run = world.engine.get_run(&agent(), run).await.unwrap().run;
    assert_eq!(run.unexpected_results, 1);
}

#[tokio::test]
async fn each_unexpected_result_of_one_report_counts() {
    let world = world().await;
    let run = world.run().await;
    let mut outcomes = Vec::new();
    for result in ["odd", "odder"] {
        let action = world.propose(run, "balance", json!({"currency": "EUR"})).await.action.id;
        world.redeem(action).await.unwrap();
        let (status, result) = (OutcomeStatus::Succeeded, Bytes::from(result));
        outcomes.push(Report { action, status, result });
    }
    let command = ReportOutcomes { request_id: String::new(), outcomes };
    world.engine.report_outcomes(&agent(), command).await.unwrap();
    let questions = open(&world).await;
    assert_eq!(questions.len(), 2);
    world.approve(&questions[0]).await;
    assert_eq!(pays(&world, run).await, DecisionEffect::Escalate, "the other is unanswered");
    world.approve(&questions[1]).await;
    assert_eq!(pays(&world, run).await, DecisionEffect::Allow);
}

#[tokio::test]
async fn a_flood_of_unexpected_results_asks_a_bounded_number_of_questions() {
    let world = world().await;
    let run = world.run().await;
    for _ in 0..=MAX_UNEXPECTED_ASKED {
        read(&world, run, OutcomeStatus::Succeeded, "odd").await;
    }
    let questions = open(&world).await;
    assert_eq!(questions.len(), MAX_UNEXPECTED_ASKED as usize);
    for question in &questions {
        world.approve(question).await;
    }
    assert_eq!(pays(&world, run).await, DecisionEffect::Escalate, "one was never looked at");
}
