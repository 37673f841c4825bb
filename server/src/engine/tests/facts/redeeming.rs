//! What is known when a grant is redeemed under another policy than the one that
//! judged.

use serde_json::json;

use super::desk::{Desk, providers};
use super::payment;
use crate::domain::error::Error;
use crate::domain::ids::ActionId;
use crate::engine::tests::world::*;

const ASKS: &str = "version: 1\ndefault: escalate\n";
const ALLOWS: &str = "version: 1\ndefault: allow\n";

/// Stops what the fraud desk has flagged meanwhile.
fn guarded(effect: &str) -> String {
    format!(
        "version: 1\ndefault: allow\nfacts:\n  \
         fraud: {{ provider: desk, type: bool, tools: [pay], send: [customer] }}\nconstraints:\n\
         - {{ id: flagged, tools: [pay], when: 'fact(\"fraud\")', effect: {effect}, \
         reason: The fraud desk has flagged it. }}\n"
    )
}

impl World {
    /// A payment that a person has approved, or that ran by itself, and a policy that
    /// came into force afterwards.
    async fn granted(desk: &Desk, before: &str, after: &str) -> (Self, ActionId) {
        let world = Self::asking(before, providers([("desk", desk)])).await;
        let run = world.run().await;
        let proposed = world.propose(run, "pay", payment()).await;
        if let Some(escalation) = &proposed.escalation {
            world.approve(escalation).await;
        }
        world.engine.start_with_policy(after).await.unwrap();
        (world, proposed.action.id)
    }
}

#[track_caller]
fn assert_denied<T: std::fmt::Debug>(refused: Result<T, Error>, words: &str) {
    let Err(Error::DeniedByPolicy { rule, reason }) = refused else { panic!("{refused:?}") };
    assert_eq!(rule, "flagged");
    assert!(reason.contains(words), "{reason}");
}

#[tokio::test]
async fn a_flag_raised_since_the_approval_stops_it() {
    let desk = Desk::new();
    let (world, action) = World::granted(&desk, ASKS, &guarded("deny")).await;
    desk.knows("fraud", json!(true));
    assert_denied(world.redeem(action).await, "has flagged it");
    desk.knows("fraud", json!(false));
    world.redeem(action).await.unwrap();
    let asked = desk.questions();
    assert_eq!(asked.len(), 2);
    assert_eq!(json!(asked[0].arguments), json!({"customer": "c-1"}));
}

#[tokio::test]
async fn a_desk_that_does_not_answer_lets_nothing_through() {
    let desk = Desk::new();
    let (world, action) = World::granted(&desk, ASKS, &guarded("deny")).await;
    desk.refuses("it answered 503");
    assert_denied(world.redeem(action).await, "it answered 503");
    desk.knows("fraud", json!("no"));
    assert_denied(world.redeem(action).await, "want true or false");

    // What nobody approved waits for a person where one is demanded.
    let (world, action) = World::granted(&desk, ALLOWS, &guarded("require_approval")).await;
    assert_denied(world.redeem(action).await, "want true or false");
    desk.knows("fraud", json!(false));
    world.redeem(action).await.unwrap();
    // What a person approved needs no other.
    let (world, action) = World::granted(&desk, ASKS, &guarded("require_approval")).await;
    desk.refuses("it answered 503");
    world.redeem(action).await.unwrap();
}

#[tokio::test]
async fn nothing_is_asked_where_the_policy_is_the_one_that_judged() {
    let desk = Desk::new();
    desk.knows("fraud", json!(false));
    let (world, action) = World::granted(&desk, &guarded("deny"), &guarded("deny")).await;
    world.redeem(action).await.unwrap();
    assert_eq!(desk.questions().len(), 1);
}
