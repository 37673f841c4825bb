//! The wall: every run in its condition, the same after a restart, and never more often
//! than once a second.

use serde_json::json;

use super::overrides::overriding;
use super::world::*;
use crate::domain::condition::{Condition, Standing};
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::overrides::{OverrideKind, OverrideScope};
use crate::domain::principal::{Principal, Role};
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::domain::transcript::Content;
use crate::engine::Engine;
use crate::engine::list::Page;
use crate::engine::runs::{FinishRun, RunFilter, StartRun};
use crate::engine::transcripts::{AppendEntries, Draft};
use crate::engine::wall::{WallEvent, WallFilter, WallView, WallWatch, WatchWall};

async fn wall_of(engine: &Engine, caller: &Principal, watch: WatchWall) -> WallView {
    let mut watch = engine.watch_wall(caller, watch).await.unwrap();
    match watch.next().await.unwrap().event {
        WallEvent::Wall { view, .. } => *view,
        WallEvent::Heartbeat(_) => panic!("a watch begins with the wall"),
    }
}

async fn changed(watch: &mut WallWatch) -> Option<WallView> {
    match watch.next().await.unwrap().event {
        WallEvent::Wall { view, .. } => Some(*view),
        WallEvent::Heartbeat(_) => None,
    }
}

fn counted(view: &WallView) -> Vec<(Condition, u32)> {
    let counts = Condition::ALL.into_iter().zip(view.counts);
    counts.filter(|(_, count)| *count > 0).collect()
}

impl World {
    async fn wall(&self) -> WallView {
        wall_of(&self.engine, &reviewer(), WatchWall::default()).await
    }

    async fn standing(&self, run: RunId) -> Standing {
        let run = self.engine.get_run(&reviewer(), run).await.unwrap().run;
        let found = self.engine.standings(&reviewer(), [&run].into_iter()).await.unwrap();
        found[&run.id].clone()
    }

    async fn condition(&self, run: RunId) -> Condition {
        self.standing(run).await.condition
    }

    async fn over_run(&self, kind: OverrideKind, run: RunId) {
        let sam = principal("sam", &[Role::Supervisor]);
        let command = overriding(kind, OverrideScope::Run(run));
        self.engine.request_override(&sam, command).await.unwrap();
    }

    async fn end(&self, run: RunId, state: RunState) {
        let finish = FinishRun { request_id: String::new(), run, state };
        self.engine.finish_run(&agent(), finish).await.unwrap();
    }

    /// Proposes, redeems, and has the tool take so long.
    async fn call_for(&self, run: RunId, seconds: i64) {
        let action = self.propose(run, "lookup", json!({"name": "Anna"})).await.action;
        self.redeem(action.id).await.unwrap();
        self.clock.advance(Span::from_secs(seconds));
        self.report(action.id).await.unwrap();
    }

    /// The same call in every byte.
    async fn call_again(&self, run: RunId) {
        let mut command = proposal(run, "lookup", &json!({"name": "Bea"}));
        command.target = "the same".to_owned();
        self.engine.propose(&agent(), command).await.unwrap();
    }
}

/// A run in each condition that a few calls lead to.
async fn eventful(world: &World) -> [RunId; 8] {
    let working = world.run().await;
    let asking = world.run().await;
    world.escalate(asking).await;
    let paused = world.run().await;
    world.over_run(OverrideKind::PauseNow, paused).await;
    let waiting = world.run().await;
    let asked = world.escalate_detached(waiting).await;
    world.approve(&asked).await;
    let again = world.run().await;
    for _ in 0..3 {
        world.call_again(again).await;
    }
    let [done, failed, stopped] = [world.run().await, world.run().await, world.run().await];
    world.end(done, RunState::Succeeded).await;
    world.end(failed, RunState::Failed).await;
    world.over_run(OverrideKind::Stop, stopped).await;
    [working, asking, paused, waiting, again, done, failed, stopped]
}

