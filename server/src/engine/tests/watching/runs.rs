//! Watches of runs: what there is, what happens to it, and to whom it is told.

use serde_json::json;

use crate::domain::error::Error;
use crate::domain::event::EventKind;
use crate::domain::ids::RunId;
use crate::domain::overrides::{OverrideKind, OverrideScope};
use crate::domain::principal::{Principal, Role};
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::escalations::ClaimStep;
use crate::engine::runs::{FinishRun, StartRun};
use crate::engine::tests::overrides::overriding;
use crate::engine::tests::world::*;
use crate::engine::watch::{
    MAX_BEHIND, RunChange, RunFilter, RunWatch, Watch, WatchEvent, WatchRuns,
};

fn other_agent() -> Principal {
    principal("billing", &[Role::Agent])
}

fn supervisor() -> Principal {
    principal("sam", &[Role::Supervisor])
}

async fn start(world: &World, by: &Principal, parent: Option<RunId>) -> RunId {
    let command = StartRun { parent, ..StartRun::default() };
    world.engine.start_run(by, command).await.unwrap().value.run.id
}

async fn finish(world: &World, run: RunId) {
    let command = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
    world.engine.finish_run(&agent(), command).await.unwrap();
}

/// A watch whose snapshot has ended, and which runs that showed.
async fn begun(
    world: &World,
    caller: &Principal,
    filter: RunFilter,
) -> (RunWatch, Vec<RunId>, String) {
    let asked = WatchRuns { filter, ..WatchRuns::default() };
    let mut watch = world.engine.watch_runs(caller, asked).await.unwrap();
    let mut shown = Vec::new();
    loop {
        let item = watch.next().await.unwrap();
        match item.event {
            WatchEvent::Snapshot(view) => shown.push(view.run.id),
            WatchEvent::SnapshotEnd { count, .. } => {
                assert_eq!(count as usize, shown.len());
                return (watch, shown, item.cursor);
            }
            other => panic!("in the snapshot: {other:?}"),
        }
    }
}

async fn change(watch: &mut RunWatch) -> RunChange {
    match watch.next().await.unwrap().event {
        WatchEvent::Change(change) => change,
        other => panic!("no change: {other:?}"),
    }
}

fn kinds(change: &RunChange) -> Vec<EventKind> {
    change.events.iter().map(|it| it.event.kind).collect()
}

fn ids(change: &RunChange) -> Vec<RunId> {
    change.runs.iter().map(|view| view.run.id).collect()
}

#[tokio::test]
async fn it_shows_what_has_not_ended_and_then_everything_that_happens() {
    let world = World::new().await;
    let (ended, runs) = (world.run().await, world.run().await);
    finish(&world, ended).await;
    let (mut watch, shown, _) = begun(&world, &reviewer(), RunFilter::default()).await;
    assert_eq!(shown, [runs]);

    let started = world.run().await;
    let told = change(&mut watch).await;
    assert_eq!((ids(&told), kinds(&told)), (vec![started], vec![EventKind::RunStarted]));

    let question = world.escalate(started).await;
    let told = change(&mut watch).await;
    let sequences: Vec<_> = told.events.iter().map(|it| it.sequence).collect();
    assert!(kinds(&told).contains(&EventKind::ActionEscalated), "{told:?}");
    assert!(kinds(&told).contains(&EventKind::EscalationOpened), "{told:?}");
    assert!(told.events.iter().all(|it| it.event.subjects.run == Some(started)));
    // All of a commit in one message, each with a number of its own.
    assert!(sequences.windows(2).all(|two| two[0] + 1 == two[1]), "{sequences:?}");
    assert_eq!(told.sequence, *sequences.last().unwrap());

    finish(&world, started).await;
    let told = change(&mut watch).await;
    assert_eq!(ids(&told), [started]);
    assert_eq!(told.runs[0].state, RunState::Succeeded);
    assert!(told.events.iter().any(|it| it.event.subjects.escalation == Some(question.id)));
    assert_eq!(told.principal, agent().name);
}

