//! Timelines: every thing that happened is one row, from both ends the same.

use bytes::Bytes;
use serde_json::json;

use super::checkpoints::{mark, saved};
use super::overrides::overriding;
use super::world::*;
use crate::domain::action::ActionState;
use crate::domain::error::Error;
use crate::domain::escalation::{EscalationState, Question, ResolutionKind};
use crate::domain::ids::RunId;
use crate::domain::overrides::{OverrideKind, OverrideScope};
use crate::domain::principal::Role;
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::domain::transcript::Content;
use crate::engine::list::Page;
use crate::engine::runs::{FinishRun, RunFilter, StartRun};
use crate::engine::timeline::{ListSteps, Rank, Show, StepDetail, StepView, StepsPage};
use crate::engine::transcripts::{AppendEntries, Draft};

impl World {
    async fn steps_page(&self, list: &ListSteps) -> StepsPage {
        self.engine.list_steps(&reviewer(), list).await.unwrap()
    }

    /// All rows, by pages of a size.
    async fn steps(&self, run: RunId, size: i32, is_descending: bool, show: Show) -> Vec<StepView> {
        let page = Page { size, token: String::new() };
        let mut list = ListSteps { run, page, is_descending, show };
        let mut all = Vec::new();
        loop {
            let page = self.steps_page(&list).await;
            assert!(page.steps.len() <= size as usize);
            all.extend(page.steps);
            if page.next_page_token.is_empty() {
                return all;
            }
            list.page.token = page.next_page_token;
        }
    }

    async fn timeline(&self, run: RunId) -> Vec<StepView> {
        self.steps(run, 500, false, Show::All).await
    }

    async fn title(&self, run: RunId, number: u64, title: &str) {
        let content = Content::Step { title: title.to_owned() };
        let entries = vec![Draft { number, agent_time: None, content }];
        let command = AppendEntries { run: Some(run), attempt: 0, entries };
        self.engine.append_entries(&agent(), command).await.unwrap();
    }

    async fn child_run(&self, parent: RunId) -> RunId {
        let command = StartRun { parent: Some(parent), ..StartRun::default() };
        self.engine.start_run(&agent(), command).await.unwrap().value.run.id
    }

    async fn over(&self, kind: OverrideKind, scope: OverrideScope) {
        let sam = principal("sam", &[Role::Supervisor]);
        self.engine.request_override(&sam, overriding(kind, scope)).await.unwrap();
    }

    async fn finish(&self, run: RunId) {
        let finish = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
        self.engine.finish_run(&agent(), finish).await.unwrap();
    }

    fn tick(&self) {
        self.clock.advance(Span::from_millis(10));
    }
}

fn ranks(steps: &[StepView]) -> Vec<Rank> {
    steps.iter().map(|step| step.place.rank).collect()
}

/// A run with something of everything.
async fn eventful(world: &World) -> RunId {
    let run = world.run().await;
    world.tick();
    world.title(run, 1, "Check the invoice").await;
    world.tick();
    let looked_up = world.propose(run, "lookup", json!({"name": "Anna"})).await.action;
    world.redeem(looked_up.id).await.unwrap();
    world.clock.advance(Span::from_secs(2));
    world.report(looked_up.id).await.unwrap();
    world.tick();
    let asked = world.escalate(run).await;
    world.clock.advance(Span::from_secs(38));
    world.approve(&asked).await;
    world.redeem(asked.action.unwrap()).await.unwrap();
    world.report(asked.action.unwrap()).await.unwrap();
    world.tick();
    let state = saved(world, run, b"state").await;
    mark(world, state.checkpoint.id, true).await;
    world.tick();
    world.child_run(run).await;
    world.tick();
    world.over(OverrideKind::PauseNow, OverrideScope::Run(run)).await;
    world.tick();
    world.over(OverrideKind::Resume, OverrideScope::Run(run)).await;
    world.tick();
    world.finish(run).await;
    run
}

#[tokio::test]
async fn everything_that_happened_is_a_row_in_its_place() {
    let world = World::new().await;
    let run = eventful(&world).await;
    let steps = world.timeline(run).await;
    use Rank::{Action, Checkpoint, Child, End, Override, Start, Title};
    let expected = [Start, Title, Action, Action, Checkpoint, Child, Override, Override, End];
    assert_eq!(ranks(&steps), expected);
    assert!(
        matches!(&steps[1].detail, StepDetail::Title { title, entry: 1 } if title == "Check the invoice")
    );
    let StepDetail::Action(looked_up) = &steps[2].detail else { panic!("{:?}", steps[2]) };
    assert_eq!(looked_up.action.state, ActionState::Executed);
    assert_eq!(steps[2].end.unwrap().since(steps[2].time), Span::from_secs(2));
    let StepDetail::Action(refunded) = &steps[3].detail else { panic!("{:?}", steps[3]) };
    let question = refunded.question.as_ref().unwrap();
    assert_eq!(question.headline, "Refund 600 to Anna");
    assert_eq!(question.escalation.resolution.as_ref().unwrap().kind, ResolutionKind::Approved);
    let StepDetail::Checkpoint(saved) = &steps[4].detail else { panic!("{:?}", steps[4]) };
    assert_eq!(saved.known_good.as_ref().unwrap().by, "alice");
    assert!(matches!(&steps[8].detail, StepDetail::End { state: RunState::Succeeded, .. }));
}

