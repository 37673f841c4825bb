//! The engine under test: the same commands, with real ids.

use bytes::Bytes;
use serde_json::json;

use super::super::world::{self, World, agent, other_reviewer, proposal, resolution, reviewer};
use super::command::{Command, Said, Tool};
use super::reference::{Answer, Model, RESTART, State};
use crate::domain::error::Error;
use crate::domain::escalation::ResumeMode;
use crate::domain::ids::{ActionId, EscalationId, GrantId, RunId};
use crate::domain::principal::Principal;
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::escalations::ClaimStep;
use crate::engine::resolve::Verb;
use crate::engine::resumptions::ClaimResumptions;
use crate::engine::runs::FinishRun;

/// The engine, and the ids of everything in the order of its making.
pub(super) struct Subject {
    world: World,
    runs: Vec<RunId>,
    actions: Vec<ActionId>,
    questions: Vec<EscalationId>,
    grants: Vec<Vec<GrantId>>,
}

fn person(who: usize) -> Principal {
    if who == 0 { reviewer() } else { other_reviewer() }
}

/// `ok`, or the name of the error's variant.
fn answer<T>(result: Result<T, Error>) -> Answer {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let text = format!("{error:?}");
            let end = text.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(text.len());
            text[..end].to_owned()
        }
    }
}

impl Subject {
    pub(super) async fn new() -> Self {
        Self {
            world: World::new().await,
            runs: Vec::new(),
            actions: Vec::new(),
            questions: Vec::new(),
            grants: Vec::new(),
        }
    }

    pub(super) async fn restarted(self) -> Self {
        Self { world: self.world.restarted().await, ..self }
    }

    pub(super) async fn apply(&mut self, command: &Command, model: &Model) -> Answer {
        let answer = self.answer_to(command).await;
        self.learn(model).await;
        answer
    }

    async fn answer_to(&mut self, command: &Command) -> Answer {
        let engine = &self.world.engine;
        match *command {
            Command::StartRun => {
                self.runs.push(self.world.run().await);
                "ok".to_owned()
            }
            Command::FinishRun { run } => {
                let (request_id, run) = (String::new(), self.runs[run]);
                let command = FinishRun { request_id, run, state: RunState::Succeeded };
                answer(engine.finish_run(&agent(), command).await)
            }
            Command::Propose { run, tool, is_detached, redeem } => {
                let (name, arguments) = call(tool);
                let mut command = proposal(self.runs[run], name, &arguments);
                command.redeem_if_allowed = redeem;
                if is_detached {
                    command.resume_mode = ResumeMode::Detached;
                }
                let proposed = engine.propose(&agent(), command).await;
                if let Ok(proposed) = &proposed {
                    self.actions.push(proposed.value.action.id);
                    self.questions.extend(proposed.value.escalation.as_ref().map(|it| it.id));
                }
                answer(proposed)
            }
            Command::Claim { question, who } => {
                let step = ClaimStep::Claim(None);
                answer(engine.claim(&person(who), "", self.questions[question], step).await)
            }
            Command::Release { question, who, epoch } => {
                let step = ClaimStep::Release { epoch };
                answer(engine.claim(&person(who), "", self.questions[question], step).await)
            }
            Command::Resolve { question, who, epoch, said, is_stale } => {
                self.resolve(question, who, epoch, said, is_stale).await
            }
            Command::Redeem { action, grant, is_tampered } => {
                let mut command = self.world.redemption(self.actions[action]).await;
                command.grant = self.grants[action][grant];
                if is_tampered {
                    command.target.push('!');
                }
                answer(engine.redeem(&agent(), command).await)
            }
            Command::Report { action } => answer(self.world.report(self.actions[action]).await),
            Command::Resume { most } => self.resume(most).await,
            Command::Acknowledge { question, epoch } => {
                let id = self.questions[question];
                answer(engine.acknowledge_resumption(&agent(), "", id, epoch).await)
            }
            Command::Pass { seconds } => {
                self.world.pass(Span::from_secs(seconds)).await;
                "ok".to_owned()
            }
            Command::Restart => {
                self.world.pass(Span::from_secs(RESTART)).await;
                "ok".to_owned()
            }
        }
    }

