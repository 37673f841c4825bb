//! People's hands on the switch: what each override forbids, for each scope.

mod answering;
mod racing;
mod redirecting;
mod settling;
mod timing;

use serde_json::json;

use super::world::*;
use crate::domain::error::{Error, OverrideError};
use crate::domain::event::EventKind;
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::{AtEnd, OverrideKind, OverrideScope, OverrideState};
use crate::domain::principal::{Principal, Role};
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::overrides::{OverrideView, RequestOverride};
use crate::engine::runs::{FinishRun, StartRun};

fn sam() -> Principal {
    principal("sam", &[Role::Supervisor])
}

fn kim() -> Principal {
    principal("kim", &[Role::Supervisor])
}

fn other_agent() -> Principal {
    principal("billing", &[Role::Agent])
}

pub(super) fn overriding(kind: OverrideKind, scope: OverrideScope) -> RequestOverride {
    RequestOverride {
        request_id: String::new(),
        kind,
        scope,
        reason: "it pays twice".to_owned(),
        ttl: None,
        at_end: AtEnd::Stay,
        run_etag: String::new(),
        redirect: None,
    }
}

impl World {
    async fn request(
        &self,
        kind: OverrideKind,
        scope: OverrideScope,
    ) -> Result<OverrideView, Error> {
        let command = overriding(kind, scope);
        Ok(self.engine.request_override(&sam(), command).await?.value)
    }

    async fn child(&self, parent: RunId) -> RunId {
        self.child_of(&agent(), parent).await.unwrap()
    }

    async fn child_of(&self, by: &Principal, parent: RunId) -> Result<RunId, Error> {
        let command = StartRun { parent: Some(parent), ..StartRun::default() };
        Ok(self.engine.start_run(by, command).await?.value.run.id)
    }

    async fn try_propose(&self, run: RunId) -> Result<(), Error> {
        let command = proposal(run, "lookup", &json!({"name": "Anna"}));
        self.engine.propose(&agent(), command).await.map(|_| ())
    }

    async fn state_of(&self, run: RunId) -> (RunState, Option<OverrideId>) {
        let view = self.engine.get_run(&reviewer(), run).await.unwrap();
        (view.state, view.held_by)
    }

    async fn overriding(&self, id: OverrideId) -> OverrideView {
        self.engine.get_override(&reviewer(), id).await.unwrap()
    }
}

fn is_paused(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Override(OverrideError::RunPaused { .. })))
}

fn is_stopped(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Override(OverrideError::RunStopped { .. })))
}

