//! Request ids: the same call once, its answer as often as asked.

use serde_json::json;

use super::world::*;
use crate::domain::error::Error;
use crate::engine::resolve::Verb;

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_one_effect() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = proposal(run, "refund", &json!({"amount": 600, "to": "A"}));
    command.request_id = request_id(1);
    let first = world.engine.propose(&agent(), command.clone()).await.unwrap();
    let again = world.engine.propose(&agent(), command.clone()).await.unwrap();
    assert!(!first.is_replayed && again.is_replayed);
    assert_eq!(first.value, again.value);
    let world = world.restarted().await;
    let again = world.engine.propose(&agent(), command.clone()).await.unwrap();
    assert_eq!(first.value, again.value);
    command.reasoning = "changed my mind".to_owned();
    let refused = world.engine.propose(&agent(), command).await;
    assert!(matches!(refused, Err(Error::RequestIdReused { .. })));
}

#[tokio::test]
async fn a_retry_after_the_end_still_gets_the_answer() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let mut command = resolution(&escalation, Verb::Approve);
    command.request_id = request_id(2);
    world.engine.resolve(&reviewer(), command.clone()).await.unwrap();
    let again = world.engine.resolve(&reviewer(), command).await.unwrap();
    assert!(again.is_replayed);
    let mut redemption = world.redemption(escalation.action.unwrap()).await;
    redemption.request_id = request_id(3);
    let first = world.engine.redeem(&agent(), redemption.clone()).await.unwrap();
    let again = world.engine.redeem(&agent(), redemption).await.unwrap();
    assert_eq!(first.value, again.value);
    assert!(again.is_replayed);
}

#[tokio::test]
async fn a_request_id_belongs_to_its_principal_and_method() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = proposal(run, "lookup", &json!({}));
    command.request_id = request_id(4);
    let action = world.engine.propose(&agent(), command).await.unwrap().value.action;
    let mut redemption = world.redemption(action.id).await;
    redemption.request_id = request_id(4);
    let refused = world.engine.redeem(&agent(), redemption).await;
    assert!(matches!(refused, Err(Error::RequestIdReused { .. })));
    let mut malformed = proposal(run, "lookup", &json!({}));
    malformed.request_id = "again".to_owned();
    let refused = world.engine.propose(&agent(), malformed).await;
    assert!(matches!(refused, Err(Error::InvalidField { ref field, .. }) if field == "request_id"));
}

#[tokio::test]
async fn concurrent_twins_have_one_effect() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = proposal(run, "refund", &json!({"amount": 600, "to": "A"}));
    command.request_id = request_id(5);
    let twins = (0..16).map(|_| {
        let (engine, command) = (world.engine.clone(), command.clone());
        tokio::spawn(
            async move { engine.propose(&agent(), command).await.unwrap().value.action.id },
        )
    });
    let ids: Vec<_> = futures::future::try_join_all(twins).await.unwrap();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let listed = world.engine.list_actions(&agent(), run, Default::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}
