//! Streams of answers: nothing is lost, nothing comes twice, and falling behind
//! costs what has changed.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};

use super::world::*;
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::await_resolutions::{AwaitEvent, Awaiting, Scope};
use crate::engine::feed::Topic;
use crate::engine::resumptions::ClaimResumptions;
use crate::engine::runs::FinishRun;

/// More than the feed keeps for a listener that does not listen.
const MANY: usize = 1_800;
/// How many calls are under way at once: the store commits them together.
const ABREAST: usize = 50;

/// Opens and answers questions, a bounded number at a time.
async fn answer(world: &World, run: RunId, count: usize) {
    let calls = stream::iter(0..count).map(async |_| {
        let escalation = world.escalate(run).await;
        world.approve(&escalation).await;
    });
    calls.buffer_unordered(ABREAST).collect::<Vec<()>>().await;
}

/// A stream of every answer, behind the end of the kept ones, of which there are
/// none.
async fn open(world: &World) -> Awaiting {
    let opened = world.engine.await_resolutions(&agent(), Scope::Agent, None).await;
    let mut waiting = opened.unwrap();
    let end = waiting.next().await.unwrap();
    assert!(matches!(end, Some(AwaitEvent::SnapshotEnd { count: 0, .. })), "{end:?}");
    waiting
}

/// Reads `count` answers; what is told beside them does not count.
async fn read(waiting: &mut Awaiting, count: usize) -> BTreeSet<EscalationId> {
    let mut brought = BTreeSet::new();
    for _ in 0..count {
        let id = loop {
            match waiting.next().await.unwrap() {
                Some(AwaitEvent::Resumption(view)) => break view.escalation.id,
                Some(AwaitEvent::SnapshotEnd { .. }) => {}
                other => panic!("{other:?} after {} answers", brought.len()),
            }
        };
        assert!(brought.insert(id), "{id} came twice");
    }
    brought
}

/// The stream has nothing more to say.
async fn is_quiet(world: &World, waiting: &mut Awaiting) {
    for _ in 0..3 {
        let silence = async { world.clock.advance(Span::from_secs(10)) };
        let (event, ()) = tokio::join!(waiting.next(), silence);
        if let Ok(Some(AwaitEvent::Resumption(view))) = event {
            panic!("{} is told of again", view.escalation.id);
        }
    }
}

#[tokio::test]
async fn a_stream_far_behind_brings_everything_once_and_nothing_again() {
    let world = World::new().await;
    let run = world.run().await;
    let mut waiting = open(&world).await;
    let mut brought = BTreeSet::new();
    for round in 1..=2 {
        answer(&world, run, MANY).await;
        brought.extend(read(&mut waiting, MANY).await);
        // What came in an earlier round is open still, and not sent again.
        assert_eq!(brought.len(), round * MANY);
        is_quiet(&world, &mut waiting).await;
    }
}

#[tokio::test]
async fn a_stream_that_falls_behind_amid_what_is_kept_sends_each_once() {
    let world = World::new().await;
    let run = world.run().await;
    answer(&world, run, 600).await;
    let mut waiting =
        world.engine.await_resolutions(&agent(), Scope::Run(run), None).await.unwrap();
    let mut brought = read(&mut waiting, 300).await;
    answer(&world, run, MANY).await;
    let rest = read(&mut waiting, 300 + MANY).await;
    brought.extend(rest);
    assert_eq!(brought.len(), 600 + MANY);
    is_quiet(&world, &mut waiting).await;
}

#[tokio::test]
async fn what_was_taken_up_meanwhile_is_not_offered_to_a_stream_far_behind() {
    let world = World::new().await;
    let run = world.run().await;
    let mut waiting = open(&world).await;
    let taken = world.escalate(run).await;
    world.approve(&taken).await;
    world.redeem(taken.action.unwrap()).await.unwrap();
    answer(&world, run, MANY).await;
    let brought = read(&mut waiting, MANY).await;
    assert!(!brought.contains(&taken.id));
    is_quiet(&world, &mut waiting).await;
}

#[tokio::test]
async fn what_a_worker_claims_is_not_offered_again() {
    let world = World::new().await;
    let escalation = world.escalate_detached(world.run().await).await;
    let mut waiting = open(&world).await;
    world.approve(&escalation).await;
    assert_eq!(read(&mut waiting, 1).await, BTreeSet::from([escalation.id]));
    let claimed = world.engine.claim_resumptions(&agent(), ClaimResumptions::default()).await;
    assert_eq!(claimed.unwrap().value.len(), 1);
    is_quiet(&world, &mut waiting).await;
}

#[tokio::test]
async fn answers_of_one_commit_come_all() {
    let world = World::new().await;
    let run = world.run().await;
    let mut waiting = open(&world).await;
    let mut asked = BTreeSet::new();
    for _ in 0..5 {
        asked.insert(world.escalate(run).await.id);
    }
    let finish = FinishRun { request_id: String::new(), run, state: RunState::Cancelled };
    world.engine.finish_run(&agent(), finish).await.unwrap();
    assert_eq!(read(&mut waiting, 5).await, asked);
    is_quiet(&world, &mut waiting).await;
}

#[tokio::test]
async fn what_is_kept_is_complete_up_to_the_sequence_of_its_end() {
    let world = World::new().await;
    answer(&world, world.run().await, 3).await;
    let sequence = world.engine.server_info(&agent()).await.unwrap().sequence;
    let mut waiting = world.engine.await_resolutions(&agent(), Scope::Agent, None).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(waiting.next().await.unwrap(), Some(AwaitEvent::Resumption(_))));
    }
    let end = waiting.next().await.unwrap();
    assert_eq!(end, Some(AwaitEvent::SnapshotEnd { sequence, count: 3 }));
}

#[tokio::test]
async fn a_single_wait_is_woken_for_its_own_answer_alone() {
    let world = World::new().await;
    let run = world.run().await;
    let (mine, other) = (world.escalate(run).await, world.escalate(run).await);
    let listen = |id| world.engine.0.feed.listen(Topic::Wait(id));
    let (mut mine_news, mut other_news) = (listen(mine.id), listen(other.id));
    world.approve(&other).await;
    let told = other_news.recv().await.unwrap();
    assert_eq!(told.resumptions.iter().map(|it| it.escalation).collect::<Vec<_>>(), [other.id]);
    assert!(mine_news.is_empty());
    world.approve(&mine).await;
    mine_news.recv().await.unwrap();
}

#[tokio::test]
async fn a_thousand_waits_get_their_answers() {
    let world = World::new().await;
    let run = world.run().await;
    let asked: Vec<_> = stream::iter(0..900)
        .map(async |_| world.escalate(run).await)
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    let mut waits = Vec::new();
    for escalation in &asked {
        let scope = Scope::Wait { escalation: escalation.id, wait: escalation.wait };
        waits.push(world.engine.await_resolutions(&agent(), scope, None).await.unwrap());
    }
    let answers = stream::iter(&asked).map(async |it| world.approve(it).await);
    answers.buffer_unordered(ABREAST).collect::<Vec<_>>().await;
    for (escalation, mut wait) in asked.iter().zip(waits) {
        let answer = wait.next().await.unwrap();
        let Some(AwaitEvent::Resumption(view)) = answer else { panic!("{answer:?}") };
        assert_eq!(view.escalation.id, escalation.id);
        assert_eq!(wait.next().await.unwrap(), None);
    }
}
