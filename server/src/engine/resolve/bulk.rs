//! One answer to several questions of a kind that were previewed: all of them, or none.

mod frozen;
mod preview;

use futures::future::try_join_all;
use uuid::Uuid;

use self::frozen::Frozen;
pub use self::preview::{BulkItem, BulkPreview, PreviewBulk};
use super::{Resolve, Resolving, Verb};
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::Error;
use crate::domain::escalation::bulk::{BulkKind, MAX_BULK};
use crate::domain::escalation::{Circumstances, Escalation};
use crate::domain::ids::EscalationId;
use crate::domain::principal::Principal;
use crate::engine::facts::Asked;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::views::{Depth, EscalationView};
use crate::engine::{Engine, authorize, escalations};

/// Answers every question of a preview the same.
#[derive(Clone, Debug)]
pub struct ResolveBulk {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The token of the preview.
    pub token: String,
    /// What the reviewer was shown of each question.
    pub seen: Vec<(EscalationId, Digest)>,
    /// Whether the actions may run.
    pub is_approved: bool,
    /// Why, in the reviewer's words.
    pub note: String,
    /// A code for the reason.
    pub reason_code: String,
    /// Where the answer was given; may be empty.
    pub surface: String,
}

struct Bulk<'a> {
    command: &'a ResolveBulk,
    frozen: Frozen,
}

fn refused(problem: impl Into<String>) -> Error {
    Error::field("preview_token", problem)
}

impl ResolveBulk {
    /// The answer to one of the questions.
    fn one(&self, at: &frozen::One) -> Resolve {
        let verb = match self.is_approved {
            true => Verb::Approve,
            false => Verb::Reject { reason_code: String::new() },
        };
        let surface = self.surface.clone();
        Resolve {
            request_id: String::new(),
            escalation: at.escalation,
            etag: at.revision.to_string(),
            action_digest: at.digest,
            claim_epoch: 0,
            note: self.note.clone(),
            reason_code: self.reason_code.clone(),
            confirmation: String::new(),
            circumstances: Circumstances { surface, ..Circumstances::default() },
            verb,
        }
    }

    /// Checks everything that needs no state; returns the set that was previewed.
    fn check(&self, caller: &Principal) -> Result<Frozen, Error> {
        let frozen = Frozen::read(&self.token, caller)
            .ok_or_else(|| refused("it is damaged or belongs to somebody else; preview again"))?;
        if self.reason_code.is_empty() && self.note.trim().is_empty() {
            return Err(Error::field("note", "want a reason for all: a note or a reason_code"));
        }
        let shown = frozen.items.iter().map(|it| (it.escalation, it.digest));
        if self.seen.len() > MAX_BULK || !shown.eq(self.seen.iter().copied()) {
            let problem = "want every question of the preview with its digest, in its order";
            return Err(Error::field("items", problem));
        }
        for item in &frozen.items {
            self.one(item).check()?;
        }
        Ok(frozen)
    }
}

impl Operation for Bulk<'_> {
    type Output = Vec<Escalation>;
    const METHOD: &'static str = "ResolveBulk";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.command;
        hasher
            .field(it.token.as_bytes())
            .field(&[u8::from(it.is_approved)])
            .field(it.note.as_bytes())
            .field(it.reason_code.as_bytes())
            .field(it.surface.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Vec<Escalation>, Vec<Uuid>), Error> {
        if tx.now >= self.frozen.expire_time {
            return Err(refused("the preview is too old; preview again"));
        }
        let mut kind = None;
        let mut resolved = Vec::new();
        for item in &self.frozen.items {
            let question = escalations::get(tx, item.escalation).await?;
            require_same(&mut kind, &question)?;
            let mut command = self.command.one(item);
            let own = question.live_claim(tx.now).filter(|claim| claim.holder == tx.by.name());
            command.claim_epoch = own.map_or(0, |claim| claim.epoch);
            let resolving = Resolving { command: &command, asked: Asked::default() };
            resolved.push(resolving.attempt(tx).await?.0);
        }
        let ids = resolved.iter().map(|it| Uuid::from_bytes(*it.id.as_bytes())).collect();
        Ok((resolved, ids))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Vec<Escalation>, Error> {
        let mut found = Vec::new();
        for id in results {
            found.push(engine.existing_escalation(tenant, EscalationId::new(*id)).await?);
        }
        Ok(found)
    }
}

/// Refuses a question that is answered one by one, or of another kind than the first.
fn require_same(kind: &mut Option<BulkKind>, question: &Escalation) -> Result<(), Error> {
    match (question.bulk_kind(), &kind) {
        (Ok(this), Some(first)) if this == *first => Ok(()),
        (Ok(this), None) => {
            *kind = Some(this);
            Ok(())
        }
        _ => Err(refused(format!("`{}` is not answered with the others", question.id))),
    }
}

impl Engine {
    /// Gives every question of a preview the same answer: all of them, or none.
    pub async fn resolve_bulk(
        &self,
        caller: &Principal,
        command: ResolveBulk,
    ) -> Result<Answer<Vec<EscalationView>>, Error> {
        let by = authorize::reviewer(caller)?;
        let frozen = command.check(caller)?;
        let bulk = Bulk { command: &command, frozen };
        let answer = self.transact(&by, &command.request_id, &bulk).await?;
        let view = |it: &Escalation| self.escalation_view(&caller.tenant, it.clone(), Depth::Basic);
        let views = try_join_all(answer.value.iter().map(view)).await?;
        Ok(answer.map(|_| views))
    }
}
