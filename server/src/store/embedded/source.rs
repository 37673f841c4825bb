//! Gives the commits of a directory that no server has open, checked as they are
//! read.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::verify::{self, Heads};
use crate::domain::payload::PayloadDraft;
use crate::store::damage::OpenError;
use crate::store::journal::frame::Frame;
use crate::store::ledger::Ledger;
use crate::store::packs::locate::Packs;
use crate::store::transfer::batch::{Batch, Commit, Reading, scope_of};

/// A store or a backup on this machine.
pub(crate) struct FolderSource {
    dir: PathBuf,
    heads: Heads,
    /// Keeps servers out.
    _lock: Option<File>,
}

// === impl FolderSource ===

impl FolderSource {
    /// Locks a store; a backup needs no lock.
    pub(crate) fn open(dir: &Path) -> Result<Self, OpenError> {
        let lock = verify::lock(dir)?;
        let heads = verify::require_store(dir)?;
        Ok(Self { dir: dir.to_owned(), heads, _lock: lock })
    }

    /// A store that is being made, and that its maker has locked.
    pub(super) fn unfinished(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), heads: Heads::new(), _lock: None }
    }

    /// Reads and checks everything that [`verify`](verify::verify) does; payloads
    /// only if they are wanted. Ends early if `give` says so.
    pub(crate) fn read(
        &self,
        reading: Reading,
        give: &mut dyn FnMut(Batch) -> bool,
    ) -> Result<Ledger, OpenError> {
        let mut batch = Batch::default();
        let mut hand_over = |batch: &mut Batch| match give(std::mem::take(batch)) {
            true => Ok(()),
            false => Err(Batch::unwanted()),
        };
        let (scanned, _) = verify::examine(&self.dir, &self.heads, &mut |packs, frame| {
            let payloads = match reading {
                Reading::Payloads => self.payloads(packs, frame)?,
                Reading::Frames => Vec::new(),
            };
            batch.push(Commit { frame: frame.clone(), payloads });
            if batch.is_full() { hand_over(&mut batch) } else { Ok(()) }
        })?;
        hand_over(&mut batch)?;
        Ok(Ledger {
            commit: scanned.last_commit,
            time: scanned.last_time,
            frontier: scanned.frontier,
            sequences: scanned.tenants,
        })
    }

    fn payloads(&self, packs: &Packs, frame: &Frame) -> Result<Vec<PayloadDraft>, OpenError> {
        let read = frame.payloads.iter().map(|reference| {
            let stored = packs
                .stored(reference)
                .map_err(|error| verify::unreadable(&self.dir, packs, reference, frame, error))?;
            Ok(PayloadDraft {
                reference: *reference,
                salt: stored.salt,
                bytes: stored.bytes,
                dedup_scope: scope_of(frame).filter(|_| stored.is_chunked),
            })
        });
        read.collect()
    }
}
