//! The demo agent of `pointsman dev`: an insurer's desk with a believable queue,
//! so that the inbox is alive from the first minute.
//!
//! It is paced and bounded: while enough questions wait for a person it asks
//! nothing new. It leaves its waits to a worker, so that answers to questions of
//! an earlier process are taken up as well.

mod cases;
mod thinking;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_client::{
    Admin, Agent, Answer, Connection, Entropy as _, Permit, Proposal, Proposed, Resumed, Reviewer,
    RunEnd, RunHandle, StartRun, SystemEntropy, Worker,
};

use self::cases::{Act, Case};
use self::thinking::{RESULT, Thinking};

/// The policy of a dev server that is given no other.
pub(crate) const POLICY: &str = include_str!("../../../policies/dev.yaml");

/// No new case while so many questions wait.
const MOST_OPEN: u64 = 6;
/// Between two cases at the beginning, until the queue is worth looking at.
const FIRST_PACE: Duration = Duration::from_secs(2);
/// Between two cases.
const PACE: Duration = Duration::from_secs(12);
/// How long a tool of the demo takes.
const TOOL_TIME: Duration = Duration::from_millis(400);
/// How often a person is told what to type.
const HINTS: usize = 2;
/// Different cases before they repeat, each time with other numbers.
const CASES: u64 = 10_000;

/// Who the demo is: not the agent of `dev-agent`, or its worker would take up the
/// answers of other agents that are tried out with that token.
const PRINCIPAL: &str = "demo-desk";
/// How long its token works; every start makes another.
const TOKEN_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes the demo's token.
pub(crate) async fn token(admin: &Connection) -> pointsman_client::Result<String> {
    let admin = Admin::new(admin.clone());
    Ok(admin.create_token(PRINCIPAL, &[v1::Role::Agent], Some(TOKEN_LIFE)).await?.secret)
}

/// Where the demo says what it does; one line at a time.
pub(crate) trait Say: Fn(&str) + Send + Sync + 'static {}
impl<F: Fn(&str) + Send + Sync + 'static> Say for F {}

struct Desk<S> {
    agent: Agent,
    /// Reads how many questions wait; answers none.
    queue: Reviewer,
    /// How this program is called from another terminal.
    command: String,
    say: S,
    was_full: AtomicBool,
}

/// Works until `stop` is done: `agent` calls with [`token`]'s token, `reviewer`
/// with a reviewer's. People are told to type `command`.
pub(crate) async fn work(
    agent: Connection,
    reviewer: Connection,
    command: String,
    stop: impl Future<Output = ()>,
    say: impl Say,
) -> pointsman_client::Result<()> {
    let desk = Arc::new(Desk {
        agent: Agent::new(agent.clone()),
        queue: Reviewer::new(reviewer),
        command,
        say,
        was_full: AtomicBool::new(false),
    });
    let worker = Worker::new(agent);
    let cases = Arc::clone(&desk);
    let take_up = |resumed| Arc::clone(&desk).take_up(resumed);
    let pool = worker.run(stop, take_up);
    tokio::select! {
        ended = pool => ended,
        () = cases.keep_busy() => Ok(()),
    }
}

/// How far a case came.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// To its end.
    Through,
    /// To what the policy refuses.
    Refused,
    /// To a question to a person.
    Asking(String),
}

impl<S: Say> Desk<S> {
    async fn keep_busy(&self) {
        // A place of its own in the list of cases, or every start would be the same.
        let first = (SystemEntropy.unit() * CASES as f64) as u64;
        let mut hints = HINTS;
        for number in first.. {
            let open = self.wait_for_room().await;
            match self.work_on(&cases::case(number)).await {
                Ok(Some([escalation_id, run_id])) if hints > 0 => {
                    hints -= 1;
                    (self.say)("      in a second terminal:");
                    (self.say)(&format!("      {} inbox", self.command));
                    (self.say)(&format!("      {} esc approve {escalation_id}", self.command));
                    (self.say)(&format!("      {} run tail {run_id}", self.command));
                }
                Ok(_) => {}
                Err(error) => (self.say)(&format!("demo  cannot work: {error}")),
            }
            let pace = if open < MOST_OPEN / 2 { FIRST_PACE } else { PACE };
            tokio::time::sleep(pace).await;
        }
    }

    /// Waits until a person has answered enough; says so once.
    async fn wait_for_room(&self) -> u64 {
        loop {
            let request = v1::ListEscalationsRequest { page_size: 1, ..Default::default() };
            let open = match self.queue.list(request).await {
                Ok(page) => page.open_count,
                Err(_) => MOST_OPEN,
            };
            let is_full = open >= MOST_OPEN;
            if is_full && !self.was_full.swap(true, Ordering::Relaxed) {
                (self.say)(&format!(
                    "demo  {open} questions wait for a person; nothing new until one is answered"
                ));
            }
            if !is_full {
                self.was_full.store(false, Ordering::Relaxed);
                return open;
            }
            tokio::time::sleep(FIRST_PACE).await;
        }
    }

