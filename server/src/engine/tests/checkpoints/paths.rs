//! Going back: by a supervisor, by an agent, when nobody answers, and after a change of
//! mind.

use serde_json::json;

use super::{mark, save, saved};
use crate::domain::action::ActionState;
use crate::domain::branch::BranchCause;
use crate::domain::error::{Error, OverrideError, PathError};
use crate::domain::escalation::{Escalation, EscalationState, ResumeMode};
use crate::domain::event::EventKind;
use crate::domain::ids::{CheckpointId, RunId};
use crate::domain::overrides::{OverrideKind, OverrideScope};
use crate::domain::policy::OnExpiry;
use crate::domain::principal::{Principal, Role};
use crate::domain::reversion::ReversionState;
use crate::domain::time::Span;
use crate::engine::branches::{BranchRun, RollBackRun};
use crate::engine::propose::Propose;
use crate::engine::resumptions::ClaimResumptions;
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::tests::overrides::overriding;
use crate::engine::tests::world::*;
use crate::engine::views::ResumptionView;

const DESK: &str = r#"
version: 1
default: allow
tools:
  pay: {compensation: refund}
  refund: {}
  note: {irreversibility: low}
  mail: {irreversibility: high}
  look: {write: false}
rules:
  - id: large
    tools: [pay]
    when: args.amount > 500
    effect: escalate
    on_expiry: rollback
    expire: 1h
    due: 30m
    reason: Large ones need a person.
"#;

async fn desk() -> World {
    World::new().await.reopened(DESK, false).await
}

fn supervisor() -> Principal {
    principal("sue", &[Role::Supervisor])
}

fn back_to(run: RunId, checkpoint: Option<CheckpointId>) -> RollBackRun {
    RollBackRun {
        request_id: String::new(),
        run,
        branch: 0,
        checkpoint,
        reason: "it misread the form".to_owned(),
        instruction: "read the form again".to_owned(),
        compensates: false,
        expected_effects: None,
        is_trial: false,
    }
}

/// Proposes something that is allowed, and runs it.
async fn done(world: &World, run: RunId, branch: u32, tool: &str) -> crate::domain::ids::ActionId {
    let command = Propose { branch, ..proposal(run, tool, &json!({"amount": 5})) };
    let action = world.engine.propose(&agent(), command).await.unwrap().value.action;
    world.redeem(action.id).await.unwrap();
    world.report(action.id).await.unwrap();
    world.clock.advance(Span::from_secs(1));
    action.id
}

async fn point(world: &World, run: RunId, state: &[u8]) -> CheckpointId {
    world.clock.advance(Span::from_secs(1));
    let id = saved(world, run, state).await.checkpoint.id;
    world.clock.advance(Span::from_secs(1));
    id
}

async fn ask(world: &World, run: RunId) -> Escalation {
    let arguments = json!({"amount": 600});
    let mode = ResumeMode::Detached;
    let command = Propose { resume_mode: mode, ..proposal(run, "pay", &arguments) };
    world.engine.propose(&agent(), command).await.unwrap().value.escalation.unwrap()
}

async fn claim(world: &World) -> Vec<ResumptionView> {
    let command = ClaimResumptions { max_items: 10, ..ClaimResumptions::default() };
    world.engine.claim_resumptions(&agent(), command).await.unwrap().value
}

#[tokio::test]
async fn a_supervisor_sees_what_stays_behind_before_and_after() {
    let world = desk().await;
    let run = world.run().await;
    done(&world, run, 0, "mail").await;
    let start = point(&world, run, b"{}").await;
    for tool in ["pay", "note", "mail", "look", "unheard_of"] {
        done(&world, run, 0, tool).await;
    }
    let trial = RollBackRun { is_trial: true, ..back_to(run, Some(start)) };
    let shown = world.engine.roll_back_run(&supervisor(), trial).await.unwrap().value;
    assert!(shown.branch.is_none());
    let classes =
        shown.effects.iter().map(|it| (it.effect.action.tool.as_str(), it.effect.undoing));
    let classes: Vec<_> = classes.map(|(tool, class)| (tool, class.unwrap().name())).collect();
    let want = [
        ("unheard_of", "irreversible"),
        ("mail", "irreversible"),
        ("note", "reversible"),
        ("pay", "compensatable"),
    ];
    assert_eq!(classes, want);
    assert_eq!(world.engine.get_run(&agent(), run).await.unwrap().run.branch, 0);
    let expected_effects = Some(shown.counts.total());
    let wrong = RollBackRun { expected_effects: Some(3), ..back_to(run, Some(start)) };
    let refused = world.engine.roll_back_run(&supervisor(), wrong).await;
    assert!(matches!(refused, Err(Error::Path(PathError::EffectsChanged { actual: 4, .. }))));
    let command = RollBackRun { expected_effects, ..back_to(run, Some(start)) };
    let back = world.engine.roll_back_run(&supervisor(), command).await.unwrap().value;
    let branch = back.branch.unwrap();
    assert_eq!((branch.branch.number, branch.branch.cause), (1, BranchCause::Rollback));
    assert_eq!(branch.reason, "it misread the form");
    assert_eq!(branch.branch.effects, shown.counts);
    let again = world.engine.roll_back_run(&supervisor(), back_to(run, Some(start))).await;
    assert!(matches!(again, Err(Error::Path(PathError::BranchAbandoned { current: 1, .. }))));
    let to_agent = world.engine.get_branch(&agent(), run, 0).await.unwrap();
    assert_eq!(
        (to_agent.instruction.as_str(), to_agent.reason.as_str()),
        ("read the form again", "")
    );
}

