//! A run changes its path: nothing of the former one runs any more.

use serde_json::json;
use uuid::Uuid;

use super::world::*;
use crate::domain::action::ActionState;
use crate::domain::branch::{Branch, BranchCause};
use crate::domain::checkpoint::CheckpointContent;
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, PathError};
use crate::domain::escalation::EscalationState;
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, CheckpointId, RunId};
use crate::domain::run::Run;
use crate::domain::time::Span;
use crate::engine::branches::{NewBranch, start};
use crate::engine::operation::{Operation, Tx};
use crate::engine::propose::{Propose, Proposed};
use crate::engine::resolve::Verb;
use crate::engine::{Answer, Authorized, Engine};
use crate::store::keys;

/// Changes the path of a run, as those do that change it for a reason of their own.
struct Change {
    run: RunId,
    checkpoint: Option<CheckpointId>,
}

impl Operation for Change {
    type Output = Branch;
    const METHOD: &'static str = "test";

    fn fingerprint(&self, _: &mut FieldHasher) {}

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Branch, Vec<Uuid>), Error> {
        let found = tx.get::<Run>(keys::run(tx.tenant(), self.run)).await?;
        let mut run = found.ok_or_else(|| Error::field("run", "missing"))?;
        let instruction = Some(tx.bytes("ask the fraud team".into(), None)?);
        let checkpoint = self.checkpoint;
        let because = NewBranch::because(BranchCause::Override);
        let request = NewBranch { checkpoint, instruction, ..because };
        Ok((start(tx, &mut run, request).await?, Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<Branch, Error> {
        Err(Error::field("request_id", "not kept"))
    }
}

async fn change(
    world: &World,
    run: RunId,
    checkpoint: Option<CheckpointId>,
) -> Result<Answer<Branch>, Error> {
    let by = Authorized::system("default", "test");
    world.engine.transact(&by, "", &Change { run, checkpoint }).await
}

async fn propose_on(world: &World, run: RunId, branch: u32) -> Result<Proposed, Error> {
    let command = Propose { branch, ..proposal(run, "lookup", &json!({"a": 1})) };
    world.engine.propose(&agent(), command).await.map(|answer| answer.value)
}

fn is_left<T>(result: &Result<T, Error>, branch: u32) -> bool {
    let Err(Error::Path(PathError::BranchAbandoned { current, instruction, .. })) = result else {
        return false;
    };
    *current == branch && instruction == "ask the fraud team"
}

/// A refund that waits for a person, with a checkpoint.
async fn saved(world: &World, run: RunId) -> (crate::domain::escalation::Escalation, CheckpointId) {
    let mut command = proposal(run, "refund", &json!({"amount": 600}));
    command.checkpoint = Some(CheckpointContent { state: b"state".to_vec(), ..Default::default() });
    let proposed = world.engine.propose(&agent(), command).await.unwrap().value;
    let question = proposed.escalation.unwrap();
    let checkpoint = question.checkpoint.unwrap();
    (question, checkpoint)
}

async fn stored(world: &World, run: RunId, number: u32) -> Branch {
    world.engine.read(&keys::branch("default", run, number)).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_agent_that_was_not_told_proposes_nothing_more() {
    let world = World::new().await;
    let run = world.run().await;
    propose_on(&world, run, 0).await.unwrap();
    change(&world, run, None).await.unwrap();
    let stale = propose_on(&world, run, 0).await;
    assert!(is_left(&stale, 1), "{stale:?}");
    let unknown = propose_on(&world, run, 2).await;
    assert!(
        matches!(unknown, Err(Error::Path(PathError::BranchUnknown { current: 1, .. }))),
        "{unknown:?}"
    );
    assert_eq!(stored(&world, run, 1).await.acknowledge_time, None);
    let on = propose_on(&world, run, 1).await.unwrap();
    assert_eq!(on.action.branch, 1);
    assert_eq!(stored(&world, run, 1).await.acknowledge_time, Some(START));
    propose_on(&world, run, 1).await.unwrap();
    assert_eq!(world.events(EventKind::BranchAcknowledged).await, 1);
    assert_eq!(world.engine.get_run(&agent(), run).await.unwrap().run.branch, 1);
}

#[tokio::test]
async fn what_was_permitted_on_the_former_path_never_runs() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let allowed = propose_on(&world, run, 0).await.unwrap().action;
    let question = world.escalate(run).await;
    world.approve(&question).await;
    let approved = question.action.unwrap();
    let redemptions = [world.redemption(allowed.id).await, world.redemption(approved).await];
    change(&world, run, None).await.unwrap();
    for redemption in redemptions {
        let refused = world.engine.redeem(&agent(), redemption).await;
        assert!(is_left(&refused, 1), "{refused:?}");
    }
    for id in [allowed.id, approved] {
        let action = world.action(id).await;
        assert_eq!((action.state, action.grant), (ActionState::Cancelled, None));
    }
    assert_eq!(world.events(EventKind::GrantRevoked).await, 2);
}

#[tokio::test]
async fn open_questions_are_withdrawn_and_new_ones_stay() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let before = world.escalate(run).await;
    change(&world, run, None).await.unwrap();
    assert_eq!(world.escalation(before.id).await.state, EscalationState::Cancelled);
    assert_eq!(world.action(before.action.unwrap()).await.state, ActionState::Cancelled);
    let command = Propose { branch: 1, ..proposal(run, "refund", &json!({"amount": 600})) };
    let after = world.engine.propose(&agent(), command).await.unwrap().value.escalation.unwrap();
    world.pass(Span::from_secs(1)).await;
    assert_eq!(world.escalation(after.id).await.state, EscalationState::Open);
    assert!(stored(&world, run, 1).await.settle_time.is_some());
    assert_eq!(world.events(EventKind::BranchSettled).await, 1);
}

#[tokio::test]
async fn changing_the_path_never_fails_for_how_much_waits() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let mut granted: Vec<ActionId> = Vec::new();
    for _ in 0..150 {
        world.escalate(run).await;
    }
    for _ in 0..300 {
        granted.push(propose_on(&world, run, 0).await.unwrap().action.id);
    }
    let redemption = world.redemption(granted[0]).await;
    change(&world, run, None).await.unwrap();
    assert!(!world.open_questions().await.is_empty(), "one commit withdraws some of them");
    assert_eq!(world.action(granted[0]).await.state, ActionState::Granted);
    let refused = world.engine.redeem(&agent(), redemption).await;
    assert!(is_left(&refused, 1), "{refused:?}");
    let world = world.restarted().await.at_rest();
    world.pass(Span::from_secs(1)).await;
    assert_eq!(world.open_questions().await, Vec::new());
    for id in granted {
        assert_eq!(world.action(id).await.state, ActionState::Cancelled, "{id}");
    }
}