    /// One case: looks things up, then acts. Returns the question, if there is one, and
    /// the run that asks.
    async fn work_on(&self, case: &Case) -> pointsman_client::Result<Option<[String; 2]>> {
        let start = StartRun {
            goal: case.goal.clone(),
            on_behalf_of: case.on_behalf_of.clone(),
            ..StartRun::default()
        };
        let run = self.agent.start_run(start).await?;
        let thinking = Thinking::begin(&run, case).await;
        let asked = self.steps(&run, case, &thinking).await?;
        thinking.end().await?;
        if asked == Came::Through {
            run.finish(RunEnd::Succeeded).await?;
        }
        Ok(match asked {
            Came::Asking(id) => Some([id, run.run_id().to_owned()]),
            Came::Through | Came::Refused => None,
        })
    }

    /// The steps of a case, until somebody has to be asked.
    async fn steps(
        &self,
        run: &RunHandle,
        case: &Case,
        thinking: &Thinking,
    ) -> pointsman_client::Result<Came> {
        for act in &case.steps {
            thinking.about(act).await;
            match run.propose(proposal(act)).await? {
                Proposed::Allowed(permit) => {
                    let action_id = permit.action_id().to_owned();
                    execute(permit).await?;
                    thinking.answered(act, &action_id);
                    if !act.is_lookup {
                        (self.say)(&format!("demo  {}: done, nobody needed to be asked", act.what));
                    }
                }
                Proposed::Denied(denial) => {
                    let reason = denial.decision.reason;
                    (self.say)(&format!("demo  {}: refused, {reason}", act.what));
                    run.finish(RunEnd::Failed).await?;
                    return Ok(Came::Refused);
                }
                Proposed::Waiting(wait) => {
                    let id = wait.escalation_id().to_owned();
                    let why = wait.decision().map(|it| it.reason.clone()).unwrap_or_default();
                    (self.say)(&format!("demo  {}: waits for a person, {why}", act.what));
                    (self.say)(&format!("      {id}"));
                    return Ok(Came::Asking(id));
                }
            }
        }
        Ok(Came::Through)
    }

    /// Goes on where a person answered.
    async fn take_up(self: Arc<Self>, resumed: Resumed) {
        let id = resumed.escalation_id().to_owned();
        let run = self.agent.run(resumed.run_id());
        if let Err(error) = self.follow(&run, resumed).await {
            (self.say)(&format!("demo  {id}: answered, but {error}"));
        }
    }

    async fn follow(&self, run: &RunHandle, resumed: Resumed) -> pointsman_client::Result<()> {
        let id = resumed.escalation_id().to_owned();
        let answer = resumed.answer()?;
        let by = answer.resolution().map(|said| said.reviewer.clone()).unwrap_or_default();
        let note = answer.resolution().map(|said| said.note.clone()).unwrap_or_default();
        let note = if note.is_empty() { note } else { format!(", \"{note}\"") };
        let (what, end) = match answer {
            Answer::Approved(permit) => {
                execute(permit).await?;
                (format!("approved by {by}{note}: done"), RunEnd::Succeeded)
            }
            Answer::Modified(permit) => {
                let arguments = String::from_utf8_lossy(permit.arguments()).into_owned();
                execute(permit).await?;
                (format!("changed by {by}{note}: done with {arguments}"), RunEnd::Succeeded)
            }
            Answer::Rejected(_) => {
                resumed.acknowledge().await?;
                (format!("rejected by {by}{note}: left undone"), RunEnd::Failed)
            }
            Answer::Responded(_) => {
                resumed.acknowledge().await?;
                (format!("answered by {by}{note}: taken as the tool's answer"), RunEnd::Succeeded)
            }
            Answer::Instructed(said) => {
                resumed.acknowledge().await?;
                let text = &said.instruction;
                (format!("corrected by {by}, \"{text}\": left undone"), RunEnd::Failed)
            }
            Answer::Expired(_) => {
                resumed.acknowledge().await?;
                ("nobody answered in time: left undone".to_owned(), RunEnd::Cancelled)
            }
            Answer::Cancelled | Answer::Lapsed(_) => return resumed.acknowledge().await,
        };
        (self.say)(&format!("demo  {id}: {what}"));
        run.finish(end).await.map(|_| ())
    }
}

fn proposal(act: &Act) -> Proposal {
    let state = Bytes::from(format!(r#"{{"next":"after {}"}}"#, act.tool));
    let schema_version = "demo/1".to_owned();
    let draft =
        v1::CheckpointDraft { state, schema_version, credentials: Vec::new(), envelope: None };
    Proposal::new(act.tool, act.arguments.clone())
        .target(&act.target)
        .reasoning(&act.reasoning)
        .confidence(act.confidence)
        .checkpoint(draft)
        .redeem_if_allowed()
        .detached()
}

async fn execute(permit: Permit) -> pointsman_client::Result<()> {
    let tool = |_| async {
        tokio::time::sleep(TOOL_TIME).await;
        Ok::<_, Infallible>(Bytes::from_static(RESULT))
    };
    permit.execute(tool).await?.report
}
