//! Bringing answers to the agents that wait for them.
//!
//! An answer is kept until it is taken up, so that an agent that comes late, or
//! again, misses nothing. Each stream first sends what is kept, then what comes,
//! and sends nothing twice. A stream that falls behind the hints of the feed
//! reads in the journal what it has not looked at yet: catching up costs what
//! has changed, and not what is open.

mod questions;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use self::questions::Questions;
use super::conversation::QuestionView;
use super::feed::{Offers, Topic, questions_in, resumptions_in};
use super::resumptions::OpenResumptions;
use super::views::ResumptionView;
use super::watch::{HEARTBEAT_DEFAULT, HEARTBEAT_MAX, HEARTBEAT_MIN};
use super::{Engine, authorize, read_error, validate};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{AgentQuestion, Escalation, EscalationState};
use crate::domain::ids::{EscalationId, RunId, WaitId};
use crate::domain::principal::Principal;
use crate::domain::resumption::Resumption;
use crate::domain::time::{Span, Timestamp};
use crate::store::{CommitRecord, TailFrom, keys};

/// How many commits one read fetches while a stream catches up.
const COMMITS_PER_READ: usize = 128;

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
    /// A reviewer asks something before deciding.
    Question(Box<QuestionView>),
    /// Every kept answer has been sent.
    SnapshotEnd {
        /// Up to which sequence of the tenant, at least.
        sequence: u64,
        /// How many there were.
        count: u32,
    },
    /// The stream is alive; the next sign of life comes by then.
    Heartbeat(Timestamp),
}

/// Where a stream is.
enum Phase {
    /// Sending what is kept.
    Kept(Box<Kept>),
    /// Following the hints.
    Live,
    /// Reading in the journal what the hints left out.
    Behind,
}

/// What is kept and still to be sent.
struct Kept {
    walk: OpenResumptions,
    /// The tenant's sequence before the walk.
    sequence: u64,
    count: u32,
}

/// A running wait; ask it for the next message.
pub struct Awaiting {
    engine: Engine,
    tenant: String,
    agent: String,
    scope: Scope,
    silence: Span,
    news: Receiver<Arc<Offers>>,
    phase: Phase,
    /// Every commit up to this one has been looked at.
    seen: u64,
    /// What was sent of the kept answers and may be told of again, by commits up
    /// to `kept_until`.
    sent: HashSet<EscalationId>,
    kept_until: u64,
    is_over: bool,
    ready: VecDeque<Resumption>,
    questions: Questions,
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
        let news = self.0.feed.listen(scope.topic(&caller.tenant, &caller.name));
        let mut awaiting = Awaiting {
            engine: self.clone(),
            tenant: caller.tenant.clone(),
            agent: caller.name.clone(),
            scope,
            silence,
            news,
            phase: Phase::Live,
            seen: self.0.store.info().await.map_err(read_error)?.commit,
            sent: HashSet::new(),
            kept_until: 0,
            is_over: false,
            ready: VecDeque::new(),
            questions: Questions::default(),
        };
        awaiting.read_questions().await?;
        match scope {
            Scope::Wait { escalation, wait } => {
                awaiting.begin_wait(caller, escalation, wait).await?;
            }
            Scope::Run(run) => {
                let run = self.run_record(caller, run).await?;
                if run.agent != caller.name {
                    let id = run.id.to_string();
                    return Err(Error::not_found(Resource::Run, id));
                }
                awaiting.begin_kept().await?;
            }
            Scope::Agent => awaiting.begin_kept().await?,
        }
        Ok(awaiting)
    }
}

impl Awaiting {
    /// The next message; `None` after the answer to a single wait.
    pub async fn next(&mut self) -> Result<Option<AwaitEvent>, Error> {
        let silent_until = self.engine.now().plus(self.silence);
        loop {
            if let Some(question) = self.questions.ready.pop_front() {
                let view = self.engine.question_view(question).await?;
                return Ok(Some(AwaitEvent::Question(Box::new(view))));
            }
            if let Some(resumption) = self.ready.pop_front() {
                return self.deliver(resumption).await.map(Some);
            }
            if self.is_over {
                return Ok(None);
            }
            if self.engine.now() >= silent_until {
                return Ok(Some(self.heartbeat()));
            }
            match self.phase {
                Phase::Kept(_) => {
                    if let Some(end) = self.read_kept().await? {
                        return Ok(Some(end));
                    }
                }
                Phase::Behind => self.catch_up().await?,
                Phase::Live => self.listen(silent_until).await?,
            }
        }
    }

