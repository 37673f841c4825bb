//! Mixed load that notes in a [`Ledger`] what it was told: agents, reviewers, workers
//! and supervisors. With one server each task ends when the server goes away; with several
//! it goes on at another.

mod people;
mod supervisors;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use pointsman_api::v1;
use tokio::task::JoinSet;

use super::api::{self, Called, request_id};
use super::ledger::{Known, Ledger};
use super::lines::Lines;
use super::seed::Seed;

const AGENTS: usize = 6;
const REVIEWERS: usize = 3;
const WORKERS: usize = 2;
const SUPERVISORS: usize = 2;

/// Refusals that supervisors bring about.
const HELD: &[&str] = &["RUN_PAUSED", "RUN_STOPPED", "RUN_NOT_RUNNING", "GRANT_REVOKED"];

/// Markers are unique over all rounds of a test binary.
static NEXT_MARKER: AtomicU64 = AtomicU64::new(1);

/// Asks questions with checkpoints of so many bytes until the server takes no more.
pub async fn flood(address: &str, ledger: &Arc<Ledger>, seed: &mut Seed, state_bytes: usize) {
    let ledger = Arc::clone(ledger);
    let lines = Lines::to_one(address, api::AGENT);
    let mut caller = Caller { lines, ledger, seed: seed.fork(), stop: Arc::default() };
    let run_id = caller.start_run().await.unwrap().expect("a run before the flood");
    loop {
        // Nothing in it is there twice, or the store would keep it once.
        let state = (0..state_bytes / 16).map(|_| format!("{:016x}", caller.seed.next()));
        let request = v1::ProposeActionRequest {
            run_id: run_id.clone(),
            tool: "ask_it".to_owned(),
            checkpoint: Some(draft(state.collect::<String>().into_bytes())),
            ..Default::default()
        };
        if caller.propose(request).await.unwrap().is_none() {
            return;
        }
    }
}

/// Asks one question that nobody has claimed.
pub async fn ask(address: &str, ledger: &Arc<Ledger>, seed: &mut Seed) {
    let ledger = Arc::clone(ledger);
    let lines = Lines::to_one(address, api::AGENT);
    let mut caller = Caller { lines, ledger, seed: seed.fork(), stop: Arc::default() };
    let run_id = caller.start_run().await.unwrap().expect("a run for the question");
    let tool = "ask_it".to_owned();
    let request = v1::ProposeActionRequest { run_id, tool, ..Default::default() };
    caller.propose(request).await.unwrap().expect("the question is taken in");
}

fn draft(state: Vec<u8>) -> v1::CheckpointDraft {
    let schema_version = "test/1".to_owned();
    v1::CheckpointDraft { state: state.into(), schema_version, ..Default::default() }
}

/// The server went away.
#[derive(Debug)]
struct Gone;

/// Running tasks; dropping them ends them.
pub struct Load {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Starts the tasks against a server.
    pub fn start(address: &str, ledger: &Arc<Ledger>, seed: &mut Seed) -> Self {
        Self::start_with(|token, _| Lines::to_one(address, token), ledger, seed)
    }

    /// Starts the tasks against several servers: a call without an answer is sent
    /// again to another, until [`Load::stop`].
    pub fn start_on(addresses: &[String], ledger: &Arc<Ledger>, seed: &mut Seed) -> Self {
        Self::start_with(
            |token, at| Lines::to_several(addresses, at, token, Arc::clone(ledger)),
            ledger,
            seed,
        )
    }

    fn start_with(
        lines: impl Fn(&str, usize) -> Lines,
        ledger: &Arc<Ledger>,
        seed: &mut Seed,
    ) -> Self {
        let (mut tasks, stop) = (JoinSet::new(), Arc::default());
        let mut caller = |token: &str, at: usize| Caller {
            lines: lines(token, at),
            ledger: Arc::clone(ledger),
            seed: seed.fork(),
            stop: Arc::clone(&stop),
        };
        for at in 0..AGENTS {
            tasks.spawn(agent(caller(api::AGENT, at)));
        }
        for at in 0..REVIEWERS {
            tasks.spawn(reviewer(caller(api::REVIEWER, at)));
        }
        for at in 0..WORKERS {
            tasks.spawn(worker(caller(api::AGENT, at)));
        }
        for at in 0..SUPERVISORS {
            tasks.spawn(supervisor(caller(api::SUPERVISOR, at)));
        }
        Self { tasks, stop }
    }

