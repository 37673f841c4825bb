//! Forms a group of commits over what the database held when its head was
//! locked.
//!
//! Each transaction is judged against that, with all earlier ones of the group
//! applied. One that does not hold is dropped; the others go on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use uuid::Uuid;

use super::rows::{Head, SEED};
use crate::domain::payload::PayloadDraft;
use crate::domain::time::Timestamp;
use crate::store::journal::frame::{Frame, MAX_BODY_BYTES};
use crate::store::lanes::Waiting;
use crate::store::leaf::WRITES_SALT_LENGTH;
use crate::store::ledger::Ledger;
use crate::store::transfer::batch::Commit;
use crate::store::{
    CommitError, CommitRecord, Committed, Expectation, KeyRange, Transaction, Version,
};

/// A range and its first rows.
pub(super) type RangeRows = Vec<(Bytes, Version)>;

/// What the transactions of a group rest on.
#[derive(Default)]
pub(super) struct Questions<'a> {
    /// Keys that must have some version, or be absent.
    pub(super) keys: BTreeSet<&'a [u8]>,
    /// Tenants whose sequences are taken.
    pub(super) tenants: BTreeSet<&'a str>,
    /// Ranges that must begin with some rows, and how many to read of each.
    pub(super) ranges: Vec<(&'a KeyRange, usize)>,
}

// === impl Questions ===

impl<'a> Questions<'a> {
    /// Collects what has to be read for some transactions.
    pub(super) fn of(batch: &'a [Waiting]) -> Self {
        let mut questions = Self::default();
        for Waiting { transaction, .. } in batch {
            questions.tenants.insert(&transaction.tenant);
            for expectation in &transaction.expectations {
                match expectation {
                    Expectation::Key { key, .. } => {
                        questions.keys.insert(key);
                    }
                    Expectation::Range { range, rows, .. } => {
                        questions.ranges.push((range, rows.len() + 1));
                    }
                }
            }
        }
        questions
    }
}

/// What the database held when its head was locked.
pub(super) struct Base {
    pub(super) head: Head,
    /// The versions of the keys that exist.
    pub(super) versions: HashMap<Vec<u8>, Version>,
    /// The newest sequences of the tenants that have one.
    pub(super) sequences: HashMap<String, u64>,
    /// The first rows of each range, in the order of [`Questions::ranges`].
    pub(super) ranges: Vec<RangeRows>,
}

/// What becomes of a transaction.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It is in the group.
    Committed(Committed),
    /// It is not.
    Refused(CommitError),
}

/// A commit of a group.
pub(super) struct Entry {
    pub(super) record: Arc<CommitRecord>,
    pub(super) last_sequence: Option<u64>,
    pub(super) frame: Vec<u8>,
}

/// Commits that become durable together.
pub(super) struct Group {
    /// Tells this group from any other that might take the same numbers.
    pub(super) id: Uuid,
    /// The commit that the group follows.
    pub(super) after: u64,
    pub(super) entries: Vec<Entry>,
    /// What becomes of each transaction, in order.
    pub(super) fates: Vec<Fate>,
    /// The newest write of each key.
    pub(super) layer: BTreeMap<Bytes, (Option<Bytes>, Version)>,
    pub(super) payloads: Vec<PayloadDraft>,
    /// The numbers after the group.
    pub(super) ledger: Ledger,
}

// === impl Group ===

impl Group {
    /// Judges transactions in order and numbers those that hold.
    pub(super) fn form(
        batch: &[Waiting],
        base: Base,
        now: Timestamp,
        random: &SystemRandom,
    ) -> Result<Self, CommitError> {
        let Base { head, versions, sequences, ranges } = base;
        let mut ranges = ranges.into_iter();
        let mut group = Self {
            id: uuid::Builder::from_random_bytes(fill(random)?).into_uuid(),
            after: head.commit,
            entries: Vec::with_capacity(batch.len()),
            fates: Vec::with_capacity(batch.len()),
            layer: BTreeMap::new(),
            payloads: Vec::new(),
            ledger: Ledger { sequences, ..head.into_ledger() },
        };
        for Waiting { transaction, .. } in batch {
            // Every range is consumed, whether the transaction holds or not.
            let holds = transaction.expectations.iter().fold(true, |holds, expectation| {
                holds & group.holds(expectation, &versions, &mut ranges)
            });
            let fate = if holds {
                group.admit(transaction, fill(random)?, now)
            } else {
                Fate::Refused(CommitError::Conflict)
            };
            group.fates.push(fate);
        }
        Ok(group)
    }

