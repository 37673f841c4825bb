//! Resolving: a person's answer, of which exactly one takes effect.
//!
//! An answer is weighed as a whole before anything is changed: whether its giver may,
//! what it would do, and whether enough people have given it.

mod bulk;
mod check;
mod edit;
mod effect;
mod preview;
mod vote;
mod wanted;
mod weigh;

pub use bulk::{BulkItem, BulkPreview, PreviewBulk, ResolveBulk};
pub use preview::Preview;

use bytes::Bytes;
use uuid::Uuid;

use self::effect::apply;
use self::weigh::Weighed;
use super::facts::Asked;
use super::operation::{Answer, Operation, Tx};
use super::views::{Depth, EscalationView};
use super::{Engine, authorize, escalations, run_questions};
use crate::domain::action::Action;
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Circumstances, Escalation, Tally};
use crate::domain::ids::{ActionId, EscalationId};
use crate::domain::principal::Principal;
use crate::store::keys;

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The action may run as shown.
    Approve,
    /// The action must not run.
    Reject {
        /// A code for the reason; may be empty.
        reason_code: String,
    },
    /// An edited action may run in its place.
    Modify {
        /// The edited arguments.
        arguments: Bytes,
        /// The edited target; none: as proposed.
        target: Option<String>,
    },
    /// An answer in the tool's place.
    Respond {
        /// The answer.
        response: Bytes,
    },
    /// A correction in words: nothing runs, and the agent is to propose anew.
    Instruct {
        /// The correction.
        text: String,
    },
}

/// Answers a question.
#[derive(Clone, Debug)]
pub struct Resolve {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The escalation.
    pub escalation: EscalationId,
    /// The etag that the reviewer was shown.
    pub etag: String,
    /// The digest that the reviewer was shown.
    pub action_digest: Digest,
    /// The epoch of the caller's claim; 0: none.
    pub claim_epoch: u64,
    /// Why, in the reviewer's words; may be empty.
    pub note: String,
    /// A code for the reason; may be empty.
    pub reason_code: String,
    /// The value that the reviewer typed; may be empty.
    pub confirmation: String,
    /// How the answer came about.
    pub circumstances: Circumstances,
    /// The answer.
    pub verb: Verb,
}

struct Resolving<'a> {
    command: &'a Resolve,
    asked: Asked,
}

impl Operation for Resolving<'_> {
    type Output = Escalation;
    const METHOD: &'static str = "ResolveEscalation";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.command;
        hasher
            .field(it.escalation.as_bytes())
            .field(it.etag.as_bytes())
            .field(it.action_digest.as_bytes())
            .field(&it.claim_epoch.to_be_bytes())
            .field(it.note.as_bytes());
        match &it.verb {
            Verb::Approve => hasher.field(&[0]),
            Verb::Reject { reason_code } => hasher.field(&[1]).field(reason_code.as_bytes()),
            Verb::Modify { arguments, target } => {
                hasher.field(&[2]).field(arguments).optional(target.as_deref().map(str::as_bytes))
            }
            Verb::Respond { response } => hasher.field(&[3]).field(response),
            Verb::Instruct { text } => hasher.field(&[4]).field(text.as_bytes()),
        };
        it.given(hasher);
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Escalation, Vec<Uuid>), Error> {
        let Looked { mut escalation, mut action, weighed } = self.look(tx).await?;
        let vote = self.vote(tx, &escalation, &weighed).await?;
        if let Tally::Wanting { .. } = escalation.tally(&vote, weighed.quorum)? {
            self.keep_vote(tx, &mut escalation, vote)?;
            return Ok((escalation, Vec::new()));
        }
        let may_run = match &mut action {
            Some(action) => apply(tx, &escalation, action, weighed).await?,
            None => {
                run_questions::answer(tx, &escalation, weighed.kind).await?;
                None
            }
        };
        self.finish(tx, &mut escalation, &vote, may_run)?;
        Ok((escalation, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Escalation, Error> {
        engine.existing_escalation(tenant, self.command.escalation).await
    }
}

/// A question with what waits for its answer, and the answer.
struct Looked {
    escalation: Escalation,
    action: Option<Action>,
    weighed: Weighed,
}

impl Resolving<'_> {
    /// Looks at everything; nothing is changed.
    async fn look(&self, tx: &mut Tx<'_>) -> Result<Looked, Error> {
        let escalation = escalations::get(tx, self.command.escalation).await?;
        self.require_resolvable(&escalation, tx).await?;
        let waiting = escalation.action.filter(|_| escalation.question.is_about_an_action());
        let action = match waiting {
            Some(id) => Some(waiting_action(tx, id).await?),
            None => None,
        };
        let weighed = self.weigh(tx, &escalation, action.as_ref()).await?;
        Ok(Looked { escalation, action, weighed })
    }
}

async fn waiting_action(tx: &mut Tx<'_>, id: ActionId) -> Result<Action, Error> {
    let found = tx.get::<Action>(keys::action(tx.tenant(), id)).await?;
    found.ok_or_else(|| super::views::missing(Resource::Action, &id))
}

impl Engine {
    /// Answers a question for the calling reviewer.
    pub async fn resolve(
        &self,
        caller: &Principal,
        command: Resolve,
    ) -> Result<Answer<EscalationView>, Error> {
        let by = authorize::reviewer(caller)?;
        command.check()?;
        let resolving = Resolving { command: &command, asked: Asked::default() };
        let answer = self.transact(&by, &command.request_id, &resolving).await?;
        let escalation = answer.value.clone();
        let view = self.escalation_view(&caller.tenant, escalation, Depth::Full).await?;
        Ok(answer.map(|_| view))
    }
}
