//! Claim next: the server says which question, and claims it in the same call.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::domain::digest::FieldHasher;
use crate::domain::directory::{Answerer, Directory, Entry};
use crate::domain::drill::Drill;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{
    CLAIM_LEASE_DEFAULT, CLAIM_LEASE_MAX, CLAIM_LEASE_MIN, Escalation, Hands,
};
use crate::domain::event::EventKind;
use crate::domain::ids::{DrillId, EscalationId};
use crate::domain::principal::Principal;
use crate::domain::queue::{Board, Looked, Nothing, Picked, load_of};
use crate::domain::time::Span;
use crate::engine::drills::{self, DrillView};
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::views::{Depth, EscalationView};
use crate::engine::{Authorized, Engine, authorize, closing, escalations, limits, validate};
use crate::store::keys;

/// How many questions are tried that others take first.
const MAX_TRIED: usize = 32;
/// How many refusals are remembered, so that nobody is offered the same again.
const MAX_REFUSALS: usize = 100_000;
/// How long an empty answer waits for what was committed before the call.
const HEARING: Span = Span::from_secs(1);

/// Asks for the next question.
#[derive(Clone, Debug, Default)]
pub struct ClaimNext {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// In which lanes; empty: in all.
    pub lanes: Vec<String>,
    /// For how long; none: as for any claim.
    pub lease: Option<Span>,
    /// Whether the caller shows drills: it may be given one among the questions.
    pub takes_drills: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The question, and why it is this one.
    Claimed(Box<EscalationView>, String),
    /// A drill in the place of a question, for somebody who practises.
    Drill(Box<DrillView>),
    /// There is none.
    Nothing {
        /// What was looked at.
        seen: Nothing,
        /// Whether the caller has as much in hand as it can.
        is_full: bool,
    },
}

/// What is tried; it is no part of the request.
#[derive(Clone, Copy)]
enum Tried {
    Question(EscalationId),
    Drill,
}

/// What was given.
#[derive(Clone)]
enum Given {
    Question(Box<Escalation>),
    Drill(Box<Drill>),
}

struct Claiming<'a> {
    command: &'a ClaimNext,
    lease: Span,
    tried: Tried,
}

impl Operation for Claiming<'_> {
    type Output = Given;
    const METHOD: &'static str = "ClaimNextEscalation";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.command.lanes.join("\n").as_bytes())
            .field(&self.lease.as_micros().to_be_bytes());
        if self.command.takes_drills {
            hasher.field(b"drills");
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Given, Vec<Uuid>), Error> {
        match self.tried {
            Tried::Question(id) => self.claim(tx, id).await,
            Tried::Drill => {
                let drill = drills::mix_in(tx).await?;
                let results = vec![Uuid::nil(), Uuid::from_bytes(*drill.id.as_bytes())];
                Ok((Given::Drill(Box::new(drill)), results))
            }
        }
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Given, Error> {
        if let [_, drill] = results {
            let drill = engine.existing_drill(tenant, DrillId::new(*drill)).await?;
            return Ok(Given::Drill(Box::new(drill)));
        }
        let id = EscalationId::new(result_at(results, 0)?);
        Ok(Given::Question(Box::new(engine.existing_escalation(tenant, id).await?)))
    }
}

impl Claiming<'_> {
    async fn claim(&self, tx: &mut Tx<'_>, id: EscalationId) -> Result<(Given, Vec<Uuid>), Error> {
        let mut escalation = escalations::get(tx, id).await?;
        escalation.require_open()?;
        tx.admit(&escalation).await?;
        tx.require_no_vote(&escalation).await?;
        if let Some(claim) = escalation.live_claim(tx.now) {
            return Err(escalation.claimed_by(claim));
        }
        let stands_in_for = tx.require_routed(&escalation).await?;
        let before = closing::timer(tx.tenant(), &escalation);
        let (holder, stands_in_for) = (tx.by.name(), stands_in_for.as_deref());
        let lease = self.lease;
        escalation.hold(Hands { holder, assigner: None, stands_in_for, note: None, lease }, tx.now);
        closing::touch(&mut escalation, tx.now);
        tx.put(keys::escalation(tx.tenant(), escalation.id), &escalation)?;
        closing::rearm(tx, &before, &escalation);
        tx.event(EventKind::EscalationClaimed, closing::subjects(&escalation));
        drills::note_question(tx).await?;
        let results = closing::result(escalation.id.as_bytes());
        Ok((Given::Question(Box::new(escalation)), results))
    }
}

impl ClaimNext {
    fn check(&self) -> Result<Span, Error> {
        if self.lanes.len() > limits::MAX_FILTER_LANES {
            return Err(Error::field(
                "lanes",
                format!("want at most {}", limits::MAX_FILTER_LANES),
            ));
        }
        for lane in &self.lanes {
            validate::required("lanes", lane.as_bytes())?;
            validate::length("lanes", lane.as_bytes(), limits::MAX_LANE_BYTES)?;
        }
        let bounds = CLAIM_LEASE_MIN..=CLAIM_LEASE_MAX;
        validate::span("lease", self.lease, CLAIM_LEASE_DEFAULT, bounds)
    }
}

/// What waits, as this server has heard, by tenant, and who was refused what of it.
#[derive(Default)]
pub(in crate::engine) struct BoardsAtHand(Mutex<HashMap<String, Board>>, Mutex<Refusals>);

