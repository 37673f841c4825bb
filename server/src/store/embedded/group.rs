//! Forms a group of commits: validates, numbers and encodes.
//!
//! Each transaction is judged against the state with all earlier ones of its
//! group applied. One that does not hold is dropped and answered; the others
//! go on.

use std::ops::ControlFlow;

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::projection::ProjectionError;
use super::shared::Shared;
use super::view::{Layer, Slot, View};
use crate::domain::payload::PayloadDraft;
use crate::store::lanes::{Answer, Room, Waiting};
use crate::store::leaf::WRITES_SALT_LENGTH;
use crate::store::ledger::Ledger;
use crate::store::merkle::Frontier;
use crate::store::{
    CommitError, CommitRecord, Committed, Direction, Expectation, KeyRange, Transaction, Version,
};

/// A commit of a group, until it is synced.
pub(super) struct Pending {
    pub(super) record: CommitRecord,
    pub(super) committed: Committed,
    pub(super) answer: Answer,
    /// Where its frame begins in the group's bytes.
    pub(super) offset: usize,
}

/// Commits that are synced together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) room: Room,
    pub(super) layer: Layer,
    pub(super) commits: Vec<Pending>,
    pub(super) frames: Vec<u8>,
    pub(super) payloads: Vec<PayloadDraft>,
    /// Callers whose transaction did not hold. They hear it when the group is
    /// visible: before, they would read again what they have read.
    pub(super) conflicted: Vec<Answer>,
    /// The ledger's tree after the group.
    pub(super) frontier: Frontier,
}

impl Group {
    /// The number of its first commit.
    pub(super) fn first_commit(&self) -> Option<u64> {
        self.commits.first().map(|first| first.committed.commit)
    }
}

/// What a transaction rests on has changed.
struct Conflict;

/// Forms groups.
pub(super) struct Former<'a> {
    pub(super) shared: &'a Shared,
    pub(super) ledger: &'a mut Ledger,
    /// Layers below the group, the newest first.
    pub(super) below: &'a [&'a Layer],
    pub(super) projection: &'a super::projection::Projection,
    pub(super) seed: u32,
    pub(super) random: &'a SystemRandom,
}

impl Former<'_> {
    /// Judges transactions in order and puts them in a group.
    pub(super) fn form(
        &mut self,
        commits: Vec<Waiting>,
        group: &mut Group,
    ) -> Result<(), ProjectionError> {
        for Waiting { transaction, answer, weight } in commits {
            match self.admit(&transaction, group)? {
                Ok(()) => {
                    group.room.enter(weight);
                    self.number(transaction, answer, group);
                }
                Err(Conflict) => {
                    self.shared.counters.conflicts.add(1);
                    group.conflicted.push(answer);
                }
            }
        }
        group.frontier = self.ledger.frontier.clone();
        Ok(())
    }

    fn admit(
        &self,
        transaction: &Transaction,
        group: &Group,
    ) -> Result<Result<(), Conflict>, ProjectionError> {
        let mut layers = Vec::with_capacity(self.below.len() + 1);
        layers.push(&group.layer);
        layers.extend_from_slice(self.below);
        let view = View { layers: &layers, projection: self.projection };
        for expectation in &transaction.expectations {
            let holds = match expectation {
                Expectation::Key { key, version } => self.version(&view, key)? == *version,
                Expectation::Range { range, rows, complete } => {
                    range_holds(&view, range, rows, *complete)?
                }
            };
            if !holds {
                return Ok(Err(Conflict));
            }
        }
        Ok(Ok(()))
    }

    /// A key's version. The cache is right for whatever no layer hides, and
    /// cheaper than sled.
    fn version(&self, view: &View<'_>, key: &[u8]) -> Result<Option<Version>, ProjectionError> {
        if let Some(slot) = view.layered(key) {
            return Ok(slot.value.as_ref().map(|_| slot.version));
        }
        if let Some(known) = self.shared.records.peek(key) {
            return Ok(known.map(|known| known.version));
        }
        Ok(self.projection.get(key)?.map(|found| found.version))
    }

    /// Gives a transaction its numbers and encodes it.
    fn number(&mut self, mut transaction: Transaction, answer: Answer, group: &mut Group) {
        let payloads = std::mem::take(&mut transaction.payloads);
        let references = payloads.iter().map(|payload| payload.reference).collect();
        let mut salt = [0; WRITES_SALT_LENGTH];
        if self.random.fill(&mut salt).is_err() {
            let _ = answer.send(Err(CommitError::Stopped));
            return;
        }
        let first = group.first_commit();
        let now = (self.shared.clock)();
        let frame = self.ledger.frame(transaction, references, salt, first, now);
        let offset = group.frames.len();
        if frame.encode(self.seed, &mut group.frames).is_err() {
            group.frames.truncate(offset);
            let limit = crate::store::journal::frame::MAX_BODY_BYTES;
            let refusal = CommitError::TooLarge { what: "bytes in all", actual: limit, limit };
            let _ = answer.send(Err(refusal));
            return;
        }
        self.ledger.enter(&frame);
        for write in &frame.writes {
            let slot = Slot { value: write.value.clone(), version: Version(frame.commit) };
            group.layer.insert(write.key.clone(), slot);
        }
        group.payloads.extend(payloads);
        let committed = frame.committed();
        group.commits.push(Pending { record: frame.into_record(), committed, answer, offset });
    }
}

/// Whether a range still begins with the rows that were read.
fn range_holds(
    view: &View<'_>,
    range: &KeyRange,
    rows: &[(Bytes, Version)],
    complete: bool,
) -> Result<bool, ProjectionError> {
    let mut found = view.range(range, Direction::Ascending);
    let compared = rows.iter().try_for_each(|(key, version)| match found.next() {
        Some(Ok((now, row))) if now == *key && row.version == *version => ControlFlow::Continue(()),
        Some(Err(error)) => ControlFlow::Break(Err(error)),
        _ => ControlFlow::Break(Ok(false)),
    });
    if let ControlFlow::Break(answer) = compared {
        return answer;
    }
    if !complete {
        return Ok(true);
    }
    found.next().transpose().map(|beyond| beyond.is_none())
}
