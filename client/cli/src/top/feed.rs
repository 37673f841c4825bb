//! What is heard from the server: the queue, the runs, what an agent thinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::watch_reasoning_request::Density;
use pointsman_client::{Connection, QueueEvent, ReasoningEvent, ReasoningWatch, Reviewer, Runs};
use prost_types::Timestamp;
use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::model::Heard;
use crate::output::time;
use crate::run::live_line;

/// How often the runs are asked for.
const RUNS_EVERY: Duration = Duration::from_secs(2);
/// How many runs are asked for: the newest.
const RUNS_SHOWN: i32 = 200;

/// The streams. Dropping it ends them.
pub(super) struct Feed {
    connection: Connection,
    heard: Sender<Heard>,
    streams: JoinSet<()>,
    followed: Option<AbortHandle>,
    last: Instant,
    /// By how many seconds the server's clock is ahead of this machine's.
    ahead: Arc<AtomicI64>,
}

// === impl Feed ===

impl Feed {
    /// Begins to listen.
    pub(super) fn start(connection: &Connection, heard: Sender<Heard>) -> Self {
        let mut streams = JoinSet::new();
        let ahead = Arc::new(AtomicI64::new(0));
        streams.spawn(questions(connection.clone(), heard.clone(), Arc::clone(&ahead)));
        streams.spawn(runs(connection.clone(), heard.clone()));
        let connection = connection.clone();
        Self { connection, heard, streams, followed: None, last: Instant::now(), ahead }
    }

    /// Follows one run, and no other.
    pub(super) fn follow(&mut self, run: &str, density: Density) {
        self.unfollow();
        let request = v1::WatchReasoningRequest {
            run_id: run.to_owned(),
            density: density.into(),
            ..Default::default()
        };
        let watch = ReasoningWatch::new(self.connection.clone(), request);
        let following = follow(watch, run.to_owned(), self.heard.clone());
        self.followed = Some(self.streams.spawn(following));
    }

    /// Follows no run.
    pub(super) fn unfollow(&mut self) {
        if let Some(followed) = self.followed.take() {
            followed.abort();
        }
        while self.streams.try_join_next().is_some() {}
    }

    /// Notes that the queue was heard.
    pub(super) fn note(&mut self, heard: &Heard) {
        if matches!(heard, Heard::Question(_) | Heard::QuestionsComplete | Heard::Alive) {
            self.last = Instant::now();
        }
    }

    /// The server's clock, and for how long nothing was heard.
    pub(super) fn now(&self) -> (Timestamp, Duration) {
        let mut now = time::local_now();
        now.seconds += self.ahead.load(Ordering::Relaxed);
        (now, self.last.elapsed())
    }
}

/// Tells of the queue until nobody listens.
async fn questions(connection: Connection, heard: Sender<Heard>, ahead: Arc<AtomicI64>) {
    let mut watch = Reviewer::new(connection).watch(v1::WatchEscalationsRequest::default());
    while let Some(event) = watch.next().await {
        if let Some(server) = watch.server_time() {
            ahead.store(server.seconds - time::local_now().seconds, Ordering::Relaxed);
        }
        let told = match event {
            Ok(QueueEvent::Snapshot(question)) => vec![Heard::Question(question)],
            Ok(QueueEvent::SnapshotEnd(_)) => vec![Heard::QuestionsComplete],
            Ok(QueueEvent::Change(change)) => {
                change.escalations.into_iter().map(|it| Heard::Question(Box::new(it))).collect()
            }
            Ok(QueueEvent::Alive) => vec![Heard::Alive],
            Ok(QueueEvent::StartedOver(_)) => vec![Heard::QuestionsForgotten],
            Ok(QueueEvent::Interrupted(error)) | Err(error) => vec![Heard::Lost(error.to_string())],
        };
        for one in told {
            if heard.send(one).await.is_err() {
                return;
            }
        }
    }
}

/// Tells of the newest runs until nobody listens.
async fn runs(connection: Connection, heard: Sender<Heard>) {
    let runs = Runs::new(connection);
    let mut ticks = tokio::time::interval(RUNS_EVERY);
    let request = v1::ListRunsRequest { page_size: RUNS_SHOWN, ..Default::default() };
    loop {
        ticks.tick().await;
        let told = match runs.list(request.clone()).await {
            Ok(page) => page.runs.into_iter().map(|it| Heard::Run(Box::new(it))).collect(),
            Err(error) => vec![Heard::Lost(error.to_string())],
        };
        for one in told {
            if heard.send(one).await.is_err() {
                return;
            }
        }
    }
}

/// Tells what the agent of a run thinks and does until nobody listens.
async fn follow(mut watch: ReasoningWatch, run: String, heard: Sender<Heard>) {
    while let Some(event) = watch.next().await {
        let told = match event {
            Ok(ReasoningEvent::Shown(event)) => {
                live_line(&event).map(|(at, line)| Heard::Thought { run: run.clone(), at, line })
            }
            Ok(ReasoningEvent::Interrupted(error)) | Err(error) => {
                Some(Heard::Lost(error.to_string()))
            }
        };
        let Some(told) = told else { continue };
        if heard.send(told).await.is_err() {
            return;
        }
    }
}
