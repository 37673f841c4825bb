//! Fetching and locking the next review.

use uuid::Uuid;

use super::read::{Filter, ReviewView};
use super::subjects;
use crate::domain::digest::FieldHasher;
use crate::domain::directory::Directory;
use crate::domain::error::Error;
use crate::domain::escalation::{
    CLAIM_LEASE_DEFAULT, CLAIM_LEASE_MAX, CLAIM_LEASE_MIN, Escalation,
};
use crate::domain::event::EventKind;
use crate::domain::ids::ReviewId;
use crate::domain::principal::Principal;
use crate::domain::review::{Review, Reviewer};
use crate::domain::time::Span;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize, read_error, validate};
use crate::store::{Direction, MAX_SCAN, keys};

/// The most open reviews that are looked through for one.
const MAX_LOOKED_AT: usize = 10_000;

/// Claims the next review.
#[derive(Clone, Debug, Default)]
pub struct ClaimNext {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// Only of this agent; empty: every agent.
    pub agent: String,
    /// Only decided by this rule; empty: any.
    pub rule: String,
    /// For how long; none: the default.
    pub lease: Option<Span>,
}

struct Claiming<'a> {
    filter: &'a Filter,
    lease: Span,
}

impl Operation for Claiming<'_> {
    type Output = Option<Review>;
    const METHOD: &'static str = "ClaimNextReview";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.filter.agent.as_bytes())
            .field(self.filter.rule.as_bytes())
            .field(&self.lease.as_micros().to_be_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Option<Review>, Vec<Uuid>), Error> {
        let people = tx.people().await?;
        let by = tx.by;
        let person = people.person_of(by.name());
        let mut range = keys::open_reviews(tx.tenant());
        let mut looked_at = 0;
        while looked_at < MAX_LOOKED_AT {
            let store = &tx.engine.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for id in found.rows.iter().filter_map(|(key, _)| keys::listed_review(key)) {
                looked_at += 1;
                if !self.is_for(tx, &people, person, id).await? {
                    continue;
                }
                // What was looked at may be another by now; what is taken may not.
                let mut review = tx.review(id).await?;
                if review.may_take(person, tx.now) {
                    review.take(Reviewer { name: by.name(), person }, self.lease, tx.now);
                    tx.put(keys::review(tx.tenant(), id), &review)?;
                    tx.event(EventKind::ReviewClaimed, subjects(&review));
                    return Ok((Some(review), vec![Uuid::from_bytes(*id.as_bytes())]));
                }
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => break,
            }
        }
        Ok((None, Vec::new()))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Option<Review>, Error> {
        match results.first() {
            Some(id) => engine.existing_review(tenant, ReviewId::new(*id)).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Claiming<'_> {
    /// Whether the caller may be given it: it is wanted and free, and neither did the
    /// caller ask for the action, nor answer a question about it.
    async fn is_for(
        &self,
        tx: &Tx<'_>,
        people: &Directory,
        person: &str,
        id: ReviewId,
    ) -> Result<bool, Error> {
        let (engine, tenant) = (tx.engine, tx.tenant());
        let found = engine.read::<Review>(&keys::review(tenant, id)).await?;
        let wanted =
            found.filter(|review| self.filter.shows(review) && review.may_take(person, tx.now));
        let Some(review) = wanted else { return Ok(false) };
        let run = engine.existing_run(tenant, review.run).await?;
        let name = tx.by.name();
        if people.require_four_eyes(name, run.parties(), &id.to_string()).is_err() {
            return Ok(false);
        }
        let action = engine.existing_action(tenant, review.action).await?;
        let Some(escalation) = action.escalation else { return Ok(true) };
        let question = engine.existing_escalation(tenant, escalation).await?;
        Ok(!has_answered(people, &question, person))
    }
}

/// Whether a person was among those who answered a question, whichever name was used.
pub(in crate::engine) fn has_answered(
    people: &Directory,
    question: &Escalation,
    person: &str,
) -> bool {
    let resolution = question.resolution.as_ref();
    let approvers = resolution.into_iter().flat_map(|it| &it.approvers).map(|it| &it.name);
    let voters = question.votes.iter().map(|vote| &vote.reviewer);
    let mut names = resolution.map(|it| &it.reviewer).into_iter().chain(approvers).chain(voters);
    names.any(|name| people.person_of(name) == person)
}

impl Engine {
    /// Claims the oldest review that the calling reviewer may judge; none: there is
    /// none. One that the caller holds counts among them, and is held longer.
    pub async fn claim_next_review(
        &self,
        caller: &Principal,
        command: ClaimNext,
    ) -> Result<Answer<Option<ReviewView>>, Error> {
        let by = authorize::reviewer(caller)?;
        let bounds = CLAIM_LEASE_MIN..=CLAIM_LEASE_MAX;
        let lease = validate::span("lease", command.lease, CLAIM_LEASE_DEFAULT, bounds)?;
        let filter = Filter { state: None, agent: command.agent, rule: command.rule };
        filter.check()?;
        let claiming = Claiming { filter: &filter, lease };
        let answer = self.transact(&by, &command.request_id, &claiming).await?;
        let view = match answer.value.clone() {
            Some(review) => Some(self.review_in_full(caller, review).await?),
            None => None,
        };
        Ok(answer.map(|_| view))
    }
}
