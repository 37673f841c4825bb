//! The agents: each works through its trajectory, call by call.
//!
//! Every second trajectory detaches: when a person is asked, the agent ends, and
//! a worker restores it from the checkpoint alone and goes on to the next call.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_client::{
    Agent, Answer, Permit, Proposal, Proposed, Resumed, RunEnd, RunHandle, StartRun,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::ledger::{Fate, Place};
use super::report::Said;
use super::stage::{Asked, Stage};

/// How long a person's answer may take before its call counts as lost.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// The longest name of whom an agent acts for, in characters.
const LONGEST_NAME: usize = 64;
/// How the state of a checkpoint is to be read.
const SCHEMA: &str = "replay/1";

/// What an agent needs to go on, as its checkpoints hold it.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    trajectory: String,
    index: usize,
    step: usize,
    history: Vec<Turn>,
}

/// One earlier call.
#[derive(Debug, Serialize, Deserialize)]
struct Turn {
    tool: String,
    arguments: String,
    result: String,
}

/// Whether an agent has come to the end of its trajectory.
enum Course {
    Done,
    /// A worker goes on.
    Detached,
}

/// Works through one trajectory, and waits for its end wherever that comes.
pub(super) async fn live(stage: &Stage, agent: &Agent, index: usize) {
    let Some(trajectory) = stage.trajectories.get(index) else { return };
    let goal = trajectory.goal.clone();
    // Each for somebody else: the same call of two trajectories is asked twice.
    let on_behalf_of = trajectory.id.chars().take(LONGEST_NAME).collect();
    let start = StartRun { goal, on_behalf_of, ..StartRun::default() };
    let run = match agent.start_run(start).await {
        Ok(run) => run,
        Err(error) => {
            stage.anomaly(format!("{}: cannot start: {error}", trajectory.id));
            return stage.end(index);
        }
    };
    stage.note_run(run.run_id());
    go_on(stage, &run, index, 0).await;
    if !stage.has_ended(index, LONGEST_WAIT).await {
        stage.anomaly(format!("{}: no worker brought it to its end", trajectory.id));
    }
}

/// Takes up a trajectory whose agent has ended.
pub(super) async fn take_up(stage: Arc<Stage>, agent: Agent, resumed: Resumed) {
    let at = Instant::now();
    let escalation_id = resumed.escalation_id().to_owned();
    stage.note_resumed(&escalation_id, at);
    let run = agent.run(resumed.run_id());
    let state = match restore(&resumed).await {
        Ok(state) => state,
        Err(error) => {
            return stage.anomaly(format!("{escalation_id}: cannot be resumed: {error:#}"));
        }
    };
    let place = (state.index, state.step);
    let (Some(asked), Ok(answer)) = (stage.asked(run.run_id()), resumed.answer()) else {
        return stage.anomaly(format!("{escalation_id}: nobody asked, or no answer came"));
    };
    let is_permitted = answer.is_permitted();
    act(&stage, asked, answer).await;
    if !is_permitted && let Err(error) = resumed.acknowledge().await {
        stage.anomaly(format!("{escalation_id}: cannot be acknowledged: {error}"));
    }
    go_on(&stage, &run, place.0, place.1 + 1).await;
}

/// The agent's state from its checkpoint, checked against what it should hold.
async fn restore(resumed: &Resumed) -> anyhow::Result<State> {
    let checkpoint = resumed.checkpoint().await?;
    let checkpoint = checkpoint.ok_or_else(|| anyhow::anyhow!("it has no checkpoint"))?;
    let state: State = serde_json::from_slice(&checkpoint.state)?;
    let is_whole = state.history.len() == state.step;
    anyhow::ensure!(is_whole, "the history has {} turns", state.history.len());
    Ok(state)
}

/// Goes on from a step, to the end or until somebody else does.
async fn go_on(stage: &Stage, run: &RunHandle, index: usize, from: usize) {
    let count = stage.trajectories.get(index).map_or(0, |it| it.calls.len());
    for step in from..count {
        if matches!(take_step(stage, run, (index, step)).await, Course::Detached) {
            return;
        }
    }
    if let Err(error) = run.finish(RunEnd::Succeeded).await {
        stage.anomaly(format!("{}: cannot finish: {error}", run.run_id()));
    }
    stage.end(index);
}

