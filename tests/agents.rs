//! Three ways to write an agent, one story: a plain loop, tasks beside each other, and a
//! pool of workers. Each is paused in the middle of a tool, redirected to a checkpoint,
//! goes on in another process on a connection of its own, and is taken back.

mod programs;

use std::process::Stdio;

use pointsman_api::v1;
use pointsman_api::v1::action::State as ActionState;
use pointsman_api::v1::r#override::{Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_client::{Checkpoints, Intent, Overrides, RunHandle, StartRun};
use programs::{Desk, Program, Report};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::harness::api::{AGENT, SUPERVISOR};
use crate::harness::child::example;
use crate::harness::fixture::Fixture;
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually, within};

const INSTRUCTION: &str = "ask before you do the second one";

/// One agent at work, and the people around it.
struct Story {
    fixture: Fixture,
    run: RunHandle,
    sam: Overrides,
    reports: mpsc::Receiver<Report>,
    desk: Desk,
}

impl Story {
    async fn begin(program: Program) -> Self {
        let fixture = Fixture::start(policy::BY_NAME).await;
        let start = StartRun { goal: "do two things".to_owned(), ..StartRun::default() };
        let run = fixture.agent().start_run(start).await.unwrap();
        let (desk, reports) = Desk::new(fixture.connection(AGENT), run.run_id());
        program.spawn(desk.clone());
        let sam = fixture.overrides(SUPERVISOR);
        Self { fixture, run, sam, reports, desk }
    }

    /// What the agent says next; where it asks, a person says yes.
    async fn next(&mut self) -> Report {
        loop {
            let report = within("the agent goes on", PATIENCE, self.reports.recv()).await.unwrap();
            let Report::Asks(escalation) = report else { return report };
            self.approve(&escalation).await;
        }
    }

    async fn approve(&self, escalation: &str) {
        let shown = self.fixture.shown(escalation).await;
        self.fixture.reviewer().approve(&shown, "fine").await.unwrap();
    }

    async fn order(&self, kind: Kind, redirect: Option<v1::Redirect>) -> v1::Override {
        let scope = Some(Scope::RunId(self.run.run_id().to_owned()));
        let reason = "the second one looks wrong".to_owned();
        self.sam
            .request(Intent { kind, scope, reason, redirect, ..Intent::default() })
            .await
            .unwrap()
    }

    async fn is(&self, state: State, told: &v1::Override) -> v1::Override {
        eventually(&format!("the override is {state:?}"), PATIENCE, || async {
            let now = self.sam.get(&told.override_id).await.unwrap();
            (now.state() == state).then_some(now)
        })
        .await
    }

    fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.fixture.connection(SUPERVISOR))
    }
}

/// Pauses the agent while its second tool runs; answers with the checkpoint before it.
async fn paused_in_the_middle_of_a_tool(story: &mut Story, program: Program) -> String {
    let Report::Saved(checkpoint) = story.next().await else { panic!("nothing was saved") };
    assert_eq!(story.next().await, Report::InTool);
    let pause = story.order(Kind::PauseNow, None).await;
    if program.hears_in_the_middle_of_a_tool() {
        let known = story.is(State::Acknowledged, &pause).await;
        assert_eq!(known.still_running, ["the second thing"]);
    }
    let refused = story.run.propose(programs::allowed(2, 0)).await.unwrap_err();
    assert_eq!(refused.reason_name(), "RUN_PAUSED");
    story.desk.let_the_tool_end();
    assert_eq!(story.next().await, Report::Paused);
    let done = story.is(State::Effective, &pause).await;
    assert!(done.still_running.is_empty(), "{done:?}");
    assert_eq!(done.agent_words, "the second thing is done");
    checkpoint
}

/// Takes up, in another process, what the redirected agent has asked and left.
async fn resumed_elsewhere(story: &mut Story, escalation: &str) {
    story.approve(escalation).await;
    let worker = Command::new(example("worker"))
        .env("POINTSMAN_ADDRESS", story.fixture.address())
        .env("POINTSMAN_TOKEN", AGENT)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let worker = within("the other process ends", PATIENCE * 4, worker).await.unwrap();
    let said = String::from_utf8(worker.stdout).unwrap();
    assert!(worker.status.success(), "{said}{}", String::from_utf8_lossy(&worker.stderr));
    assert_eq!(said, "goes on from {\"done\":1}\nran ask_it\n");
}

/// The tools of a path that ran, oldest first.
fn ran(path: &v1::BranchPath) -> Vec<(u32, &str)> {
    path.steps.iter().map(|step| (step.branch, step.tool.as_str())).collect()
}

async fn goes_well(program: Program) {
    let mut story = Story::begin(program).await;
    let run_id = story.run.run_id().to_owned();
    let checkpoint = paused_in_the_middle_of_a_tool(&mut story, program).await;

    let redirect = v1::Redirect {
        instruction: INSTRUCTION.to_owned(),
        checkpoint_id: checkpoint.clone(),
        ..v1::Redirect::default()
    };
    let redirect = story.order(Kind::Redirect, Some(redirect)).await;
    assert_eq!(redirect.branch, 1);
    story.order(Kind::Resume, None).await;
    let heard = story.next_but_asking().await;
    assert_eq!(heard, Report::Redirected { done: 1, instruction: INSTRUCTION.to_owned() });
    let Report::Asks(escalation) = story.next_but_asking().await else { panic!("does not ask") };
    story.is(State::Effective, &redirect).await;
    assert_eq!(story.next_but_asking().await, Report::Left);
    resumed_elsewhere(&mut story, &escalation).await;

    // Somebody changes their mind: back to before the second thing, once more.
    let back = v1::RollBackRunRequest {
        run_id: run_id.clone(),
        branch: 1,
        checkpoint_id: checkpoint.clone(),
        reason: "neither was right".to_owned(),
        ..v1::RollBackRunRequest::default()
    };
    let people = story.checkpoints();
    let back = people.roll_back(back).await.unwrap();
    assert_eq!(back.branch.unwrap().number, 2);
    assert_eq!(back.checkpoint.unwrap().checkpoint_id, checkpoint);

    let tool = program.tool();
    let compared = people.compare(&run_id, 0, 1).await.unwrap();
    assert_eq!(compared.common_checkpoint.unwrap().checkpoint_id, checkpoint);
    assert_eq!(ran(&compared.left.unwrap()), [(0, tool)], "the second thing, as it was");
    assert_eq!(ran(&compared.right.unwrap()), [(1, "ask_it")], "and as a person wanted it");
    let listed = v1::ListActionsRequest { run_id, ..Default::default() };
    let actions = story.fixture.runs().actions(listed).await.unwrap().actions;
    assert_eq!(actions.len(), 3);
    assert!(actions.iter().all(|action| action.state() == ActionState::Executed), "{actions:?}");
}

impl Story {
    async fn next_but_asking(&mut self) -> Report {
        within("the agent goes on", PATIENCE, self.reports.recv()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_loop_is_paused_redirected_and_resumed_elsewhere() {
    goes_well(Program::Loop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_beside_each_other_are_paused_redirected_and_resumed_elsewhere() {
    goes_well(Program::Tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_workers_is_paused_redirected_and_resumed_elsewhere() {
    goes_well(Program::Pool).await;
}
