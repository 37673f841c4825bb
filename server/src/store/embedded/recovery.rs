//! What happens when a store is opened, in order.
//!
//! Lock, key, heads; then the journal is read and checked as a whole, its torn
//! tail is cut, and the projection is brought up to it, or rebuilt.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::options::{EmbeddedOptions, OpenReport};
use super::projection::{Projection, ProjectionError};
use super::shared::Places;
use super::view::{Layer, Slot};
use crate::domain::time::Timestamp;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::journal::frame::Frame;
use crate::store::journal::scan::{self, Scanned, TailCommit, Wishes};
use crate::store::journal::segment::HEADER_LENGTH;
use crate::store::journal::{Position, reader, segment};
use crate::store::packs::locate::{Packs, PayloadError};
use crate::store::packs::recover::TornEnd;
use crate::store::{SignedTreeHead, Version, files};

/// How many records are replayed into sled at once.
const REPLAY_BATCH: usize = 4_096;

/// Where everything of a store is.
pub(super) fn places(options: &EmbeddedOptions) -> Places {
    let data = options.data_dir.clone();
    Places {
        journal: data.join("journal"),
        packs: data.join("packs"),
        sled: data.join("sled"),
        head: data.join("head"),
        outer_head: options.outer_head(),
        data,
    }
}

/// The journal, read and with its torn tail cut.
pub(super) struct Journal {
    pub(super) scanned: Scanned,
    pub(super) packs: Arc<Packs>,
}

/// Reads the journal and the packs, judges the tail, and cuts it.
pub(super) fn journal(
    places: &Places,
    heads: &[(PathBuf, SignedTreeHead)],
    report: &mut OpenReport,
) -> Result<Journal, OpenError> {
    let mut scanned = read(places, heads)?;
    check_heads(&scanned, heads)?;
    let signed = heads.iter().map(|(_, head)| head.commit).max().unwrap_or(0);
    let packs = Arc::new(Packs::open(places.packs.clone(), TornEnd::Cut)?);
    if let Some(cut) = first_without_payload(places, &scanned, &packs, signed)? {
        report.cut_commits = scanned.last_commit + 1 - cut.commit;
        tracing::warn!(
            first = cut.commit,
            last = scanned.last_commit,
            "cutting commits that were never answered: their payloads are missing"
        );
        report.cut_bytes += cut_from(places, cut.at)?;
        scanned = read(places, heads)?;
    } else if let Some(reason) = scanned.torn {
        let bytes = cut_from(places, scanned.end)?;
        tracing::warn!(%reason, bytes, "cutting the torn tail of the journal");
        report.cut_bytes += bytes;
        if scanned.end.offset < HEADER_LENGTH as u64 {
            scanned = read(places, heads)?;
        }
    }
    if scanned.has_zeros {
        cut_from(places, scanned.end)?;
    }
    (report.commit, report.entries) = (scanned.last_commit, scanned.frontier.size());
    Ok(Journal { scanned, packs })
}

fn read(places: &Places, heads: &[(PathBuf, SignedTreeHead)]) -> Result<Scanned, OpenError> {
    let sizes: Vec<u64> = heads.iter().map(|(_, head)| head.size).collect();
    let wishes = Wishes {
        sizes: &sizes,
        visit: &mut |_| Ok(()),
        progress: &|commits| tracing::info!(commits, "reading the journal"),
    };
    scan::scan(&places.journal, wishes)
}

/// The journal must hold everything that was ever signed, unchanged.
pub(super) fn check_heads(
    scanned: &Scanned,
    heads: &[(PathBuf, SignedTreeHead)],
) -> Result<(), OpenError> {
    for (file, head) in heads {
        let entries = scanned.frontier.size();
        let root = scanned.roots.iter().find(|root| root.size == head.size);
        let (kind, first_commit) = match root {
            _ if entries < head.size || scanned.last_commit < head.commit => {
                (DamageKind::Shorter { entries, signed: head.size }, scanned.last_commit + 1)
            }
            Some(root) if root.root == head.root => continue,
            _ => (DamageKind::Root { signed: head.size }, 1),
        };
        return Err(Damage {
            kind,
            file: file.clone(),
            offset: 0,
            first_commit,
            last_commit: Some(head.commit),
            sequences: Vec::new(),
        }
        .into());
    }
    Ok(())
}