async fn take_step(stage: &Stage, run: &RunHandle, place: Place) -> Course {
    let Some(call) = stage.call(place) else { return Course::Done };
    let is_detached = place.0 % 2 == 1;
    let mut proposal = Proposal::new(&call.tool, call.arguments.clone())
        .reasoning(&call.reasoning)
        .tool_call_id(format!("call_{}", place.1))
        .redeem_if_allowed();
    if let Some(draft) = draft(stage, place) {
        proposal = proposal.checkpoint(draft);
    }
    if is_detached {
        proposal = proposal.detached();
    }
    let asked = stage.ask(run.run_id(), place, call.expected);
    match run.propose(proposal).await {
        Ok(Proposed::Allowed(permit)) => {
            stage.tally().decide(Said::Allow, call.expected);
            execute(stage, place, permit).await;
            stage.tally().autonomous.record(asked.at.elapsed());
        }
        Ok(Proposed::Denied(_)) => {
            stage.tally().decide(Said::Deny, call.expected);
            stage.close(place, Fate::Denied);
        }
        Ok(Proposed::Waiting(mut wait)) => {
            stage.tally().decide(Said::Escalate, call.expected);
            if is_detached {
                return Course::Detached;
            }
            let answer = tokio::time::timeout(LONGEST_WAIT, wait.answer()).await;
            stage.note_resumed(wait.escalation_id(), Instant::now());
            match answer {
                Ok(Ok(answer)) => act(stage, asked, answer).await,
                Ok(Err(error)) => stage.anomaly(format!("{}: {error}", wait.escalation_id())),
                Err(_) => stage.anomaly(format!("{}: no answer came", wait.escalation_id())),
            }
        }
        Err(error) => refused(stage, place, &error),
    }
    Course::Done
}

/// What the server does not take is not run: content with secrets or broken JSON
/// is refused on purpose, anything else should not be.
fn refused(stage: &Stage, place: Place, error: &pointsman_client::Error) {
    let reason = error.reason();
    if matches!(reason, Some(ErrorReason::SecretFound | ErrorReason::ArgumentsMalformed)) {
        if let Some(call) = stage.call(place) {
            stage.tally().decide(Said::Deny, call.expected);
        }
        stage.close(place, Fate::Denied);
    } else {
        stage.anomaly(format!("call {} of trajectory {}: {error}", place.1, place.0));
    }
}

/// Does what a person said.
async fn act(stage: &Stage, asked: Asked, answer: Answer) {
    match answer {
        Answer::Approved(permit) | Answer::Modified(permit) => {
            execute(stage, asked.place, permit).await;
        }
        Answer::Rejected(_) | Answer::Responded(_) | Answer::Instructed(_) => {
            stage.close(asked.place, Fate::Rejected)
        }
        other @ (Answer::Expired(_) | Answer::Cancelled | Answer::Lapsed(_)) => {
            stage.anomaly(format!("a question ended without an answer: {other:?}"));
        }
    }
    stage.tally().escalated.record(asked.at.elapsed());
}

async fn execute(stage: &Stage, place: Place, permit: Permit) {
    let Some(call) = stage.call(place) else { return };
    let action_id = permit.action_id().to_owned();
    let tool = |arguments: Bytes| {
        if arguments != call.arguments {
            stage.anomaly(format!("{action_id}: other bytes were permitted than proposed"));
        }
        stage.ledger.execute(&action_id, place);
        let result = Bytes::from(call.observation.clone());
        async move { Ok::<_, Infallible>(result) }
    };
    match permit.execute(tool).await {
        Ok(executed) => {
            if let Err(error) = executed.report {
                stage.anomaly(format!("{action_id}: ran, but its outcome is unknown: {error}"));
            }
        }
        Err(error) => stage.anomaly(format!("{action_id}: was permitted and did not run: {error}")),
    }
}

/// The history so far, for whoever goes on.
fn draft(stage: &Stage, (index, step): Place) -> Option<v1::CheckpointDraft> {
    let trajectory = stage.trajectories.get(index)?;
    let turn = |call: &crate::trajectory::Call| Turn {
        tool: call.tool.clone(),
        arguments: String::from_utf8_lossy(&call.arguments).into_owned(),
        result: call.observation.clone(),
    };
    let history = trajectory.calls.iter().take(step).map(turn).collect();
    let state = State { trajectory: trajectory.id.clone(), index, step, history };
    let state = serde_json::to_vec(&state).ok()?.into();
    let schema_version = SCHEMA.to_owned();
    Some(v1::CheckpointDraft { state, schema_version, ..v1::CheckpointDraft::default() })
}
