//! What a journal comes to, by which two stores are compared.

use super::batch::{Batch, Commit, Reading};
use super::fold::Fold;
use super::select::Selection;
use super::side::{Sink, Source};
use super::{Phase, Progress, TransferError};
use crate::domain::digest::Digest;
use crate::store::Write;
use crate::store::ledger::Ledger;
use crate::store::tenant_root::TenantTree;

/// What a journal comes to.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) commits: u64,
    pub(super) entries: u64,
    pub(super) payloads: u64,
    /// Bytes of commits and payloads.
    pub(super) bytes: u64,
    pub(super) root: Digest,
    pub(super) tenant_root: Option<Digest>,
    pub(super) state_digest: Digest,
    /// How far the journal is.
    pub(super) end: Ledger,
}

// === impl Account ===

impl Account {
    /// Makes sure that what was stored is what was read.
    pub(super) fn compare(&self, stored: &Self) -> Result<(), TransferError> {
        let root = |root: Option<Digest>| root.map(|root| root.to_string()).unwrap_or_default();
        let pairs = [
            ("root", self.root.to_string(), stored.root.to_string()),
            ("tenant's root", root(self.tenant_root), root(stored.tenant_root)),
            ("state", self.state_digest.to_string(), stored.state_digest.to_string()),
            ("number of commits", self.commits.to_string(), stored.commits.to_string()),
            ("number of entries", self.entries.to_string(), stored.entries.to_string()),
            ("number of payloads", self.payloads.to_string(), stored.payloads.to_string()),
            ("number of bytes", self.bytes.to_string(), stored.bytes.to_string()),
        ];
        match pairs.into_iter().find(|(_, read, stored)| read != stored) {
            Some((what, read, stored)) => Err(TransferError::Differs { what, read, stored }),
            None => Ok(()),
        }
    }
}

/// How accounts are taken.
#[derive(Clone, Copy)]
pub(super) struct Copying<'a> {
    /// The tenant whose root is computed.
    pub(super) tenant: Option<&'a str>,
    /// Whether only the tenant's commits count.
    pub(super) selects: bool,
    pub(super) progress: &'a Progress,
}

/// What is counted in the first pass.
#[derive(Default)]
struct Counts {
    ledger: Ledger,
    payloads: u64,
    bytes: u64,
}

// === impl Copying ===

impl Copying<'_> {
    /// Reads a store from its beginning, copies it into a sink if there is one, and
    /// answers what it comes to.
    pub(super) async fn account(
        &self,
        source: &Source,
        reading: Reading,
        mut sink: Option<&mut Sink>,
    ) -> Result<Account, TransferError> {
        let phase = if sink.is_some() { Phase::Copying } else { Phase::Checking };
        let mut counts = Counts::default();
        let mut tree = self.tenant.map(TenantTree::new);
        let mut fold = Fold::new();
        let mut selection = self.selection();
        let mut pass = source.start(reading);
        while let Some(batch) = pass.next().await {
            for Commit { frame, .. } in &batch.commits {
                tree.iter_mut().for_each(|tree| tree.enter(frame));
            }
            let batch = select(selection.as_mut(), batch)?;
            for commit in &batch.commits {
                fold.enter(&commit.frame);
                counts.enter(commit);
            }
            if let Some(sink) = &mut sink {
                sink.write(batch).await.map_err(TransferError::Sink)?;
            }
            (self.progress)(phase, counts.ledger.commit);
        }
        pass.end().await.map_err(TransferError::Source)?;
        let state_digest = self.fold(source, fold).await?;
        if !self.selects {
            source.compare_state(&state_digest).map_err(TransferError::Source)?;
        }
        let Counts { ledger, payloads, bytes } = counts;
        Ok(Account {
            commits: ledger.commit,
            entries: ledger.frontier.size(),
            payloads,
            bytes,
            root: ledger.frontier.root(),
            tenant_root: tree.map(|tree| tree.root()),
            state_digest,
            end: ledger,
        })
    }

    /// Makes the further passes that a large state needs.
    async fn fold(&self, source: &Source, mut fold: Fold) -> Result<Digest, TransferError> {
        while fold.turn() {
            let mut selection = self.selection();
            let mut pass = source.start(Reading::Frames);
            while let Some(batch) = pass.next().await {
                for commit in select(selection.as_mut(), batch)?.commits {
                    fold.enter(&commit.frame);
                    (self.progress)(Phase::Checking, commit.frame.commit);
                }
            }
            pass.end().await.map_err(TransferError::Source)?;
        }
        Ok(fold.finish())
    }

    fn selection(&self) -> Option<Selection> {
        self.tenant.filter(|_| self.selects).map(Selection::new)
    }
}

// === impl Counts ===

impl Counts {
    fn enter(&mut self, Commit { frame, payloads }: &Commit) {
        let size =
            |write: &Write| write.key.len() + write.value.as_ref().map_or(0, bytes::Bytes::len);
        self.ledger.enter(frame);
        self.payloads += payloads.len() as u64;
        self.bytes += frame.writes.iter().map(size).sum::<usize>() as u64;
        self.bytes += payloads.iter().map(|payload| payload.bytes.len() as u64).sum::<u64>();
    }
}

fn select(selection: Option<&mut Selection>, batch: Batch) -> Result<Batch, TransferError> {
    let Some(selection) = selection else { return Ok(batch) };
    let mut selected = Batch::default();
    for commit in batch.commits {
        if let Some(commit) = selection.take(commit)? {
            selected.push(commit);
        }
    }
    Ok(selected)
}
