//! The journal thread: appends a group of commits and makes it durable.
//!
//! Frames and payloads are in different files. The pack thread writes and
//! syncs the payloads while the journal thread does the frames; the group is
//! durable when both are. A frame whose payloads did not make it is cut at the
//! next start.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::inbox::Inbox;
use super::options::{FaultPoint, Faults};
use crate::domain::payload::PayloadDraft;
use crate::store::Clock;
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

/// The payloads of a group, and what became of them.
pub(super) struct PacksDone {
    payloads: Vec<PayloadDraft>,
    result: io::Result<PackEnd>,
}

/// What the pack thread owns.
pub(super) struct Packer {
    pub(super) packs: PackWriter,
    pub(super) faults: Option<Faults>,
    pub(super) done: SyncSender<PacksDone>,
}

/// What the journal thread owns.
pub(super) struct Syncer {
    pub(super) journal: JournalWriter,
    pub(super) packs: SyncSender<Vec<PayloadDraft>>,
    pub(super) packs_done: Receiver<PacksDone>,
    pub(super) packs_end: PackEnd,
    pub(super) inbox: Arc<Inbox>,
    pub(super) clock: Clock,
    pub(super) faults: Option<Faults>,
}

impl SyncDone {
    /// A group of which nothing is known any more.
    fn lost() -> Self {
        let job = Job { first_commit: 0, frames: Vec::new(), payloads: Vec::new() };
        let result = Err(io::Error::other("the journal thread panicked"));
        Self { result, job, micros: 0 }
    }
}

impl Packer {
    /// Takes payloads until there are no more, or until some fail.
    pub(super) fn run(mut self, groups: &Receiver<Vec<PayloadDraft>>) {
        while let Ok(payloads) = groups.recv() {
            let result = self.write(&payloads);
            let has_failed = result.is_err();
            if self.done.send(PacksDone { payloads, result }).is_err() || has_failed {
                return;
            }
        }
    }

    fn write(&mut self, payloads: &[PayloadDraft]) -> io::Result<PackEnd> {
        inject(self.faults.as_ref(), FaultPoint::WritePayloads)?;
        self.packs.append(payloads)?;
        inject(self.faults.as_ref(), FaultPoint::SyncPayloads)?;
        self.packs.sync()?;
        Ok(self.packs.end())
    }
}

impl Syncer {
    /// Takes groups until there are no more, or until one fails: a sync that
    /// failed is never tried again, because the kernel may have dropped the
    /// pages that it could not write.
    pub(super) fn run(self, jobs: &Receiver<Job>) {
        let inbox = Arc::clone(&self.inbox);
        if catch_unwind(AssertUnwindSafe(|| self.serve(jobs))).is_err() {
            inbox.done(SyncDone::lost());
        }
    }

    fn serve(mut self, jobs: &Receiver<Job>) {
        while let Ok(mut job) = jobs.recv() {
            let start = (self.clock)();
            let result = self.sync(&mut job);
            let has_failed = result.is_err();
            let micros = (self.clock)().since(start).as_micros().max(0) as u64;
            self.inbox.done(SyncDone { result, job, micros });
            if has_failed {
                return;
            }
        }
    }

    fn sync(&mut self, job: &mut Job) -> io::Result<Synced> {
        let has_payloads = !job.payloads.is_empty();
        if has_payloads {
            let payloads = std::mem::take(&mut job.payloads);
            self.packs.send(payloads).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        let written = self.write(job);
        if has_payloads {
            let done = self.packs_done.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            job.payloads = done.payloads;
            self.packs_end = done.result?;
        }
        let (start, end) = written?;
        Ok(Synced { start, end, packs: self.packs_end })
    }

    fn write(&mut self, job: &Job) -> io::Result<(Position, Position)> {
        inject(self.faults.as_ref(), FaultPoint::WriteFrames)?;
        let written = self.journal.append(job.first_commit, &job.frames)?;
        inject(self.faults.as_ref(), FaultPoint::SyncFrames)?;
        self.journal.sync()?;
        Ok(written)
    }
}

fn inject(faults: Option<&Faults>, point: FaultPoint) -> io::Result<()> {
    faults.map_or(Ok(()), |faults| faults(point))
}
