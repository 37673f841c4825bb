//! A server's own directory: its lock, its signing key, its signed heads.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::SignedTreeHead;
use super::damage::{Damage, DamageKind, OpenError};
use super::files;
use super::head::{self, HeadKey};

/// The file that is locked while the store is open.
pub(crate) const LOCK_FILE: &str = "LOCK";
/// How long to wait before the lock is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it is tried.
const MAX_PAUSES: u32 = 50;
/// The private signing key.
pub(crate) const KEY_FILE: &str = "key";
/// The public half of the signing key, so that a copy can be verified.
pub(crate) const PUBLIC_KEY_FILE: &str = "key.pub";

/// Takes the lock that keeps other processes out; waits a moment for one that is
/// about to end.
pub(crate) fn lock(data: &Path) -> Result<File, OpenError> {
    let path = data.join(LOCK_FILE);
    let mut open = OpenOptions::new();
    let file = open.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(OpenError::medium("open", &path))?;
    for _ in 0..MAX_PAUSES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => {
                return Err(OpenError::medium("lock", &path)(error));
            }
        }
    }
    Err(OpenError::Locked { path })
}

/// Reads the signing key, or makes it.
pub(crate) fn key(data: &Path) -> Result<HeadKey, OpenError> {
    let path = data.join(KEY_FILE);
    let read = files::read_optional(&path).map_err(OpenError::medium("read", &path))?;
    let key = match read {
        Some(document) => {
            HeadKey::from_pkcs8(&document).map_err(|_| OpenError::Format { path: path.clone() })?
        }
        None => {
            let (key, document) = HeadKey::generate().map_err(|error| OpenError::Start {
                what: "the signing key",
                message: error.to_string(),
            })?;
            files::replace(&path, &document, files::PRIVATE)
                .map_err(OpenError::medium("write", &path))?;
            key
        }
    };
    let public = data.join(PUBLIC_KEY_FILE);
    if !public.exists() {
        let text = format!("{}\n", hex::encode(key.public_key()));
        files::replace(&public, text.as_bytes(), files::SHARED)
            .map_err(OpenError::medium("write", &public))?;
    }
    Ok(key)
}

/// Reads a signed head that must be of the store with this key.
pub(crate) fn own_head(
    path: &Path,
    note: Vec<u8>,
    public_key: &[u8],
) -> Result<SignedTreeHead, OpenError> {
    let note = String::from_utf8(note).unwrap_or_default();
    let head = head::from_note(&note, public_key);
    Ok(head.ok_or_else(|| Damage::of_file(DamageKind::Head, path.to_owned()))?)
}
