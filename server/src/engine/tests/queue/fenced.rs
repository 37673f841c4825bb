//! Reviewers who fall asleep over their questions: a lease ends, somebody else takes the
//! question, and whoever comes back with the epoch of before is refused.
//!
//! The leases are the shortest there are, on a clock that goes on with every step of
//! anybody. Afterwards a small model goes through the journal: of each question the epochs
//! rise by one, nobody takes what another still holds, and the one answer that took effect
//! came from whoever held it, under the epoch that counted then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::*;
use crate::domain::escalation::CLAIM_LEASE_MIN;
use crate::domain::principal::{Principal, Role};
use crate::domain::time::Timestamp;
use crate::engine::escalations::ClaimStep;
use crate::engine::queue::{ClaimNext, Next};
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::tests::world::{principal, resolution};
use crate::store::{CommitRecord, records};

const REVIEWERS: usize = 32;
const QUESTIONS: usize = 1_000;
/// How far the clock goes on with each step: a lease is as long as 500 steps of anybody.
const STEP: Span = Span::from_millis(20);
/// Every so many questions a reviewer falls asleep over one, for so many of its own turns
/// at most.
const SLEEPS_EVERY: usize = 3;
const LONGEST_SLEEP: usize = 40;
/// Every so many it renews its claim before it answers.
const RENEWS_EVERY: usize = 5;

/// A question in somebody's hands, under an epoch.
type Held = (EscalationId, u64);

/// What a reviewer was told.
#[derive(Debug, Default)]
struct Told {
    claimed: BTreeSet<Held>,
    accepted: BTreeSet<Held>,
    refused: BTreeSet<Held>,
}

/// A reviewer at work.
struct Reviewer {
    world: Arc<World>,
    me: Principal,
    told: Told,
    /// What it fell asleep over, with the turn in which it wakes.
    asleep: VecDeque<(usize, Escalation)>,
}

fn held(question: &Escalation) -> Held {
    (question.id, question.claim.as_ref().map_or(0, |claim| claim.epoch))
}

impl Reviewer {
    fn new(world: &Arc<World>, number: usize) -> Self {
        let me = principal(&format!("reviewer-{number}"), &[Role::Reviewer]);
        Self { world: Arc::clone(world), me, told: Told::default(), asleep: VecDeque::new() }
    }

