//! Approvals that came faster than anybody reads: kept, and let through.

use super::world::*;
use crate::domain::escalation::{Escalation, Reading};
use crate::domain::time::Span;
use crate::engine::escalations::ClaimStep;
use crate::engine::resolve::Verb;

/// A question that nobody has looked at for ten minutes.
async fn asked() -> (World, Escalation) {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let question = world.escalate(run).await;
    world.clock.advance(Span::from_secs(600));
    (world, question)
}

async fn read(world: &World, question: &Escalation) {
    world.engine.get_escalation(&other_reviewer(), question.id).await.unwrap();
}

async fn claim(world: &World, question: &Escalation) {
    let step = ClaimStep::Claim(None);
    world.engine.claim(&other_reviewer(), "", question.id, step).await.unwrap();
}

async fn answered(world: &World, question: &Escalation, verb: Verb) -> Option<Reading> {
    let question = world.escalation(question.id).await;
    let mut command = resolution(&question, verb);
    command.claim_epoch = question.claim.as_ref().map_or(0, |claim| claim.epoch);
    world.engine.resolve(&other_reviewer(), command).await.unwrap();
    let approvers = world.escalation(question.id).await.resolution.unwrap().approvers;
    assert_eq!(approvers.len(), 1);
    approvers[0].reading
}

#[tokio::test]
async fn an_approval_right_after_the_first_look_is_too_fast_and_passes() {
    let (world, question) = asked().await;
    read(&world, &question).await;
    world.clock.advance(Span::from_millis(700));
    let reading = answered(&world, &question, Verb::Approve).await.unwrap();
    assert_eq!(reading.span, Span::from_millis(700));
    assert!(reading.words > 3 && reading.is_too_fast(), "{reading:?}");
}

#[tokio::test]
async fn the_first_look_counts_and_not_a_later_one_or_the_claim() {
    let (world, question) = asked().await;
    read(&world, &question).await;
    world.clock.advance(Span::from_secs(60));
    read(&world, &question).await;
    claim(&world, &question).await;
    let reading = answered(&world, &question, Verb::Approve).await.unwrap();
    assert_eq!(reading.span, Span::from_secs(60));
    assert!(!reading.is_too_fast(), "{reading:?}");
}

#[tokio::test]
async fn without_a_look_the_claim_counts_else_the_question() {
    let (world, question) = asked().await;
    claim(&world, &question).await;
    world.clock.advance(Span::from_secs(1));
    let reading = answered(&world, &question, Verb::Approve).await.unwrap();
    assert_eq!(reading.span, Span::from_secs(1));

    let (world, question) = asked().await;
    let reading = answered(&world, &question, Verb::Approve).await.unwrap();
    assert_eq!(reading.span, Span::from_secs(600));
}

#[tokio::test]
async fn others_looks_count_for_nothing_and_neither_do_rejections() {
    let (world, question) = asked().await;
    world.engine.get_escalation(&reviewer(), question.id).await.unwrap();
    world.clock.advance(Span::from_secs(100));
    read(&world, &question).await;
    let reject = Verb::Reject { reason_code: String::new() };
    assert_eq!(answered(&world, &question, reject).await, None);
}
