//! A run that is told to go on otherwise does so, on a branch of its own, or not at all.

use serde_json::json;

use super::*;
use crate::domain::action::ActionState;
use crate::domain::error::PathError;
use crate::domain::escalation::{Escalation, EscalationState, Question};
use crate::domain::overrides::{Closing, MAX_TOOLS, Redirect};
use crate::engine::propose::Propose;
use crate::engine::resolve::Verb;
use crate::engine::tests::queue::put;

const TEAMS: &str = r#"
version: 1
friction: off
teams:
  fraud: {members: [alice]}
"#;

fn close(tool: &str, instead: &str) -> Redirect {
    let closing = Closing { tool: tool.to_owned(), instead: instead.to_owned() };
    Redirect { close: vec![closing], ..Redirect::default() }
}

fn to_team() -> Redirect {
    let instruction = "leave the payment to the fraud team".to_owned();
    Redirect { instruction, team: "fraud".to_owned(), ..Redirect::default() }
}

impl World {
    async fn redirect(&self, run: RunId, redirect: Redirect) -> Result<OverrideView, Error> {
        let command = RequestOverride {
            redirect: Some(redirect),
            ..overriding(OverrideKind::Redirect, OverrideScope::Run(run))
        };
        Ok(self.engine.request_override(&sam(), command).await?.value)
    }

    async fn try_on(&self, run: RunId, branch: u32, tool: &str) -> Result<(), Error> {
        let command = Propose { branch, ..proposal(run, tool, &json!({"name": "Anna"})) };
        self.engine.propose(&agent(), command).await.map(|_| ())
    }

    /// The card of the team.
    async fn card(&self) -> Option<Escalation> {
        let open = self.open_questions().await;
        open.into_iter().find(|it| it.question == Question::RunRedirected)
    }
}

fn reject() -> Verb {
    Verb::Reject { reason_code: "not_now".to_owned() }
}

fn is_closed(result: &Result<(), Error>, instead_of: &str) -> bool {
    matches!(
        result,
        Err(Error::Override(OverrideError::ToolClosed { instead, held, .. }))
            if instead == instead_of && held.why == "it pays twice"
    )
}

#[tokio::test]
async fn a_closed_tool_stays_closed_to_the_run_and_those_below_until_it_is_opened() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let below = world.child(run).await;
    let told = world.redirect(run, close("look*", "find")).await.unwrap();
    assert_eq!(told.it.branch, Some(1));
    let left = world.try_on(run, 0, "lookup").await;
    let Err(Error::Path(PathError::BranchAbandoned { instruction, by, .. })) = left else {
        panic!("{left:?}");
    };
    assert_eq!((&*instruction, &*by), ("Do not call look*, use find instead.", "sam"));
    assert!(is_closed(&world.try_on(run, 1, "lookup").await, "find"));
    assert!(is_closed(&world.try_on(below, 0, "lookup").await, "find"));
    world.try_on(run, 1, "find").await.unwrap();

    // What one redirect says of a tool counts in place of what a former one said.
    world.redirect(run, close("look*", "")).await.unwrap();
    assert!(is_closed(&world.try_on(run, 2, "lookup").await, ""));
    let open = Redirect { open: vec!["look*".to_owned()], ..Redirect::default() };
    world.redirect(run, open).await.unwrap();
    world.try_on(run, 3, "lookup").await.unwrap();
    world.try_on(below, 0, "lookup").await.unwrap();
}

#[tokio::test]
async fn what_was_granted_on_the_former_path_is_revoked_and_going_on_answers_the_redirect() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let granted = world.propose(run, "refund", json!({"amount": 20})).await.action;
    let redemption = world.redemption(granted.id).await;
    let instruction = "refund nothing today".to_owned();
    let told = world.redirect(run, Redirect { instruction, ..Redirect::default() }).await.unwrap();
    assert_eq!(told.state, OverrideState::Requested);
    assert_eq!(world.action(granted.id).await.state, ActionState::Cancelled);
    let late = world.engine.redeem(&agent(), redemption).await.unwrap_err();
    assert!(matches!(late, Error::Path(PathError::BranchAbandoned { .. })), "{late:?}");

    let received = world.engine.receive_overrides(&agent(), run, None).await.unwrap();
    assert_eq!(received[0].redirect.as_ref().unwrap().instruction, "refund nothing today");
    assert_eq!(received[0].it.branch, Some(1));
    world.try_on(run, 1, "lookup").await.unwrap();
    assert_eq!(world.overriding(told.it.id).await.state, OverrideState::Effective);
    assert!(world.engine.receive_overrides(&agent(), run, None).await.unwrap().is_empty());
    assert_eq!(world.state_of(run).await, (RunState::Running, None));
}

