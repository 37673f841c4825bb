//! Asking systems of record for facts about a call, before a policy judges it.
//!
//! Whatever is not an answer is a missing fact with the reason in plain words: the
//! condition that speaks of it fails, and a person is asked. Providers' own words are
//! neither kept nor logged, for nobody knows what is in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, Semaphore};

use super::Engine;
use super::stats::Latency;
use crate::domain::call::ToolCall;
use crate::domain::ids::RunId;
use crate::domain::policy::{Fact, FactAnswer, Policy, Reply};
use crate::domain::run::Run;
use crate::domain::time::Span;

/// The most questions that one provider is asked at once; one more is not asked.
pub const MAX_QUESTIONS_AT_ONCE: usize = 64;

/// What a provider is asked about one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The facts, as the policy names them.
    pub names: Vec<String>,
    /// The tool.
    pub tool: String,
    /// The run; none: somebody tries a policy without one.
    pub run: Option<RunId>,
    /// The agent.
    pub agent: String,
    /// Whom it acts for.
    pub on_behalf_of: Option<String>,
    /// The arguments that the policy lists, and no others.
    pub arguments: Map<String, Value>,
}

/// A system of record, or a model, that can be asked.
#[async_trait]
pub trait FactProvider: Send + Sync + 'static {
    /// Asks. What it does not know is left out. Dropping the future gives up. A
    /// refusal says in words of this program why there is no answer.
    async fn ask(&self, question: &Question) -> Result<BTreeMap<String, Reply>, String>;
}

/// The providers that the operator registered, by name.
#[derive(Default)]
pub struct Providers(BTreeMap<String, Registered>);

struct Registered {
    provider: Arc<dyn FactProvider>,
    timeout: Span,
    room: Semaphore,
    is_silent: AtomicBool,
    stats: ProviderStats,
}

/// What is counted of one provider.
#[derive(Debug, Default)]
pub struct ProviderStats {
    answered: AtomicU64,
    missing: AtomicU64,
    /// From a question to its answer, or to giving up.
    pub duration: Latency,
}

/// What was answered for one command. However often its commit is tried, nothing is
/// asked twice.
#[derive(Default)]
pub(super) struct Asked(Mutex<Vec<(String, Fact, FactAnswer)>>);

/// The call that facts are asked about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) call: &'a ToolCall<'a>,
    pub(super) run: &'a Run,
    is_of_a_run: bool,
}

/// Facts that one provider is asked for in one question.
struct Group<'p> {
    provider: &'p str,
    facts: Vec<(&'p String, &'p Fact)>,
    told: Map<String, Value>,
}

type Answers = BTreeMap<String, FactAnswer>;

impl Providers {
    /// Registers a provider under a name, with how long it is waited for.
    pub fn register(&mut self, name: String, provider: Arc<dyn FactProvider>, timeout: Span) {
        let registered = Registered {
            provider,
            timeout,
            room: Semaphore::new(MAX_QUESTIONS_AT_ONCE),
            is_silent: AtomicBool::new(false),
            stats: ProviderStats::default(),
        };
        self.0.insert(name, registered);
    }

    /// Whether there is a provider of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What is counted, by provider.
    pub fn stats(&self) -> impl Iterator<Item = (&str, &ProviderStats)> {
        self.0.iter().map(|(name, it)| (name.as_str(), &it.stats))
    }
}

