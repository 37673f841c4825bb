//! What waits, as one server sees it: which question is next for whom.
//!
//! A board decides nothing: it proposes, and the claim's own commit decides. It is
//! rebuilt from what is stored.
//!
//! Critical questions come first, whatever their lane. Otherwise lanes take turns by
//! their weights, the agents of a lane take turns one by one, and an agent's questions
//! come by [`Urgency`]: a flood of one agent delays that agent. Turns are counted as by
//! stride scheduling (Waldspurger and Weihl, 1995): whoever is served moves on by the
//! inverse of its weight, and the one that is furthest behind is next.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::urgency::Urgency;
use crate::domain::escalation::{Escalation, EscalationState, SeverityTier};
use crate::domain::ids::EscalationId;
use crate::domain::time::{Span, Timestamp};

/// How far a turn moves on a lane of weight 1.
const STRIDE: u64 = 1 << 20;
/// How long a question that was proposed to one caller is not proposed to another: until
/// its claim is heard of, or has failed.
const PROPOSED_FOR: Span = Span::from_secs(2);

/// How much a person has in hand with a question of a tier.
pub const fn load_of(severity: SeverityTier) -> u32 {
    match severity {
        SeverityTier::Low => 1,
        SeverityTier::Medium => 2,
        SeverityTier::High => 4,
        SeverityTier::Critical => 8,
    }
}

/// A question that waits.
#[derive(Debug)]
struct Item {
    question: Arc<Escalation>,
    urgency: Urgency,
    /// Until when it is not proposed again.
    proposed_until: Option<Timestamp>,
}

/// Those who take turns: the lanes of a tenant, or the agents of a lane.
#[derive(Debug)]
struct Turns<T> {
    /// How far each has got.
    places: HashMap<String, (u64, T)>,
    /// The same, in order.
    order: BTreeSet<(u64, String)>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { places: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<T: Default> Turns<T> {
    /// One that takes part. Who joins begins where the next one is: waiting idly saves
    /// up nothing.
    fn enter(&mut self, name: &str) -> &mut T {
        if !self.places.contains_key(name) {
            let at = self.order.first().map_or(0, |(at, _)| *at);
            self.order.insert((at, name.to_owned()));
            self.places.insert(name.to_owned(), (at, T::default()));
        }
        let place = self.places.entry(name.to_owned()).or_default();
        &mut place.1
    }

    fn leave(&mut self, name: &str) {
        if let Some((at, _)) = self.places.remove(name) {
            self.order.remove(&(at, name.to_owned()));
        }
    }

    /// Moves one on that was served.
    fn serve(&mut self, name: &str, stride: u64) {
        let Some((at, _)) = self.places.get_mut(name) else { return };
        self.order.remove(&(*at, name.to_owned()));
        *at = at.saturating_add(stride);
        self.order.insert((*at, name.to_owned()));
    }

    fn in_turn(&self) -> impl Iterator<Item = (&str, &T)> {
        self.order.iter().filter_map(|(_, name)| Some((name.as_str(), &self.places.get(name)?.1)))
    }
}

/// The agents of a lane, each with its questions.
type Lane = Turns<BTreeSet<Urgency>>;

/// What waits in one tenant.
#[derive(Debug, Default)]
pub struct Board {
    items: HashMap<EscalationId, Item>,
    critical: BTreeSet<Urgency>,
    lanes: Turns<Lane>,
    held: HashMap<String, HashSet<EscalationId>>,
}

/// A question that is proposed to somebody.
#[derive(Clone, Debug)]
pub struct Picked {
    /// The question.
    pub id: EscalationId,
    /// Why it is this one, in one line.
    pub why: String,
}

/// Why nothing is proposed: what was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing {
    /// How many questions wait in the lanes that were asked for.
    pub open: u64,
    /// Of them, in others' hands.
    pub held: u64,
    /// Of them, put aside for a time.
    pub snoozed: u64,
    /// Of them, not for this person.
    pub not_yours: u64,
}

/// What a look at the board brought.
#[derive(Clone, Debug)]
pub enum Looked {
    /// A question.
    Picked(Picked),
    /// None.
    Nothing(Nothing),
}

impl Board {
    /// Notes how a question is now. What was noted later already stays.
    pub fn note(&mut self, question: &Escalation) {
        let known = self.items.get(&question.id).map(|item| item.question.revision);
        if known.is_some_and(|known| question.revision < known) {
            return;
        }
        self.forget(question.id);
        if question.state != EscalationState::Open {
            self.remove(question.id);
            return;
        }
        let urgency = Urgency::of(question);
        if let Some(claim) = &question.claim {
            self.held.entry(claim.holder.clone()).or_default().insert(question.id);
        }
        if !self.items.contains_key(&question.id) {
            self.lanes.enter(&question.lane).enter(&question.agent).insert(urgency);
            if question.severity == SeverityTier::Critical {
                self.critical.insert(urgency);
            }
        }
        let question = Arc::new(bare(question));
        self.items.insert(question.id, Item { question, urgency, proposed_until: None });
    }