    /// Waits until every task has seen that its server is gone.
    pub async fn ended(mut self) {
        while let Some(task) = self.tasks.join_next().await {
            task.unwrap();
        }
    }

    /// Begins nothing new, and waits until what is under way has an answer.
    pub async fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.ended().await;
    }
}

struct Caller {
    lines: Lines,
    ledger: Arc<Ledger>,
    seed: Seed,
    stop: Arc<AtomicBool>,
}

async fn agent(mut caller: Caller) {
    let mut run = None;
    while caller.goes_on() {
        let done = match &run {
            None => caller.start_run().await.map(|started| run = started),
            Some(run_id) if caller.seed.chance(4) => {
                let run_id = run_id.clone();
                run = None;
                caller.finish_run(run_id).await
            }
            Some(run_id) => caller.act(&run_id.clone()).await,
        };
        if done.is_err() && caller.lines.end_with_their_server() {
            return;
        }
    }
}

async fn reviewer(mut caller: Caller) {
    while caller.goes_on() {
        if caller.review().await.is_err() && caller.lines.end_with_their_server() {
            return;
        }
    }
}

async fn supervisor(mut caller: Caller) {
    while caller.goes_on() {
        if caller.supervise().await.is_err() && caller.lines.end_with_their_server() {
            return;
        }
    }
}

async fn worker(mut caller: Caller) {
    while caller.goes_on() {
        if caller.resume().await.is_err() && caller.lines.end_with_their_server() {
            return;
        }
    }
}

impl Caller {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    /// A run, and whether somebody was told before now that it is stopped.
    fn looked_up(&self, run_id: &str) -> (String, bool) {
        (run_id.to_owned(), self.ledger.book().is_stopped(run_id))
    }

