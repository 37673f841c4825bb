//! Bringing answers to the agents that wait for them.
//!
//! An answer is kept until it is taken up, so that an agent that comes late, or
//! again, misses nothing. Each stream first sends what is kept, then what comes.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::resumptions::OpenResumptions;
use super::views::ResumptionView;
use super::watch::{HEARTBEAT_DEFAULT, HEARTBEAT_MAX, HEARTBEAT_MIN};
use super::{Engine, authorize, validate};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::ids::{EscalationId, RunId, WaitId};
use crate::domain::principal::Principal;
use crate::domain::resumption::Resumption;
use crate::domain::time::{Span, Timestamp};
use crate::store::keys;

/// Which answers to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The answer to one wait; the stream ends after it.
    Wait {
        /// The escalation.
        escalation: EscalationId,
        /// Its single-use wait.
        wait: WaitId,
    },
    /// Every wait of one run.
    Run(RunId),
    /// Every wait of the calling agent.
    Agent,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum AwaitEvent {
    /// An answer.
    Resumption(Box<ResumptionView>),
    /// Every kept answer has been sent.
    SnapshotEnd {
        /// How many there were.
        count: u32,
    },
    /// The stream is alive; the next sign of life comes by then.
    Heartbeat(Timestamp),
}

/// A running wait; ask it for the next message.
pub struct Awaiting {
    engine: Engine,
    tenant: String,
    agent: String,
    scope: Scope,
    silence: Span,
    news: Receiver<Arc<Resumption>>,
    /// What is kept and still to be sent; none once that is done.
    kept: Option<OpenResumptions>,
    /// The epochs sent while the kept answers are read, to send nothing twice.
    sent: HashMap<EscalationId, u64>,
    count: u32,
    is_told: bool,
    is_over: bool,
    ready: VecDeque<Resumption>,
}

impl Engine {
    /// Begins to wait for answers.
    pub async fn await_resolutions(
        &self,
        caller: &Principal,
        scope: Scope,
        heartbeat: Option<Span>,
    ) -> Result<Awaiting, Error> {
        authorize::agent(caller)?;
        let bounds = HEARTBEAT_MIN..=HEARTBEAT_MAX;
        let silence = validate::span("heartbeat", heartbeat, HEARTBEAT_DEFAULT, bounds)?;
        // Listen first, read second: nothing falls between.
        let news = self.news_of(&caller.tenant, &caller.name);
        let mut awaiting = Awaiting {
            engine: self.clone(),
            tenant: caller.tenant.clone(),
            agent: caller.name.clone(),
            scope,
            silence,
            news,
            kept: None,
            sent: HashMap::new(),
            count: 0,
            is_told: false,
            is_over: false,
            ready: VecDeque::new(),
        };
        match scope {
            Scope::Wait { escalation, wait } => {
                awaiting.begin_wait(caller, escalation, wait).await?
            }
            Scope::Run(run) => {
                let run = self.run_record(caller, run).await?;
                if run.agent != caller.name {
                    return Err(Error::NotFound {
                        resource: Resource::Run,
                        id: run.id.to_string(),
                    });
                }
                awaiting.kept = Some(self.open_resumptions(&caller.tenant, &caller.name));
            }
            Scope::Agent => {
                awaiting.kept = Some(self.open_resumptions(&caller.tenant, &caller.name))
            }
        }
        Ok(awaiting)
    }
}

impl Awaiting {
    /// The next message; `None` after the answer to a single wait.
    pub async fn next(&mut self) -> Result<Option<AwaitEvent>, Error> {
        let silent_until = self.engine.now().plus(self.silence);
        loop {
            if let Some(resumption) = self.ready.pop_front() {
                return self.deliver(resumption).await.map(Some);
            }
            if self.is_over {
                return Ok(None);
            }
            if self.kept.is_some() {
                if let Some(event) = self.read_kept().await? {
                    return Ok(Some(event));
                }
                continue;
            }
            tokio::select! {
                heard = self.news.recv() => self.hear(heard).await?,
                () = self.engine.0.clock.sleep_until(silent_until) => {
                    let next = self.engine.now().plus(self.silence);
                    return Ok(Some(AwaitEvent::Heartbeat(next)));
                }
            }
        }
    }

