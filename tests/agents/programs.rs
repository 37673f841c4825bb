//! The three programs: what they do is the same, how they are written is not.

use std::pin::Pin;
use std::sync::Arc;

use pointsman_api::v1;
use pointsman_api::v1::r#override::{Kind, State};
use pointsman_client::{
    Agent, Answer, Checkpoints, Connection, OverrideAnswer, Permit, Proposal, Resumed, RunHandle,
    SessionUpdate, Worker,
};
use tokio::sync::{Notify, mpsc};
use tokio_stream::{Stream, StreamExt as _};

use crate::harness::fixture::{allowed as permitted, asked};
use crate::harness::poll::PATIENCE;

/// How an agent is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// One thing after the other; asks between two things what people want.
    Loop,
    /// Tools and what people want are tasks beside each other.
    Tasks,
    /// Nobody waits: workers take up each answer from the checkpoint.
    Pool,
}

/// What an agent says to the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A person is to answer this escalation.
    Asks(String),
    /// The checkpoint after the first thing.
    Saved(String),
    /// The second tool runs.
    InTool,
    /// It has done as the pause says.
    Paused,
    /// It goes on from a state, and knows what it was told.
    Redirected {
        /// How many things were done in that state.
        done: u64,
        /// What it was told.
        instruction: String,
    },
    /// The process is over.
    Left,
}

/// What an agent works with.
#[derive(Clone)]
pub struct Desk {
    connection: Connection,
    run: RunHandle,
    reports: mpsc::Sender<Report>,
    tool_may_end: Arc<Notify>,
}

/// The proposal of one thing that the policy allows.
pub fn allowed(number: u64, branch: u32) -> Proposal {
    Proposal::new("allow_it", thing(number)).branch(branch)
}

