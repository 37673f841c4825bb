//! The two sides of a copy, whatever they are.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::batch::{Batch, Reading};
use super::{Made, Place};
use crate::domain::digest::Digest;
use crate::store::damage::OpenError;
use crate::store::embedded::{FolderSink, FolderSource};
use crate::store::ledger::Ledger;
use crate::store::postgres::{RowsSink, RowsSource};

/// How many batches wait between a source and whoever takes them.
const BATCHES_AHEAD: usize = 1;

/// Where commits come from.
pub(super) enum Source {
    Folder(Arc<FolderSource>),
    Rows(Box<RowsSource>),
}

/// One reading of a source, from its beginning.
pub(super) struct Pass {
    batches: mpsc::Receiver<Batch>,
    end: JoinHandle<Result<Ledger, OpenError>>,
}

// === impl Source ===

impl Source {
    /// Opens a store to read it; a directory is locked as long.
    pub(super) async fn open(place: &Place) -> Result<Self, OpenError> {
        match place {
            Place::Folder(dir) => {
                let dir = dir.clone();
                let opened = blocking(move || FolderSource::open(&dir)).await?;
                Ok(Self::Folder(Arc::new(opened)))
            }
            Place::Database { url, ca_file } => {
                let opened = RowsSource::open(url, ca_file.as_deref()).await?;
                Ok(Self::Rows(Box::new(opened)))
            }
        }
    }

    /// Begins to read from the first commit.
    pub(super) fn start(&self, reading: Reading) -> Pass {
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let end = match self {
            Self::Folder(source) => {
                let source = Arc::clone(source);
                spawn_blocking(move || {
                    source.read(reading, &mut |batch| sender.blocking_send(batch).is_ok())
                })
            }
            Self::Rows(source) => {
                let source = source.clone();
                tokio::spawn(async move { source.read(reading, &sender).await })
            }
        };
        Pass { batches, end }
    }

    /// Makes sure that the state that is stored is the one that the journal gives;
    /// a directory stores none that counts.
    pub(super) fn compare_state(&self, folded: &Digest) -> Result<(), OpenError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Rows(source) => source.compare_state(folded),
        }
    }
}

// === impl Pass ===

impl Pass {
    /// The next commits; none at the end, or if reading failed.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// How far the journal is, or why it could not be read to its end.
    pub(super) async fn end(self) -> Result<Ledger, OpenError> {
        drop(self.batches);
        self.end.await.unwrap_or_else(|error| Err(broken(&error)))
    }
}

/// Where commits go. Nothing is made before the first of them.
pub(super) enum Sink {
    /// A place for a store or for a backup, not begun.
    Free(Target),
    Folder(Box<FolderSink>),
    Rows(Arc<RowsSink>),
    /// It failed.
    Broken,
}

/// What will be made.
pub(super) enum Target {
    Store(PathBuf),
    Backup(PathBuf),
    Rows(Arc<RowsSink>),
}

// === impl Sink ===

impl Sink {
    /// Makes sure that a place is empty.
    pub(super) async fn open(place: &Place) -> Result<Self, OpenError> {
        let target = match place {
            Place::Folder(dir) => {
                FolderSink::require_free(dir)?;
                Target::Store(dir.clone())
            }
            Place::Database { url, ca_file } => {
                Target::Rows(Arc::new(RowsSink::open(url, ca_file.as_deref()).await?))
            }
        };
        Ok(Self::Free(target))
    }

    /// A backup, not begun.
    pub(super) fn backup(into: PathBuf) -> Self {
        Self::Free(Target::Backup(into))
    }

    async fn begin(&mut self) -> Result<(), OpenError> {
        *self = match std::mem::replace(self, Self::Broken) {
            Self::Free(Target::Store(dir)) => {
                Self::Folder(Box::new(blocking(move || FolderSink::begin_store(&dir)).await?))
            }
            Self::Free(Target::Backup(dir)) => {
                Self::Folder(Box::new(blocking(move || FolderSink::begin_backup(&dir)).await?))
            }
            Self::Free(Target::Rows(sink)) => {
                sink.begin().await?;
                Self::Rows(sink)
            }
            begun => begun,
        };
        Ok(())
    }

    /// Appends commits.
    pub(super) async fn write(&mut self, batch: Batch) -> Result<(), OpenError> {
        if batch.commits.is_empty() {
            return Ok(());
        }
        self.begin().await?;
        match std::mem::replace(self, Self::Broken) {
            Self::Folder(sink) => {
                *self = Self::Folder(folder(sink, move |sink| sink.write(&batch)).await?);
                Ok(())
            }
            Self::Rows(sink) => {
                sink.write(&batch).await?;
                *self = Self::Rows(sink);
                Ok(())
            }
            Self::Free(_) | Self::Broken => Err(given_up()),
        }
    }

    /// What was written, durable, to be read back.
    pub(super) async fn written(&mut self) -> Result<Source, OpenError> {
        self.begin().await?;
        match std::mem::replace(self, Self::Broken) {
            Self::Folder(sink) => {
                let sink = folder(sink, FolderSink::sync).await?;
                let source = Source::Folder(Arc::new(sink.written()));
                *self = Self::Folder(sink);
                Ok(source)
            }
            Self::Rows(sink) => {
                let source = Source::Rows(Box::new(sink.written().await?));
                *self = Self::Rows(sink);
                Ok(source)
            }
            Self::Free(_) | Self::Broken => Err(given_up()),
        }
    }

    /// Makes a store of what was written.
    pub(super) async fn finish(self, end: &Ledger) -> Result<Made, OpenError> {
        match self {
            Self::Folder(sink) => {
                let end = end.clone();
                blocking(move || sink.finish_store(&end)).await
            }
            Self::Rows(sink) => {
                Ok(Made { incarnation: sink.finish(end.commit).await?, former_head: None })
            }
            Self::Free(_) | Self::Broken => Err(given_up()),
        }
    }

    /// Makes a backup of what was written.
    pub(super) async fn finish_backup(
        mut self,
        sign: impl FnOnce(FolderSink) -> Result<u64, OpenError> + Send + 'static,
    ) -> Result<u64, OpenError> {
        self.begin().await?;
        match self {
            Self::Folder(sink) => blocking(move || sign(*sink)).await,
            Self::Rows(_) | Self::Free(_) | Self::Broken => Err(given_up()),
        }
    }
}

/// Lets a folder work on a thread that may block.
async fn folder(
    mut sink: Box<FolderSink>,
    work: impl FnOnce(&mut FolderSink) -> Result<(), OpenError> + Send + 'static,
) -> Result<Box<FolderSink>, OpenError> {
    blocking(move || work(&mut sink).map(|()| sink)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(broken(&error)))
}

fn broken(error: &tokio::task::JoinError) -> OpenError {
    OpenError::Start { what: "the copy", message: error.to_string() }
}

fn given_up() -> OpenError {
    OpenError::Start { what: "the copy", message: "it has failed before".to_owned() }
}
