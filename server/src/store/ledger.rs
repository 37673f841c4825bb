//! The numbers that commits take, in every store.

use std::collections::HashMap;

use super::journal::frame::Frame;
use super::leaf::WRITES_SALT_LENGTH;
use super::merkle::Frontier;
use super::{Committed, Transaction};
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;

/// How far the journal is, the commits included that are not durable yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The newest commit.
    pub(crate) commit: u64,
    /// Its time.
    pub(crate) time: Timestamp,
    /// The tree over all leaves.
    pub(crate) frontier: Frontier,
    /// The newest sequence of each tenant that has one.
    pub(crate) sequences: HashMap<String, u64>,
}

impl Ledger {
    /// Makes the frame that a transaction becomes; without `group`, it is the
    /// first of one. Nothing is taken before [`Ledger::enter`].
    pub(crate) fn frame(
        &self,
        transaction: Transaction,
        payloads: Vec<PayloadRef>,
        salt: [u8; WRITES_SALT_LENGTH],
        group: Option<u64>,
        now: Timestamp,
    ) -> Frame {
        let Transaction { tenant, principal, request_id, writes, events, .. } = transaction;
        let commit = self.commit + 1;
        Frame {
            commit,
            group: group.unwrap_or(commit),
            time: self.time.max(now),
            first_sequence: self.sequences.get(&tenant).copied().unwrap_or(0) + 1,
            leaf_index: self.frontier.size(),
            tenant,
            principal,
            request_id,
            events,
            writes,
            salt,
            payloads,
        }
    }

    /// Whether a frame is the one that must come next.
    pub(crate) fn is_next(&self, frame: &Frame) -> bool {
        let sequence = self.sequences.get(&frame.tenant).copied().unwrap_or(0);
        frame.commit == self.commit + 1
            && frame.first_sequence == sequence + 1
            && frame.leaf_index == self.frontier.size()
            && frame.time >= self.time
    }

    /// Takes the numbers of a frame.
    pub(crate) fn enter(&mut self, frame: &Frame) {
        for leaf in frame.leaf_hashes() {
            self.frontier.append(leaf);
        }
        if let Some(sequence) = self.sequences.get_mut(&frame.tenant) {
            *sequence = frame.last_sequence();
        } else {
            self.sequences.insert(frame.tenant.clone(), frame.last_sequence());
        }
        (self.commit, self.time) = (frame.commit, frame.time);
    }
}

impl Frame {
    /// What the caller is answered when the frame is durable.
    pub(crate) fn committed(&self) -> Committed {
        Committed { commit: self.commit, sequence: self.last_sequence(), time: self.time }
    }
}
