//! One mutating call: read, decide, commit, with optimistic retry and kept
//! request ids.

use std::collections::HashMap;

use bytes::Bytes;
use uuid::Uuid;

use super::{Authorized, Engine, limits, read_error, validate};
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::{Effect, Error};
use crate::domain::event::{Event, EventKind, Subjects};
use crate::domain::ids::RunId;
use crate::domain::payload::{PayloadDraft, PayloadRef, SALT_LENGTH};
use crate::domain::time::{Span, Timestamp};
use crate::store::records::{self, Record, RequestRecord};
use crate::store::{
    CommitError, CommitLane, Committed, Direction, Expectation, Transaction, Versioned, Write, keys,
};

const REQUEST_TAG: &str = "pointsman.request.v1";
/// When to try again what too many did at once.
pub(super) const OVERLOAD_RETRY: Span = Span::from_millis(200);

/// The answer to a mutation.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// What came of it.
    pub value: T,
    /// The tenant's sequence after the call.
    pub sequence: u64,
    /// The server's time.
    pub time: Timestamp,
    /// Whether an earlier call with the same request id did it.
    pub is_replayed: bool,
}

impl<T> Answer<T> {
    /// The same answer around another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            value: change(self.value),
            sequence: self.sequence,
            time: self.time,
            is_replayed: self.is_replayed,
        }
    }
}

/// A mutating use case.
pub(super) trait Operation: Sync {
    /// What the caller gets.
    type Output: Send;
    /// The method's name: a request id belongs to one method.
    const METHOD: &'static str;
    /// How its commit queues.
    const LANE: CommitLane = CommitLane::Normal;

    /// Adds everything the request says to the digest of the request.
    fn fingerprint(&self, hasher: &mut FieldHasher);

    /// Reads and decides; leaves the transaction in `tx`. Also names the ids
    /// from which [`Operation::replay`] can rebuild the answer.
    fn attempt(
        &self,
        tx: &mut Tx<'_>,
    ) -> impl Future<Output = Result<(Self::Output, Vec<Uuid>), Error>> + Send;

    /// Rebuilds the answer to an earlier call from the ids it named.
    fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// A transaction in the making.
pub(super) struct Tx<'a> {
    /// The engine.
    pub(super) engine: &'a Engine,
    /// Who acts.
    pub(super) by: &'a Authorized,
    /// The time of the attempt.
    pub(super) now: Timestamp,
    transaction: Transaction,
    /// Where in the transaction each key is written.
    written: HashMap<Bytes, usize>,
}

impl<'a> Tx<'a> {
    /// A transaction that may come to nothing.
    pub(super) fn new(engine: &'a Engine, by: &'a Authorized, lane: CommitLane) -> Self {
        let transaction = Transaction {
            tenant: by.tenant().to_owned(),
            principal: by.name().to_owned(),
            lane,
            ..Transaction::default()
        };
        Self { engine, by, now: engine.now(), transaction, written: HashMap::new() }
    }