#[tokio::test]
async fn pages_of_any_size_from_both_ends_are_the_same_rows() {
    let world = World::new().await;
    let run = eventful(&world).await;
    for number in 0..20 {
        // Several within one millisecond.
        let other = world.run().await;
        world.title(other, 1, &format!("of another run {number}")).await;
    }
    let whole = world.timeline(run).await;
    assert!(whole.is_sorted_by_key(|step| step.place));
    for size in [1, 2, 3, 5, 8, 500] {
        for show in [Show::All, Show::Errors, Show::Effects, Show::Escalations, Show::Overrides] {
            let up = world.steps(run, size, false, show).await;
            let mut down = world.steps(run, size, true, show).await;
            down.reverse();
            assert_eq!(up, down, "{size} {show:?}");
            let is_part = up.iter().all(|step| whole.contains(step));
            assert!(is_part && (show != Show::All || up == whole), "{size} {show:?}");
        }
    }
    let count = |show| world.steps(run, 500, false, show);
    assert_eq!(count(Show::Effects).await.len(), 2);
    assert_eq!(count(Show::Escalations).await.len(), 1);
    assert_eq!(count(Show::Overrides).await.len(), 2);
    assert_eq!(count(Show::Errors).await.len(), 0);
}

#[tokio::test]
async fn many_rows_of_one_millisecond_are_each_there_once() {
    let world = World::new().await;
    let run = world.run().await;
    for number in 0..30 {
        world.propose(run, "lookup", json!({"number": number})).await;
        if number % 3 == 0 {
            world.child_run(run).await;
        }
    }
    let whole = world.timeline(run).await;
    assert_eq!(whole.len(), 1 + 30 + 10);
    for size in [1, 7] {
        let mut down = world.steps(run, size, true, Show::All).await;
        down.reverse();
        assert_eq!(world.steps(run, size, false, Show::All).await, whole);
        assert_eq!(down, whole);
    }
}

#[tokio::test]
async fn a_time_in_which_nothing_went_on_is_said_and_a_wait_is_none() {
    let world = World::new().await;
    let run = world.run().await;
    world.clock.advance(Span::from_secs(240));
    let asked = world.escalate(run).await;
    world.clock.advance(Span::from_secs(60));
    world.title(run, 1, "while somebody is asked").await;
    world.approve(&asked).await;
    world.redeem(asked.action.unwrap()).await.unwrap();
    world.report(asked.action.unwrap()).await.unwrap();
    world.clock.advance(Span::from_secs(30));
    world.title(run, 2, "later").await;
    let steps = world.timeline(run).await;
    let idle: Vec<_> = steps.iter().map(|step| step.idle_before).collect();
    let secs = |secs| Some(Span::from_secs(secs));
    assert_eq!(ranks(&steps), [Rank::Start, Rank::Action, Rank::Title, Rank::Title]);
    assert_eq!(idle, [None, secs(240), None, secs(30)]);
}

#[tokio::test]
async fn a_page_goes_on_with_what_has_come_since() {
    let world = World::new().await;
    let run = world.run().await;
    let page = Page { size: 500, token: String::new() };
    let mut list = ListSteps { run, page, is_descending: false, show: Show::All };
    let first = world.steps_page(&list).await;
    assert_eq!((first.steps.len(), first.next_page_token.as_str()), (1, ""));
    list.page.token = first.resume_page_token;
    let nothing = world.steps_page(&list).await;
    assert_eq!((nothing.steps.len(), nothing.next_page_token.as_str()), (0, ""));
    world.tick();
    world.title(run, 1, "new").await;
    let more = world.steps_page(&list).await;
    assert_eq!(ranks(&more.steps), [Rank::Title]);
    list.is_descending = true;
    let refused = world.engine.list_steps(&reviewer(), &list).await.unwrap_err();
    assert_eq!(refused, Error::PageTokenInvalid);
}

