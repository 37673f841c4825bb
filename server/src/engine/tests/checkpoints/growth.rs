//! A thousand states that share most of what they hold, and what is stored of them.

use super::saved;
use crate::domain::checkpoint::{Checkpoint, MAX_DEPTH};
use crate::domain::digest::sha256;
use crate::engine::tests::world::*;

/// How many times a run saves.
const STEPS: usize = 1_000;
/// What all of it may take, in last states.
const MOST: u64 = 3;

/// A line of some 200 bytes that no other one is like.
fn line(at: usize) -> String {
    let noise = sha256(&at.to_be_bytes()).to_string();
    let said = noise.repeat(3);
    format!("{{\"step\":{at:04},\"said\":\"{}\",\"cost\":{:05}}}", &said[..160], at * 37)
}

/// The history of an agent: a line more with every step, and something changed in front.
fn appended(step: usize) -> Vec<u8> {
    let log: Vec<_> = (0..step).map(line).collect();
    let front = format!("{{\"step\":{step},\"budget\":{}", 100_000 - step);
    format!("{front},\"log\":[{}]}}", log.join(",")).into_bytes()
}

/// A document in which every step puts a line somewhere else, and changes another.
fn edited(step: usize) -> Vec<u8> {
    let mut lines: Vec<String> = Vec::with_capacity(step);
    for at in 0..step {
        let place = at * 7_919 % (lines.len() + 1);
        lines.insert(place, line(at));
    }
    if let Some(changed) = lines.get_mut(step * 31 % step.max(1)) {
        changed.replace_range(9..13, "0000");
    }
    format!("{{\"doc\":[{}],\"at\":{step}}}", lines.join(",")).into_bytes()
}

/// Saves all steps; answers with the last checkpoint and how many bytes of payloads were
/// handed to the store.
async fn grown(world: &World, state: fn(usize) -> Vec<u8>) -> (Checkpoint, u64) {
    let run = world.run().await;
    let mut stored = 0;
    let mut last = None;
    for step in 0..=STEPS {
        let checkpoint = saved(world, run, &state(step)).await.checkpoint;
        let kept = checkpoint.state.as_ref().unwrap();
        assert!(kept.depth <= MAX_DEPTH);
        stored += u64::from(kept.payload.size) + u64::from(checkpoint.content.size);
        last = Some(checkpoint);
    }
    (last.unwrap(), stored)
}

async fn takes_little(state: fn(usize) -> Vec<u8>) {
    let world = World::new().await;
    let before = world.packed_bytes();
    let (last, stored) = grown(&world, state).await;
    let size = last.state.as_ref().unwrap().size;
    assert!(size > 190_000, "{size}");
    assert!(stored <= MOST * size, "{stored} bytes for a state of {size}");
    // On the disk, with what the store adds to every payload.
    if let (Some(before), Some(after)) = (before, world.packed_bytes()) {
        let packed = after - before;
        assert!(packed <= MOST * size, "{packed} bytes on the disk for a state of {size}");
    }
    let world = world.restarted().await;
    let shown = world.engine.get_checkpoint(&agent(), last.id).await.unwrap();
    assert_eq!(shown.content.state, state(STEPS));
}

#[tokio::test]
async fn a_thousand_growing_states_take_at_most_three_times_the_last() {
    takes_little(appended).await;
}

#[tokio::test]
async fn a_thousand_edited_states_take_at_most_three_times_the_last() {
    takes_little(edited).await;
}