#[tokio::test]
async fn every_run_is_counted_in_its_condition_and_the_gravest_come_first() {
    let world = World::new().await;
    let [working, asking, paused, waiting, again, done, failed, stopped] = eventful(&world).await;
    use Condition::{
        Done, Failed, NeedsOther, NeedsYou, Paused, Retrying, Stalled, Stopped, Waiting, Working,
    };
    let table = [
        (working, Working),
        (asking, NeedsYou),
        (paused, Paused),
        (waiting, Waiting),
        (again, Retrying),
        (done, Done),
        (failed, Failed),
        (stopped, Stopped),
    ];
    for (run, condition) in table {
        assert_eq!(world.condition(run).await, condition, "{run}");
    }
    let view = world.wall().await;
    let mut expected: Vec<_> = table.iter().map(|(_, condition)| (*condition, 1)).collect();
    expected.sort_unstable();
    assert_eq!(counted(&view), expected);
    let attention: Vec<_> = view.attention.iter().map(|it| it.run).collect();
    assert_eq!(attention, [asking, again]);
    assert_eq!(view.attention[0].headline, "Refund 600 to Anna");
    assert_eq!(view.attention[1].standing.why, "lookup, attempt 3");
    let agents: Vec<_> = view.groups.iter().map(|it| (&*it.agent, it.runs, it.working)).collect();
    assert_eq!(agents, [("claims", 5, 1)]);

    let admins = wall_of(&world.engine, &admin(), WatchWall::default()).await;
    assert!(counted(&admins).contains(&(NeedsOther, 1)), "an admin answers nothing");

    world.clock.advance(Span::from_secs(5 * 60));
    assert_eq!(world.condition(working).await, Stalled);
    assert_eq!(world.standing(working).await.since, START);
    assert_eq!(world.condition(asking).await, NeedsYou);
    let view = world.wall().await;
    assert_eq!(view.attention.iter().map(|it| it.run).next(), Some(asking));
}

#[tokio::test]
async fn a_restart_and_another_server_show_the_same_wall() {
    let world = World::new().await;
    eventful(&world).await;
    let run = world.run().await;
    for _ in 0..25 {
        world.call_for(run, 2).await;
    }
    world.clock.advance(Span::from_secs(1));
    let before = world.wall().await;
    let (other, _background) = start(&world.store, &world.clock, POLICY).await;
    assert_eq!(wall_of(&other, &reviewer(), WatchWall::default()).await, before);
    let world = world.restarted().await;
    assert_eq!(world.wall().await, before);
}

#[tokio::test]
async fn a_tool_is_late_by_its_own_pace() {
    let world = World::new().await;
    let (run, other) = (world.run().await, world.run().await);
    for _ in 0..20 {
        world.call_for(run, 5).await;
    }
    let action = world.propose(other, "lookup", json!({"name": "Anna"})).await.action;
    world.redeem(action.id).await.unwrap();
    world.clock.advance(Span::from_secs(14));
    assert_eq!(world.condition(other).await, Condition::Working);
    world.clock.advance(Span::from_secs(1));
    let standing = world.standing(other).await;
    assert_eq!(standing.condition, Condition::Stalled);
    assert_eq!(standing.why, "no event for 15 s, p95 of lookup is 5 s");
    world.report(action.id).await.unwrap();
    assert_eq!(world.condition(other).await, Condition::Working);
    let group = &world.wall().await.groups[0];
    assert_eq!(group.step_p95, Some(Span::from_secs(5)));
    assert_eq!((group.escalation_rate, group.error_rate), (Some(0.0), Some(0.0)));
}

#[tokio::test]
async fn a_run_works_again_once_nobody_holds_it_up() {
    let world = World::new().await;
    let run = world.run().await;
    let asked = world.escalate(run).await;
    world.clock.advance(Span::from_secs(60));
    world.approve(&asked).await;
    assert_eq!(world.condition(run).await, Condition::Working);
    assert_eq!(world.standing(run).await.since, START.plus(Span::from_secs(60)));
    world.redeem(asked.action.unwrap()).await.unwrap();
    world.report(asked.action.unwrap()).await.unwrap();
    world.over_run(OverrideKind::PauseNow, run).await;
    world.clock.advance(Span::from_secs(600));
    assert_eq!(world.condition(run).await, Condition::Paused);
    world.over_run(OverrideKind::Resume, run).await;
    let standing = world.standing(run).await;
    assert_eq!((standing.condition, standing.since), (Condition::Working, world.engine.now()));
}