    /// A group of commits that another store has numbered; they follow on the head.
    pub(super) fn of_commits(
        id: Uuid,
        commits: &[Commit],
        head: Head,
    ) -> Result<Self, CommitError> {
        let mut group = Self {
            id,
            after: head.commit,
            entries: Vec::with_capacity(commits.len()),
            fates: Vec::new(),
            layer: BTreeMap::new(),
            payloads: Vec::new(),
            ledger: head.into_ledger(),
        };
        for Commit { frame, payloads } in commits {
            group.payloads.extend_from_slice(payloads);
            group.append(frame.clone())?;
        }
        Ok(group)
    }

    fn holds(
        &self,
        expectation: &Expectation,
        versions: &HashMap<Vec<u8>, Version>,
        ranges: &mut impl Iterator<Item = RangeRows>,
    ) -> bool {
        match expectation {
            Expectation::Key { key, version } => {
                let found = match self.layer.get(key) {
                    Some((value, version)) => value.as_ref().map(|_| *version),
                    None => versions.get(key.as_ref()).copied(),
                };
                found == *version
            }
            Expectation::Range { range, rows, complete } => {
                let found = ranges.next().unwrap_or_default();
                let is_touched = range.start < range.end
                    && self
                        .layer
                        .range(range.start.clone()..end_of(range, rows, *complete))
                        .next()
                        .is_some();
                // An earlier one of the group may have left the range as it was
                // in effect; to say that it did not is safe, and rare.
                !is_touched
                    && found.iter().take(rows.len()).eq(rows)
                    && !(*complete && found.len() > rows.len())
            }
        }
    }

    /// Gives a transaction its numbers.
    fn admit(
        &mut self,
        transaction: &Transaction,
        salt: [u8; WRITES_SALT_LENGTH],
        now: Timestamp,
    ) -> Fate {
        let payloads = transaction.payloads.iter().map(|payload| payload.reference).collect();
        let lean = Transaction {
            tenant: transaction.tenant.clone(),
            principal: transaction.principal.clone(),
            request_id: transaction.request_id.clone(),
            writes: transaction.writes.clone(),
            events: transaction.events.clone(),
            ..Transaction::default()
        };
        let first = (!self.entries.is_empty()).then_some(self.after + 1);
        let frame = self.ledger.frame(lean, payloads, salt, first, now);
        match self.append(frame) {
            Ok(committed) => {
                self.payloads.extend_from_slice(&transaction.payloads);
                Fate::Committed(committed)
            }
            Err(error) => Fate::Refused(error),
        }
    }

    /// Appends a commit that has its numbers.
    fn append(&mut self, frame: Frame) -> Result<Committed, CommitError> {
        let mut bytes = Vec::new();
        if frame.encode(SEED, &mut bytes).is_err() {
            let limit = MAX_BODY_BYTES;
            let what = "bytes in all";
            return Err(CommitError::TooLarge { what, actual: limit, limit });
        }
        self.ledger.enter(&frame);
        let version = Version(frame.commit);
        for write in &frame.writes {
            self.layer.insert(write.key.clone(), (write.value.clone(), version));
        }
        let committed = frame.committed();
        let last_sequence = (!frame.events.is_empty()).then_some(committed.sequence);
        let record = Arc::new(frame.into_record());
        self.entries.push(Entry { record, last_sequence, frame: bytes });
        Ok(committed)
    }
}

/// Up to where a range was read.
fn end_of(range: &KeyRange, rows: &RangeRows, complete: bool) -> Bytes {
    match rows.last() {
        Some((last, _)) if !complete => crate::store::keys::after(last),
        None if !complete => range.start.clone(),
        _ => range.end.clone(),
    }
}

fn fill<const N: usize>(random: &SystemRandom) -> Result<[u8; N], CommitError> {
    let mut bytes = [0; N];
    random.fill(&mut bytes).map_err(|_| CommitError::Stopped)?;
    Ok(bytes)
}
