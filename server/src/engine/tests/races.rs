//! Many at once: exactly one effect each.

use futures::future::join_all;
use serde_json::json;

use super::world::*;
use crate::domain::error::Error;
use crate::domain::escalation::EscalationState;
use crate::domain::time::Span;
use crate::engine::resolve::Verb;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn approve_reject_and_expire_have_one_winner() {
    let world = World::new().await;
    let run = world.run().await;
    for _ in 0..100 {
        let escalation = world.escalate(run).await;
        world.clock.advance(Span::from_secs(24 * 60 * 60 - 1));
        world.engine.fire_due().await.unwrap();
        let shown = world.escalation(escalation.id).await;
        let (engine, approve) = (world.engine.clone(), resolution(&shown, Verb::Approve));
        let approving = tokio::spawn(async move { engine.resolve(&reviewer(), approve).await });
        let reject = resolution(&shown, Verb::Reject { reason_code: String::new() });
        let engine = world.engine.clone();
        let rejecting =
            tokio::spawn(async move { engine.resolve(&other_reviewer(), reject).await });
        let (engine, clock) = (world.engine.clone(), world.clock.clone());
        let expiring = tokio::spawn(async move {
            clock.advance(Span::from_secs(1));
            engine.fire_due().await.unwrap();
        });
        let results = [approving.await.unwrap(), rejecting.await.unwrap()];
        expiring.await.unwrap();
        let winners = results.iter().filter(|result| result.is_ok()).count();
        let end = world.escalation(escalation.id).await;
        match end.state {
            EscalationState::Resolved => assert_eq!(winners, 1),
            EscalationState::Expired => assert_eq!(winners, 0),
            other => panic!("{other:?}"),
        }
        for refused in results.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, Error::EscalationClosed { .. }), "{refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_has_one_redeemer() {
    let world = World::new().await;
    let run = world.run().await;
    for round in 0..20 {
        let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
        let redemption = world.redemption(action.id).await;
        let tries = (0..64).map(|number| {
            let (engine, mut redemption) = (world.engine.clone(), redemption.clone());
            redemption.request_id = request_id(round * 64 + number);
            tokio::spawn(async move { engine.redeem(&agent(), redemption).await })
        });
        let won =
            join_all(tries).await.into_iter().filter(|it| it.as_ref().unwrap().is_ok()).count();
        assert_eq!(won, 1);
        let mut again = redemption.clone();
        again.request_id = String::new();
        assert!(matches!(
            world.engine.redeem(&agent(), again).await,
            Err(Error::GrantRedeemed { .. })
        ));
    }
}