#[tokio::test]
async fn a_question_about_what_is_past_has_a_row_and_the_permission_stays_with_its_action() {
    let world = World::new().await;
    let run = world.run().await;
    world.tick();
    let asked = world.escalate(run).await;
    world.tick();
    world.approve(&asked).await;
    world.redeem(asked.action.unwrap()).await.unwrap();
    world.pass(Span::from_secs(61)).await;
    let steps = world.timeline(run).await;
    use Rank::{Action, Question as Asked, Start};
    assert_eq!(ranks(&steps), [Start, Action, Asked]);
    let StepDetail::Action(action) = &steps[1].detail else { panic!("{:?}", steps[1]) };
    assert_eq!(action.action.state, ActionState::ExecutionUnknown);
    assert_eq!(action.question.as_ref().unwrap().escalation.id, asked.id);
    let StepDetail::Question(question) = &steps[2].detail else { panic!("{:?}", steps[2]) };
    assert_eq!(question.escalation.question, Question::ExecutionUnknown);
    assert_eq!(question.escalation.state, EscalationState::Open);
    let errors = world.steps(run, 500, false, Show::Errors).await;
    assert_eq!(ranks(&errors), [Action]);
}

#[tokio::test]
async fn what_was_done_to_others_is_in_no_timeline_of_a_run() {
    let world = World::new().await;
    let (top, other) = (world.run().await, world.run().await);
    world.tick();
    let below = world.child_run(top).await;
    world.tick();
    world.over(OverrideKind::PauseNow, OverrideScope::Run(top)).await;
    world.over(OverrideKind::PauseNow, OverrideScope::Tree(top)).await;
    world.over(OverrideKind::PauseNow, OverrideScope::Agent("claims".to_owned())).await;
    world.over(OverrideKind::PauseNow, OverrideScope::Agent("billing".to_owned())).await;
    world.over(OverrideKind::PauseNow, OverrideScope::Fleet).await;
    for (run, count) in [(top, 4), (below, 3), (other, 2)] {
        assert_eq!(world.steps(run, 500, false, Show::Overrides).await.len(), count, "{run}");
    }
    world.tick();
    world.over(OverrideKind::Resume, OverrideScope::Agent("claims".to_owned())).await;
    let steps = world.steps(other, 2, true, Show::Overrides).await;
    assert_eq!(steps.len(), 3);
}

#[tokio::test]
async fn hostile_text_is_safe_and_short() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = proposal(run, "lookup", &json!({}));
    command.target = "acct\u{202E}1".to_owned();
    world.engine.propose(&agent(), command).await.unwrap();
    let mut command = proposal(run, "lookup", &json!({"long": "x".repeat(3_000)}));
    command.target = String::new();
    command.reasoning = String::new();
    command.preconditions = Bytes::new();
    world.engine.propose(&agent(), command).await.unwrap();
    world.title(run, 1, "two\nlines").await;
    let steps = world.timeline(run).await;
    let targets: Vec<_> = steps
        .iter()
        .filter_map(|step| match &step.detail {
            StepDetail::Action(it) => Some(it.target.as_str()),
            StepDetail::Title { title, .. } => Some(title.as_str()),
            _ => None,
        })
        .collect();
    assert!(targets.contains(&"acct‹U+202E RIGHT-TO-LEFT OVERRIDE›1"), "{targets:?}");
    assert!(targets.iter().any(|it| it.starts_with("{\"long\"") && it.ends_with('…')));
    assert!(targets.iter().all(|it| it.len() < 300 && !it.contains('\n')), "{targets:?}");
}

#[tokio::test]
async fn an_agent_sees_the_timelines_of_its_own_runs_only() {
    let world = World::new().await;
    let run = world.run().await;
    let page = Page::default();
    let list = ListSteps { run, page, is_descending: false, show: Show::All };
    assert_eq!(world.engine.list_steps(&agent(), &list).await.unwrap().steps.len(), 1);
    let stranger = principal("stranger", &[Role::Agent]);
    let refused = world.engine.list_steps(&stranger, &list).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
}

#[tokio::test]
async fn runs_are_listed_by_the_run_that_they_are_below() {
    let world = World::new().await;
    let (top, _other) = (world.run().await, world.run().await);
    let child = world.child_run(top).await;
    let grandchild = world.child_run(child).await;
    let list = |filter: RunFilter| {
        let engine = world.engine.clone();
        async move {
            let listed = engine.list_runs(&reviewer(), Page::default(), &filter).await.unwrap();
            listed.items.iter().map(|view| view.run.id).collect::<Vec<_>>()
        }
    };
    let tree = RunFilter { tree: Some(top), ..RunFilter::default() };
    assert_eq!(list(tree).await, [grandchild, child]);
    let parent = RunFilter { parent: Some(top), ..RunFilter::default() };
    assert_eq!(list(parent).await, [child]);
    let both = RunFilter { tree: Some(top), parent: Some(child), ..RunFilter::default() };
    assert_eq!(list(both).await, [grandchild]);
    let nobody = RunFilter { agent: "billing".to_owned(), ..RunFilter::default() };
    assert_eq!(list(nobody).await, []);
}
