//! A claim that nobody uses is free again, and everybody sees it.

use super::*;
use crate::engine::escalations::ClaimStep;
use crate::engine::resolve::Verb;

async fn claim(world: &World, id: EscalationId, step: ClaimStep) -> Escalation {
    world.engine.claim(&reviewer(), "", id, step).await.unwrap().value.escalation
}

fn for_minutes(count: i64) -> ClaimStep {
    ClaimStep::Claim(Some(minutes(count)))
}

#[tokio::test]
async fn who_holds_it_is_reminded_and_then_it_is_free() {
    let world = World::new().await.at_rest();
    let question = world.escalate(world.run().await).await;
    let claimed = claim(&world, question.id, for_minutes(5)).await;
    assert_eq!(timers_of(&world, question.id).await.len(), 1);
    world.pass(minutes(4)).await;
    world.pass(minutes(1)).await;
    let events = events_of(&world, question.id).await;
    let last: Vec<_> = events.into_iter().rev().take(2).collect();
    assert_eq!(last, [EventKind::EscalationReleased, EventKind::EscalationClaimReminded]);
    let free = world.escalation(question.id).await;
    assert_eq!(free.etag(), claimed.etag());
    assert_eq!(free.live_claim(world.engine.now()), None);
    let timers = timers_of(&world, question.id).await;
    assert_eq!(timers.iter().map(|timer| timer.time).collect::<Vec<_>>(), [question.due_time]);
}

#[tokio::test]
async fn a_renewed_claim_is_reminded_of_its_new_end() {
    let world = World::new().await.at_rest();
    let question = world.escalate(world.run().await).await;
    claim(&world, question.id, for_minutes(5)).await;
    world.pass(minutes(4)).await;
    claim(&world, question.id, ClaimStep::Renew { epoch: 1, lease: None }).await;
    world.pass(minutes(3)).await;
    assert_eq!(world.events(EventKind::EscalationClaimReminded).await, 1);
    assert_eq!(world.events(EventKind::EscalationReleased).await, 0);
    world.pass(minutes(2)).await;
    assert_eq!(world.events(EventKind::EscalationClaimReminded).await, 2);
    assert_eq!(world.events(EventKind::EscalationReleased).await, 1);
}

#[tokio::test]
async fn a_claim_that_is_given_back_or_used_leaves_no_timer() {
    let world = World::new().await.at_rest();
    let question = world.escalate(world.run().await).await;
    claim(&world, question.id, for_minutes(5)).await;
    let back = claim(&world, question.id, ClaimStep::Release { epoch: 1 }).await;
    let timers = timers_of(&world, question.id).await;
    assert_eq!(timers.iter().map(|timer| timer.time).collect::<Vec<_>>(), [back.due_time]);
    let again = claim(&world, question.id, for_minutes(5)).await;
    world.pass(minutes(4)).await;
    let mut command = world::resolution(&again, Verb::Approve);
    command.claim_epoch = 2;
    world.engine.resolve(&reviewer(), command).await.unwrap();
    assert_eq!(timers_of(&world, question.id).await, []);
}

#[tokio::test]
async fn a_short_claim_lapses_without_a_reminder() {
    let world = World::new().await.at_rest();
    let question = world.escalate(world.run().await).await;
    claim(&world, question.id, for_minutes(1)).await;
    world.pass(minutes(1)).await;
    assert_eq!(world.events(EventKind::EscalationClaimReminded).await, 0);
    assert_eq!(world.events(EventKind::EscalationReleased).await, 1);
}
