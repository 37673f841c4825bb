//! Reviews: what was decided without a person and was sampled is judged afterwards.
//!
//! A review is opened in the commit that records the action's outcome, or that none came:
//! an agent cannot keep an action from being reviewed by saying nothing of it. It waits in
//! a list of its own: it is never urgent, and has neither due nor expire time.

mod answer;
mod claim;
mod read;
mod stats;

pub use answer::{SkipReview, SubmitReview};
pub use claim::ClaimNext;
pub(super) use claim::has_answered;
pub use read::{Came, Case, Filter, ReviewView};
pub use stats::{ReviewStats, Window};

use super::operation::Tx;
use super::{Engine, views};
use crate::domain::action::Action;
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::ReviewId;
use crate::domain::review::{Progress, Review};
use crate::store::keys;

/// What an event about a review is about.
fn subjects(review: &Review) -> Subjects {
    Subjects {
        run: Some(review.run),
        action: Some(review.action),
        review: Some(review.id),
        ..Subjects::default()
    }
}

/// Opens the review of a sampled action, once, for as many people as the settings in
/// force want.
pub(super) async fn open_if_sampled(tx: &mut Tx<'_>, action: &mut Action) -> Result<(), Error> {
    if !action.decision.is_sampled || action.is_reviewed {
        return Ok(());
    }
    action.is_reviewed = true;
    let places = tx.queue().await?.settings.reviews.per_case;
    let review = Review::of(ReviewId::new(tx.next_id()), action, places, tx.now);
    tx.put(keys::review(tx.tenant(), review.id), &review)?;
    tx.mark(keys::open_review(tx.tenant(), review.id));
    tx.event_about(EventKind::ReviewOpened, subjects(&review), Some(action.digest), &[]);
    Ok(())
}

/// Writes a review that somebody has answered, with what follows from it.
fn settle(tx: &mut Tx<'_>, review: &Review, progress: Progress) -> Result<(), Error> {
    match progress {
        Progress::Open => {}
        Progress::Extended => tx.event(EventKind::ReviewExtended, subjects(review)),
        Progress::Closed => {
            tx.remove(keys::open_review(tx.tenant(), review.id));
            tx.event(EventKind::ReviewClosed, subjects(review));
        }
    }
    tx.put(keys::review(tx.tenant(), review.id), review)
}

fn not_found(id: ReviewId) -> Error {
    Error::not_found(Resource::Review, id)
}

impl Tx<'_> {
    /// A review that the caller named.
    async fn review(&mut self, id: ReviewId) -> Result<Review, Error> {
        self.get(keys::review(self.tenant(), id)).await?.ok_or_else(|| not_found(id))
    }

    /// Which person calls.
    async fn person(&mut self) -> Result<String, Error> {
        let people = self.people().await?;
        Ok(people.person_of(self.by.name()).to_owned())
    }
}

impl Engine {
    /// A review that another record names.
    async fn existing_review(&self, tenant: &str, id: ReviewId) -> Result<Review, Error> {
        let found = self.read(&keys::review(tenant, id)).await?;
        found.ok_or_else(|| views::missing(Resource::Review, &id))
    }
}