    async fn start_run(&mut self) -> Result<Option<String>, Gone> {
        let goal = format!("run {}", NEXT_MARKER.fetch_add(1, Ordering::Relaxed));
        self.ledger.book().runs.insert(goal.clone(), None);
        let request = v1::StartRunRequest {
            request_id: request_id(),
            goal: goal.clone(),
            ..Default::default()
        };
        match self
            .lines
            .call(request, async |line, request| line.run_service().start_run(request).await)
            .await
        {
            Called::Done(answer) => {
                let run_id = answer.run.unwrap().run_id;
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().runs.insert(goal, Some(run_id.clone()));
                Ok(Some(run_id))
            }
            Called::Refused(error) => {
                self.ledger.book().runs.remove(&goal);
                tolerate(&error, &["DISK_FULL", "OVERLOADED"]).map(|()| None)
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn finish_run(&mut self, run_id: String) -> Result<(), Gone> {
        let (run_id, is_stopped) = self.looked_up(&run_id);
        self.ledger.book().finished.insert(run_id.clone(), Known::Perhaps);
        let request = v1::FinishRunRequest {
            request_id: request_id(),
            run_id: run_id.clone(),
            state: v1::run::State::Succeeded.into(),
        };
        match self
            .lines
            .call(request, async |line, request| line.run_service().finish_run(request).await)
            .await
        {
            Called::Done(answer) => {
                assert!(!is_stopped, "{run_id} was finished after it was stopped");
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().finished.insert(run_id, Known::Done);
                Ok(())
            }
            Called::Refused(error) => {
                self.ledger.book().finished.remove(&run_id);
                tolerate(
                    &error,
                    &["RUN_STOPPED", "RUN_NOT_RUNNING", "TOO_MANY_OPEN", "DISK_FULL", "OVERLOADED"],
                )
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn act(&mut self, run_id: &str) -> Result<(), Gone> {
        let (tool, redeem_if_allowed) = match self.seed.below(10) {
            0..=3 => ("allow_it", false),
            4..=5 => ("allow_it", true),
            6 => ("deny_it", false),
            _ => ("ask_it", false),
        };
        let state = vec![b'x'; self.seed.below(6_000)];
        let checkpoint = (tool == "ask_it").then(|| draft(state));
        let request = v1::ProposeActionRequest {
            run_id: run_id.to_owned(),
            tool: tool.to_owned(),
            redeem_if_allowed,
            checkpoint,
            ..Default::default()
        };
        let Some((arguments, answer)) = self.propose(request).await? else { return Ok(()) };
        let Some(grant) = answer.grant else { return Ok(()) };
        if grant.redeemed {
            self.ledger.book().redemptions.insert(answer.action_id.clone(), Known::Done);
            return self.report(answer.action_id).await;
        }
        let request = v1::RedeemGrantRequest {
            request_id: request_id(),
            grant_id: grant.grant_id,
            action_id: answer.action_id,
            run_id: run_id.to_owned(),
            tool: tool.to_owned(),
            arguments,
            ..Default::default()
        };
        self.redeem_and_report(request, &["DISK_FULL"]).await
    }

    /// Proposes an action with a marker of its own; `None`: it was refused.
    async fn propose(
        &mut self,
        mut request: v1::ProposeActionRequest,
    ) -> Result<Option<(Bytes, v1::ProposeActionResponse)>, Gone> {
        let marker = NEXT_MARKER.fetch_add(1, Ordering::Relaxed);
        let arguments = Bytes::from(format!(r#"{{"marker": {marker}, "sum": 1.50}}"#));
        request.request_id = request_id();
        request.arguments = arguments.clone();
        request.resume_mode = v1::ResumeMode::Detached.into();
        let (run_id, is_stopped) = self.looked_up(&request.run_id);
        {
            let mut book = self.ledger.book();
            book.proposals.insert(marker, None);
            if request.redeem_if_allowed {
                book.redeeming.insert(marker);
            }
        }
        match self
            .lines
            .call(request, async |line, request| {
                line.action_service().propose_action(request).await
            })
            .await
        {
            Called::Done(answer) => {
                assert!(!is_stopped, "an action of {run_id} was taken in after it was stopped");
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().proposals.insert(marker, Some(answer.clone()));
                Ok(Some((arguments, answer)))
            }
            Called::Refused(error) => {
                self.ledger.book().proposals.remove(&marker);
                let full = ["TOO_MANY_OPEN", "DISK_FULL", "OVERLOADED"];
                tolerate(&error, &[&full, HELD].concat()).map(|()| None)
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn redeem_and_report(
        &mut self,
        request: v1::RedeemGrantRequest,
        tolerated: &[&str],
    ) -> Result<(), Gone> {
        let action_id = request.action_id.clone();
        let before = self.ledger.book().redemptions.insert(action_id.clone(), Known::Perhaps);
        let (run_id, is_stopped) = self.looked_up(&request.run_id);
        match self
            .lines
            .call(request, async |line, request| line.action_service().redeem_grant(request).await)
            .await
        {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                let twice = before == Some(Known::Done);
                assert!(!twice, "{action_id} was redeemed twice");
                assert!(!is_stopped, "{action_id} was redeemed after {run_id} was stopped");
                self.ledger.book().redemptions.insert(action_id.clone(), Known::Done);
                self.report(action_id).await
            }
            Called::Refused(error) => {
                let mut book = self.ledger.book();
                match before {
                    Some(before) => book.redemptions.insert(action_id, before),
                    None => book.redemptions.remove(&action_id),
                };
                tolerate(&error, &[tolerated, HELD].concat())
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn report(&mut self, action_id: String) -> Result<(), Gone> {
        self.ledger.book().outcomes.insert(action_id.clone(), Known::Perhaps);
        let request = v1::ReportOutcomesRequest {
            request_id: request_id(),
            outcomes: vec![v1::OutcomeReport {
                action_id: action_id.clone(),
                status: v1::outcome::Status::Succeeded.into(),
                result: Bytes::from_static(b"done"),
            }],
        };
        match self
            .lines
            .call(request, async |line, request| {
                line.action_service().report_outcomes(request).await
            })
            .await
        {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().outcomes.insert(action_id, Known::Done);
                Ok(())
            }
            Called::Refused(error) => {
                self.ledger.book().outcomes.remove(&action_id);
                tolerate(&error, &["DISK_FULL", "OVERLOADED"])
            }
            Called::Lost(_) => Err(Gone),
        }
    }
}

/// A refusal that a healthy server may give here; any other fails the test. A
/// server that is going away, or has no database, may say so.
#[track_caller]
fn tolerate(error: &pointsman_client::Error, reasons: &[&str]) -> Result<(), Gone> {
    let reason = error.reason_name();
    if reason.is_empty() || ["STOPPING", "STORE_UNAVAILABLE"].contains(&reason) {
        return Err(Gone);
    }
    assert!(reasons.contains(&reason), "unexpected refusal: {error:?}");
    Ok(())
}
