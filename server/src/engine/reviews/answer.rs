//! Judging, and passing on.

use bytes::Bytes;
use uuid::Uuid;

use super::read::ReviewView;
use super::{settle, subjects};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::EventKind;
use crate::domain::ids::ReviewId;
use crate::domain::incident::{IncidentKind, Trouble, is_finding};
use crate::domain::payload::PayloadRef;
use crate::domain::principal::Principal;
use crate::domain::review::{Judged, Judgement, MAX_SEVERITY, Review, Reviewer, Skip};
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize, incidents, limits, validate};

/// Judges an action afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitReview {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The review.
    pub review: ReviewId,
    /// The etag that the caller was shown.
    pub etag: String,
    /// The epoch of the caller's claim.
    pub epoch: u64,
    /// What the caller says.
    pub judgement: Judgement,
    /// How grave the mistake is, 0 to 3.
    pub severity: u32,
    /// Why; may be empty.
    pub note: String,
}

/// Passes a review on to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipReview {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The review.
    pub review: ReviewId,
    /// The epoch of the caller's claim.
    pub epoch: u64,
    /// Why.
    pub reason: String,
}

/// A review that the caller holds, and which person that is.
async fn held(tx: &mut Tx<'_>, id: ReviewId, epoch: u64) -> Result<(Review, String), Error> {
    let (review, person) = (tx.review(id).await?, tx.person().await?);
    review.require_claim(Reviewer { name: tx.by.name(), person: &person }, epoch, tx.now)?;
    let run = tx.engine.existing_run(tx.tenant(), review.run).await?;
    let people = tx.people().await?;
    people.require_four_eyes(tx.by.name(), run.parties(), &id.to_string())?;
    Ok((review, person))
}

impl Operation for SubmitReview {
    type Output = Review;
    const METHOD: &'static str = "SubmitReview";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.review.as_bytes())
            .field(self.etag.as_bytes())
            .field(&self.epoch.to_be_bytes())
            .field(self.judgement.name().as_bytes())
            .field(&self.severity.to_be_bytes())
            .field(self.note.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Review, Vec<Uuid>), Error> {
        let (mut review, person) = held(tx, self.review, self.epoch).await?;
        if review.etag() != self.etag {
            let (resource, id) = (Resource::Review, review.id.to_string());
            return Err(Error::EtagMismatch { resource, id, etag: review.etag() });
        }
        let note = match self.note.as_str() {
            "" => None,
            note => Some(tx.bytes(Bytes::copy_from_slice(note.as_bytes()), None)?),
        };
        let judged = Judged {
            reviewer: tx.by.name().to_owned(),
            person,
            judgement: self.judgement,
            severity: self.severity,
            note,
            judge_time: tx.now,
        };
        let progress = review.judge(judged, tx.now);
        tx.event_about(EventKind::ReviewSubmitted, subjects(&review), None, note.as_slice());
        settle(tx, &review, progress)?;
        if is_finding(self.judgement, self.severity) {
            self.report(tx, &review, note).await?;
        }
        Ok((review, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Review, Error> {
        engine.existing_review(tenant, self.review).await
    }
}

impl SubmitReview {
    /// Opens the incident of a finding; the first of a review opens it, whoever else
    /// finds the same.
    async fn report(
        &self,
        tx: &mut Tx<'_>,
        review: &Review,
        note: Option<PayloadRef>,
    ) -> Result<(), Error> {
        let earlier = review.judged.split_last().map(|(_, earlier)| earlier).unwrap_or_default();
        if earlier.iter().any(|it| is_finding(it.judgement, it.severity)) {
            return Ok(());
        }
        let action = tx.engine.existing_action(tx.tenant(), review.action).await?;
        let trouble = Trouble {
            kind: IncidentKind::Finding,
            severity: self.severity,
            judgement: Some(self.judgement),
            review: Some(review.id),
            reason: note,
        };
        incidents::open(tx, &action, trouble).await.map(|_| ())
    }
}

impl Operation for SkipReview {
    type Output = Review;
    const METHOD: &'static str = "SkipReview";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.review.as_bytes())
            .field(&self.epoch.to_be_bytes())
            .field(self.reason.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Review, Vec<Uuid>), Error> {
        let (mut review, person) = held(tx, self.review, self.epoch).await?;
        let reason = tx.bytes(Bytes::copy_from_slice(self.reason.as_bytes()), None)?;
        let reviewer = tx.by.name().to_owned();
        let progress = review.skip(Skip { reviewer, person, reason, skip_time: tx.now }, tx.now);
        tx.event_about(EventKind::ReviewSkipped, subjects(&review), None, &[reason]);
        settle(tx, &review, progress)?;
        Ok((review, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Review, Error> {
        engine.existing_review(tenant, self.review).await
    }
}

fn check_severity(judgement: Judgement, severity: u32) -> Result<(), Error> {
    if severity > MAX_SEVERITY {
        return Err(Error::field("severity", format!("want 0 to {MAX_SEVERITY}")));
    }
    if severity > 0 && !judgement.finds_a_mistake() {
        let problem = format!("`{}` finds no mistake that could be grave", judgement.name());
        return Err(Error::field("severity", problem));
    }
    Ok(())
}

impl Engine {
    /// Keeps what the calling reviewer says of an action, and shows what was hidden.
    pub async fn submit_review(
        &self,
        caller: &Principal,
        command: SubmitReview,
    ) -> Result<Answer<ReviewView>, Error> {
        let by = authorize::reviewer(caller)?;
        check_severity(command.judgement, command.severity)?;
        validate::required("etag", command.etag.as_bytes())?;
        validate::length("etag", command.etag.as_bytes(), limits::MAX_SCHEMA_VERSION_BYTES)?;
        validate::note("note", &command.note)?;
        let answer = self.transact(&by, &command.request_id, &command).await?;
        let view = self.review_in_full(caller, answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    /// Passes a review that the calling reviewer holds on to others.
    pub async fn skip_review(
        &self,
        caller: &Principal,
        command: SkipReview,
    ) -> Result<Answer<ReviewView>, Error> {
        let by = authorize::reviewer(caller)?;
        validate::words("reason", &command.reason)?;
        let answer = self.transact(&by, &command.request_id, &command).await?;
        let view = self.review_in_full(caller, answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