impl BoardsAtHand {
    /// Looks at a tenant's, or changes it.
    pub(in crate::engine) fn of<T>(&self, tenant: &str, act: impl FnOnce(&mut Board) -> T) -> T {
        let mut boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match boards.get_mut(tenant) {
            Some(board) => act(board),
            None => act(boards.entry(tenant.to_owned()).or_default()),
        }
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was refused which questions once their calls were read: a board knows no calls.
/// It counts as long as the directory is the same.
#[derive(Default)]
struct Refusals {
    people: Arc<Directory>,
    by_name: HashMap<String, HashSet<EscalationId>>,
    count: usize,
}

impl Refusals {
    /// What counts under a directory.
    fn under(&mut self, people: &Arc<Directory>) -> &mut Self {
        if !Arc::ptr_eq(&self.people, people) || self.count >= MAX_REFUSALS {
            *self = Self { people: Arc::clone(people), ..Self::default() };
        }
        self
    }

    fn note(&mut self, name: &str, question: EscalationId) {
        let own = self.by_name.entry(name.to_owned()).or_default();
        self.count += usize::from(own.insert(question));
    }
}

impl Engine {
    /// Claims the question that is next for the caller.
    pub async fn claim_next(
        &self,
        caller: &Principal,
        command: ClaimNext,
    ) -> Result<Answer<Next>, Error> {
        let by = authorize::reviewer(caller)?;
        let lease = command.check()?;
        let mut claiming = Claiming { command: &command, lease, tried: Tried::Drill };
        if let Some(kept) = self.kept(&by, &command.request_id, &claiming).await? {
            return self.given(&by, kept, String::new()).await;
        }
        if command.takes_drills && self.is_drill_due(&by).await? {
            match self.transact(&by, &command.request_id, &claiming).await {
                Ok(answer) => return self.given(&by, answer, String::new()).await,
                // There is none just now: a question it is.
                Err(Error::NotFound { resource: Resource::Drill, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for _ in 0..MAX_TRIED {
            let picked = match self.pick(&by, &command.lanes).await? {
                Ok(picked) => picked,
                Err(nothing) => return self.answered(&by, nothing).await,
            };
            let escalation = picked.id;
            claiming.tried = Tried::Question(escalation);
            match self.transact(&by, &command.request_id, &claiming).await {
                Ok(answer) => {
                    // The caller's next call is to see it, and may come before the feed.
                    if let Given::Question(question) = &answer.value {
                        self.0.boards.of(by.tenant(), |board| board.note(question));
                    }
                    return self.given(&by, answer, picked.why).await;
                }
                // Somebody else was first, or it is not for the caller any more.
                Err(
                    Error::EscalationClosed { .. }
                    | Error::ClaimedByOther { .. }
                    | Error::NotRouted { .. }
                    | Error::AlreadyVoted { .. }
                    | Error::SelfReview { .. },
                ) => {}
                Err(Error::AuthorityExceeded { .. }) => {
                    let people = self.people(by.tenant()).await?;
                    self.0.boards.refusals().under(&people).note(by.name(), escalation);
                    self.0.boards.of(by.tenant(), |board| board.put_back(escalation));
                }
                Err(error) => {
                    self.0.boards.of(by.tenant(), |board| board.put_back(escalation));
                    return Err(error);
                }
            }
        }
        Err(Error::Overloaded { retry_after: limits::CLAIM_RETRY })
    }

    async fn given(
        &self,
        by: &Authorized,
        answer: Answer<Given>,
        why: String,
    ) -> Result<Answer<Next>, Error> {
        let next = match answer.value.clone() {
            Given::Question(escalation) => {
                let view = self.escalation_view(by.tenant(), *escalation, Depth::Live);
                Next::Claimed(Box::new(view.await?), why)
            }
            Given::Drill(drill) => Next::Drill(Box::new(self.drill_view(*drill).await?)),
        };
        Ok(answer.map(|_| next))
    }

    async fn answered(&self, by: &Authorized, value: Next) -> Result<Answer<Next>, Error> {
        let sequence = self.0.store.sequence(by.tenant()).await;
        let sequence = sequence.map_err(crate::engine::read_error)?;
        Ok(Answer { value, sequence, time: self.now(), is_replayed: false })
    }

    /// The question that is next. That there is none is said only once everything was
    /// heard that was committed before.
    async fn pick(&self, by: &Authorized, lanes: &[String]) -> Result<Result<Picked, Next>, Error> {
        let newest = *self.0.store.doorbell().borrow();
        let known = self.audience_at_hand(by.tenant()).await?;
        let look = || {
            let now = self.now();
            let audience = known.at(now);
            let who = Answerer { name: by.name(), roles: by.roles() };
            let capacity = known.people.entry(by.name()).map_or(0, |entry: &Entry| entry.capacity);
            let is_full = Cell::new(false);
            let mut refusals = self.0.boards.refusals();
            let refused = refusals.under(&known.people).by_name.get(by.name());
            let settings = &known.in_force.settings;
            let weight_of = |lane: &str| settings.lane(lane).weight;
            let looked = self.0.boards.of(by.tenant(), |board| {
                let load = board.load(by.name(), now);
                board.pick(lanes, weight_of, now, |question| {
                    // With nothing in hand there is room for anything.
                    let is_free = capacity == 0 || load == 0;
                    let has_room = is_free || load + load_of(question.severity) <= capacity;
                    let is_refused = refused.is_some_and(|it| it.contains(&question.id));
                    let is_for = !is_refused && audience.is_for(question, who);
                    is_full.set(is_full.get() || (is_for && !has_room));
                    is_for && has_room
                })
            });
            match looked {
                Looked::Picked(picked) => Ok(picked),
                Looked::Nothing(seen) => Err(Next::Nothing { seen, is_full: is_full.get() }),
            }
        };
        if let Ok(picked) = look() {
            return Ok(Ok(picked));
        }
        tokio::select! {
            () = self.0.feed.heard(newest) => {}
            () = self.0.clock.sleep_until(self.now().plus(HEARING)) => {}
        }
        Ok(look())
    }
}
