//! Answers reach their agent, or any worker, and nobody else.

use bytes::Bytes;

use super::world::*;
use crate::domain::checkpoint::CheckpointContent;
use crate::domain::error::Error;
use crate::domain::escalation::ResumeMode;
use crate::domain::principal::Role;
use crate::domain::time::Span;
use crate::engine::await_resolutions::{AwaitEvent, Scope};
use crate::engine::resolve::Verb;
use crate::engine::resumptions::ClaimResumptions;

#[tokio::test]
async fn an_answer_that_comes_first_is_kept() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    world.approve(&escalation).await;
    let world = world.restarted().await;
    let scope = Scope::Wait { escalation: escalation.id, wait: escalation.wait };
    let mut waiting = world.engine.await_resolutions(&agent(), scope, None).await.unwrap();
    let Some(AwaitEvent::Resumption(answer)) = waiting.next().await.unwrap() else { panic!() };
    assert!(answer.is_held);
    assert_eq!(answer.action.unwrap().action.id, escalation.action.unwrap());
    assert_eq!(waiting.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_waiting_agent_is_told_at_once() {
    let world = World::new().await;
    let run = world.run().await;
    for scope in [None, Some(Scope::Run(run)), Some(Scope::Agent)] {
        let escalation = world.escalate(run).await;
        let wait = Scope::Wait { escalation: escalation.id, wait: escalation.wait };
        let scope = scope.unwrap_or(wait);
        let mut waiting = world.engine.await_resolutions(&agent(), scope, None).await.unwrap();
        if scope != wait {
            assert!(matches!(
                waiting.next().await.unwrap(),
                Some(AwaitEvent::SnapshotEnd { count: 0, .. })
            ));
        }
        let engine = world.engine.clone();
        let approve = resolution(&escalation, Verb::Approve);
        let resolving =
            tokio::spawn(async move { engine.resolve(&reviewer(), approve).await.unwrap() });
        let Some(AwaitEvent::Resumption(answer)) = waiting.next().await.unwrap() else { panic!() };
        assert_eq!(answer.escalation.id, escalation.id);
        resolving.await.unwrap();
        world.redeem(escalation.action.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_wait_has_its_own_id() {
    let world = World::new().await;
    let run = world.run().await;
    let (first, second) = (world.escalate(run).await, world.escalate(run).await);
    let scope = Scope::Wait { escalation: first.id, wait: second.wait };
    let refused = world.engine.await_resolutions(&agent(), scope, None).await;
    assert!(matches!(refused.err(), Some(Error::NotFound { .. })));
    let mallory = principal("mallory", &[Role::Agent]);
    let scope = Scope::Wait { escalation: first.id, wait: first.wait };
    let refused = world.engine.await_resolutions(&mallory, scope, None).await;
    assert!(matches!(refused.err(), Some(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_worker_resumes_from_the_checkpoint_and_the_lease_is_fenced() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = proposal(run, "refund", &serde_json::json!({"amount": 600, "to": "A"}));
    command.resume_mode = ResumeMode::Detached;
    command.checkpoint = Some(CheckpointContent {
        schema_version: "test/1".to_owned(),
        credentials: Vec::new(),
        state: b"where I was".to_vec(),
        ..CheckpointContent::default()
    });
    let escalation =
        world.engine.propose(&agent(), command).await.unwrap().value.escalation.unwrap();
    world.approve(&escalation).await;
    // Nobody holds it yet: the dormant grant serves nobody.
    assert!(matches!(
        world.redeem(escalation.action.unwrap()).await,
        Err(Error::ResumptionLost { .. })
    ));
    let first = claim_one(&world).await;
    let checkpoint = first.resumption.checkpoint.unwrap();
    let content = world.engine.get_checkpoint(&agent(), checkpoint).await.unwrap().content;
    assert_eq!(content.state, b"where I was");
    let hidden = world.engine.get_checkpoint(&reviewer(), checkpoint).await.unwrap().content;
    assert_eq!(hidden.state, b"");
    let first_grant = world.redemption(escalation.action.unwrap()).await;
    world.clock.advance(Span::from_secs(60));
    let second = claim_one(&world).await;
    assert_eq!((first.resumption.epoch, second.resumption.epoch), (1, 2));
    let refused = world.engine.redeem(&agent(), first_grant).await;
    assert!(matches!(refused, Err(Error::GrantRevoked { .. })));
    let late = world.engine.acknowledge_resumption(&agent(), "", escalation.id, 1).await;
    assert!(matches!(late, Err(Error::ResumptionLost { epoch: 2, .. })));
    world.redeem(escalation.action.unwrap()).await.unwrap();
    let none = world.engine.claim_resumptions(&agent(), ClaimResumptions::default()).await.unwrap();
    assert_eq!(none.value, []);
}

#[tokio::test]
async fn a_worker_takes_over_from_an_agent_that_vanished() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    world.approve(&escalation).await;
    let none = world.engine.claim_resumptions(&agent(), ClaimResumptions::default()).await.unwrap();
    assert_eq!(none.value, []);
    world.clock.advance(Span::from_secs(300));
    assert!(matches!(
        world.redeem(escalation.action.unwrap()).await,
        Err(Error::GrantExpired { .. })
    ));
    claim_one(&world).await;
    world.redeem(escalation.action.unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_approval_is_not_valid_for_ever() {
    let world = World::new().await;
    let escalation = world.escalate_detached(world.run().await).await;
    world.approve(&escalation).await;
    world.clock.advance(Span::from_secs(24 * 60 * 60));
    claim_one(&world).await;
    let refused = world.redeem(escalation.action.unwrap()).await;
    assert!(
        matches!(refused, Err(Error::GrantExpired { .. } | Error::ResumptionLost { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_worker_waits_for_the_first_resumption() {
    let world = World::new().await;
    let run = world.run().await;
    let escalation = world.escalate_detached(run).await;
    let engine = world.engine.clone();
    let waiting = tokio::spawn(async move {
        let command = ClaimResumptions { wait: Some(Span::from_secs(30)), ..Default::default() };
        engine.claim_resumptions(&agent(), command).await.unwrap().value
    });
    tokio::task::yield_now().await;
    let response = Bytes::from_static(b"no need");
    world.resolve(&escalation, Verb::Respond { response }).await.unwrap();
    let claimed = waiting.await.unwrap();
    assert_eq!(claimed[0].resolution.as_ref().unwrap().response, b"no need");
    world.engine.acknowledge_resumption(&agent(), "", escalation.id, 1).await.unwrap();
    let again = world.engine.acknowledge_resumption(&agent(), "", escalation.id, 1).await;
    assert!(matches!(again, Err(Error::ResumptionClosed { .. })));
}

async fn claim_one(world: &World) -> crate::engine::views::ResumptionView {
    let answer =
        world.engine.claim_resumptions(&agent(), ClaimResumptions::default()).await.unwrap();
    assert_eq!(answer.value.len(), 1);
    answer.value[0].clone()
}
