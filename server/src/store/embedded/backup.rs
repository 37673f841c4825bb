//! Copies what is durable, while commits go on.
//!
//! A backup is a directory like a store's, without sled, lock and private key.
//! Journal and packs end at one durable moment, and the signed head covers
//! exactly that. The head is written last: without one, a backup is unfinished
//! and is not restored.

use std::io;
use std::path::Path;

use super::copy;
use super::identity::STORE_FILE;
use super::shared::{Published, Shared};
use crate::store::damage::OpenError;
use crate::store::place::PUBLIC_KEY_FILE;
use crate::store::{BackupReport, ReadError, files, head};

/// Writes a backup into an empty or absent directory.
pub(super) fn write(shared: &Shared, into: &Path) -> Result<BackupReport, ReadError> {
    write_all(shared, into).map_err(|error| ReadError::Medium { message: error.to_string() })
}

fn write_all(shared: &Shared, into: &Path) -> Result<BackupReport, OpenError> {
    copy::empty_dir(into)?;
    let Published { commit, time, frontier, journal, packs } = shared.now();
    let entries = frontier.size();
    // Payloads first: whatever the journal refers to is then there.
    let mut bytes = copy::packs(&shared.places.packs, &into.join("packs"), packs)?;
    bytes += copy::journal(&shared.places.journal, &into.join("journal"), journal)?;
    for name in [STORE_FILE, PUBLIC_KEY_FILE] {
        let path = shared.places.data.join(name);
        let copied = std::fs::read(&path)
            .and_then(|text| files::replace(&into.join(name), &text, files::SHARED));
        copied.map_err(OpenError::medium("copy", &path))?;
    }
    let head = shared.key.sign(entries, frontier.root(), commit, time);
    let path = into.join("head");
    let written: io::Result<()> =
        files::replace(&path, head::to_note(&head).as_bytes(), files::SHARED);
    written.map_err(OpenError::medium("write", &path))?;
    Ok(BackupReport { commit, entries, bytes })
}
