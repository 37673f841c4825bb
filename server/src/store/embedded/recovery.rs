//! What happens when a store is opened, in order.
//!
//! Lock, key, heads; then the journal is read and checked as a whole, its torn
//! tail is cut, and the projection is brought up to it, or rebuilt.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::options::{EmbeddedOptions, OpenReport};
use super::projection::{Projection, ProjectionError};
use super::rebuild;
use super::shared::Places;
use crate::domain::payload::PayloadRef;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::journal::scan::{self, Scanned, TailCommit, Wishes};
use crate::store::journal::segment::HEADER_LENGTH;
use crate::store::journal::{Position, segment};
use crate::store::packs::locate::{Packs, PayloadError};
use crate::store::packs::recover::TornEnd;
use crate::store::{SignedTreeHead, files};

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

/// Reads the journal, and sled at the same time; then brings sled up to the
/// journal.
pub(super) fn recover(
    places: &Places,
    options: &EmbeddedOptions,
    incarnation: Uuid,
    heads: &[(PathBuf, SignedTreeHead)],
    report: &mut OpenReport,
) -> Result<(Journal, Projection), OpenError> {
    report.deleted_snapshots = rebuild::delete_unfinished_snapshots(&places.sled)
        .map_err(OpenError::medium("clean", &places.sled))?;
    let (journal, opened) = std::thread::scope(|scope| {
        let sled = scope.spawn(|| rebuild::open(places, options.sled_cache_bytes, incarnation));
        let journal = journal(places, heads, report);
        let opened = sled.join();
        (journal, opened)
    });
    let (journal, opened) =
        (journal?, opened.unwrap_or_else(|_| Err(ProjectionError::Sled("it panicked".to_owned()))));
    let projection =
        rebuild::catch_up(places, options, incarnation, &journal.scanned, opened, report)?;
    Ok((journal, projection))
}

/// Reads the journal and the packs, judges the tail, and cuts it.
fn journal(
    places: &Places,
    heads: &[(PathBuf, SignedTreeHead)],
    report: &mut OpenReport,
) -> Result<Journal, OpenError> {
    let mut scanned = read(places, heads)?;
    check_heads(&places.journal, &scanned, heads)?;
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
    journal: &Path,
    scanned: &Scanned,
    heads: &[(PathBuf, SignedTreeHead)],
) -> Result<(), OpenError> {
    for (file, head) in heads {
        let entries = scanned.frontier.size();
        let root = scanned.roots.iter().find(|root| root.size == head.size);
        let damage = match root {
            _ if entries < head.size || scanned.last_commit < head.commit => Damage {
                first_commit: scanned.last_commit + 1,
                ..at_end(DamageKind::Shorter { entries, signed: head.size }, journal, scanned.end)
            },
            Some(root) if root.root == head.root => continue,
            _ => Damage::of_file(DamageKind::Root { signed: head.size }, file.clone()),
        };
        return Err(Damage { last_commit: Some(head.commit), ..damage }.into());
    }
    Ok(())
}

/// Damage where the journal ends.
pub(super) fn at_end(kind: DamageKind, journal: &Path, end: Position) -> Damage {
    let file = segment::path(journal, end.segment.max(1));
    Damage { offset: end.offset, ..Damage::of_file(kind, file) }
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
            return Err(lost_payload(packs, payload, tail.commit).into());
        }
    }
    Ok(None)
}

/// A commit was answered, and its payload cannot be read.
pub(super) fn lost_payload(packs: &Packs, payload: &PayloadRef, commit: u64) -> Damage {
    let (file, offset) = packs.place_of_damage(payload);
    Damage {
        kind: DamageKind::Payload { id: payload.id },
        file,
        offset,
        first_commit: commit,
        last_commit: Some(commit),
        sequences: Vec::new(),
    }
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
