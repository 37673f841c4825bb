//! Waiting for people: any number of waits over one stream.
//!
//! A [`Wait`] is registered under its escalation's id; one task per [`Dispatcher`]
//! reads the agent's `AwaitResolutions` stream and hands each answer to its wait.
//! The server keeps answers until they are taken up and sends them again on every
//! new stream, so that nothing is lost when the stream breaks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pointsman_api::v1;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::task::AbortHandle;

use crate::answer::{Answer, answer_of};
use crate::connect::Connection;
use crate::error::{Error, Result};
use crate::proposal::ExactCall;
use crate::worker::Worker;

mod stream;

/// How many answers are kept that arrived before their wait was registered.
const EARLY_LIMIT: usize = 1024;

/// How many questions are kept for a listener that does not listen.
const QUESTIONS_KEPT: usize = 64;

type AnswerSender = oneshot::Sender<Result<v1::Resumption>>;
type AnswerReceiver = oneshot::Receiver<Result<v1::Resumption>>;

/// An open question to a person. Dropping it stops waiting; the answer is kept
/// by the server all the same.
#[derive(Debug)]
pub struct Wait {
    dispatcher: Arc<Dispatcher>,
    wait: v1::Wait,
    call: Option<ExactCall>,
    decision: Option<v1::Decision>,
    receiver: Option<AnswerReceiver>,
}

/// Brings answers to waits.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    connection: Connection,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Rung when the stream must start over.
    start_over: Notify,
    questions: Asked,
}

/// What reviewers ask, for whoever listens.
#[derive(Debug)]
struct Asked(broadcast::Sender<v1::AgentQuestion>);

impl Default for Asked {
    fn default() -> Self {
        Self(broadcast::channel(QUESTIONS_KEPT).0)
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<String, AnswerSender>,
    /// Answers without a wait, that a proposal under way may turn out to own.
    early: VecDeque<v1::Resumption>,
    /// How many proposals are under way.
    asking: usize,
    /// How many answers came without a wait, ever, and how many were let go.
    early_count: u64,
    early_dropped: u64,
    task: Option<AbortHandle>,
}

/// Keeps early answers while a proposal is under way.
#[derive(Debug)]
pub(crate) struct Asking {
    dispatcher: Arc<Dispatcher>,
    early_before: u64,
}

// === impl Wait ===

impl Wait {
    /// The question's id.
    pub fn escalation_id(&self) -> &str {
        &self.wait.escalation_id
    }

    /// The ids and times of the wait, to be stored by an agent that will ask for
    /// the answer again as another process: see
    /// [`Agent::resume_wait`](crate::Agent::resume_wait).
    pub fn details(&self) -> &v1::Wait {
        &self.wait
    }

    /// Why a person is asked; none for a resumed wait.
    pub fn decision(&self) -> Option<&v1::Decision> {
        self.decision.as_ref()
    }

    /// Waits for the answer and takes it up: an answer that permits nothing is
    /// acknowledged, so that no worker gets it as well; an approval whose grant has
    /// lapsed is claimed, which renews the grant.
    ///
    /// May be dropped and called again, such as under a time limit.
    ///
    /// # Errors
    ///
    /// The stream is refused for good (token revoked), or the answer makes no
    /// sense. Nothing may run then.
    pub async fn answer(&mut self) -> Result<Answer> {
        let (answer, escalation_id, epoch) = self.receive().await?;
        if matches!(answer, Answer::Lapsed(_)) {
            return self.claim_anew(answer).await;
        }
        if !answer.is_permitted() {
            let connection = self.dispatcher.connection.clone();
            tokio::spawn(async move {
                if let Err(error) = acknowledge(&connection, escalation_id, epoch).await {
                    tracing::debug!(%error, "answer not acknowledged, it will be sent again");
                }
            });
        }
        Ok(answer)
    }

    /// Waits for the answer and leaves it on the server: for agents that must not
    /// lose it if they end before they acted on it.
    ///
    /// # Errors
    ///
    /// As for [`answer`](Self::answer).
    pub async fn answer_kept(&mut self) -> Result<Answer> {
        self.receive().await.map(|(answer, _, _)| answer)
    }

    /// Gets a new grant for an approval whose grant has lapsed. If a worker holds
    /// the resumption by now, it is the one that goes on.
    async fn claim_anew(&self, lapsed: Answer) -> Result<Answer> {
        let connection = &self.dispatcher.connection;
        let worker = Worker::new(connection.clone())
            .only_escalation(self.escalation_id())
            .poll(Duration::ZERO);
        match worker.claim(1).await?.pop() {
            Some(resumed) => answer_of(connection, resumed.details().clone(), self.call.clone()),
            None => Ok(lapsed),
        }
    }