#[tokio::test]
async fn counter_actions_are_asked_for_once() {
    let world = desk().await;
    let run = world.run().await;
    let start = point(&world, run, b"{}").await;
    let paid = done(&world, run, 0, "pay").await;
    let command =
        RollBackRun { request_id: request_id(7), compensates: true, ..back_to(run, Some(start)) };
    let back = world.engine.roll_back_run(&supervisor(), command.clone()).await.unwrap().value;
    assert_eq!(back.compensations, [(paid, None)]);
    let reversion = world.action(paid).await.reversion.unwrap();
    assert_eq!(reversion.state, ReversionState::Compensating);
    let again = world.engine.roll_back_run(&supervisor(), command).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(world.events(EventKind::CompensationAsked).await, 1);
    // The counter-action runs, although it belongs to no path.
    let counter = claim(&world).await.remove(0).action.unwrap().action;
    world.redeem(counter.id).await.unwrap();
}

#[tokio::test]
async fn without_a_name_it_goes_to_the_newest_good_one_on_the_runs_path() {
    let world = desk().await;
    let run = world.run().await;
    let none = world.engine.roll_back_run(&supervisor(), back_to(run, None)).await;
    assert!(matches!(none, Err(Error::Path(PathError::NoGoodCheckpoint { .. }))), "{none:?}");
    let good = point(&world, run, b"good").await;
    let later = point(&world, run, b"later").await;
    mark(&world, good, true).await;
    world.engine.roll_back_run(&supervisor(), back_to(run, None)).await.unwrap();
    // One that was saved later, on the path that was left, is on the run's path no more.
    mark(&world, later, true).await;
    let command = RollBackRun { branch: 1, ..back_to(run, None) };
    let back = world.engine.roll_back_run(&supervisor(), command).await.unwrap().value;
    assert_eq!(back.checkpoint.checkpoint.id, good);
    // What is saved on the new path goes on behind it.
    let next = world.engine.save_checkpoint(&agent(), save(run, 2, b"new")).await.unwrap().value;
    assert_eq!((next.checkpoint.parent, next.checkpoint.branch), (Some(good), 2));
}

#[tokio::test]
async fn nobody_answers_and_the_run_goes_back() {
    let world = desk().await;
    let run = world.run().await;
    let good = point(&world, run, b"good").await;
    mark(&world, good, true).await;
    let question = ask(&world, run).await;
    world.clock.advance(Span::from_secs(1));
    let other = ask(&world, run).await;
    world.clock.advance(Span::from_secs(1));
    world.pass(Span::from_secs(3_598)).await;
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Expired);
    let branch = world.engine.get_branch(&reviewer(), run, 0).await.unwrap().branch;
    assert_eq!((branch.cause, branch.checkpoint), (BranchCause::Expiry, Some(good)));
    assert_eq!(branch.escalation, Some(question.id));
    assert_eq!(world.events(EventKind::RunBranched).await, 1, "the other question went with it");
    assert_eq!(world.escalation(other.id).await.state, EscalationState::Cancelled);
    let told = claim(&world).await;
    let first = told.iter().find(|it| it.escalation.id == question.id).unwrap();
    assert_eq!(first.escalation.on_expiry, OnExpiry::Rollback);
    assert_eq!(first.branch.as_ref().unwrap().branch.checkpoint, Some(good));
}

#[tokio::test]
async fn nobody_answers_and_nothing_is_known_to_be_good() {
    let world = desk().await;
    let run = world.run().await;
    point(&world, run, b"unmarked").await;
    let question = ask(&world, run).await;
    world.pass(Span::from_secs(3_600)).await;
    let expired = world.escalation(question.id).await;
    assert_eq!((expired.state, expired.on_expiry), (EscalationState::Expired, OnExpiry::Cancel));
    assert_eq!(world.events(EventKind::RunNotRolledBack).await, 1);
    assert_eq!(world.engine.get_run(&agent(), run).await.unwrap().run.branch, 0);
    let action = world.action(question.action.unwrap()).await;
    assert_eq!(action.state, ActionState::Cancelled);
}