    async fn begin_kept(&mut self) -> Result<(), Error> {
        let sequence = self.engine.0.store.sequence(&self.tenant).await.map_err(read_error)?;
        let walk = self.engine.open_resumptions(&self.tenant, &self.agent);
        self.phase = Phase::Kept(Box::new(Kept { walk, sequence, count: 0 }));
        Ok(())
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
            .ok_or_else(|| Error::not_found(Resource::Escalation, id))?;
        if escalation.state != EscalationState::Open {
            self.look_at_one(id).await?;
        }
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

    /// Reads the next kept answer; answers the end of them, if it has come.
    async fn read_kept(&mut self) -> Result<Option<AwaitEvent>, Error> {
        let Phase::Kept(kept) = &mut self.phase else { return Ok(None) };
        if let Some(resumption) = kept.walk.next(&self.engine).await? {
            if self.scope.covers(&resumption) {
                kept.count += 1;
                self.sent.insert(resumption.escalation);
                self.ready.push_back(resumption);
            }
            return Ok(None);
        }
        let (sequence, count) = (kept.sequence, kept.count);
        self.kept_until = self.engine.0.store.info().await.map_err(read_error)?.commit;
        self.phase = Phase::Live;
        Ok(Some(AwaitEvent::SnapshotEnd { sequence, count }))
    }

    /// Waits for a hint until the silence must end.
    async fn listen(&mut self, silent_until: Timestamp) -> Result<(), Error> {
        let told = self.engine.0.feed.told();
        if self.news.is_empty() {
            self.look_behind(told);
        }
        tokio::select! {
            heard = self.news.recv() => match heard {
                Ok(offers) if offers.commit <= self.seen => {}
                Ok(offers) => {
                    for offer in &offers.resumptions {
                        self.take(offer);
                    }
                    for question in &offers.questions {
                        self.questions.take(self.scope, question);
                    }
                    self.look_behind(offers.commit);
                }
                // The hints overflowed, or the feed began anew.
                Err(RecvError::Lagged(_)) => self.fall_behind().await?,
                Err(RecvError::Closed) => {
                    let topic = self.scope.topic(&self.tenant, &self.agent);
                    self.news = self.engine.0.feed.listen(topic);
                    self.fall_behind().await?;
                }
            },
            () = self.engine.0.clock.sleep_until(silent_until) => {}
        }
        Ok(())
    }

    async fn fall_behind(&mut self) -> Result<(), Error> {
        match self.scope {
            Scope::Wait { escalation, .. } => {
                self.read_questions().await?;
                self.look_at_one(escalation).await
            }
            Scope::Run(_) | Scope::Agent => {
                self.phase = Phase::Behind;
                Ok(())
            }
        }
    }

    /// Reads on in the journal.
    async fn catch_up(&mut self) -> Result<(), Error> {
        let from = TailFrom::Commit(self.seen);
        let commits = self.engine.0.store.tail(from, COMMITS_PER_READ).await.map_err(read_error)?;
        for commit in &commits {
            self.catch_up_with(commit).await?;
            self.look_behind(commit.commit);
        }
        if commits.len() < COMMITS_PER_READ {
            self.phase = Phase::Live;
        }
        Ok(())
    }

    /// Takes what a commit offered and nobody has taken up since.
    async fn catch_up_with(&mut self, commit: &CommitRecord) -> Result<(), Error> {
        if commit.tenant != self.tenant {
            return Ok(());
        }
        for question in questions_in(commit) {
            let question = question?;
            let key = keys::question(&self.tenant, question.escalation, question.id);
            let is_open =
                self.engine.read::<AgentQuestion>(&key).await?.as_ref() == Some(&question);
            if is_open && question.agent == self.agent {
                self.questions.take(self.scope, &question);
            }
        }
        for found in resumptions_in(commit) {
            let (offered, is_offer) = found?;
            if !is_offer || offered.agent != self.agent {
                continue;
            }
            let key = keys::resumption(&self.tenant, offered.escalation);
            if self.engine.read::<Resumption>(&key).await?.as_ref() == Some(&offered) {
                self.take(&offered);
            }
        }
        Ok(())
    }

    /// Notes that every commit up to this one has been looked at.
    fn look_behind(&mut self, commit: u64) {
        self.seen = self.seen.max(commit);
        if self.seen >= self.kept_until && !self.sent.is_empty() {
            self.sent = HashSet::new();
        }
    }

    /// Makes an offer ready, unless it is another's or was sent before.
    fn take(&mut self, offer: &Resumption) {
        if self.scope.covers(offer) && !self.sent.contains(&offer.escalation) {
            self.is_over = matches!(self.scope, Scope::Wait { .. });
            self.ready.push_back(offer.clone());
        }
    }

    fn heartbeat(&self) -> AwaitEvent {
        AwaitEvent::Heartbeat(self.engine.now().plus(self.silence))
    }

    async fn deliver(&self, resumption: Resumption) -> Result<AwaitEvent, Error> {
        let now = self.engine.now();
        self.engine.0.stats.delivered.observe(now.since(resumption.create_time));
        let view = self.engine.resumption_view(&self.tenant, resumption, now).await?;
        Ok(AwaitEvent::Resumption(Box::new(view)))
    }
}

impl Scope {
    fn topic(&self, tenant: &str, agent: &str) -> Topic {
        match self {
            Self::Wait { escalation, .. } => Topic::Wait(*escalation),
            Self::Run(run) => Topic::Run(*run),
            Self::Agent => Topic::Agent(tenant.to_owned(), agent.to_owned()),
        }
    }

    fn covers(&self, resumption: &Resumption) -> bool {
        match self {
            Self::Wait { escalation, .. } => resumption.escalation == *escalation,
            Self::Run(run) => resumption.run == *run,
            Self::Agent => true,
        }
    }
}