/// The first commit of the newest group that has lost a payload. Only that
/// group can be without an answer, and only if no signed head covers it.
fn first_without_payload(
    places: &Places,
    scanned: &Scanned,
    packs: &Packs,
    signed: u64,
) -> Result<Option<TailCommit>, OpenError> {
    for tail in &scanned.tail {
        for payload in &tail.payloads {
            match packs.read(payload) {
                Ok(_) => continue,
                Err(PayloadError::Io(error)) => {
                    return Err(OpenError::medium("read a payload in", &places.packs)(error));
                }
                Err(PayloadError::Missing | PayloadError::Damaged) => {}
            }
            if tail.commit > signed {
                return Ok(Some(tail.clone()));
            }
            return Err(Damage {
                kind: DamageKind::Payload { id: payload.id },
                file: places.packs.clone(),
                offset: 0,
                first_commit: tail.commit,
                last_commit: Some(tail.commit),
                sequences: Vec::new(),
            }
            .into());
        }
    }
    Ok(None)
}

/// Cuts the journal at a place; answers how many bytes went.
fn cut_from(places: &Places, at: Position) -> Result<u64, OpenError> {
    let mut cut = 0;
    let dir = &places.journal;
    for (number, path) in segment::list(dir).map_err(OpenError::medium("list", dir))?.iter().rev() {
        if *number < at.segment {
            break;
        }
        let failed = || OpenError::medium("cut", path);
        let length = std::fs::metadata(path).map_err(failed())?.len();
        if *number > at.segment || at.offset < HEADER_LENGTH as u64 {
            std::fs::remove_file(path).map_err(failed())?;
            cut += length;
        } else {
            files::cut(path, at.offset).map_err(failed())?;
            cut += length.saturating_sub(at.offset);
        }
    }
    files::sync_dir(dir).map_err(OpenError::medium("sync", dir))?;
    Ok(cut)
}

/// Opens sled and brings it up to the journal; sets it aside and rebuilds it
/// if it cannot be used.
pub(super) fn projection(
    places: &Places,
    options: &EmbeddedOptions,
    incarnation: Uuid,
    scanned: &Scanned,
    report: &mut OpenReport,
) -> Result<Projection, OpenError> {
    report.deleted_snapshots = delete_unfinished_snapshots(&places.sled)
        .map_err(OpenError::medium("clean", &places.sled))?;
    let cache_bytes = options.sled_cache_bytes;
    let first = open_and_replay(places, cache_bytes, incarnation, scanned);
    let error = match first {
        Ok((projection, replayed)) => {
            report.replayed = replayed;
            return Ok(projection);
        }
        Err(Replay::Journal(error)) => return Err(error),
        Err(Replay::Projection(error)) => error,
    };
    let aside = set_aside(places, (options.clock)())
        .map_err(OpenError::medium("set aside", &places.sled))?;
    tracing::warn!(%error, aside = %aside.display(), "rebuilding the projection from the journal");
    report.quarantined = Some(aside);
    report.quarantine_reason = Some(error.to_string());
    let (projection, replayed) = open_and_replay(places, cache_bytes, incarnation, scanned)
        .map_err(|again| match again {
            Replay::Journal(error) => error,
            Replay::Projection(error) => {
                OpenError::Start { what: "sled", message: error.to_string() }
            }
        })?;
    report.replayed = replayed;
    Ok(projection)
}

enum Replay {
    Projection(ProjectionError),
    Journal(OpenError),
}

fn open_and_replay(
    places: &Places,
    cache_bytes: u64,
    incarnation: Uuid,
    scanned: &Scanned,
) -> Result<(Projection, u64), Replay> {
    // sled panics on some kinds of damage.
    let opened =
        catch_unwind(AssertUnwindSafe(|| Projection::open(&places.sled, cache_bytes, incarnation)));
    let (projection, applied) = opened
        .unwrap_or_else(|_| Err(ProjectionError::Sled("it panicked".to_owned())))
        .map_err(Replay::Projection)?;
    let journal = scanned.last_commit;
    if applied > journal {
        return Err(Replay::Projection(ProjectionError::Ahead { applied, journal }));
    }
    let replayed = catch_unwind(AssertUnwindSafe(|| replay(places, &projection, applied, scanned)));
    replayed
        .unwrap_or_else(|_| {
            Err(Replay::Projection(ProjectionError::Sled("it panicked".to_owned())))
        })
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
        projection.apply(batch.iter(), Some(commit)).keep_first(&mut failed)
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
fn delete_unfinished_snapshots(dir: &Path) -> std::io::Result<u64> {
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
