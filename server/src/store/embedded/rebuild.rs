//! Brings sled up to the journal, or rebuilds it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::options::{EmbeddedOptions, OpenReport};
use super::projection::{Projection, ProjectionError};
use super::shared::Places;
use super::view::{Layer, Slot};
use crate::domain::time::Timestamp;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::journal::frame::Frame;
use crate::store::journal::scan::Scanned;
use crate::store::journal::segment::HEADER_LENGTH;
use crate::store::journal::{Position, reader};
use crate::store::{Version, files};

/// How many records are replayed into sled at once.
const REPLAY_BATCH: usize = 4_096;

/// sled and the commit it has applied, or why it cannot be used.
pub(super) type Opened = Result<(Projection, u64), ProjectionError>;

/// Opens sled and reads all of it.
pub(super) fn open(places: &Places, cache_bytes: u64, incarnation: Uuid) -> Opened {
    // sled panics on some kinds of damage.
    catch_unwind(AssertUnwindSafe(|| Projection::open(&places.sled, cache_bytes, incarnation)))
        .unwrap_or_else(|_| Err(panicked()))
}

/// Applies what sled lacks; sets it aside and rebuilds it if it cannot be used.
///
/// A sled that only lacks room to open is left as it is: what it has applied is
/// evidence of what was answered.
pub(super) fn catch_up(
    places: &Places,
    options: &EmbeddedOptions,
    incarnation: Uuid,
    scanned: &Scanned,
    opened: Opened,
    report: &mut OpenReport,
) -> Result<Projection, OpenError> {
    if let Err(ProjectionError::NoSpace(message)) = opened {
        return Err(OpenError::NoSpace { path: places.sled.clone(), message });
    }
    let error = match replay_onto(places, scanned, opened) {
        Ok((projection, replayed)) => {
            report.replayed = replayed;
            return Ok(projection);
        }
        Err(Replay::Journal(error)) => return Err(error),
        Err(Replay::Projection(ProjectionError::Ahead { applied, journal })) => {
            return Err(lost(places, scanned, applied, journal));
        }
        Err(Replay::Projection(error)) => error,
    };
    make_way(places, options, report, &error)?;
    let opened = open(places, options.sled_cache_bytes, incarnation);
    let (projection, replayed) =
        replay_onto(places, scanned, opened).map_err(|again| not_rebuilt(places, again))?;
    report.replayed = replayed;
    Ok(projection)
}

/// Sets aside what cannot be used; where the disk has no room for a second one,
/// it goes.
fn make_way(
    places: &Places,
    options: &EmbeddedOptions,
    report: &mut OpenReport,
    error: &ProjectionError,
) -> Result<(), OpenError> {
    let bytes = files::size_of(&places.sled).map_err(OpenError::medium("size", &places.sled))?;
    let free = (options.free_space)(&places.data).map_or(u64::MAX, |space| space.free);
    report.quarantine_reason = Some(error.to_string());
    if matches!(error, ProjectionError::NoSpace(_)) || free < bytes {
        tracing::warn!(%error, free, "the projection is rebuilt in place of the former one");
        std::fs::remove_dir_all(&places.sled).map_err(OpenError::medium("remove", &places.sled))?;
        return files::sync_dir(&places.data).map_err(OpenError::medium("sync", &places.data));
    }
    let aside = set_aside(places, (options.clock)())
        .map_err(OpenError::medium("set aside", &places.sled))?;
    tracing::warn!(%error, aside = %aside.display(), "rebuilding the projection from the journal");
    report.quarantined = Some(aside);
    Ok(())
}

fn not_rebuilt(places: &Places, error: Replay) -> OpenError {
    match error {
        Replay::Journal(error) => error,
        Replay::Projection(ProjectionError::NoSpace(message)) => {
            // Half a projection is of no use, and others need the room.
            let _ = std::fs::remove_dir_all(&places.sled);
            OpenError::NoSpace { path: places.sled.clone(), message }
        }
        Replay::Projection(error) => OpenError::Start { what: "sled", message: error.to_string() },
    }
}