    /// Forgets who held a question.
    fn forget(&mut self, id: EscalationId) {
        let Some(claim) = self.items.get(&id).and_then(|item| item.question.claim.as_ref()) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&claim.holder) {
            held.remove(&id);
            if held.is_empty() {
                self.held.remove(&claim.holder);
            }
        }
    }

    fn remove(&mut self, id: EscalationId) {
        let Some(Item { question, urgency, .. }) = self.items.remove(&id) else { return };
        self.critical.remove(&urgency);
        let lane = self.lanes.enter(&question.lane);
        let own = lane.enter(&question.agent);
        own.remove(&urgency);
        if own.is_empty() {
            lane.leave(&question.agent);
        }
        if lane.places.is_empty() {
            self.lanes.leave(&question.lane);
        }
    }

    /// How much somebody has in hand.
    pub fn load(&self, holder: &str, now: Timestamp) -> u32 {
        let held = self.held.get(holder).into_iter().flatten();
        let held = held.filter_map(|id| self.items.get(id));
        let live = held.filter(|item| item.question.live_claim(now).is_some());
        live.map(|item| load_of(item.question.severity)).sum()
    }

    /// The question that is next for somebody, in the lanes that they ask for; none asked
    /// for: in all. It is kept for them for a moment.
    pub fn pick(
        &mut self,
        lanes: &[String],
        weight_of: impl Fn(&str) -> u32,
        now: Timestamp,
        is_for: impl Fn(&Escalation) -> bool,
    ) -> Looked {
        let mut look = Look { board: self, now, is_for, seen: Nothing::default() };
        let Some(id) = look.first(lanes) else { return Looked::Nothing(look.seen) };
        let Some(item) = self.items.get_mut(&id) else {
            return Looked::Nothing(Nothing::default());
        };
        item.proposed_until = Some(now.plus(PROPOSED_FOR));
        let question = Arc::clone(&item.question);
        let weight = weight_of(&question.lane).max(1);
        self.lanes.enter(&question.lane).serve(&question.agent, STRIDE);
        self.lanes.serve(&question.lane, STRIDE / u64::from(weight));
        let why = match question.severity {
            SeverityTier::Critical => question.urgency_line(),
            _ => format!(
                "lane {} (weight {weight}), the turn of {}: {}",
                question.lane,
                question.agent,
                question.urgency_line()
            ),
        };
        Looked::Picked(Picked { id, why })
    }

    /// Proposes a question to others again: its claim came to nothing.
    pub fn put_back(&mut self, id: EscalationId) {
        if let Some(item) = self.items.get_mut(&id) {
            item.proposed_until = None;
        }
    }
}

/// One look at the board.
struct Look<'a, F> {
    board: &'a Board,
    now: Timestamp,
    is_for: F,
    seen: Nothing,
}

impl<F: Fn(&Escalation) -> bool> Look<'_, F> {
    fn first(&mut self, lanes: &[String]) -> Option<EscalationId> {
        let board = self.board;
        let is_asked_for = |lane: &str| lanes.is_empty() || lanes.iter().any(|it| it == lane);
        for urgency in &board.critical {
            let lane = board.items.get(&urgency.id()).map(|item| item.question.lane.as_str());
            if lane.is_some_and(is_asked_for) && self.is_free(urgency.id()) {
                return Some(urgency.id());
            }
        }
        self.seen = Nothing::default();
        for (_, lane) in board.lanes.in_turn().filter(|(name, _)| is_asked_for(name)) {
            for (_, questions) in lane.in_turn() {
                if let Some(found) = questions.iter().find(|it| self.is_free(it.id())) {
                    return Some(found.id());
                }
            }
        }
        None
    }

    fn is_free(&mut self, id: EscalationId) -> bool {
        let Some(item) = self.board.items.get(&id) else { return false };
        let question = &item.question;
        self.seen.open += 1;
        let is_proposed = item.proposed_until.is_some_and(|until| self.now < until);
        if is_proposed || question.live_claim(self.now).is_some() {
            self.seen.held += 1;
            return false;
        }
        if question.snooze_until.is_some_and(|until| self.now < until) {
            self.seen.snoozed += 1;
            return false;
        }
        if !(self.is_for)(question) {
            self.seen.not_yours += 1;
            return false;
        }
        true
    }
}

/// What the board needs of a question: a hundred thousand may wait.
fn bare(question: &Escalation) -> Escalation {
    let mut bare = question.clone();
    if let Some(plan) = &mut bare.plan {
        (plan.steps, plan.told) = (Vec::new(), Vec::new());
    }
    bare
}

#[cfg(test)]
mod tests;
