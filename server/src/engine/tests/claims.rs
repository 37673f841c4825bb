//! Claims are leases with fencing numbers.

use super::world::*;
use crate::domain::error::Error;
use crate::domain::time::Span;
use crate::engine::escalations::ClaimStep;
use crate::engine::resolve::Verb;

#[tokio::test]
async fn a_claim_keeps_others_out_until_it_lapses() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let claimed = claim(&world, escalation.id).await;
    let claimed = claimed.value.escalation;
    assert_eq!(claimed.claim.as_ref().map(|claim| claim.epoch), Some(1));
    let other =
        world.engine.claim(&other_reviewer(), "", escalation.id, ClaimStep::Claim(None)).await;
    assert!(matches!(other, Err(Error::ClaimedByOther { .. })));
    let other = world.engine.resolve(&other_reviewer(), resolution(&claimed, Verb::Approve)).await;
    assert!(matches!(other, Err(Error::ClaimedByOther { .. })));
    world.clock.advance(Span::from_secs(301));
    let other =
        world.engine.claim(&other_reviewer(), "", escalation.id, ClaimStep::Claim(None)).await;
    assert_eq!(other.unwrap().value.escalation.claim.map(|claim| claim.epoch), Some(2));
}

#[tokio::test]
async fn a_stale_epoch_never_decides() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    claim(&world, escalation.id).await;
    world.clock.advance(Span::from_secs(301));
    let again = claim(&world, escalation.id).await.value.escalation;
    for epoch in [0, 1, 3] {
        let mut command = resolution(&again, Verb::Approve);
        command.claim_epoch = epoch;
        let refused = world.engine.resolve(&reviewer(), command).await;
        assert!(matches!(refused, Err(Error::ClaimLost { epoch: 2, .. })), "{epoch} {refused:?}");
    }
    let mut command = resolution(&again, Verb::Approve);
    command.claim_epoch = 2;
    world.engine.resolve(&reviewer(), command).await.unwrap();
}

#[tokio::test]
async fn a_released_escalation_keeps_its_epoch_and_can_be_claimed_at_once() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    claim(&world, escalation.id).await;
    let step = ClaimStep::Release { epoch: 1 };
    world.engine.claim(&reviewer(), "", escalation.id, step).await.unwrap();
    let renewed = ClaimStep::Renew { epoch: 1, lease: None };
    let refused = world.engine.claim(&reviewer(), "", escalation.id, renewed).await;
    assert!(matches!(refused, Err(Error::ClaimLost { .. })));
    let other =
        world.engine.claim(&other_reviewer(), "", escalation.id, ClaimStep::Claim(None)).await;
    assert_eq!(other.unwrap().value.escalation.claim.map(|claim| claim.epoch), Some(2));
}

#[tokio::test]
async fn a_lease_out_of_bounds_is_refused() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    for seconds in [0, 9, 1_801, -5] {
        let step = ClaimStep::Claim(Some(Span::from_secs(seconds)));
        let refused = world.engine.claim(&reviewer(), "", escalation.id, step).await;
        assert!(matches!(refused, Err(Error::InvalidField { ref field, .. }) if field == "lease"));
    }
}

async fn claim(
    world: &World,
    id: crate::domain::ids::EscalationId,
) -> crate::engine::Answer<crate::engine::views::EscalationView> {
    world.engine.claim(&reviewer(), "", id, ClaimStep::Claim(None)).await.unwrap()
}