#[tokio::test]
async fn a_paused_run_does_what_the_pause_lets_it_and_goes_on_after() {
    for (kind, redeems) in [(OverrideKind::PauseAfterStep, true), (OverrideKind::PauseNow, false)] {
        let world = World::new().await;
        let run = world.run().await;
        let granted = world.propose(run, "refund", json!({"amount": 20})).await.action;
        let redemption = world.redemption(granted.id).await;

        let view = world.request(kind, OverrideScope::Run(run)).await.unwrap();
        assert_eq!(view.it.enforced_time, Some(START));
        assert_eq!(world.state_of(run).await, (RunState::Paused, Some(view.it.id)));
        assert!(is_paused(&world.try_propose(run).await));
        assert!(is_paused(&world.child_of(&agent(), run).await.map(|_| ())));
        let redeemed = world.engine.redeem(&agent(), redemption.clone()).await.map(|_| ());
        assert_eq!((redeemed.is_ok(), is_paused(&redeemed)), (redeems, !redeems), "{kind:?}");

        let again = world.request(kind, OverrideScope::Run(run)).await.unwrap();
        assert_eq!(world.overriding(view.it.id).await.state, OverrideState::Superseded);
        world.request(OverrideKind::Resume, OverrideScope::Run(run)).await.unwrap();
        assert!(world.overriding(again.it.id).await.it.end_time.is_some());
        assert_eq!(world.state_of(run).await, (RunState::Running, None));
        world.try_propose(run).await.unwrap();
        if !redeems {
            world.engine.redeem(&agent(), redemption).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_already_running_is_reported_whatever_was_said_since() {
    for kind in [OverrideKind::PauseNow, OverrideKind::Kill] {
        let world = World::new().await;
        let run = world.run().await;
        let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
        world.redeem(action.id).await.unwrap();
        world.request(kind, OverrideScope::Run(run)).await.unwrap();
        world.report(action.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_stop_holds_the_run_and_all_below_it_from_its_own_commit_on() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let child = world.child(run).await;
    let grandchild = world.child(child).await;
    let apart = world.run().await;
    let mut redemptions = Vec::new();
    for run in [run, child, grandchild] {
        let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
        redemptions.push(world.redemption(action.id).await);
    }
    let stopped = world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    assert_eq!(stopped.it.scope, OverrideScope::Tree(run));
    for run in [run, child, grandchild] {
        assert!(is_stopped(&world.try_propose(run).await));
        assert!(is_stopped(&world.child_of(&agent(), run).await.map(|_| ())));
        let finish = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
        assert!(is_stopped(&world.engine.finish_run(&agent(), finish).await.map(|_| ())));
        assert_eq!(world.state_of(run).await, (RunState::Stopped, Some(stopped.it.id)));
    }
    for redemption in redemptions {
        assert!(is_stopped(&world.engine.redeem(&agent(), redemption).await.map(|_| ())));
    }
    world.try_propose(apart).await.unwrap();
}

#[tokio::test]
async fn a_pause_of_one_run_leaves_those_below_alone_and_one_of_a_tree_does_not() {
    let world = World::new().await;
    let run = world.run().await;
    let child = world.child(run).await;
    world.request(OverrideKind::PauseNow, OverrideScope::Run(run)).await.unwrap();
    world.try_propose(child).await.unwrap();
    world.request(OverrideKind::PauseNow, OverrideScope::Tree(run)).await.unwrap();
    assert!(is_paused(&world.try_propose(child).await));
    let refused = world.request(OverrideKind::Resume, OverrideScope::Run(child)).await;
    let Err(Error::Override(OverrideError::NotHeld { by: Some(_), .. })) = refused else {
        panic!("{refused:?}")
    };
    world.request(OverrideKind::Resume, OverrideScope::Tree(run)).await.unwrap();
    world.try_propose(child).await.unwrap();
}

#[tokio::test]
async fn an_agent_or_a_fleet_that_is_stopped_starts_nothing_until_it_is_resumed() {
    let of_agent = OverrideScope::Agent("claims".to_owned());
    for (scope, is_fleet) in [(of_agent, false), (OverrideScope::Fleet, true)] {
        let world = World::new().await;
        let run = world.run().await;
        let other = world.engine.start_run(&other_agent(), StartRun::default()).await.unwrap();
        let stop = world.request(OverrideKind::Stop, scope.clone()).await.unwrap();
        assert!(is_stopped(&world.try_propose(run).await));
        let starts = world.engine.start_run(&agent(), StartRun::default()).await;
        let held = Err(Error::Override(OverrideError::StartsHeld { held: held_by(&starts) }));
        assert_eq!(starts.map(|_| ()), held);
        let state = world.state_of(other.value.run.id).await.0;
        assert_eq!(state == RunState::Stopped, is_fleet);

        let resumed = world.request(OverrideKind::Resume, scope).await.unwrap();
        if is_fleet {
            assert_eq!(resumed.state, OverrideState::Pending);
            assert!(world.engine.start_run(&agent(), StartRun::default()).await.is_err());
            let own = world.engine.confirm_override(&sam(), "", resumed.it.id).await;
            assert!(matches!(own, Err(Error::Override(OverrideError::NeedsSecond { .. }))));
            world.engine.confirm_override(&kim(), "", resumed.it.id).await.unwrap();
        }
        let fresh = world.run().await;
        world.try_propose(fresh).await.unwrap();
        assert!(is_stopped(&world.try_propose(run).await), "it stays stopped");
        assert_eq!(world.overriding(stop.it.id).await.it.ended_by, Some(resumed.it.id));
        assert_eq!(world.state_of(fresh).await, (RunState::Running, None));
    }
}

fn held_by<T: std::fmt::Debug>(result: &Result<T, Error>) -> crate::domain::error::HeldBy {
    match result {
        Err(Error::Override(OverrideError::StartsHeld { held })) => held.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_says_by_whom_and_why() {
    let world = World::new().await;
    let run = world.run().await;
    let stop = world.request(OverrideKind::Kill, OverrideScope::Run(run)).await.unwrap();
    let Err(Error::Override(OverrideError::RunStopped { held, .. })) = world.try_propose(run).await
    else {
        panic!("not stopped")
    };
    assert_eq!((held.id, held.kind, &*held.by), (stop.it.id, "kill", "sam"));
    assert_eq!((held.at, &*held.why), (START, "it pays twice"));
}

#[tokio::test]
async fn what_would_do_nothing_is_refused() {
    let world = World::new().await;
    let run = world.run().await;
    let of_run = OverrideScope::Run(run);
    for scope in [of_run.clone(), OverrideScope::Agent("claims".to_owned())] {
        let refused = world.request(OverrideKind::Resume, scope).await;
        assert!(matches!(refused, Err(Error::Override(OverrideError::NotHeld { by: None, .. }))));
    }
    let finish = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
    world.engine.finish_run(&agent(), finish).await.unwrap();
    for kind in [OverrideKind::PauseNow, OverrideKind::Stop] {
        let refused = world.request(kind, of_run.clone()).await;
        assert!(matches!(refused, Err(Error::RunNotRunning { .. })), "{refused:?}");
    }
    let stopped = world.run().await;
    world.request(OverrideKind::Stop, OverrideScope::Run(stopped)).await.unwrap();
    let refused = world.request(OverrideKind::PauseNow, OverrideScope::Run(stopped)).await;
    assert!(is_stopped(&refused.map(|_| ())));
}

#[tokio::test]
async fn a_stop_reaches_below_a_run_that_has_finished() {
    let world = World::new().await;
    let run = world.run().await;
    let child = world.child(run).await;
    let finish = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
    world.engine.finish_run(&agent(), finish).await.unwrap();
    world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    assert!(is_stopped(&world.try_propose(child).await));
    assert_eq!(world.state_of(run).await, (RunState::Succeeded, None));
}

#[tokio::test]
async fn a_run_that_changed_since_it_was_shown_is_not_overridden_by_etag() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = overriding(OverrideKind::PauseNow, OverrideScope::Run(run));
    command.run_etag = "7".to_owned();
    let refused = world.engine.request_override(&sam(), command.clone()).await;
    assert!(matches!(refused, Err(Error::EtagMismatch { .. })), "{refused:?}");
    command.run_etag = "1".to_owned();
    world.engine.request_override(&sam(), command).await.unwrap();
}

#[tokio::test]
async fn a_request_id_gives_the_same_override_again() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = overriding(OverrideKind::Stop, OverrideScope::Run(run));
    command.request_id = request_id(1);
    let first = world.engine.request_override(&sam(), command.clone()).await.unwrap();
    let again = world.engine.request_override(&sam(), command).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value.it.id, first.value.it.id);
    assert_eq!(world.events(EventKind::OverrideRequested).await, 1);
}

#[tokio::test]
async fn nobody_confirms_in_time_and_nothing_happens() {
    let world = World::new().await.at_rest();
    world.request(OverrideKind::PauseNow, OverrideScope::Fleet).await.unwrap();
    let resumed = world.request(OverrideKind::Resume, OverrideScope::Fleet).await.unwrap();
    world.pass(Span::from_secs(15 * 60)).await;
    assert_eq!(world.overriding(resumed.it.id).await.state, OverrideState::Lapsed);
    let late = world.engine.confirm_override(&kim(), "", resumed.it.id).await;
    assert!(matches!(late, Err(Error::Override(OverrideError::Closed { .. }))), "{late:?}");
    assert!(world.engine.start_run(&agent(), StartRun::default()).await.is_err());
}