    async fn receive(&mut self) -> Result<(Answer, String, u64)> {
        let receiver = match &mut self.receiver {
            Some(receiver) => receiver,
            None => self.receiver.insert(self.dispatcher.register_late(&self.wait.escalation_id)),
        };
        let received = receiver.await;
        self.receiver = None;
        let resumption = received.map_err(|_| {
            Error::invalid_input("another wait for the same question replaced this")
        })??;
        let (escalation_id, epoch) = (resumption.escalation_id.clone(), resumption.epoch);
        let answer = answer_of(&self.dispatcher.connection, resumption, self.call.clone())?;
        Ok((answer, escalation_id, epoch))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.receiver.is_some() {
            self.dispatcher.shared.lock().waiting.remove(&self.wait.escalation_id);
        }
    }
}

/// Takes an answer up for good.
pub(crate) async fn acknowledge(
    connection: &Connection,
    escalation_id: String,
    epoch: u64,
) -> Result<()> {
    let request_id = connection.new_request_id();
    let request = v1::AcknowledgeResumptionRequest { request_id, escalation_id, epoch };
    connection
        .send(request, |request| {
            let mut service = connection.checkpoint_service();
            async move { service.acknowledge_resumption(request).await }
        })
        .await
        .map(|_| ())
}

// === impl Dispatcher ===

impl Dispatcher {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, shared: Arc::default() }
    }

    /// Listens to what reviewers ask.
    pub(crate) fn questions(&self) -> broadcast::Receiver<v1::AgentQuestion> {
        self.shared.questions.0.subscribe()
    }

    /// Announces a proposal, so that an answer which overtakes its own wait is kept.
    pub(crate) fn about_to_ask(self: &Arc<Self>) -> Asking {
        let mut state = self.shared.lock();
        state.asking += 1;
        Asking { dispatcher: Arc::clone(self), early_before: state.early_count }
    }

    /// Waits for an answer whose proposal is long past.
    pub(crate) fn resume(self: &Arc<Self>, wait: v1::Wait) -> Wait {
        let receiver = Some(self.register_late(&wait.escalation_id));
        Wait { dispatcher: Arc::clone(self), wait, call: None, decision: None, receiver }
    }

    /// Registers a wait whose answer may have passed already: a stream that is
    /// open starts over, for kept answers come at its beginning only.
    fn register_late(&self, escalation_id: &str) -> AnswerReceiver {
        let mut state = self.shared.lock();
        let is_open = state.task.is_some();
        let receiver = self.register(&mut state, escalation_id);
        drop(state);
        if is_open {
            self.shared.start_over.notify_one();
        }
        receiver
    }

    fn register(&self, state: &mut State, escalation_id: &str) -> AnswerReceiver {
        let (sender, receiver) = oneshot::channel();
        state.waiting.insert(escalation_id.to_owned(), sender);
        if state.task.is_none() {
            let task = stream::follow(self.connection.clone(), Arc::clone(&self.shared));
            state.task = Some(tokio::spawn(task).abort_handle());
        }
        receiver
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        if let Some(task) = self.shared.lock().task.take() {
            task.abort();
        }
    }
}

// === impl Asking ===

impl Asking {
    /// Turns the announced proposal into a wait.
    pub(crate) fn wait_for(self, wait: v1::Wait, call: ExactCall, decision: v1::Decision) -> Wait {
        let dispatcher = Arc::clone(&self.dispatcher);
        let mut state = dispatcher.shared.lock();
        let receiver = match state.take_early(&wait.escalation_id) {
            Some(resumption) => {
                let (sender, receiver) = oneshot::channel();
                let _receiver_is_here = sender.send(Ok(resumption));
                receiver
            }
            None => dispatcher.register(&mut state, &wait.escalation_id),
        };
        let may_have_missed = state.early_dropped > self.early_before;
        drop(state);
        if may_have_missed {
            dispatcher.shared.start_over.notify_one();
        }
        let (call, decision) = (Some(call), Some(decision));
        Wait { dispatcher, wait, call, decision, receiver: Some(receiver) }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut state = self.dispatcher.shared.lock();
        state.asking = state.asking.saturating_sub(1);
        if state.asking == 0 {
            state.early.clear();
        }
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an answer to its wait, or keeps it while somebody may turn up for it.
    fn deliver(&self, resumption: v1::Resumption) {
        let mut state = self.lock();
        if let Some(sender) = state.waiting.remove(&resumption.escalation_id) {
            let _waiter_may_be_gone = sender.send(Ok(resumption));
        } else if state.asking > 0 {
            state.keep_early(resumption);
        }
    }

    /// Tells whoever listens what a reviewer asks.
    fn ask(&self, question: v1::AgentQuestion) {
        let _nobody_may_listen = self.questions.0.send(question);
    }

    /// Tells every wait that no answer will come on this stream.
    fn fail_all(&self, error: &Error) {
        let mut state = self.lock();
        state.task = None;
        for (_, sender) in state.waiting.drain() {
            let _waiter_may_be_gone = sender.send(Err(error.clone()));
        }
    }
}

impl State {
    fn keep_early(&mut self, resumption: v1::Resumption) {
        self.early_count += 1;
        self.early.push_back(resumption);
        if self.early.len() > EARLY_LIMIT {
            self.early.pop_front();
            self.early_dropped = self.early_count - EARLY_LIMIT as u64;
        }
    }

    fn take_early(&mut self, escalation_id: &str) -> Option<v1::Resumption> {
        let at = self.early.iter().position(|one| one.escalation_id == escalation_id)?;
        self.early.remove(at)
    }
}

#[cfg(test)]
mod tests;