#[tokio::test]
async fn a_run_that_goes_to_a_team_waits_for_its_yes() {
    let world = World::new().await.at_rest();
    put(&world, TEAMS).await.unwrap();
    let run = world.run().await;
    let told = world.redirect(run, to_team()).await.unwrap();
    let card = world.card().await.unwrap();
    assert_eq!(told.it.question, Some(card.id));
    assert_eq!(card.plan.as_ref().unwrap().teams, ["fraud"]);
    assert_eq!(world.state_of(run).await, (RunState::Paused, Some(told.it.id)));
    assert!(is_paused(&world.try_on(run, 1, "lookup").await));

    world.approve(&card).await;
    assert_eq!(world.state_of(run).await, (RunState::Running, None));
    world.try_on(run, 1, "lookup").await.unwrap();
    // The agent is told of both: what to do otherwise, and that it may.
    let received = world.engine.receive_overrides(&agent(), run, None).await.unwrap();
    let kinds: Vec<_> = received.iter().map(|it| it.it.kind).collect();
    assert_eq!(kinds, [OverrideKind::Resume]);
    assert_eq!(world.overriding(told.it.id).await.state, OverrideState::Effective);
}

#[tokio::test]
async fn a_no_of_the_team_and_silence_leave_it_to_a_supervisor() {
    let world = World::new().await.at_rest();
    put(&world, TEAMS).await.unwrap();
    let run = world.run().await;
    world.redirect(run, to_team()).await.unwrap();
    let card = world.card().await.unwrap();
    world.resolve(&card, reject()).await.unwrap();
    assert!(is_paused(&world.try_on(run, 1, "lookup").await));

    let again = world.redirect(run, to_team()).await.unwrap();
    let card = world.card().await.unwrap();
    assert_eq!(again.it.question, Some(card.id));
    world.request(OverrideKind::Resume, OverrideScope::Run(run)).await.unwrap();
    world.try_on(run, 2, "lookup").await.unwrap();
    assert_eq!(world.escalation(card.id).await.state, EscalationState::Cancelled);
    assert_eq!(world.events(EventKind::EscalationCancelled).await, 1);
}

#[tokio::test]
async fn a_redirect_that_means_nothing_is_refused_and_changes_nothing() {
    let world = World::new().await.at_rest();
    put(&world, TEAMS).await.unwrap();
    let run = world.run().await;
    let field = |result: Result<OverrideView, Error>| match result {
        Err(Error::InvalidField { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(world.redirect(run, Redirect::default()).await), "redirect");
    let nobody = Redirect { team: "nobody".to_owned(), ..Redirect::default() };
    assert_eq!(field(world.redirect(run, nobody).await), "redirect.team");
    let closing = Closing { tool: "x".to_owned(), instead: String::new() };
    let many = Redirect { close: vec![closing; MAX_TOOLS + 1], ..Redirect::default() };
    assert_eq!(field(world.redirect(run, many).await), "redirect");
    let bare = world.request(OverrideKind::Redirect, OverrideScope::Run(run)).await;
    assert_eq!(field(bare), "redirect");
    let wide = RequestOverride {
        redirect: Some(close("x", "")),
        ..overriding(OverrideKind::Redirect, OverrideScope::Fleet)
    };
    let wide = world.engine.request_override(&sam(), wide).await;
    assert_eq!(field(wide.map(|answer| answer.value)), "scope");
    world.try_on(run, 0, "lookup").await.unwrap();

    world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    let late = world.redirect(run, close("x", "")).await;
    assert!(matches!(late, Err(Error::Override(OverrideError::RunStopped { .. }))), "{late:?}");
}
