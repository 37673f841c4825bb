//! The agent's side: start a run, propose tool calls, run what is permitted.

use pointsman_api::v1;
use pointsman_api::v1::DecisionEffect;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::connect::{Connection, promised};
use crate::credentials::References;
use crate::error::{Error, Result};
use crate::overrides::{OverrideAnswer, Overrides};
use crate::permit::Permit;
use crate::proposal::Proposal;
use crate::wait::{Dispatcher, Wait};

/// An agent program. Clones share one stream for all their waits.
#[derive(Clone, Debug)]
pub struct Agent {
    connection: Connection,
    pub(crate) dispatcher: Arc<Dispatcher>,
}

/// What a run is for.
#[derive(Clone, Debug, Default)]
pub struct StartRun {
    /// What the run is to reach, in the agent's or its user's words.
    pub goal: String,
    /// The person or system the agent acts for; empty: none.
    pub on_behalf_of: String,
    /// The run that delegates to this one; empty: none.
    pub parent_run_id: String,
    /// Constraint sets of the policy in force that bind the run, at most 8, beside
    /// those of its parent.
    pub constraint_sets: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// The agent reached its goal.
    Succeeded,
    /// The agent did not.
    Failed,
    /// The agent gave up before the end.
    Cancelled,
}

/// A run of this agent.
#[derive(Clone, Debug)]
pub struct RunHandle {
    agent: Agent,
    run_id: String,
}

/// What the policy decided of a proposal.
#[derive(Debug)]
pub enum Proposed {
    /// The action may run.
    Allowed(Permit),
    /// The action must not run.
    Denied(Denial),
    /// A person is asked.
    Waiting(Wait),
}

/// A refusal by policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// The refused action.
    pub action_id: String,
    /// What the policy said, and why.
    pub decision: v1::Decision,
}

// === impl Agent ===

impl Agent {
    /// Makes an agent of a connection whose token has the agent role.
    pub fn new(connection: Connection) -> Self {
        let dispatcher = Arc::new(Dispatcher::new(connection.clone()));
        Self { connection, dispatcher }
    }

    /// The connection that this agent calls on.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Starts a run.
    ///
    /// # Errors
    ///
    /// As `RunService.StartRun`.
    pub async fn start_run(&self, start: StartRun) -> Result<RunHandle> {
        let request = v1::StartRunRequest {
            request_id: self.connection.new_request_id(),
            on_behalf_of: start.on_behalf_of,
            parent_run_id: start.parent_run_id,
            goal: start.goal,
            constraint_sets: start.constraint_sets,
        };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.run_service();
                async move { service.start_run(request).await }
            })
            .await?;
        Ok(self.run(promised(answer.run, "run")?.run_id))
    }

    /// Goes on with a run that was started before. Asks nothing of the server.
    pub fn run(&self, run_id: impl Into<String>) -> RunHandle {
        RunHandle { agent: self.clone(), run_id: run_id.into() }
    }

    /// Waits again for an answer that an earlier process asked for. The bytes to
    /// run come from the server, which compares them when they are redeemed.
    pub fn resume_wait(&self, wait: v1::Wait) -> Wait {
        self.dispatcher.resume(wait)
    }
}

impl Agent {
    /// What reviewers ask before they decide, as it comes. Questions come while this
    /// agent waits for answers; a receiver that falls behind loses the oldest, which
    /// [`list_questions`](Self::list_questions) has all the same.
    pub fn questions(&self) -> broadcast::Receiver<v1::AgentQuestion> {
        self.dispatcher.questions()
    }

    /// Returns a page of questions, as `EscalationService.ListQuestions`: without an
    /// escalation, those that this agent has not answered.
    ///
    /// # Errors
    ///
    /// As that call.
    pub async fn list_questions(
        &self,
        request: v1::ListQuestionsRequest,
    ) -> Result<v1::ListQuestionsResponse> {
        self.connection
            .send(request, |request| {
                let mut service = self.connection.escalation_service();
                async move { service.list_questions(request).await }
            })
            .await
    }

    /// Answers a reviewer's question.
    ///
    /// # Errors
    ///
    /// As `EscalationService.AnswerQuestion`.
    pub async fn answer_question(
        &self,
        question: &v1::AgentQuestion,
        text: impl Into<String>,
    ) -> Result<v1::AgentQuestion> {
        let request = v1::AnswerQuestionRequest {
            request_id: self.connection.new_request_id(),
            escalation_id: question.escalation_id.clone(),
            question_id: question.question_id.clone(),
            text: text.into(),
        };
        let said = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.escalation_service();
                async move { service.answer_question(request).await }
            })
            .await?;
        promised(said.question, "question")
    }
}

