//! Putting revisions: checked, kept for good, not in force.

use bytes::Bytes;
use uuid::Uuid;

use super::read::RevisionView;
use crate::domain::digest::{Digest, FieldHasher, sha256};
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::PolicyRevisionId;
use crate::domain::policy::{Finding, Policy};
use crate::domain::principal::Principal;
use crate::domain::secrets::refuse_secrets;
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Engine, authorize, validate};
use crate::store::keys;
use crate::store::records::{PolicyDigestRecord, PolicyRecord};

/// Puts a revision.
#[derive(Clone, Debug, Default)]
pub struct PutPolicy {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The document: YAML.
    pub document: String,
    /// What the author says of it; may be empty.
    pub note: String,
}

/// A revision that is there now.
#[derive(Clone, Debug, PartialEq)]
pub struct PutRevision {
    /// The revision.
    pub view: RevisionView,
    /// Whether this call made it; else the same document was put before.
    pub is_new: bool,
    /// What a look over the document found.
    pub findings: Vec<Finding>,
}

/// A document on its way into the store.
pub(super) struct Draft<'a> {
    pub(super) document: &'a str,
    pub(super) digest: Digest,
    pub(super) note: &'a str,
    pub(super) policy: &'a Policy,
}

impl<'a> Draft<'a> {
    /// A document and what was read in it.
    pub(super) fn new(document: &'a str, note: &'a str, policy: &'a Policy) -> Self {
        Self { document, digest: sha256(document.as_bytes()), note, policy }
    }

    /// The revision of the document, made if there is none, and whether it was.
    pub(super) async fn put(&self, tx: &mut Tx<'_>) -> Result<(PolicyRecord, bool), Error> {
        if let Some(id) = self.known(tx).await? {
            return Ok((tx.revision(id).await?, false));
        }
        let id = PolicyRevisionId::new(tx.next_id());
        let document = tx.bytes(Bytes::copy_from_slice(self.document.as_bytes()), None)?;
        let note = match self.note {
            "" => None,
            note => Some(tx.bytes(Bytes::copy_from_slice(note.as_bytes()), None)?),
        };
        let record = PolicyRecord {
            id,
            digest: self.digest,
            document,
            create_time: tx.now,
            author: tx.by.name().to_owned(),
            note,
            activate_time: None,
            name: self.policy.name.clone().unwrap_or_default(),
        };
        tx.put(keys::policy(tx.tenant(), id), &record)?;
        tx.put(keys::policy_digest(tx.tenant(), &self.digest), &PolicyDigestRecord { id })?;
        let subjects = Subjects { policy: Some(id), ..Subjects::default() };
        let payloads: Vec<_> = [Some(document), note].into_iter().flatten().collect();
        tx.event_about(EventKind::PolicyPut, subjects, None, &payloads);
        Ok((record, true))
    }

    /// The revision that has this document. What the first servers put in force has
    /// no way from its digest: it is known as long as it is in force.
    async fn known(&self, tx: &mut Tx<'_>) -> Result<Option<PolicyRevisionId>, Error> {
        let way = keys::policy_digest(tx.tenant(), &self.digest);
        if let Some(way) = tx.get::<PolicyDigestRecord>(way).await? {
            return Ok(Some(way.id));
        }
        let in_force = tx.in_force().await?;
        Ok(in_force.filter(|record| record.digest == self.digest).map(|record| record.id))
    }
}

struct Put<'a>(Draft<'a>);

impl Operation for Put<'_> {
    type Output = (PolicyRecord, bool);
    const METHOD: &'static str = "PutPolicy";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.digest.as_bytes()).field(self.0.note.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Self::Output, Vec<Uuid>), Error> {
        let (record, is_new) = self.0.put(tx).await?;
        let id = Uuid::from_bytes(*record.id.as_bytes());
        let made = if is_new { vec![id, id] } else { vec![id] };
        Ok(((record, is_new), made))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Self::Output, Error> {
        let id = PolicyRevisionId::new(result_at(results, 0)?);
        Ok((engine.revision_record(tenant, id).await?, results.len() > 1))
    }
}

/// Reads a document, or says what is wrong with it.
pub(super) fn parse(document: &str) -> Result<Policy, Error> {
    Policy::parse(document)
        .map_err(|error| Error::PolicyInvalid { place: error.place, problem: error.problem })
}

impl Engine {
    /// Puts a policy document. It is not in force by that; the same document stays
    /// one revision, with its first author and note.
    pub async fn put_policy(
        &self,
        caller: &Principal,
        command: PutPolicy,
    ) -> Result<Answer<PutRevision>, Error> {
        let by = authorize::policy_author(caller)?;
        validate::required("document", command.document.as_bytes())?;
        refuse_secrets("document", command.document.as_bytes())?;
        validate::note("note", &command.note)?;
        let policy = parse(&command.document)?;
        let draft = Draft::new(&command.document, &command.note, &policy);
        let answer = self.transact(&by, &command.request_id, &Put(draft)).await?;
        let (record, is_new) = answer.value.clone();
        let view = self.revision_view(by.tenant(), record).await?;
        Ok(answer.map(|_| PutRevision { view, is_new, findings: self.look_over(&policy) }))
    }
}