#[tokio::test]
async fn a_watch_says_something_once_a_second_at_most_and_lives_on_in_silence() {
    let world = World::new().await;
    let run = world.run().await;
    let mut watch = world.engine.watch_wall(&reviewer(), WatchWall::default()).await.unwrap();
    assert_eq!(changed(&mut watch).await.unwrap().counts[5], 1);
    for _ in 0..10 {
        world.run().await;
    }
    let (item, ()) = futures::join!(watch.next(), async {
        world.clock.advance(Span::from_millis(999));
        tokio::task::yield_now().await;
        world.clock.advance(Span::from_millis(1));
    });
    let item = item.unwrap();
    assert_eq!(item.as_of, START.plus(Span::from_secs(1)), "not within the same second");
    assert!(
        matches!(item.event, WallEvent::Wall { view, .. } if view.counts[5] == 11),
        "all at once"
    );
    let (silence, ()) = futures::join!(changed(&mut watch), async {
        for _ in 0..10 {
            world.clock.advance(Span::from_secs(1));
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(silence, None, "ten seconds are the longest silence");
    world.end(run, RunState::Succeeded).await;
    world.clock.advance(Span::from_secs(1));
    let view = changed(&mut watch).await.unwrap();
    assert_eq!((view.counts[5], view.counts[8]), (10, 1));
}

#[tokio::test]
async fn a_filter_shows_its_runs_only_and_a_few_are_looked_at_closely() {
    let world = World::new().await;
    let top = world.run().await;
    let command = StartRun { parent: Some(top), ..StartRun::default() };
    let below = world.engine.start_run(&agent(), command).await.unwrap().value.run.id;
    world.run().await;
    world.call_for(below, 2).await;
    let content = Content::Step { title: "Check the\u{202E} invoice".to_owned() };
    let entries = vec![Draft { number: 1, agent_time: None, content }];
    let command = AppendEntries { run: Some(below), attempt: 0, entries };
    world.engine.append_entries(&agent(), command).await.unwrap();
    let filter = WallFilter { tree: Some(top), ..WallFilter::default() };
    let watch = WatchWall { filter, focus: vec![below, top], ..WatchWall::default() };
    let view = wall_of(&world.engine, &reviewer(), watch).await;
    assert_eq!(counted(&view), [(Condition::Working, 2)]);
    let [close, other] = &view.focus[..] else { panic!("{:?}", view.focus) };
    assert_eq!((close.run.run, other.run.run), (below, top));
    assert_eq!(close.activity, "Check the‹U+202E RIGHT-TO-LEFT OVERRIDE› invoice");
    assert_eq!((&*close.tool, close.outcome), ("lookup", "ok"));
    assert_eq!(close.took, Some(Span::from_secs(2)));
    assert!(close.counts.iter().sum::<u32>() >= 3, "{:?}", close.counts);
    assert_eq!((&*other.activity, &*other.tool, other.outcome), ("", "", ""));
    let nobody = WallFilter { agents: vec!["billing".to_owned()], ..WallFilter::default() };
    let watch = WatchWall { filter: nobody, ..WatchWall::default() };
    assert_eq!(counted(&wall_of(&world.engine, &reviewer(), watch).await), []);
}

#[tokio::test]
async fn a_watch_is_for_people_and_its_request_is_checked() {
    let world = World::new().await;
    let run = world.run().await;
    let engine = &world.engine;
    let refused = engine.watch_wall(&agent(), WatchWall::default()).await.err().unwrap();
    assert!(matches!(refused, Error::RoleRequired { .. }), "{refused}");
    let table = [
        (WatchWall { focus: vec![run; 6], ..WatchWall::default() }, "focus_run_ids"),
        (WatchWall { attention: -1, ..WatchWall::default() }, "attention_size"),
        (WatchWall { heartbeat: Some(Span::from_secs(11)), ..WatchWall::default() }, "heartbeat"),
    ];
    for (watch, name) in table {
        let refused = engine.watch_wall(&reviewer(), watch).await.err().unwrap();
        assert!(matches!(&refused, Error::InvalidField { field, .. } if field == name), "{name}");
    }
    let runs = engine.list_runs(&agent(), Page::default(), &RunFilter::default()).await.unwrap();
    let runs = runs.items.iter().map(|view| &view.run);
    assert!(engine.standings(&agent(), runs).await.unwrap().is_empty());
}