    /// Takes the next question; none: nothing is open any more, or all is in others' hands.
    async fn take(&mut self) -> Option<Escalation> {
        let command = ClaimNext { lease: Some(CLAIM_LEASE_MIN), ..ClaimNext::default() };
        self.world.clock.advance(STEP);
        match self.world.engine.claim_next(&self.me, command).await {
            Ok(answer) => match answer.value {
                Next::Claimed(view, _) => {
                    assert!(self.told.claimed.insert(held(&view.escalation)), "an epoch twice");
                    Some(view.escalation)
                }
                Next::Drill(_) | Next::Nothing { .. } => None,
            },
            Err(Error::Overloaded { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Answers, under the epoch of its claim. A refusal says that the claim is over.
    async fn answer(&mut self, question: &Escalation) {
        let (_, claim_epoch) = held(question);
        let command = Resolve { claim_epoch, ..resolution(question, Verb::Approve) };
        match self.world.engine.resolve(&self.me, command).await {
            Ok(_) => assert!(self.told.accepted.insert(held(question))),
            Err(error) => {
                let is_stale = matches!(
                    error,
                    Error::ClaimLost { .. }
                        | Error::ClaimedByOther { .. }
                        | Error::EscalationClosed { .. }
                );
                assert!(is_stale, "{error}");
                assert_eq!(Status::from(error).code(), Code::FailedPrecondition);
                assert!(self.told.refused.insert(held(question)));
            }
        }
    }

    /// The question under the renewed claim, or as it was if the claim is over.
    async fn renewed(&mut self, question: Escalation) -> Escalation {
        let (id, epoch) = held(&question);
        let renew = ClaimStep::Renew { epoch, lease: Some(CLAIM_LEASE_MIN) };
        match self.world.engine.claim(&self.me, "", id, renew).await {
            Ok(answer) => answer.value.escalation,
            Err(error) => {
                assert_eq!(Status::from(error).code(), Code::FailedPrecondition);
                question
            }
        }
    }

    async fn is_done(&self) -> bool {
        self.world.engine.queue_status(&self.me).await.unwrap().lanes["money"].open == 0
    }

    /// Works until nothing is open, and then answers what it has slept over.
    async fn work(mut self) -> Self {
        for turn in 1.. {
            if let Some((_, question)) = self.asleep.pop_front_if(|(wakes, _)| *wakes <= turn) {
                self.answer(&question).await;
            }
            match self.take().await {
                Some(question) if turn % SLEEPS_EVERY == 0 => {
                    let wakes = turn + 1 + (turn * 7) % LONGEST_SLEEP;
                    self.asleep.push_back((wakes, question));
                }
                Some(question) if turn % RENEWS_EVERY == 0 => {
                    let question = self.renewed(question).await;
                    self.answer(&question).await;
                }
                Some(question) => self.answer(&question).await,
                None if self.is_done().await => break,
                None => tokio::task::yield_now().await,
            }
        }
        while let Some((_, question)) = self.asleep.pop_front() {
            self.answer(&question).await;
        }
        self
    }
}

/// What the model knows of a question.
#[derive(Debug, Default)]
struct Modelled {
    epoch: u64,
    holder: String,
    until: Option<Timestamp>,
    /// Who answered it, under which epoch.
    answers: Vec<(String, u64)>,
}

/// What ought to be, as of a commit.
#[derive(Debug, Default)]
struct Model(BTreeMap<EscalationId, Modelled>);

impl Model {
    fn hear(&mut self, commit: &CommitRecord) {
        for event in &commit.events {
            let Some(id) = event.subjects.escalation else { continue };
            let known = self.0.entry(id).or_default();
            let claim = written(commit, id).and_then(|question| question.claim);
            match event.kind {
                EventKind::EscalationClaimed => {
                    let claim = claim.unwrap();
                    assert_eq!(claim.epoch, known.epoch + 1, "epochs rise by one");
                    assert_eq!(claim.holder, commit.principal);
                    assert!(claim.claim_time >= known.until, "it was in {known:?}");
                    assert_eq!(known.answers, [], "it was answered");
                    known.epoch = claim.epoch;
                    known.holder = claim.holder;
                    known.until = Some(claim.expire_time);
                }
                EventKind::EscalationRenewed => {
                    let claim = claim.unwrap();
                    assert_eq!((claim.epoch, &commit.principal), (known.epoch, &known.holder));
                    known.until = Some(claim.expire_time);
                }
                EventKind::EscalationApproved => {
                    assert_eq!(commit.principal, known.holder, "the holder answers");
                    known.answers.push((commit.principal.clone(), known.epoch));
                }
                _ => {}
            }
        }
    }

    /// Compares what reviewers were told with what happened.
    fn compare(&self, reviewers: &[Reviewer]) {
        let mut claims = 0;
        for Reviewer { me, told, .. } in reviewers {
            claims += told.claimed.len() as u64;
            let effective = |(id, epoch): &Held| {
                self.0[id].answers.iter().any(|(by, under)| (by, under) == (&me.name, epoch))
            };
            assert!(told.accepted.iter().all(effective), "what was accepted took effect");
            assert!(!told.refused.iter().any(effective), "what was refused did not");
        }
        assert_eq!(claims, self.0.values().map(|it| it.epoch).sum::<u64>(), "no claim was lost");
        assert!(self.0.values().all(|it| it.answers.len() == 1), "each was answered once");
    }
}

/// The question as a commit leaves it.
fn written(commit: &CommitRecord, id: EscalationId) -> Option<Escalation> {
    let key = keys::escalation(&commit.tenant, id);
    let write = commit.writes.iter().find(|write| write.key == key)?;
    Some(records::decode(write.value.as_ref()?).unwrap())
}

async fn model_of(world: &World) -> Model {
    let (mut model, mut from) = (Model::default(), 0);
    loop {
        let commits = world.store.tail(TailFrom::Commit(from), 10_000).await.unwrap();
        let Some(last) = commits.last() else { return model };
        commits.iter().for_each(|commit| model.hear(commit));
        from = last.commit;
    }
}

async fn open(world: &World) {
    let run = world.run().await;
    for number in 0..QUESTIONS {
        let arguments = json!({"amount": 600, "to": number.to_string()});
        world.propose(run, "refund", arguments).await.escalation.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_slept_over_a_question_is_refused_and_each_is_answered_once() {
    let world = Arc::new(World::new().await);
    open(&world).await;
    let mut reviewers: Vec<_> = (0..REVIEWERS).map(|it| Reviewer::new(&world, it)).collect();
    // Each sleeps over its first question until its lease is over.
    for reviewer in &mut reviewers {
        let question = reviewer.take().await.unwrap();
        reviewer.asleep.push_back((1, question));
    }
    world.clock.advance(CLAIM_LEASE_MIN);
    let working: JoinSet<_> = reviewers.into_iter().map(Reviewer::work).collect();
    let reviewers = working.join_all().await;

    model_of(&world).await.compare(&reviewers);
    let refused: usize = reviewers.iter().map(|it| it.told.refused.len()).sum();
    let accepted: usize = reviewers.iter().map(|it| it.told.accepted.len()).sum();
    println!("{refused} came too late");
    assert_eq!(accepted, QUESTIONS);
    assert!(refused >= REVIEWERS, "who slept past the lease was refused: {refused}");
}