    async fn begin_wait(
        &mut self,
        caller: &Principal,
        id: EscalationId,
        wait: WaitId,
    ) -> Result<(), Error> {
        let escalation = self
            .engine
            .read::<Escalation>(&keys::escalation(&self.tenant, id))
            .await?
            .filter(|escalation| escalation.agent == caller.name && escalation.wait == wait)
            .ok_or_else(|| Error::NotFound {
                resource: Resource::Escalation,
                id: id.to_string(),
            })?;
        if escalation.state != EscalationState::Open {
            self.look_at_one(id).await?;
        }
        self.is_told = true;
        Ok(())
    }

    /// Reads the answer of a single wait, if it is there.
    async fn look_at_one(&mut self, id: EscalationId) -> Result<(), Error> {
        let found = self.engine.read::<Resumption>(&keys::resumption(&self.tenant, id)).await?;
        match found {
            Some(resumption) if resumption.close_time.is_some() => {
                Err(Error::ResumptionClosed { escalation: id.to_string() })
            }
            Some(resumption) => {
                self.is_over = true;
                self.ready.push_back(resumption);
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn read_kept(&mut self) -> Result<Option<AwaitEvent>, Error> {
        let Some(kept) = &mut self.kept else { return Ok(None) };
        match kept.next(&self.engine).await? {
            Some(resumption) => {
                if self.wants(&resumption) {
                    self.sent.insert(resumption.escalation, resumption.epoch);
                    self.count += 1;
                    self.ready.push_back(resumption);
                }
                Ok(None)
            }
            None => {
                self.kept = None;
                let is_first = !std::mem::replace(&mut self.is_told, true);
                let count = self.count;
                Ok(is_first.then_some(AwaitEvent::SnapshotEnd { count }))
            }
        }
    }

    fn wants(&self, resumption: &Resumption) -> bool {
        let is_in_scope = match self.scope {
            Scope::Wait { escalation, .. } => resumption.escalation == escalation,
            Scope::Run(run) => resumption.run == run,
            Scope::Agent => true,
        };
        is_in_scope && resumption.close_time.is_none()
    }

    async fn hear(&mut self, heard: Result<Arc<Resumption>, RecvError>) -> Result<(), Error> {
        match heard {
            Ok(resumption) => {
                // The first epoch is the agent's own; later ones are workers'.
                let is_known = self.sent.remove(&resumption.escalation) == Some(resumption.epoch);
                if self.wants(&resumption) && !is_known && resumption.epoch <= 1 {
                    self.is_over = matches!(self.scope, Scope::Wait { .. });
                    self.ready.push_back(Resumption::clone(&resumption));
                }
                Ok(())
            }
            // The hints overflowed, or the feed began anew: read the truth.
            Err(RecvError::Lagged(_)) => self.read_again().await,
            Err(RecvError::Closed) => {
                self.news = self.engine.news_of(&self.tenant, &self.agent);
                self.read_again().await
            }
        }
    }

    async fn read_again(&mut self) -> Result<(), Error> {
        match self.scope {
            Scope::Wait { escalation, .. } => self.look_at_one(escalation).await,
            Scope::Run(_) | Scope::Agent => {
                self.kept = Some(self.engine.open_resumptions(&self.tenant, &self.agent));
                Ok(())
            }
        }
    }

    async fn deliver(&self, resumption: Resumption) -> Result<AwaitEvent, Error> {
        let now = self.engine.now();
        self.engine.0.stats.delivered.observe(now.since(resumption.create_time));
        let view = self.engine.resumption_view(&self.tenant, resumption, now).await?;
        Ok(AwaitEvent::Resumption(Box::new(view)))
    }
}