enum Replay {
    Projection(ProjectionError),
    Journal(OpenError),
}

/// Rebuilding would forget what callers were told: only a backup, or the disk
/// the journal came from, can bring it back.
fn lost(places: &Places, scanned: &Scanned, applied: u64, journal: u64) -> OpenError {
    Damage {
        kind: DamageKind::Lost { applied, journal },
        file: places.journal.clone(),
        offset: scanned.end.offset,
        first_commit: journal + 1,
        last_commit: Some(applied),
        sequences: Vec::new(),
    }
    .into()
}

fn panicked() -> ProjectionError {
    ProjectionError::Sled("it panicked".to_owned())
}

fn replay_onto(
    places: &Places,
    scanned: &Scanned,
    opened: Opened,
) -> Result<(Projection, u64), Replay> {
    let (projection, applied) = opened.map_err(Replay::Projection)?;
    let journal = scanned.last_commit;
    if applied > journal {
        return Err(Replay::Projection(ProjectionError::Ahead { applied, journal }));
    }
    catch_unwind(AssertUnwindSafe(|| replay(places, &projection, applied, scanned)))
        .unwrap_or_else(|_| Err(Replay::Projection(panicked())))
        .map(|()| (projection, journal - applied))
}

/// Applies every commit after `applied`.
fn replay(
    places: &Places,
    projection: &Projection,
    applied: u64,
    scanned: &Scanned,
) -> Result<(), Replay> {
    if applied >= scanned.last_commit {
        return Ok(());
    }
    let beginning = Position { segment: 1, offset: HEADER_LENGTH as u64 };
    let from = scanned.index.place_of(applied + 1).unwrap_or(beginning);
    let mut layer = Layer::new();
    let mut failed = None;
    let mut apply = |layer: &mut Layer, commit| {
        let batch = std::mem::take(layer);
        projection.apply(&batch.iter().collect::<Vec<_>>(), Some(commit)).keep_first(&mut failed)
    };
    let read = reader::read_from(&places.journal, from, scanned.end, &mut |frame: Frame| {
        if frame.commit <= applied {
            return true;
        }
        let (commit, version) = (frame.commit, Version(frame.commit));
        for write in frame.writes {
            layer.insert(write.key, Slot { value: write.value, version });
        }
        layer.len() < REPLAY_BATCH || apply(&mut layer, commit)
    });
    read.map_err(|error| {
        Replay::Journal(OpenError::Medium {
            what: "replay",
            path: places.journal.clone(),
            message: error.to_string(),
        })
    })?;
    apply(&mut layer, scanned.last_commit);
    failed.map_or(Ok(()), |error| Err(Replay::Projection(error)))
}

trait KeepFirst {
    /// Keeps the first error; answers whether there is none.
    fn keep_first(self, failed: &mut Option<ProjectionError>) -> bool;
}

impl KeepFirst for Result<(), ProjectionError> {
    fn keep_first(self, failed: &mut Option<ProjectionError>) -> bool {
        if let Err(error) = self
            && failed.is_none()
        {
            *failed = Some(error);
        }
        failed.is_none()
    }
}

/// A snapshot that a kill left unfinished makes sled refuse to open; it only
/// speeds up opening.
pub(super) fn delete_unfinished_snapshots(dir: &Path) -> std::io::Result<u64> {
    let mut deleted = 0;
    if !dir.exists() {
        return Ok(0);
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_unfinished = name
            .to_str()
            .is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"));
        if is_unfinished {
            std::fs::remove_file(entry.path())?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

fn set_aside(places: &Places, now: Timestamp) -> std::io::Result<PathBuf> {
    let mut stamp = now.as_micros();
    loop {
        let aside = places.data.join(format!("store.quarantine.{stamp}"));
        if aside.exists() {
            stamp += 1;
            continue;
        }
        std::fs::rename(&places.sled, &aside)?;
        files::sync_dir(&places.data)?;
        return Ok(aside);
    }
}