#[tokio::test]
async fn an_agent_is_told_of_its_own_runs_and_of_what_concerns_it() {
    let world = World::new().await;
    let (mine, theirs) = (world.run().await, start(&world, &other_agent(), None).await);
    let (mut watch, shown, _) = begun(&world, &agent(), RunFilter::default()).await;
    assert_eq!(shown, [mine]);
    start(&world, &other_agent(), None).await;
    let question = world.escalate(mine).await;
    let told = change(&mut watch).await;
    assert!(told.events.iter().all(|it| it.event.subjects.run == Some(mine)), "{told:?}");
    // Who looks at its question is people's affair.
    for step in [ClaimStep::Claim(None), ClaimStep::Release { epoch: 1 }] {
        world.engine.claim(&reviewer(), "", question.id, step).await.unwrap();
    }
    world.approve(&world.escalation(question.id).await).await;
    let told = change(&mut watch).await;
    assert!(kinds(&told).contains(&EventKind::EscalationApproved), "{told:?}");
    let filter = RunFilter { runs: vec![theirs], ..RunFilter::default() };
    let (_, shown, _) = begun(&world, &agent(), filter).await;
    assert_eq!(shown, []);
}

#[tokio::test]
async fn a_filter_shows_its_own() {
    let world = World::new().await;
    let root = world.run().await;
    let child = start(&world, &other_agent(), Some(root)).await;
    let below = start(&world, &agent(), Some(child)).await;
    let apart = world.run().await;
    let everything = RunFilter::default();
    let cases = [
        (RunFilter { agents: vec!["billing".to_owned()], ..everything.clone() }, vec![child]),
        (RunFilter { runs: vec![apart, child], ..everything.clone() }, vec![apart, child]),
        (RunFilter { tree: Some(root), ..everything.clone() }, vec![root, child, below]),
        (RunFilter { tree: Some(child), ..everything.clone() }, vec![child, below]),
        (RunFilter { parent: Some(root), ..everything.clone() }, vec![child]),
        (RunFilter { states: vec![RunState::Paused], ..everything.clone() }, vec![]),
        (RunFilter { on_behalf_of: "nobody".to_owned(), ..everything }, vec![]),
    ];
    for (filter, expected) in cases {
        let (mut watch, shown, cursor) = begun(&world, &reviewer(), filter.clone()).await;
        assert_eq!(shown, expected, "{filter:?}");
        // What the filter leaves out is not told either.
        world.propose(apart, "lookup", json!({"name": "Anna"})).await;
        world.propose(below, "lookup", json!({"name": "Anna"})).await;
        let of_filter = |id| expected.contains(&id) || !filter.states.is_empty();
        for of in [apart, below].into_iter().filter(|id| of_filter(*id)) {
            let told = change(&mut watch).await;
            assert_eq!(told.events[0].event.subjects.run, Some(of), "{filter:?}");
        }
        let other = RunFilter { on_behalf_of: "somebody".to_owned(), ..RunFilter::default() };
        let asked = WatchRuns { filter: other, cursor, heartbeat: None };
        let refused = world.engine.watch_runs(&reviewer(), asked).await.err();
        assert!(matches!(refused, Some(Error::CursorInvalid { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn it_can_be_told_of_some_events_alone() {
    let world = World::new().await;
    let run = world.run().await;
    let filter = RunFilter { events: vec!["run".to_owned()], ..RunFilter::default() };
    let (mut watch, ..) = begun(&world, &reviewer(), filter).await;
    world.propose(run, "lookup", json!({"name": "Anna"})).await;
    finish(&world, run).await;
    assert_eq!(kinds(&change(&mut watch).await), [EventKind::RunFinished]);
    let filter = RunFilter { events: vec!["ru".to_owned()], ..RunFilter::default() };
    let asked = WatchRuns { filter, ..WatchRuns::default() };
    let refused = world.engine.watch_runs(&reviewer(), asked).await.err();
    assert!(matches!(refused, Some(Error::InvalidField { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_override_is_told_to_whoever_shows_a_run_that_it_covers() {
    let world = World::new().await;
    let root = world.run().await;
    let child = start(&world, &other_agent(), Some(root)).await;
    let apart = world.run().await;
    let of = |run| RunFilter { runs: vec![run], ..RunFilter::default() };
    let (mut of_child, ..) = begun(&world, &reviewer(), of(child)).await;
    let (mut of_apart, ..) = begun(&world, &reviewer(), of(apart)).await;
    let scopes = [
        OverrideScope::Tree(root),
        OverrideScope::Agent("billing".to_owned()),
        OverrideScope::Run(apart),
    ];
    for scope in scopes.clone() {
        let command = overriding(OverrideKind::PauseNow, scope);
        world.engine.request_override(&supervisor(), command).await.unwrap();
    }
    for scope in &scopes[..2] {
        let told = change(&mut of_child).await;
        assert_eq!(kinds(&told), [EventKind::OverrideRequested]);
        assert_eq!(told.events[0].scope.as_ref(), Some(scope));
        assert_eq!(ids(&told), []);
    }
    let told = change(&mut of_apart).await;
    assert_eq!(told.events[0].scope.as_ref(), Some(&scopes[2]));
    assert_eq!(told.runs[0].state, RunState::Paused);
}

#[tokio::test]
async fn it_goes_on_from_every_cursor_after_a_restart() {
    let world = World::new().await;
    let (watch, _, mut cursor) = begun(&world, &reviewer(), RunFilter::default()).await;
    drop(watch);
    let run = world.run().await;
    for _ in 0..5 {
        world.propose(run, "lookup", json!({"name": "Anna"})).await;
    }
    let world = world.restarted().await;
    let mut seen = Vec::new();
    while seen.len() < 6 {
        let asked = WatchRuns { cursor: cursor.clone(), ..WatchRuns::default() };
        let mut watch = world.engine.watch_runs(&reviewer(), asked).await.unwrap();
        let item = watch.next().await.unwrap();
        let WatchEvent::Change(told) = item.event else { continue };
        seen.push(kinds(&told)[0]);
        cursor = item.cursor;
    }
    assert_eq!(seen[0], EventKind::RunStarted);
    assert_eq!(seen[1..], [EventKind::ActionAllowed; 5]);
}

#[tokio::test]
async fn a_reader_that_falls_ever_further_behind_is_cut_and_loses_nothing() {
    let world = World::new().await;
    let (mut watch, ..) = begun(&world, &reviewer(), RunFilter::default()).await;
    let first = world.run().await;
    assert_eq!(ids(&change(&mut watch).await), [first]);
    let missed = world.run().await;
    world.clock.advance(MAX_BEHIND);
    world.clock.advance(Span::from_secs(1));
    let Err(Error::SlowConsumer { behind, cursor }) = watch.next().await else {
        panic!("not cut");
    };
    assert!(behind > MAX_BEHIND);
    // Who goes on may be as far behind as that, and is not cut at once.
    let asked = WatchRuns { cursor, ..WatchRuns::default() };
    let mut watch = world.engine.watch_runs(&reviewer(), asked).await.unwrap();
    assert_eq!(ids(&change(&mut watch).await), [missed]);
}

#[tokio::test]
async fn a_queue_s_cursor_is_none_of_a_watch_of_runs() {
    let world = World::new().await;
    let mut queue = world.engine.watch_escalations(&reviewer(), Watch::default()).await.unwrap();
    let cursor = queue.next().await.unwrap().cursor;
    let asked = WatchRuns { cursor, ..WatchRuns::default() };
    let refused = world.engine.watch_runs(&reviewer(), asked).await.err();
    assert!(matches!(refused, Some(Error::CursorInvalid { .. })), "{refused:?}");
}
