//! Copies the files of a store up to a durable place.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use crate::store::damage::OpenError;
use crate::store::files;
use crate::store::journal::{Position, segment};
use crate::store::packs::{self, PackEnd, sealed};

/// Makes sure that a directory exists and is empty.
pub(super) fn empty_dir(dir: &Path) -> Result<(), OpenError> {
    require_free(dir)?;
    std::fs::create_dir_all(dir).map_err(OpenError::medium("make", dir))
}

/// Makes sure that a directory is absent or empty.
pub(super) fn require_free(dir: &Path) -> Result<(), OpenError> {
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::NotEmpty { path: dir.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenError::medium("list", dir)(error)),
    }
}

/// Copies the journal up to a place; answers how many bytes.
pub(super) fn journal(from: &Path, into: &Path, end: Position) -> Result<u64, OpenError> {
    std::fs::create_dir_all(into).map_err(OpenError::medium("make", into))?;
    let mut bytes = 0;
    for number in 1..=end.segment {
        let (source, target) = (segment::path(from, number), segment::path(into, number));
        let limit = if number == end.segment { end.offset } else { u64::MAX };
        bytes += file(&source, &target, limit).map_err(OpenError::medium("copy", &source))?;
    }
    files::sync_dir(into).map_err(OpenError::medium("sync", into))?;
    Ok(bytes)
}

/// Copies the packs up to a place, with the indexes of the sealed ones.
pub(super) fn packs(from: &Path, into: &Path, end: PackEnd) -> Result<u64, OpenError> {
    std::fs::create_dir_all(into).map_err(OpenError::medium("make", into))?;
    let mut bytes = 0;
    for number in 1..=end.pack {
        let (source, target) = (packs::path(from, number), packs::path(into, number));
        let limit = if number == end.pack { end.offset } else { u64::MAX };
        bytes += file(&source, &target, limit).map_err(OpenError::medium("copy", &source))?;
        let index = sealed::path(from, number);
        if number < end.pack && index.exists() {
            let target = sealed::path(into, number);
            bytes += file(&index, &target, u64::MAX).map_err(OpenError::medium("copy", &index))?;
        }
    }
    files::sync_dir(into).map_err(OpenError::medium("sync", into))?;
    Ok(bytes)
}

fn file(from: &Path, into: &Path, limit: u64) -> io::Result<u64> {
    let mut source = File::open(from)?.take(limit);
    let mut target = OpenOptions::new().write(true).create_new(true).open(into)?;
    let bytes = io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    Ok(bytes)
}
