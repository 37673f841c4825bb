//! One tenant's commits out of many tenants', numbered as if they were alone.

use super::TransferError;
use super::batch::Commit;
use crate::store::Write;
use crate::store::journal::frame::Frame;
use crate::store::keys::{self, KeyOwner};
use crate::store::ledger::Ledger;

/// Selects a tenant's commits.
///
/// Its own commits go as they are, but for the numbers of commit, group and leaf.
/// A commit without events, which is upkeep and in no leaf, goes with those writes
/// that concern the tenant's keys, whoever's it is: so what was removed is gone
/// there too. What the store notes for itself stays: it speaks of the numbers here.
pub(super) struct Selection {
    tenant: String,
    ledger: Ledger,
    /// The group of the last commit, there and here.
    group: (u64, u64),
}

// === impl Selection ===

impl Selection {
    /// Selects from the beginning of a journal.
    pub(super) fn new(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), ledger: Ledger::default(), group: (0, 0) }
    }

    /// The commit as it is copied; none if it does not concern the tenant.
    ///
    /// Refuses a commit whose events are in one tenant's leaves and whose writes are
    /// another's: none is ever made, and it could not be parted.
    pub(super) fn take(&mut self, commit: Commit) -> Result<Option<Commit>, TransferError> {
        let Commit { mut frame, mut payloads } = commit;
        let is_own = frame.tenant == self.tenant;
        if frame.events.is_empty() {
            let was_empty = frame.writes.is_empty();
            frame.writes.retain(|write| self.concerns(write, is_own));
            if !is_own {
                (frame.payloads, payloads) = Default::default();
            }
            if frame.writes.is_empty() && !(is_own && (was_empty || !payloads.is_empty())) {
                return Ok(None);
            }
        } else if frame.writes.iter().any(|write| self.concerns(write, is_own) != is_own) {
            let (commit, tenant) = (frame.commit, self.tenant.clone());
            return Err(TransferError::Mixed { commit, tenant });
        } else if !is_own {
            return Ok(None);
        }
        self.number(&mut frame);
        Ok(Some(Commit { frame, payloads }))
    }

    fn concerns(&self, write: &Write, is_own: bool) -> bool {
        match keys::owner(&write.key) {
            KeyOwner::Tenant(tenant) => tenant == self.tenant,
            KeyOwner::Writer => is_own,
            KeyOwner::Store => false,
        }
    }

    fn number(&mut self, frame: &mut Frame) {
        let commit = self.ledger.commit + 1;
        if frame.group != self.group.0 {
            self.group = (frame.group, commit);
        }
        if frame.events.is_empty() {
            let sequence = self.ledger.sequences.get(&self.tenant).copied().unwrap_or(0);
            frame.first_sequence = sequence + 1;
        }
        frame.tenant.clone_from(&self.tenant);
        (frame.commit, frame.group) = (commit, self.group.1);
        frame.leaf_index = self.ledger.frontier.size();
        self.ledger.enter(frame);
    }
}

#[cfg(test)]
mod tests;