fn thing(number: u64) -> String {
    format!(r#"{{"number":{number}}}"#)
}

fn state(done: u64) -> v1::CheckpointDraft {
    let state = format!(r#"{{"done":{done}}}"#).into();
    v1::CheckpointDraft { state, schema_version: "story/1".to_owned(), ..Default::default() }
}

fn done_in(checkpoint: &v1::Checkpoint) -> u64 {
    let state: serde_json::Value = serde_json::from_slice(&checkpoint.state).unwrap();
    state["done"].as_u64().unwrap()
}

impl Program {
    /// Begins in the background, as an agent that knows nothing of the test's people.
    pub fn spawn(self, desk: Desk) {
        tokio::spawn(async move {
            match self {
                Self::Loop => desk.plain_loop().await,
                Self::Tasks => desk.tasks().await,
                Self::Pool => desk.pool().await,
            }
            desk.report(Report::Left).await;
        });
    }

    /// What its two things are done with.
    pub const fn tool(self) -> &'static str {
        match self {
            Self::Loop | Self::Tasks => "allow_it",
            Self::Pool => "ask_it",
        }
    }

    /// Whether it learns of a pause before its tool has ended.
    pub const fn hears_in_the_middle_of_a_tool(self) -> bool {
        matches!(self, Self::Tasks)
    }
}

// === impl Desk ===

impl Desk {
    /// A desk for one run, and where its agent's reports come in.
    pub fn new(connection: Connection, run_id: &str) -> (Self, mpsc::Receiver<Report>) {
        let (reports, told) = mpsc::channel(16);
        let run = Agent::new(connection.clone()).run(run_id);
        (Self { connection, run, reports, tool_may_end: Arc::default() }, told)
    }

    /// Ends the second tool.
    pub fn let_the_tool_end(&self) {
        self.tool_may_end.notify_one();
    }

    async fn report(&self, report: Report) {
        // The test may have seen enough.
        drop(self.reports.send(report).await);
    }

    /// The first thing, and the checkpoint after it.
    async fn do_the_first(&self, permit: Permit) {
        permit.redeem().await.unwrap().succeeded("done").await.unwrap();
        let own = Checkpoints::new(self.connection.clone());
        let saved = own.save(self.run.run_id(), 0, None, state(1)).await.unwrap();
        self.report(Report::Saved(saved.checkpoint_id)).await;
    }

    /// The second thing, which takes as long as the test wants.
    async fn do_the_second(&self, permit: Permit) {
        let redeemed = permit.redeem().await.unwrap();
        self.report(Report::InTool).await;
        self.tool_may_end.notified().await;
        redeemed.succeeded("done").await.unwrap();
    }

    async fn answer(&self, told: &v1::Override, state: State, words: &str, running: &[&str]) {
        let still_running = running.iter().map(|&it| it.to_owned()).collect();
        let answer = OverrideAnswer { state, words: words.to_owned(), still_running };
        self.run.acknowledge(&told.override_id, answer).await.unwrap();
    }

    async fn is_paused(&self, told: &v1::Override) {
        self.answer(told, State::Effective, "the second thing is done", &[]).await;
        self.report(Report::Paused).await;
    }

    /// Heeds what people want until the run is sent another way and let go on: the loop
    /// and the workers ask for it.
    async fn waits_to_be_redirected(&self) -> v1::Override {
        let (mut redirected, mut goes_on) = (None, false);
        loop {
            if let Some(redirected) = redirected.take_if(|_| goes_on) {
                return redirected;
            }
            for told in self.run.overrides(PATIENCE).await.unwrap() {
                match told.kind() {
                    Kind::PauseNow => self.is_paused(&told).await,
                    Kind::Redirect => {
                        self.answer(&told, State::Acknowledged, "", &[]).await;
                        redirected = Some(told);
                    }
                    Kind::Resume => {
                        self.answer(&told, State::Effective, "", &[]).await;
                        goes_on = true;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Goes on where a person wants it: asks for the second thing, and ends.
    async fn goes_another_way(&self, told: v1::Override) {
        let redirect = told.redirect.unwrap();
        let own = Checkpoints::new(self.connection.clone());
        let done = done_in(&own.get(redirect.checkpoint_id).await.unwrap());
        self.report(Report::Redirected { done, instruction: redirect.instruction }).await;
        let proposal = Proposal::new("ask_it", thing(done + 1)).branch(told.branch);
        let wait = asked(&self.run, proposal.checkpoint(state(done)).detached()).await;
        self.report(Report::Asks(wait.escalation_id().to_owned())).await;
    }

    async fn plain_loop(&self) {
        for number in 1..=2 {
            let permit = permitted(&self.run, allowed(number, 0)).await;
            match number {
                1 => self.do_the_first(permit).await,
                _ => self.do_the_second(permit).await,
            }
        }
        let told = self.waits_to_be_redirected().await;
        self.goes_another_way(told).await;
    }

    async fn tasks(&self) {
        let session = self.run.open_session().await.unwrap();
        let mut updates: Updates = Box::pin(session.updates());
        self.do_the_first(permitted(&self.run, allowed(1, 0)).await).await;
        let permit = permitted(&self.run, allowed(2, 0)).await;
        let tool = self.do_the_second(permit);
        let people = self.paused_by(&mut updates);
        let (pause, ()) = tokio::join!(people, tool);
        self.is_paused(&pause).await;
        let told = self.redirected_by(&mut updates).await;
        self.goes_another_way(told).await;
        session.close().await.unwrap();
    }

    /// Hears of the pause while the tool runs.
    async fn paused_by(&self, updates: &mut Updates) -> v1::Override {
        let told = next_override(updates).await;
        assert_eq!(told.kind(), Kind::PauseNow);
        let running = ["the second thing"];
        self.answer(&told, State::Acknowledged, "I was in the second thing", &running).await;
        told
    }

    async fn redirected_by(&self, updates: &mut Updates) -> v1::Override {
        let redirected = next_override(updates).await;
        assert_eq!(redirected.kind(), Kind::Redirect);
        self.answer(&redirected, State::Acknowledged, "", &[]).await;
        let resumed = next_override(updates).await;
        assert_eq!(resumed.kind(), Kind::Resume);
        self.answer(&resumed, State::Effective, "", &[]).await;
        redirected
    }

    async fn pool(&self) {
        self.leaves(1, state(0)).await;
        let over = Notify::new();
        let worker = Worker::new(self.connection.clone()).concurrency(2);
        worker.run(over.notified(), |resumed| self.take_up(resumed, &over)).await.unwrap();
    }

    /// Asks for a thing and waits for nothing.
    async fn leaves(&self, number: u64, state: v1::CheckpointDraft) {
        let proposal = Proposal::new("ask_it", thing(number)).checkpoint(state).detached();
        let wait = asked(&self.run, proposal).await;
        self.report(Report::Asks(wait.escalation_id().to_owned())).await;
    }

    /// A worker goes on from the checkpoint, whichever it is.
    async fn take_up(&self, resumed: Resumed, over: &Notify) {
        let done = done_in(&resumed.checkpoint().await.unwrap().unwrap());
        let Answer::Approved(permit) = resumed.answer().unwrap() else { panic!("not approved") };
        if done == 0 {
            self.do_the_first(permit).await;
            return self.leaves(2, state(1)).await;
        }
        self.do_the_second(permit).await;
        let told = self.waits_to_be_redirected().await;
        // Whoever takes up what is asked now is another pool.
        over.notify_one();
        self.goes_another_way(told).await;
    }
}

/// What comes down a session.
type Updates = Pin<Box<dyn Stream<Item = SessionUpdate> + Send>>;

/// The next thing that a person wants, from a session.
async fn next_override(updates: &mut Updates) -> v1::Override {
    loop {
        match updates.next().await.unwrap() {
            SessionUpdate::Override(told) if told.state() == State::Delivered => return *told,
            _ => {}
        }
    }
}