    /// The tenant to act in.
    pub(super) fn tenant(&self) -> &'a str {
        self.by.tenant()
    }

    /// A new id.
    pub(super) fn next_id(&self) -> Uuid {
        self.engine.0.ids.next()
    }

    /// Reads a record as this transaction leaves it; the commit fails if it has changed
    /// by then.
    pub(super) async fn get<R: Record>(&mut self, key: Bytes) -> Result<Option<R>, Error> {
        if let Some(write) = self.written.get(&key).and_then(|at| self.transaction.writes.get(*at))
        {
            let value = write.value.as_ref();
            return value.map(|it| records::decode(it).map_err(read_error)).transpose();
        }
        let found = self.look(key).await?;
        found.map(|found| records::decode(&found.value).map_err(read_error)).transpose()
    }

    /// Reads a key as it is stored; the commit fails if it has changed by then.
    pub(super) async fn look(&mut self, key: Bytes) -> Result<Option<Versioned>, Error> {
        let found = self.engine.0.store.read(&key).await.map_err(read_error)?;
        let version = found.as_ref().map(|Versioned { version, .. }| *version);
        self.transaction.expectations.push(Expectation::Key { key, version });
        Ok(found)
    }

    /// Writes a record.
    pub(super) fn put<R: Record>(&mut self, key: Bytes, record: &R) -> Result<(), Error> {
        let value = records::encode(record).ok_or_else(|| Error::Internal {
            cause: format!("a {} could not be encoded", R::NAME),
        })?;
        self.write(key, Some(value));
        Ok(())
    }

    /// Of several writes of a key the last one stays.
    fn write(&mut self, key: Bytes, value: Option<Bytes>) {
        let next = self.transaction.writes.len();
        let at = *self.written.entry(key.clone()).or_insert(next);
        match self.transaction.writes.get_mut(at) {
            Some(write) => write.value = value,
            None => self.transaction.writes.push(Write { key, value }),
        }
    }

    /// Writes an index entry.
    pub(super) fn mark(&mut self, key: Bytes) {
        self.write(key, Some(Bytes::new()));
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, key: Bytes) {
        self.write(key, None);
    }

    /// Demands that a key is still there, or still absent, at commit.
    pub(super) fn expect(&mut self, expectation: Expectation) {
        self.transaction.expectations.push(expectation);
    }

    /// Adds an audit event.
    pub(super) fn event(&mut self, kind: EventKind, subjects: Subjects) {
        self.event_about(kind, subjects, None, &[]);
    }

    /// Adds an audit event about an action digest and payloads.
    pub(super) fn event_about(
        &mut self,
        kind: EventKind,
        subjects: Subjects,
        action_digest: Option<Digest>,
        payloads: &[PayloadRef],
    ) {
        let payloads = payloads.iter().map(|payload| payload.commitment).collect();
        self.transaction.events.push(Event { kind, subjects, action_digest, payloads });
    }

    /// Adds a payload that is a record.
    pub(super) fn payload<R: Record>(
        &mut self,
        record: &R,
        dedup_scope: Option<RunId>,
    ) -> Result<PayloadRef, Error> {
        let bytes = records::encode(record).ok_or_else(|| Error::Internal {
            cause: format!("a {} could not be encoded", R::NAME),
        })?;
        self.bytes(bytes, dedup_scope)
    }

    /// Adds a payload of bytes.
    pub(super) fn bytes(
        &mut self,
        bytes: Bytes,
        dedup_scope: Option<RunId>,
    ) -> Result<PayloadRef, Error> {
        let mut salt = [0; SALT_LENGTH];
        self.engine.0.ids.fill(&mut salt);
        let draft = PayloadDraft::new(self.next_id(), salt, bytes, dedup_scope)
            .ok_or_else(|| Error::Internal { cause: "a payload over 4 GiB".to_owned() })?;
        let reference = draft.reference;
        self.transaction.payloads.push(draft);
        Ok(reference)
    }
}

/// A request id with what it must stand for.
struct Request {
    key: Bytes,
    id: String,
    digest: Digest,
}

impl Request {
    fn new<O: Operation>(by: &Authorized, id: &str, operation: &O) -> Result<Option<Self>, Error> {
        let Some(id) = validate::request_id(id)? else { return Ok(None) };
        let mut hasher = FieldHasher::new(REQUEST_TAG);
        hasher.field(O::METHOD.as_bytes());
        operation.fingerprint(&mut hasher);
        let key = keys::request(by.tenant(), by.name(), id);
        Ok(Some(Self { key, id: id.to_owned(), digest: hasher.finish() }))
    }
}

impl Engine {
    /// The kept answer of a request id, if there is one.
    pub(super) async fn kept<O: Operation>(
        &self,
        by: &Authorized,
        request_id: &str,
        operation: &O,
    ) -> Result<Option<Answer<O::Output>>, Error> {
        let request = Request::new(by, request_id, operation)?;
        self.kept_answer(by, request.as_ref(), operation).await
    }

