//! Answers where more than one person is wanted.

use super::Resolving;
use super::edit::Edit;
use super::weigh::Weighed;
use crate::domain::briefing::Briefing;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, Reading, ResolutionKind, Vote};
use crate::domain::event::EventKind;
use crate::engine::closing;
use crate::engine::operation::Tx;
use crate::store::keys;

impl Resolving<'_> {
    /// What the caller says, with the words of it.
    pub(super) async fn vote(
        &self,
        tx: &mut Tx<'_>,
        question: &Escalation,
        weighed: &Weighed,
    ) -> Result<Vote, Error> {
        let reviewer = tx.by.name().to_owned();
        let person = tx.people().await?.person_of(&reviewer).to_owned();
        question.require_no_vote(&person)?;
        Ok(Vote {
            reviewer,
            person,
            authority: weighed.authority,
            kind: weighed.kind,
            outcome: weighed.outcome,
            content: self.words(tx)?,
            vote_time: tx.now,
            reading: self.reading(tx, question, weighed.kind).await?,
            standing: tx.standing(weighed.edit.as_ref().and_then(Edit::required_role)),
        })
    }

    /// How long the caller had for an approval: since they first looked or claimed,
    /// whichever is known and earlier; else since the question was asked.
    async fn reading(
        &self,
        tx: &Tx<'_>,
        question: &Escalation,
        kind: ResolutionKind,
    ) -> Result<Option<Reading>, Error> {
        if kind != ResolutionKind::Approved {
            return Ok(None);
        }
        let looked = tx.engine.0.looks.first(question.id, tx.by.name());
        let claimed = question.live_claim(tx.now).and_then(|claim| claim.claim_time);
        let since = looked.into_iter().chain(claimed).min().unwrap_or(question.create_time);
        let briefing = tx.engine.payload::<Briefing>(&question.briefing).await?;
        let words = u32::try_from(briefing.words()).unwrap_or(u32::MAX);
        Ok(Some(Reading { span: tx.now.since(since), words }))
    }

    /// Keeps an answer to itself until more people have given the same, and frees the
    /// question for them.
    pub(super) fn keep_vote(
        &self,
        tx: &mut Tx<'_>,
        question: &mut Escalation,
        vote: Vote,
    ) -> Result<(), Error> {
        let payloads: Vec<_> = vote.content.into_iter().collect();
        let before = closing::timer(tx.tenant(), question);
        question.keep_vote(vote, tx.now)?;
        closing::touch(question, tx.now);
        tx.put(keys::escalation(tx.tenant(), question.id), question)?;
        closing::rearm(tx, &before, question);
        let (subjects, digest) = (closing::subjects(question), Some(question.action_digest));
        tx.event_about(EventKind::EscalationVoted, subjects, digest, &payloads);
        Ok(())
    }
}
