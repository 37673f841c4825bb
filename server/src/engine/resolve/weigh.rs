//! Looking at an answer as a whole, before anything is changed.

use super::edit::Edit;
use super::{Resolving, Verb};
use crate::domain::action::Action;
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, ResolutionKind};
use crate::domain::ids::AuthorityId;
use crate::engine::operation::Tx;

const OUTCOME_TAG: &str = "pointsman.outcome.v1";

/// An answer that was looked at as a whole, before anything is changed.
pub(super) struct Weighed {
    pub(super) kind: ResolutionKind,
    /// The digest of everything that it would do.
    pub(super) outcome: Digest,
    /// How many people must give it.
    pub(super) quorum: u32,
    /// The authority by which its giver may.
    pub(super) authority: AuthorityId,
    pub(super) edit: Option<Edit>,
}

impl Resolving<'_> {
    /// The answer to a question about a run.
    fn yes_or_no(&self) -> Result<ResolutionKind, Error> {
        let refused =
            |verb: &str| Err(Error::field(verb, "a question about a run is approved or rejected"));
        match self.command.verb {
            Verb::Approve => Ok(ResolutionKind::Approved),
            Verb::Reject { .. } => Ok(ResolutionKind::Rejected),
            Verb::Modify { .. } => refused("modify"),
            Verb::Respond { .. } => refused("respond"),
            Verb::Instruct { .. } => refused("instruct"),
        }
    }

    /// Looks at the answer: what it would do, and whether its giver may.
    pub(super) async fn weigh(
        &self,
        tx: &mut Tx<'_>,
        question: &Escalation,
        action: Option<&Action>,
    ) -> Result<Weighed, Error> {
        let authority = tx.admit(question).await?;
        let mut hasher = FieldHasher::new(OUTCOME_TAG);
        let mut edit = None;
        let kind = match (&self.command.verb, action) {
            (_, None) => self.yes_or_no()?,
            (Verb::Approve, Some(_)) => ResolutionKind::Approved,
            (Verb::Reject { .. }, Some(_)) => ResolutionKind::Rejected,
            (Verb::Modify { arguments, target }, Some(action)) => {
                let target = target.as_deref();
                let edited = self.weigh_edit(tx, question, action, arguments, target).await?;
                edited.require_role(tx)?;
                tx.admit_call(question, &edited.matter(question), Some(&edited.asked)).await?;
                hasher.field(edited.digest.as_bytes());
                edit = Some(edited);
                ResolutionKind::Modified
            }
            (Verb::Respond { response }, Some(_)) => {
                hasher.field(response);
                ResolutionKind::Responded
            }
            (Verb::Instruct { text }, Some(_)) => {
                hasher.field(text.as_bytes());
                ResolutionKind::Instructed
            }
        };
        self.require_wanted(tx, question, kind, edit.as_ref()).await?;
        hasher.field(kind.name().as_bytes());
        let outcome = hasher.finish();
        let quorum = edit.as_ref().map_or(1, Edit::quorum);
        Ok(Weighed { kind, outcome, quorum, authority, edit })
    }

    /// Refuses whoever may not answer now, or has not seen what is asked.
    pub(super) async fn require_resolvable(
        &self,
        escalation: &Escalation,
        tx: &mut Tx<'_>,
    ) -> Result<(), Error> {
        tx.require_four_eyes(escalation).await?;
        let caller = tx.by.name();
        escalation.require_open_at(tx.now)?;
        match escalation.live_claim(tx.now) {
            None if self.command.claim_epoch == 0 => {}
            _ => escalation.require_claim(caller, self.command.claim_epoch, tx.now)?,
        }
        if escalation.etag() != self.command.etag {
            let (resource, id) = (Resource::Escalation, escalation.id.to_string());
            return Err(Error::EtagMismatch { resource, id, etag: escalation.etag() });
        }
        if escalation.action_digest != self.command.action_digest {
            return Err(Error::DigestMismatch {
                action: escalation.action.map(|id| id.to_string()).unwrap_or_default(),
                escalation: Some(escalation.id.to_string()),
                what: "what you were shown is not what is asked; read it again",
            });
        }
        Ok(())
    }
}
