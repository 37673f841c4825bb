//! What a data directory is: its lock, its key, which life it is, its heads.

use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use uuid::Uuid;

use super::shared::Places;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::journal::segment;
use crate::store::place::own_head;
use crate::store::{SignedTreeHead, files};

/// What the directory says of itself.
pub(super) const STORE_FILE: &str = "store";
/// How that file begins, whatever its version.
const STORE_NAME: &str = "pointsman-store ";
/// Its first line.
const STORE_FORMAT: &str = "pointsman-store 1";

/// What the file says instead while the store is being made.
const UNFINISHED: &str = "pointsman-store unfinished";

/// Makes the directories of a store.
pub(super) fn make_dirs(places: &Places) -> Result<(), OpenError> {
    for dir in [&places.data, &places.journal, &places.packs] {
        std::fs::create_dir_all(dir).map_err(OpenError::medium("make", dir))?;
        files::sync_dir(files::parent(dir)).map_err(OpenError::medium("sync", dir))?;
    }
    Ok(())
}

/// Reads which life of a store this is, or begins one.
///
/// A journal without it is a restore that was not finished.
pub(super) fn incarnation(places: &Places) -> Result<Uuid, OpenError> {
    if let Some(incarnation) = read_incarnation(&places.data)? {
        return Ok(incarnation);
    }
    let segments = segment::list(&places.journal);
    if !segments.map_err(OpenError::medium("list", &places.journal))?.is_empty() {
        return Err(OpenError::Format { path: places.data.join(STORE_FILE) });
    }
    begin_incarnation(&places.data)
}

/// Reads which life of a store this is; `None` for a new one.
pub(super) fn read_incarnation(data: &Path) -> Result<Option<Uuid>, OpenError> {
    let path = data.join(STORE_FILE);
    let read = files::read_optional(&path).map_err(OpenError::medium("read", &path))?;
    let Some(text) = read else { return Ok(None) };
    let text = String::from_utf8(text).unwrap_or_default();
    let mut lines = text.lines();
    let first = lines.next();
    if first == Some(UNFINISHED) {
        return Err(OpenError::Unfinished { place: format!("`{}`", data.display()) });
    }
    let is_ours = first == Some(STORE_FORMAT);
    let incarnation = lines.next().and_then(|line| line.strip_prefix("incarnation "));
    match incarnation.and_then(|incarnation| incarnation.parse().ok()) {
        Some(incarnation) if is_ours => Ok(Some(incarnation)),
        _ if is_ours || !text.starts_with(STORE_NAME) => {
            Err(Damage::of_file(DamageKind::Garbled, path).into())
        }
        _ => Err(OpenError::Format { path }),
    }
}

/// Begins a new life of a store.
pub(super) fn begin_incarnation(data: &Path) -> Result<Uuid, OpenError> {
    let incarnation = uuid::Builder::from_random_bytes(random()?).into_uuid();
    write_incarnation(data, incarnation)?;
    Ok(incarnation)
}

/// Says which life of a store this is.
pub(super) fn write_incarnation(data: &Path, incarnation: Uuid) -> Result<(), OpenError> {
    write_store_file(data, &format!("{STORE_FORMAT}\nincarnation {incarnation}\n"))
}

/// Marks a store that is being made; nothing opens it until it has a life.
pub(super) fn mark_unfinished(data: &Path) -> Result<(), OpenError> {
    write_store_file(data, &format!("{UNFINISHED}\n"))
}

fn write_store_file(data: &Path, text: &str) -> Result<(), OpenError> {
    let path = data.join(STORE_FILE);
    files::replace(&path, text.as_bytes(), files::SHARED).map_err(OpenError::medium("write", &path))
}

/// The journal's seed, or a new one, never 0, for a new journal.
pub(super) fn seed(found: u32) -> Result<u32, OpenError> {
    if found == 0 { random().map(|bytes| u32::from_be_bytes(bytes) | 1) } else { Ok(found) }
}

fn random<const N: usize>() -> Result<[u8; N], OpenError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| OpenError::Start {
        what: "the random source",
        message: "it gives nothing".to_owned(),
    })?;
    Ok(bytes)
}

/// Reads the signed heads; one that is not ours is damage.
pub(super) fn read_heads(
    places: &Places,
    public_key: &[u8],
    is_new: bool,
) -> Result<Vec<(PathBuf, SignedTreeHead)>, OpenError> {
    let mut heads = Vec::new();
    for path in [&places.head, &places.outer_head] {
        let read = files::read_optional(path).map_err(OpenError::medium("read", path))?;
        let Some(note) = read else {
            if !is_new {
                tracing::warn!(path = %path.display(), "a signed head is missing");
            }
            continue;
        };
        heads.push((path.clone(), own_head(path, note, public_key)?));
    }
    Ok(heads)
}