    async fn resolve(
        &mut self,
        question: usize,
        who: usize,
        epoch: u64,
        said: Said,
        is_stale: bool,
    ) -> Answer {
        let verb = match said {
            Said::Approve => Verb::Approve,
            Said::Reject => Verb::Reject { reason_code: String::new() },
            Said::Respond => Verb::Respond { response: Bytes::from_static(b"later") },
            Said::Modify => {
                let arguments = json!({"amount": 550, "to": "Anna"}).to_string().into();
                Verb::Modify { arguments, target: None }
            }
        };
        let escalation = self.world.escalation(self.questions[question]).await;
        let mut command = resolution(&escalation, verb);
        command.claim_epoch = epoch;
        if is_stale {
            command.etag = "0".to_owned();
        }
        let resolved = self.world.engine.resolve(&person(who), command).await;
        if let Ok(resolved) = &resolved {
            let said = resolved.value.escalation.resolution.as_ref().unwrap();
            self.actions.extend(said.action.filter(|action| !self.actions.contains(action)));
        }
        answer(resolved)
    }

    async fn resume(&self, most: usize) -> Answer {
        let max_items = i32::try_from(most).unwrap();
        let command = ClaimResumptions { max_items, ..ClaimResumptions::default() };
        match self.world.engine.claim_resumptions(&agent(), command).await {
            Err(error) => answer::<()>(Err(error)),
            Ok(claimed) => {
                let number = |id| self.questions.iter().position(|known| *known == id).unwrap();
                let views = claimed.value.iter();
                let numbers: Vec<_> =
                    views.map(|view| number(view.resumption.escalation)).collect();
                format!("{numbers:?}")
            }
        }
    }

    /// Notes new grants, and the questions that time has asked, in the order in
    /// which the model asks them.
    async fn learn(&mut self, model: &Model) {
        let known = self.questions.len();
        for question in known..model.state().questions.len() {
            let action = self.actions[model.action_of(question)];
            self.questions.extend(self.world.action(action).await.escalation);
        }
        self.grants.resize(self.actions.len(), Vec::new());
        for (at, action) in self.actions.iter().enumerate() {
            let grant = self.world.action(*action).await.grant.map(|grant| grant.id);
            let is_new = grant.filter(|grant| !self.grants[at].contains(grant));
            self.grants[at].extend(is_new);
        }
    }

    /// What can be compared.
    pub(super) async fn state(&self) -> State {
        let mut state = State::default();
        for run in &self.runs {
            let run = self.world.engine.get_run(&world::admin(), *run).await.unwrap().run;
            state.runs.push(run.state == RunState::Running);
        }
        for action in &self.actions {
            let action = self.world.action(*action).await;
            let grant = action.grant.map(|grant| (grant.epoch, grant.redeem_time.is_some()));
            state.actions.push((action.state, grant));
        }
        let now = self.world.engine.now();
        for question in &self.questions {
            let escalation = self.world.escalation(*question).await;
            let claim = escalation.live_claim(now).map(|claim| {
                let who = usize::from(claim.holder != reviewer().name);
                (who, claim.epoch)
            });
            state.questions.push((escalation.state, claim));
        }
        state
    }
}

fn call(tool: Tool) -> (&'static str, serde_json::Value) {
    match tool {
        Tool::Note => ("note", json!({"text": "seen"})),
        Tool::Lookup => ("lookup", json!({"id": 7})),
        Tool::Refund => ("refund", json!({"amount": 600, "to": "Anna"})),
        Tool::TooMuch => ("refund", json!({"amount": 200_000, "to": "Anna"})),
    }
}