// === impl RunHandle ===

impl RunHandle {
    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The agent that runs.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Proposes one tool call; the policy decides at once.
    ///
    /// # Errors
    ///
    /// After any error the action must not run. The call is repeated by itself
    /// where that is safe; see [`Error::effect`].
    pub async fn propose(&self, proposal: Proposal) -> Result<Proposed> {
        let connection = &self.agent.connection;
        let request = proposal.to_request(connection.new_request_id(), &self.run_id);
        let asking = self.agent.dispatcher.about_to_ask();
        let answer = connection
            .send(request, |request| {
                let mut service = connection.action_service();
                async move { service.propose_action(request).await }
            })
            .await?;
        let decision = promised(answer.decision, "decision")?;
        let references = References::Known(proposal.credentials());
        let call = proposal.into_call(&self.run_id, &answer.action_id);
        match decision.effect() {
            DecisionEffect::Allow => {
                let grant = promised(answer.grant, "grant")?;
                let permit = Permit::new(connection.clone(), call, grant);
                Ok(Proposed::Allowed(permit.referring_to(references)))
            }
            DecisionEffect::Deny => {
                Ok(Proposed::Denied(Denial { action_id: answer.action_id, decision }))
            }
            DecisionEffect::Escalate => {
                let wait = promised(answer.wait, "wait")?;
                Ok(Proposed::Waiting(asking.wait_for(wait, call, decision)))
            }
            DecisionEffect::Unspecified => {
                Err(Error::protocol("the server's decision is not one that this client knows"))
            }
        }
    }

    /// Tells what the run has heard since: what its user said, and what tools
    /// answered that were not proposed. Policies judge later proposals by it; what
    /// a model or a tool wrote is never the user's word.
    ///
    /// # Errors
    ///
    /// As `RunService.AppendMessages`.
    pub async fn append_messages(&self, messages: Vec<v1::RunMessage>) -> Result<()> {
        let connection = &self.agent.connection;
        let request = v1::AppendMessagesRequest {
            request_id: connection.new_request_id(),
            run_id: self.run_id.clone(),
            messages,
        };
        let call = |request| {
            let mut service = connection.run_service();
            async move { service.append_messages(request).await }
        };
        connection.send(request, call).await.map(drop)
    }

    /// Waits up to 30 seconds for what people do to this run, and brings what it has not
    /// acknowledged; none: nothing came. A run whose calls are refused with `RUN_PAUSED`
    /// learns here when it goes on.
    ///
    /// # Errors
    ///
    /// As `OverrideService.ReceiveOverrides`.
    pub async fn overrides(&self, wait: Duration) -> Result<Vec<v1::Override>> {
        Overrides::new(self.agent.connection.clone()).receive(&self.run_id, wait).await
    }

    /// Says how far this run is with an override.
    ///
    /// # Errors
    ///
    /// As `OverrideService.AcknowledgeOverride`.
    pub async fn acknowledge(
        &self,
        override_id: impl Into<String>,
        answer: OverrideAnswer,
    ) -> Result<v1::Override> {
        let overrides = Overrides::new(self.agent.connection.clone());
        overrides.acknowledge(&self.run_id, override_id, answer).await
    }

    /// Finishes the run; its open questions are closed and its grants revoked.
    ///
    /// # Errors
    ///
    /// As `RunService.FinishRun`.
    pub async fn finish(&self, end: RunEnd) -> Result<v1::Run> {
        let connection = &self.agent.connection;
        let request = v1::FinishRunRequest {
            request_id: connection.new_request_id(),
            run_id: self.run_id.clone(),
            state: end.state().into(),
        };
        let answer = connection
            .send(request, |request| {
                let mut service = connection.run_service();
                async move { service.finish_run(request).await }
            })
            .await?;
        promised(answer.run, "run")
    }
}

impl RunEnd {
    fn state(self) -> v1::run::State {
        match self {
            Self::Succeeded => v1::run::State::Succeeded,
            Self::Failed => v1::run::State::Failed,
            Self::Cancelled => v1::run::State::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests;