#[tokio::test]
async fn a_change_of_mind_takes_the_run_back_where_it_is_asked_to() {
    let world = desk().await;
    let run = world.run().await;
    let good = point(&world, run, b"good").await;
    let question = ask(&world, run).await;
    world.clock.advance(Span::from_secs(1));
    let later = point(&world, run, b"later").await;
    mark(&world, later, true).await;
    let resolved = world.approve(&question).await;
    let revert = |etag: String| Reverse {
        request_id: String::new(),
        what: Reversed::Resolution { escalation: question.id, etag, rolls_back: true },
        reason: "the invoice was paid before".to_owned(),
    };
    let none = world.engine.reverse(&reviewer(), revert(resolved.etag())).await;
    assert!(matches!(none, Err(Error::Path(PathError::NoGoodCheckpoint { .. }))), "{none:?}");
    assert_eq!(world.action(question.action.unwrap()).await.state, ActionState::Granted);
    mark(&world, good, true).await;
    world.engine.reverse(&reviewer(), revert(resolved.etag())).await.unwrap();
    assert_eq!(world.action(question.action.unwrap()).await.state, ActionState::Cancelled);
    assert_eq!(world.events(EventKind::GrantRevoked).await, 1);
    let branch = world.engine.get_branch(&reviewer(), run, 0).await.unwrap().branch;
    assert_eq!((branch.cause, branch.checkpoint), (BranchCause::Revert, Some(good)));
}

#[tokio::test]
async fn two_paths_are_put_side_by_side() {
    let world = desk().await;
    let run = world.run().await;
    done(&world, run, 0, "note").await;
    let fork = point(&world, run, b"fork").await;
    done(&world, run, 0, "mail").await;
    let branch = BranchRun {
        request_id: String::new(),
        run,
        branch: 0,
        checkpoint: fork,
        reason: "another way".to_owned(),
    };
    let made = world.engine.branch_run(&agent(), branch.clone()).await.unwrap().value;
    assert_eq!(made.branch.acknowledge_time, Some(made.branch.create_time));
    world.clock.advance(Span::from_secs(1));
    done(&world, run, 1, "pay").await;
    done(&world, run, 1, "look").await;
    let found = world.engine.compare_branches(&reviewer(), run, (0, 1)).await.unwrap();
    assert_eq!(found.common_branch, 0);
    assert_eq!(found.common_checkpoint.unwrap().checkpoint.id, fork);
    let tools = |path: &crate::engine::branches::PathView| {
        path.steps.iter().map(|it| it.effect.action.tool.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (tools(&found.left), tools(&found.right)),
        (vec!["mail".to_owned()], vec!["pay".to_owned(), "look".to_owned()],)
    );
    assert_eq!((found.left.counts.irreversible, found.right.counts.compensatable), (1, 1));
    let unknown = world.engine.compare_branches(&reviewer(), run, (0, 2)).await;
    assert!(matches!(unknown, Err(Error::Path(PathError::BranchUnknown { .. }))));
    let mallory = principal("mallory", &[Role::Agent]);
    let stranger = world.engine.branch_run(&mallory, BranchRun { branch: 1, ..branch }).await;
    assert!(matches!(stranger, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_resumption_says_that_the_policy_of_today_stops_it() {
    let world = desk().await;
    let run = world.run().await;
    let question = ask(&world, run).await;
    world.approve(&question).await;
    let stricter = DESK.to_owned()
        + "  - id: never\n    tools: [pay]\n    when: args.amount > 550\n    effect: deny\n    \
           reason: Nobody pays that much.\n";
    let world = world.reopened(&stricter, false).await;
    let blocked = claim(&world).await.remove(0).blocked.unwrap();
    assert_eq!(
        (blocked.rule.as_str(), blocked.reason.as_str()),
        ("never", "Nobody pays that much.")
    );
    let refused = world.redeem(question.action.unwrap()).await;
    assert!(matches!(refused, Err(Error::DeniedByPolicy { .. })), "{refused:?}");
}

async fn hold(world: &World, run: RunId, kind: OverrideKind) {
    let command = overriding(kind, OverrideScope::Run(run));
    world.engine.request_override(&supervisor(), command).await.unwrap();
}

#[tokio::test]
async fn a_paused_run_is_taken_back_by_people_alone_and_a_stopped_one_by_nobody() {
    let world = desk().await;
    let run = world.run().await;
    let start = point(&world, run, b"{}").await;
    hold(&world, run, OverrideKind::PauseNow).await;
    let branch = BranchRun {
        request_id: String::new(),
        run,
        branch: 0,
        checkpoint: start,
        reason: String::new(),
    };
    let own = world.engine.branch_run(&agent(), branch).await;
    assert!(matches!(own, Err(Error::Override(OverrideError::RunPaused { .. }))), "{own:?}");
    saved(&world, run, b"where it paused").await;
    world.engine.roll_back_run(&supervisor(), back_to(run, Some(start))).await.unwrap();
    hold(&world, run, OverrideKind::Stop).await;
    let command = RollBackRun { branch: 1, ..back_to(run, Some(start)) };
    let refused = world.engine.roll_back_run(&supervisor(), command).await;
    assert!(
        matches!(refused, Err(Error::Override(OverrideError::RunStopped { .. }))),
        "{refused:?}"
    );
}