#[tokio::test]
async fn a_branch_goes_on_from_a_checkpoint_of_its_own_run_and_counts_what_came_after() {
    let world = World::new().await.at_rest();
    let (run, other) = (world.run().await, world.run().await);
    let (_, foreign) = saved(&world, other).await;
    let refused = change(&world, run, Some(foreign)).await;
    assert!(
        matches!(refused, Err(Error::Path(PathError::CheckpointForeign { .. }))),
        "{refused:?}"
    );
    let before = propose_on(&world, run, 0).await.unwrap().action;
    world.redeem(before.id).await.unwrap();
    world.report(before.id).await.unwrap();
    world.clock.advance(Span::from_secs(1));
    let (question, checkpoint) = saved(&world, run).await;
    world.clock.advance(Span::from_secs(1));
    world.approve(&question).await;
    world.redeem(question.action.unwrap()).await.unwrap();
    let branch = change(&world, run, Some(checkpoint)).await.unwrap().value;
    assert_eq!((branch.parent, branch.checkpoint), (0, Some(checkpoint)));
    assert_eq!((branch.effects.total(), branch.effects.unknown), (1, 1));
    world.report(question.action.unwrap()).await.unwrap();
    let again = change(&world, run, Some(checkpoint)).await.unwrap().value;
    assert_eq!((again.number, again.effects.total(), again.effects.unknown), (2, 1, 0));
}

#[tokio::test]
async fn an_answer_given_while_the_path_changes_permits_nothing() {
    for _ in 0..50 {
        let world = World::new().await.at_rest();
        let run = world.run().await;
        let question = world.escalate(run).await;
        let (answered, changed) =
            tokio::join!(world.resolve(&question, Verb::Approve), change(&world, run, None));
        changed.unwrap();
        world.pass(Span::from_secs(1)).await;
        let action = world.action(question.action.unwrap()).await;
        assert_eq!((action.state, action.grant), (ActionState::Cancelled, None), "{answered:?}");
    }
}
