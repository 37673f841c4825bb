//! Makes a store from a backup.
//!
//! The restored store is another life of the same history: it has its own
//! incarnation, so that cursors of the former life are told apart, and its own
//! key, since a backup never holds one. What the former life signed is kept in
//! `restored/`.

use std::path::{Path, PathBuf};

use super::copy;
use super::identity::{self, STORE_FILE};
use super::recovery;
use super::verify::{Verified, verify_all};
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::place::{self, PUBLIC_KEY_FILE};
use crate::store::{SignedTreeHead, files, head, packs};

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// The newest commit.
    pub commit: u64,
    /// The entries in the journal.
    pub entries: u64,
    /// The life of the store that begins.
    pub incarnation: uuid::Uuid,
    /// Bytes copied.
    pub bytes: u64,
    /// Where a signed head of a former store in this place was moved.
    pub former_head: Option<PathBuf>,
}

/// Verifies the backup in `from` and makes a store of it in `into`, which must
/// be absent or empty. Whatever goes wrong, `into` is left as it was.
pub fn restore(from: &Path, into: &Path) -> Result<RestoreReport, OpenError> {
    copy::require_free(into)?;
    let verified = verify_all(from)?;
    let head = exact_head(from, &verified)?;
    let was_there = into.exists();
    copy::empty_dir(into)?;
    let made = make(from, into, &verified, &head);
    if made.is_err() {
        clear(into, was_there);
    }
    made
}

/// A backup ends where its head says; anything more is not of it.
fn exact_head(from: &Path, verified: &Verified) -> Result<SignedTreeHead, OpenError> {
    let Verified { report, head, scanned, packs } = verified;
    let Some(head) = head else {
        return Err(Damage::of_file(DamageKind::Head, from.join("head")).into());
    };
    let journal = from.join("journal");
    if report.entries > head.size {
        let at = scanned.index.place_of(head.commit + 1).unwrap_or(scanned.end);
        let first_commit = head.commit + 1;
        let damage = recovery::at_end(DamageKind::Beyond, &journal, at);
        return Err(Damage { first_commit, ..damage }.into());
    }
    if scanned.torn.is_some() || scanned.has_zeros {
        let first_commit = scanned.last_commit + 1;
        let damage = recovery::at_end(DamageKind::Beyond, &journal, scanned.end);
        return Err(Damage { first_commit, ..damage }.into());
    }
    let newest = packs::path(&from.join("packs"), packs.pack);
    let length = match packs.pack {
        0 => 0,
        _ => std::fs::metadata(&newest).map_err(OpenError::medium("read", &newest))?.len(),
    };
    if length > packs.offset {
        let (offset, first_commit) = (packs.offset, scanned.last_commit + 1);
        let damage = Damage::of_file(DamageKind::Beyond, newest);
        return Err(Damage { offset, first_commit, ..damage }.into());
    }
    Ok(head.clone())
}

fn make(
    from: &Path,
    into: &Path,
    verified: &Verified,
    head: &SignedTreeHead,
) -> Result<RestoreReport, OpenError> {
    let Verified { report, scanned, packs, .. } = verified;
    identity::mark_unfinished(into)?;
    let mut bytes = copy::packs(&from.join("packs"), &into.join("packs"), *packs)?;
    bytes += copy::journal(&from.join("journal"), &into.join("journal"), scanned.end)?;
    keep_former(from, into)?;
    let key = place::key(into)?;
    let signed = key.sign(report.entries, report.root, scanned.last_commit, head.time);
    let path = into.join("head");
    files::replace(&path, head::to_note(&signed).as_bytes(), files::SHARED)
        .map_err(OpenError::medium("write", &path))?;
    let former_head = move_head_aside(into)?;
    // Last, so that an unfinished restore is not taken for a store.
    let incarnation = identity::begin_incarnation(into)?;
    Ok(RestoreReport {
        commit: scanned.last_commit,
        entries: report.entries,
        incarnation,
        bytes,
        former_head,
    })
}

/// Takes back what was made so far.
fn clear(into: &Path, was_there: bool) {
    let cleared = if was_there { files::empty(into) } else { std::fs::remove_dir_all(into) };
    if let Err(error) = cleared {
        tracing::warn!(%error, into = %into.display(), "cannot clear an unfinished restore");
    }
}

/// Keeps what the former life said of itself and signed.
fn keep_former(from: &Path, into: &Path) -> Result<(), OpenError> {
    let kept = into.join("restored");
    std::fs::create_dir_all(&kept).map_err(OpenError::medium("make", &kept))?;
    for name in ["head", PUBLIC_KEY_FILE, STORE_FILE] {
        let path = from.join(name);
        let copied = std::fs::read(&path)
            .and_then(|bytes| files::replace(&kept.join(name), &bytes, files::SHARED));
        copied.map_err(OpenError::medium("copy", &path))?;
    }
    Ok(())
}

/// The head beside the new place may be of the store that was lost; opening
/// would rightly refuse to go back behind it.
pub(super) fn move_head_aside(into: &Path) -> Result<Option<PathBuf>, OpenError> {
    let beside = |suffix: &str| {
        let mut path = into.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    };
    let head = beside(".head");
    if !head.exists() {
        return Ok(None);
    }
    let aside = (0_u32..)
        .map(|number| beside(&format!(".head.former.{number}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| beside(".head.former"));
    std::fs::rename(&head, &aside).map_err(OpenError::medium("move", &head))?;
    Ok(Some(aside))
}
