//! Writes a store, or a backup, from commits that another store has numbered.
//!
//! From its first byte the directory is marked as unfinished, and nothing opens
//! it. The mark goes last, when journal, packs and signed head are durable.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::source::FolderSource;
use super::{copy, identity, options, restore};
use crate::store::damage::OpenError;
use crate::store::head::{self, HeadKey};
use crate::store::journal::Position;
use crate::store::journal::writer::JournalWriter;
use crate::store::ledger::Ledger;
use crate::store::packs::locate::Packs;
use crate::store::packs::recover::TornEnd;
use crate::store::packs::writer::PackWriter;
use crate::store::place::{self, PUBLIC_KEY_FILE};
use crate::store::transfer::Made;
use crate::store::transfer::batch::{Batch, Commit};
use crate::store::{SignedTreeHead, files};

/// A store in the making.
pub(crate) struct FolderSink {
    dir: PathBuf,
    journal: JournalWriter,
    packs: PackWriter,
    seed: u32,
    /// Keeps servers out of a store; a backup has none.
    _lock: Option<File>,
}

// === impl FolderSink ===

impl FolderSink {
    /// Makes sure that a directory is absent or empty.
    pub(crate) fn require_free(dir: &Path) -> Result<(), OpenError> {
        copy::require_free(dir)
    }

    /// Begins a store in a directory that is absent or empty.
    pub(crate) fn begin_store(dir: &Path) -> Result<Self, OpenError> {
        copy::empty_dir(dir)?;
        identity::mark_unfinished(dir)?;
        let lock = place::lock(dir)?;
        Ok(Self { _lock: Some(lock), ..Self::begin(dir)? })
    }

    /// Begins a backup in a directory that is absent or empty.
    pub(crate) fn begin_backup(dir: &Path) -> Result<Self, OpenError> {
        copy::empty_dir(dir)?;
        identity::mark_unfinished(dir)?;
        Self::begin(dir)
    }

    fn begin(dir: &Path) -> Result<Self, OpenError> {
        let [journal, packs] = [dir.join("journal"), dir.join("packs")];
        for part in [&journal, &packs] {
            std::fs::create_dir(part).map_err(OpenError::medium("make", part))?;
        }
        files::sync_dir(dir).map_err(OpenError::medium("sync", dir))?;
        files::sync_dir(files::parent(dir)).map_err(OpenError::medium("sync", dir))?;
        let seed = identity::seed(0)?;
        let start = Position::default();
        let writer =
            JournalWriter::open(&journal, start, seed, options::DEFAULT_SEGMENT_BYTES, None)
                .map_err(OpenError::medium("open", &journal))?;
        let packs = Arc::new(Packs::open(packs, TornEnd::Cut)?);
        Ok(Self {
            dir: dir.to_owned(),
            journal: writer,
            packs: PackWriter::open(packs, options::DEFAULT_PACK_BYTES, None),
            seed,
            _lock: None,
        })
    }

    /// Appends commits, as they are.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<(), OpenError> {
        let Some(first) = batch.commits.first() else { return Ok(()) };
        let mut frames = Vec::new();
        for Commit { frame, payloads } in &batch.commits {
            frame.encode(self.seed, &mut frames).map_err(|error| OpenError::Start {
                what: "a frame",
                message: error.to_string(),
            })?;
            self.packs
                .append(payloads)
                .map_err(OpenError::medium("write payloads in", &self.dir))?;
        }
        self.packs.sync().map_err(OpenError::medium("sync payloads in", &self.dir))?;
        let written = self.journal.append(first.frame.commit, &frames);
        written.map_err(OpenError::medium("write the journal in", &self.dir))?;
        Ok(())
    }

    /// Makes everything durable that was written.
    pub(crate) fn sync(&mut self) -> Result<(), OpenError> {
        self.journal.sync().map_err(OpenError::medium("sync the journal in", &self.dir))?;
        for part in ["journal", "packs"].map(|part| self.dir.join(part)) {
            files::sync_dir(&part).map_err(OpenError::medium("sync", &part))?;
        }
        Ok(())
    }

    /// What was written, to be read back.
    pub(crate) fn written(&self) -> FolderSource {
        FolderSource::unfinished(&self.dir)
    }

    /// Signs what was written, and makes a store of it.
    pub(crate) fn finish_store(self, end: &Ledger) -> Result<Made, OpenError> {
        let key = place::key(&self.dir)?;
        let tree = &end.frontier;
        self.write_head(&key.sign(tree.size(), tree.root(), end.commit, end.time))?;
        let former_head = restore::move_head_aside(&self.dir)?;
        let incarnation = identity::begin_incarnation(&self.dir)?;
        Ok(Made { incarnation, former_head })
    }

    /// Makes a backup of what was written, signed by the server that has it made.
    pub(crate) fn finish_backup(
        mut self,
        incarnation: Uuid,
        key: &HeadKey,
        head: &SignedTreeHead,
    ) -> Result<u64, OpenError> {
        self.sync()?;
        let path = self.dir.join(PUBLIC_KEY_FILE);
        let public = format!("{}\n", hex::encode(key.public_key()));
        files::replace(&path, public.as_bytes(), files::SHARED)
            .map_err(OpenError::medium("write", &path))?;
        self.write_head(head)?;
        identity::write_incarnation(&self.dir, incarnation)?;
        self.bytes()
    }

    fn write_head(&self, signed: &SignedTreeHead) -> Result<(), OpenError> {
        let path = self.dir.join("head");
        let note = head::to_note(signed);
        files::replace(&path, note.as_bytes(), files::SHARED)
            .map_err(OpenError::medium("write", &path))
    }

    fn bytes(&self) -> Result<u64, OpenError> {
        let parts = ["journal", "packs"].map(|part| self.dir.join(part));
        parts.iter().try_fold(0, |sum, part| {
            files::size_of(part).map(|bytes| sum + bytes).map_err(OpenError::medium("size", part))
        })
    }
}