    /// Runs an operation to its commit, or to the kept answer of its request id.
    pub(super) async fn transact<O: Operation>(
        &self,
        by: &Authorized,
        request_id: &str,
        operation: &O,
    ) -> Result<Answer<O::Output>, Error> {
        let request = Request::new(by, request_id, operation)?;
        for _ in 0..limits::MAX_ATTEMPTS {
            let mut tx = Tx::new(self, by, O::LANE);
            let attempted = operation.attempt(&mut tx).await;
            let committed = match attempted {
                Ok((value, results)) => {
                    self.commit(tx, request.as_ref(), results).await.map(|done| (value, done))
                }
                Err(refusal) => Err(self.stands(&tx, &refusal).await?.then_some(refusal)),
            };
            match committed {
                Ok((value, done)) => {
                    let Committed { sequence, time, .. } = done;
                    return Ok(Answer { value, sequence, time, is_replayed: false });
                }
                Err(refusal) => {
                    // A refusal may be the echo of the caller's own first call,
                    // and a conflict too: its kept answer comes before either.
                    let kept = self.kept_answer(by, request.as_ref(), operation).await;
                    match (kept, refusal) {
                        (Ok(Some(answer)), _) => return Ok(answer),
                        // The commit may be durable: that reading fails now as
                        // well must not turn this into "nothing happened".
                        (_, Some(unknown @ Error::Stopping { effect: Effect::Unknown })) => {
                            return Err(unknown);
                        }
                        (Err(error), _) | (Ok(None), Some(error)) => return Err(error),
                        (Ok(None), None) => {}
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        Err(Error::Overloaded { retry_after: OVERLOAD_RETRY })
    }

    /// Whether a refusal rests on a state that there was. A life cycle that seems
    /// broken is put to the store itself, which knows no moment between commits.
    async fn stands(&self, tx: &Tx<'_>, refusal: &Error) -> Result<bool, Error> {
        if !matches!(refusal, Error::Internal { .. }) {
            return self.reads_hold(tx).await;
        }
        let question = Transaction {
            tenant: tx.transaction.tenant.clone(),
            principal: tx.transaction.principal.clone(),
            expectations: tx.transaction.expectations.clone(),
            ..Transaction::default()
        };
        Ok(!matches!(self.0.store.commit(question).await, Err(CommitError::Conflict)))
    }

    /// Whether everything that was read is still as it was. Two reads need not
    /// see the same moment: a refusal that rests on such a mixture, which no
    /// commit ever showed, is a conflict and not an answer.
    pub(super) async fn reads_hold(&self, tx: &Tx<'_>) -> Result<bool, Error> {
        for expectation in &tx.transaction.expectations {
            let holds = match expectation {
                Expectation::Key { key, version } => {
                    let found = self.0.store.read(key).await.map_err(read_error)?;
                    found.map(|found| found.version) == *version
                }
                Expectation::Range { range, rows, complete } => {
                    let (range, limit) = (range.clone(), rows.len() + 1);
                    let found = self.0.store.scan(range, Direction::Ascending, limit).await;
                    let found = found.map_err(read_error)?.rows;
                    let now = found.iter().map(|(key, row)| (key, row.version));
                    let then = rows.iter().map(|(key, version)| (key, *version));
                    now.take(rows.len()).eq(then) && !(*complete && found.len() > rows.len())
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Commits what no request id stands for; `Err(None)` is a conflict.
    pub(super) async fn commit_alone(&self, tx: Tx<'_>) -> Result<Committed, Option<Error>> {
        self.commit(tx, None, Vec::new()).await
    }

    /// Commits; `Err(None)` is a conflict.
    async fn commit(
        &self,
        tx: Tx<'_>,
        request: Option<&Request>,
        results: Vec<Uuid>,
    ) -> Result<Committed, Option<Error>> {
        let mut transaction = tx.transaction;
        if let Some(request) = request {
            let record = RequestRecord { digest: request.digest, results, time: tx.now };
            let value = records::encode(&record);
            transaction.writes.push(Write { key: request.key.clone(), value });
            let absent = Expectation::Key { key: request.key.clone(), version: None };
            transaction.expectations.push(absent);
            transaction.request_id = Some(request.id.clone());
        }
        self.0.store.commit(transaction).await.map_err(|error| match error {
            CommitError::Conflict => None,
            other => Some(commit_error(&other)),
        })
    }

    async fn kept_answer<O: Operation>(
        &self,
        by: &Authorized,
        request: Option<&Request>,
        operation: &O,
    ) -> Result<Option<Answer<O::Output>>, Error> {
        let Some(request) = request else { return Ok(None) };
        let Some(record) = self.read::<RequestRecord>(&request.key).await? else {
            return Ok(None);
        };
        if record.digest != request.digest {
            return Err(Error::RequestIdReused { request_id: request.id.clone() });
        }
        let value = operation.replay(self, by.tenant(), &record.results).await?;
        let sequence = self.0.store.sequence(by.tenant()).await.map_err(read_error)?;
        Ok(Some(Answer { value, sequence, time: self.now(), is_replayed: true }))
    }
}

pub(super) fn commit_error(error: &CommitError) -> Error {
    match error {
        CommitError::Conflict | CommitError::Busy => {
            Error::Overloaded { retry_after: OVERLOAD_RETRY }
        }
        CommitError::TooLarge { .. } => Error::Internal { cause: error.to_string() },
        CommitError::DiskFull { free_bytes, .. } => Error::DiskFull { free_bytes: *free_bytes },
        CommitError::Unknown => Error::Stopping { effect: Effect::Unknown },
        CommitError::Stopped => Error::Stopping { effect: Effect::None },
        CommitError::Unavailable { message } => Error::StoreUnavailable { cause: message.clone() },
    }
}

/// The id at `place` of a kept answer.
pub(super) fn result_at(results: &[Uuid], place: usize) -> Result<Uuid, Error> {
    results
        .get(place)
        .copied()
        .ok_or_else(|| Error::DataDamaged { cause: "a kept answer names too few ids".to_owned() })
}
