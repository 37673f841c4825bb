//! The journal thread: appends a group of commits and makes it durable.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::inbox::Inbox;
use super::options::{Clock, FaultPoint, Faults};
use crate::domain::payload::PayloadDraft;
use crate::store::journal::Position;
use crate::store::journal::writer::JournalWriter;
use crate::store::packs::PackEnd;
use crate::store::packs::writer::PackWriter;

/// A group on its way to the disk.
pub(super) struct Job {
    pub(super) first_commit: u64,
    pub(super) frames: Vec<u8>,
    pub(super) payloads: Vec<PayloadDraft>,
}

/// What became of a group.
pub(super) struct SyncDone {
    pub(super) result: io::Result<Synced>,
    /// The buffers come back, to be published and used again.
    pub(super) job: Job,
    pub(super) micros: u64,
}

/// Where a group is, durably.
pub(super) struct Synced {
    pub(super) start: Position,
    pub(super) end: Position,
    pub(super) packs: PackEnd,
}

/// What the journal thread owns.
pub(super) struct Syncer {
    pub(super) journal: JournalWriter,
    pub(super) packs: PackWriter,
    pub(super) inbox: Arc<Inbox>,
    pub(super) clock: Clock,
    pub(super) faults: Option<Faults>,
}

impl Syncer {
    /// Takes groups until there are no more, or until one fails: a sync that
    /// failed is never tried again, because the kernel may have dropped the
    /// pages that it could not write.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let start = (self.clock)();
            let result = self.sync(&job);
            let has_failed = result.is_err();
            let micros = (self.clock)().since(start).as_micros().max(0) as u64;
            self.inbox.done(SyncDone { result, job, micros });
            if has_failed {
                return;
            }
        }
    }

    fn sync(&mut self, job: &Job) -> io::Result<Synced> {
        self.fault(FaultPoint::WritePayloads)?;
        self.packs.append(&job.payloads)?;
        self.fault(FaultPoint::WriteFrames)?;
        let (start, end) = self.journal.append(job.first_commit, &job.frames)?;
        self.fault(FaultPoint::SyncPayloads)?;
        self.packs.sync()?;
        self.fault(FaultPoint::SyncFrames)?;
        self.journal.sync()?;
        Ok(Synced { start, end, packs: self.packs.end() })
    }

    fn fault(&self, point: FaultPoint) -> io::Result<()> {
        self.faults.as_ref().map_or(Ok(()), |faults| faults(point))
    }
}