impl ProviderStats {
    /// How many facts it answered as the policy wants them.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many facts were missing.
    pub fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }

    fn count(&self, answer: &FactAnswer) {
        let counter = match answer {
            FactAnswer::Known { .. } => &self.answered,
            FactAnswer::Missing { .. } => &self.missing,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Registered {
    /// Asks one question within the provider's time.
    async fn ask(
        &self,
        engine: &Engine,
        question: &Question,
    ) -> Result<BTreeMap<String, Reply>, String> {
        let Ok(_place) = self.room.try_acquire() else {
            return Err(format!("busy: {MAX_QUESTIONS_AT_ONCE} questions wait for an answer"));
        };
        let start = engine.now();
        let answer = tokio::select! {
            biased;
            answer = self.provider.ask(question) => answer,
            () = engine.0.clock.sleep_until(start.plus(self.timeout)) => {
                Err(format!("no answer within {} ms", self.timeout.as_micros() / 1_000))
            }
        };
        self.stats.duration.observe(engine.now().since(start));
        answer
    }

    /// Says once that a provider has fallen silent, and once that it is back.
    fn note(&self, name: &str, problem: Option<&str>) {
        let was_silent = self.is_silent.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !was_silent => {
                tracing::warn!(provider = name, problem, "a provider of facts does not answer");
            }
            None if was_silent => {
                tracing::info!(provider = name, "a provider of facts answers again");
            }
            _ => {}
        }
    }
}

impl<'a> About<'a> {
    /// A call of a run.
    pub(super) fn new(call: &'a ToolCall<'a>, run: &'a Run) -> Self {
        Self { call, run, is_of_a_run: true }
    }

    /// A call of a run that there need not be.
    pub(super) fn hypothetical(call: &'a ToolCall<'a>, run: &'a Run) -> Self {
        Self { call, run, is_of_a_run: false }
    }
}

impl Asked {
    /// The facts that a policy wants of a call. Of those that this command has not
    /// asked for yet, all providers are asked at once.
    pub(super) async fn of(&self, engine: &Engine, policy: &Policy, about: About<'_>) -> Answers {
        self.beside(engine, policy, None, about).await
    }

    /// The same, with what a policy that is only tried wants asked at the same time:
    /// nobody waits for one after the other.
    pub(super) async fn beside(
        &self,
        engine: &Engine,
        policy: &Policy,
        tried: Option<&Policy>,
        about: About<'_>,
    ) -> Answers {
        let tool = about.call.tool();
        let all = || [Some(policy), tried].into_iter().flatten().flat_map(|it| it.facts_of(tool));
        if all().next().is_none() {
            return Answers::default();
        }
        let mut asked = self.0.lock().await;
        let mut open: Vec<(&String, &Fact)> = Vec::new();
        for (name, fact) in all() {
            let is_known = asked.iter().any(|(known, as_what, _)| known == name && as_what == fact);
            if !is_known && !open.contains(&(name, fact)) {
                open.push((name, fact));
            }
        }
        let (groups, unsendable) = grouped(open, about.call);
        let questions = groups.into_iter().map(|group| group.ask(engine, about));
        let new = futures::future::join_all(questions).await.into_iter().flatten();
        let new = new.chain(unsendable);
        asked.extend(new.map(|(name, fact, answer)| (name.clone(), fact.clone(), answer)));
        let wanted = policy.facts_of(tool);
        let answer = |(name, fact): (&String, &Fact)| {
            let found = asked.iter().find(|(known, as_what, _)| known == name && as_what == fact);
            found.map(|(_, _, answer)| (name.clone(), answer.clone()))
        };
        wanted.filter_map(answer).collect()
    }
}

type Answered<'p> = (&'p String, &'p Fact, FactAnswer);

/// One question for each provider and each choice of arguments, so that an answer
/// never rests on an argument that the policy does not list for it.
fn grouped<'p>(
    facts: Vec<(&'p String, &'p Fact)>,
    call: &ToolCall<'_>,
) -> (Vec<Group<'p>>, Vec<Answered<'p>>) {
    let (mut groups, mut unsendable) = (Vec::<Group<'p>>::new(), Vec::new());
    for (name, fact) in facts {
        let told = match fact.told(call.arguments()) {
            Ok(told) => told,
            Err(problem) => {
                unsendable.push((name, fact, FactAnswer::Missing { problem }));
                continue;
            }
        };
        let same = |it: &&mut Group<'_>| it.provider == fact.provider && it.told == told;
        match groups.iter_mut().find(same) {
            Some(group) => group.facts.push((name, fact)),
            None => {
                let provider = fact.provider.as_str();
                groups.push(Group { provider, facts: vec![(name, fact)], told });
            }
        }
    }
    (groups, unsendable)
}

impl<'p> Group<'p> {
    async fn ask(self, engine: &Engine, about: About<'_>) -> Vec<Answered<'p>> {
        let About { call, run, is_of_a_run } = about;
        let Self { provider: name, facts, told } = self;
        let Some(provider) = engine.0.facts.0.get(name) else {
            let problem = format!("this server has no provider `{name}`");
            let missing =
                |(name, fact)| (name, fact, FactAnswer::Missing { problem: problem.clone() });
            return facts.into_iter().map(missing).collect();
        };
        let question = Question {
            names: facts.iter().map(|(name, _)| (*name).clone()).collect(),
            tool: call.tool().to_owned(),
            run: is_of_a_run.then_some(run.id),
            agent: run.agent.clone(),
            on_behalf_of: run.on_behalf_of.clone(),
            arguments: told,
        };
        let replies = provider.ask(engine, &question).await;
        provider.note(name, replies.as_ref().err().map(String::as_str));
        let now = engine.now();
        let answer = |(fact_name, fact): (&'p String, &'p Fact)| {
            let answer = match &replies {
                Ok(replies) => match replies.get(fact_name) {
                    Some(reply) => fact.take(reply.clone(), now),
                    None => missing(name, "has no answer"),
                },
                Err(problem) => missing(name, problem),
            };
            provider.stats.count(&answer);
            (fact_name, fact, answer)
        };
        facts.into_iter().map(answer).collect()
    }
}

fn missing(provider: &str, problem: &str) -> FactAnswer {
    FactAnswer::Missing { problem: format!("provider `{provider}`: {problem}") }
}

impl Engine {
    /// What is counted of each registered provider of facts.
    pub fn provider_stats(&self) -> impl Iterator<Item = (&str, &ProviderStats)> {
        self.0.facts.stats()
    }
}
