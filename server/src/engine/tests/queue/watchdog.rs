//! An open question that has lost its timer gets it back.

use super::*;
use crate::domain::escalation::EscalationState;
use crate::engine::queue::Pass;
use crate::store::{Transaction, Write};

/// Takes a question's timer away, behind the engine's back.
async fn lose_timer(world: &World, id: EscalationId) {
    let writes = timers_of(world, id).await;
    let writes = writes.iter().map(|timer| Write { key: timer.key(), value: None }).collect();
    let transaction = Transaction { tenant: "default".to_owned(), writes, ..Default::default() };
    world.store.commit(transaction).await.unwrap();
}

#[tokio::test]
async fn a_lost_timer_is_written_again_and_said() {
    let (world, question) = asked(CHAIN).await;
    let whole = world.engine.look_at_timers("default").await.unwrap();
    assert_eq!(whole, Pass { looked_at: 1, repaired: 0 });
    let before = timers_of(&world, question.id).await;
    lose_timer(&world, question.id).await;
    world.pass(HOUR).await;
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Open);
    let repaired = world.engine.look_at_timers("default").await.unwrap();
    assert_eq!(repaired, Pass { looked_at: 1, repaired: 1 });
    assert_eq!(timers_of(&world, question.id).await, before);
    assert_eq!(world.events(EventKind::EscalationTimerRepaired).await, 1);
    let seen = world.engine.queue_status(&reviewer()).await.unwrap().watchdog.unwrap();
    assert_eq!((seen.time, seen.pass), (world.engine.now(), repaired));
    world.engine.fire_due().await.unwrap();
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Expired);
}

#[tokio::test]
async fn the_server_looks_by_itself() {
    let (world, question) = asked(CHAIN).await;
    lose_timer(&world, question.id).await;
    let world = world.restarted().await;
    while timers_of(&world, question.id).await.is_empty() {
        tokio::task::yield_now().await;
    }
    lose_timer(&world, question.id).await;
    world.clock.advance(MINUTE);
    while timers_of(&world, question.id).await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.events(EventKind::EscalationTimerRepaired).await, 2);
}

#[tokio::test]
async fn every_page_of_the_queue_is_looked_at() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let mut last = None;
    for _ in 0..300 {
        last = Some(world.escalate(run).await.id);
    }
    lose_timer(&world, last.unwrap()).await;
    let pass = world.engine.look_at_timers("default").await.unwrap();
    assert_eq!(pass, Pass { looked_at: 300, repaired: 1 });
}
