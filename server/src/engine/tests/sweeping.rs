//! Request ids go when their day is over, and only then.

use serde_json::json;

use super::world::*;
use crate::domain::ids::RunId;
use crate::domain::time::Span;
use crate::engine::propose::Propose;
use crate::engine::runs::StartRun;
use crate::store::{Transaction, Write, keys};

const DAY: Span = Span::from_secs(24 * 60 * 60);

async fn sweep(world: &World) -> usize {
    let mut sweep = world.engine.last_sweep().await.unwrap();
    world.engine.sweep(&mut sweep).await.unwrap()
}

fn command(run: RunId, id: u128) -> Propose {
    let mut command = proposal(run, "lookup", &json!({}));
    command.request_id = request_id(id);
    command
}

async fn is_replayed(world: &World, command: &Propose) -> bool {
    world.engine.propose(&agent(), command.clone()).await.unwrap().is_replayed
}

#[tokio::test]
async fn kept_answers_are_swept_out_after_a_day() {
    let world = World::new().await.at_rest();
    let command = command(world.run().await, 6);
    assert!(!is_replayed(&world, &command).await);
    world.clock.advance(Span::from_secs(24 * 60 * 60 - 1));
    assert_eq!(sweep(&world).await, 0);
    assert!(is_replayed(&world, &command).await);
    world.clock.advance(Span::from_secs(1));
    assert_eq!(sweep(&world).await, 1);
    assert!(!is_replayed(&world, &command).await);
}

#[tokio::test]
async fn the_server_sweeps_by_itself() {
    let world = World::new().await;
    let command = command(world.run().await, 7);
    assert!(!is_replayed(&world, &command).await);
    world.clock.advance(DAY);
    let key = keys::request("default", "claims", &command.request_id);
    while world.store.read(&key).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_used_again_is_kept_for_its_own_day() {
    let world = World::new().await.at_rest();
    let command = command(world.run().await, 8);
    assert!(!is_replayed(&world, &command).await);
    world.clock.advance(DAY);
    assert_eq!(sweep(&world).await, 1);
    assert!(!is_replayed(&world, &command).await);
    // Even a sweep that walks the whole journal again tells the two apart.
    let forgotten = Write { key: keys::swept_requests(), value: None };
    let forget = Transaction { tenant: "default".to_owned(), ..Transaction::default() };
    world.store.commit(Transaction { writes: vec![forgotten], ..forget }).await.unwrap();
    assert_eq!(sweep(&world).await, 0);
    assert!(is_replayed(&world, &command).await);
    world.clock.advance(DAY);
    assert_eq!(sweep(&world).await, 1);
}

#[tokio::test]
async fn a_step_is_bounded_and_a_restart_goes_on_behind_it() {
    let world = World::new().await.at_rest();
    let total = 600;
    for id in 0..total {
        let command = StartRun { request_id: request_id(id), ..StartRun::default() };
        world.engine.start_run(&agent(), command).await.unwrap();
    }
    world.clock.advance(DAY);
    let mut first = world.engine.last_sweep().await.unwrap();
    let step = world.engine.sweep_step(&mut first).await.unwrap();
    assert!(step.removed > 200 && step.removed <= 256 && !step.is_over, "{step:?}");

    let world = world.restarted().await.at_rest();
    let mut second = world.engine.last_sweep().await.unwrap();
    assert_eq!(second.walked, first.walked);
    let rest = world.engine.sweep(&mut second).await.unwrap();
    assert_eq!(step.removed + rest, usize::try_from(total).unwrap());
}

#[tokio::test]
async fn of_two_sweeps_at_once_one_removes() {
    let world = World::new().await.at_rest();
    for id in 0..20 {
        let command = StartRun { request_id: request_id(id), ..StartRun::default() };
        world.engine.start_run(&agent(), command).await.unwrap();
    }
    world.clock.advance(DAY);
    let mut one = world.engine.last_sweep().await.unwrap();
    let mut other = world.engine.last_sweep().await.unwrap();
    let before = world.store.info().await.unwrap().commit;
    let both = tokio::join!(world.engine.sweep(&mut one), world.engine.sweep(&mut other));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    assert_eq!(world.store.info().await.unwrap().commit, before + 1);
    // The loser may read its place before the winner's commit is visible; the
    // next look puts it right.
    assert_eq!(sweep(&world).await, 0);
}

#[tokio::test]
async fn a_sweep_with_nothing_to_do_leaves_nothing_behind() {
    let world = World::new().await.at_rest();
    let command = StartRun { request_id: request_id(1), ..StartRun::default() };
    world.engine.start_run(&agent(), command).await.unwrap();
    let mut sweep = world.engine.last_sweep().await.unwrap();
    for _ in 0..3 {
        world.clock.advance(DAY);
        world.engine.sweep(&mut sweep).await.unwrap();
    }
    let before = world.store.info().await.unwrap().commit;
    // It has walked its own commit, and rests.
    assert_eq!(sweep.walked, before);
    world.clock.advance(DAY);
    assert_eq!(world.engine.sweep(&mut sweep).await.unwrap(), 0);
    assert_eq!(world.store.info().await.unwrap().commit, before);
}
