//! Makes a store from a backup.
//!
//! The restored store is another life of the same history: it has its own
//! incarnation, so that cursors of the former life are told apart, and its own
//! key, since a backup never holds one. What the former life signed is kept in
//! `restored/`.

use std::path::{Path, PathBuf};

use super::copy;
use super::identity::{self, PUBLIC_KEY_FILE, STORE_FILE};
use super::verify::{Verified, verify_all};
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::packs::{self, PackEnd};
use crate::store::{files, head};

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
/// be absent or empty.
pub fn restore(from: &Path, into: &Path) -> Result<RestoreReport, OpenError> {
    copy::empty_dir(into)?;
    let Verified { report, head, journal, last_commit } = verify_all(from)?;
    let head = head.ok_or_else(|| Damage {
        kind: DamageKind::Head,
        file: from.join("head"),
        offset: 0,
        first_commit: 1,
        last_commit: Some(last_commit),
        sequences: Vec::new(),
    })?;
    let mut bytes = copy::packs(&from.join("packs"), &into.join("packs"), packs_end(from)?)?;
    bytes += copy::journal(&from.join("journal"), &into.join("journal"), journal)?;
    keep_former(from, into)?;
    let former_head = move_head_aside(into)?;
    let key = identity::key(into)?;
    let signed = key.sign(report.entries, report.root, last_commit, head.time);
    let path = into.join("head");
    files::replace(&path, head::to_note(&signed).as_bytes(), files::SHARED)
        .map_err(OpenError::medium("write", &path))?;
    // Last, so that an unfinished restore is not taken for a store.
    let incarnation = identity::begin_incarnation(into)?;
    Ok(RestoreReport {
        commit: last_commit,
        entries: report.entries,
        incarnation,
        bytes,
        former_head,
    })
}

fn packs_end(from: &Path) -> Result<PackEnd, OpenError> {
    let dir = from.join("packs");
    let found = packs::list(&dir).map_err(OpenError::medium("list", &dir))?;
    let Some((pack, path)) = found.last() else {
        return Ok(PackEnd::default());
    };
    let length = std::fs::metadata(path).map_err(OpenError::medium("read", path))?.len();
    Ok(PackEnd { pack: *pack, offset: length })
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
fn move_head_aside(into: &Path) -> Result<Option<PathBuf>, OpenError> {
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
