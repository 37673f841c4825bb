//! What was approved is what runs, once.

use bytes::Bytes;
use serde_json::json;

use super::world::*;
use crate::domain::error::Error;
use crate::domain::time::Span;
use crate::engine::redeem::Redeem;

/// A change of what is about to run.
type Change = (&'static str, fn(&mut Redeem));

const CHANGES: &[Change] = &[
    ("amount", |it| it.arguments = Bytes::from_static(br#"{"amount":601,"to":"Anna"}"#)),
    ("space", |it| it.arguments = Bytes::from_static(br#"{"amount": 600,"to":"Anna"}"#)),
    ("key order", |it| it.arguments = Bytes::from_static(br#"{"to":"Anna","amount":600}"#)),
    ("number form", |it| it.arguments = Bytes::from_static(br#"{"amount":6e2,"to":"Anna"}"#)),
    ("escape", |it| it.arguments = Bytes::from_static(br#"{"amount":600,"to":"\u0041nna"}"#)),
    ("trailing newline", |it| {
        it.arguments = Bytes::from_static(b"{\"amount\":600,\"to\":\"Anna\"}\n")
    }),
    ("not JSON", |it| it.arguments = Bytes::from_static(b"\xff")),
    ("target", |it| it.target.push(' ')),
    ("tool version", |it| it.tool_schema_version = "2".to_owned()),
    ("preconditions", |it| it.preconditions = Bytes::from_static(b"v7")),
    ("tool", |it| it.tool = "refund2".to_owned()),
];

#[tokio::test]
async fn any_change_between_approval_and_execution_is_refused() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    world.approve(&escalation).await;
    for (name, change) in CHANGES {
        let mut redemption = world.redemption(escalation.action.unwrap()).await;
        change(&mut redemption);
        let refused = world.engine.redeem(&agent(), redemption).await;
        assert!(matches!(refused, Err(Error::DigestMismatch { .. })), "{name}: {refused:?}");
    }
    world.redeem(escalation.action.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_grant_serves_its_own_agent_run_and_action_only() {
    let world = World::new().await;
    let (run, other_run) = (world.run().await, world.run().await);
    let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
    let other = world.propose(run, "refund", json!({"amount": 20})).await.action;
    let mut wrong_run = world.redemption(action.id).await;
    wrong_run.run = other_run;
    let refused = world.engine.redeem(&agent(), wrong_run).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    let mut wrong_grant = world.redemption(action.id).await;
    wrong_grant.grant = grant_of(&other).id;
    let refused = world.engine.redeem(&agent(), wrong_grant).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    let mallory = principal("mallory", &[crate::domain::principal::Role::Agent]);
    let refused = world.engine.redeem(&mallory, world.redemption(action.id).await).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_grant_is_redeemed_once_and_lapses() {
    let world = World::new().await;
    let run = world.run().await;
    let first = world.propose(run, "refund", json!({"amount": 20})).await.action;
    world.redeem(first.id).await.unwrap();
    assert!(matches!(world.redeem(first.id).await, Err(Error::GrantRedeemed { .. })));
    let second = world.propose(run, "refund", json!({"amount": 20})).await.action;
    world.clock.advance(Span::from_secs(300));
    assert!(matches!(world.redeem(second.id).await, Err(Error::GrantExpired { .. })));
}

#[tokio::test]
async fn todays_hard_constraints_stop_what_was_approved_yesterday() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    world.approve(&escalation).await;
    let stricter = POLICY.replace("args.amount > 100000", "args.amount > 550");
    world.engine.start_with_policy(&stricter).await.unwrap();
    let refused = world.redeem(escalation.action.unwrap()).await;
    assert!(matches!(refused, Err(Error::DeniedByPolicy { .. })), "{refused:?}");
    world.engine.start_with_policy(POLICY).await.unwrap();
    world.redeem(escalation.action.unwrap()).await.unwrap();
}

#[tokio::test]
async fn integers_beyond_doubles_are_told_apart() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = proposal(run, "transfer", &json!({}));
    command.arguments = Bytes::from_static(br#"{"id":9007199254740993}"#);
    let action = world.engine.propose(&agent(), command).await.unwrap().value.action;
    let mut redemption = world.redemption(action.id).await;
    redemption.arguments = Bytes::from_static(br#"{"id":9007199254740992}"#);
    let refused = world.engine.redeem(&agent(), redemption).await;
    assert!(matches!(refused, Err(Error::DigestMismatch { .. })));
}
