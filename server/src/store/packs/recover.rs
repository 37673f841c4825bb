//! Opens the packs at start: indexes the newest, checks the sealed ones.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use super::Location;
use super::locate::{ActivePack, Known, Packs};
use super::record::{HEADER_LENGTH, Header, MAGIC};
use super::sealed::{self, SealedPack};
use crate::store::damage::OpenError;

/// What to do with the torn end of the newest pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TornEnd {
    /// Cut it, so that the pack can be written on.
    Cut,
    /// Leave it: somebody only looks.
    Keep,
}

/// The sound records of one pack.
#[derive(Debug, Default)]
pub(crate) struct PackScan {
    /// Ids and places of the records.
    pub(crate) records: Vec<(uuid::Uuid, Location)>,
    /// Where the last sound record ends.
    pub(crate) end: u64,
    /// How many records or stretches cannot be read.
    pub(crate) damaged: u64,
}

impl Packs {
    /// Opens every pack in a directory. Whether something is missing at a torn
    /// end is for the journal to say.
    pub(crate) fn open(dir: PathBuf, torn: TornEnd) -> Result<Self, OpenError> {
        let found = super::list(&dir).map_err(OpenError::medium("list", &dir))?;
        let mut known = Known::default();
        for (place, (number, path)) in found.iter().enumerate() {
            if *number as usize != place + 1 {
                return Err(OpenError::Medium {
                    what: "open",
                    path: super::path(&dir, place as u32 + 1),
                    message: "this pack is missing".to_owned(),
                });
            }
            let opened = if place + 1 == found.len() {
                active(*number, path, torn).map(|pack| known.active = Some(pack))
            } else {
                sealed_pack(&dir, *number, path).map(|pack| known.sealed.push(Arc::new(pack)))
            };
            opened.map_err(OpenError::medium("open", path))?;
        }
        Ok(Self { dir, known: RwLock::new(known) })
    }
}

fn active(number: u32, path: &Path, torn: TornEnd) -> io::Result<ActivePack> {
    let bytes = std::fs::read(path)?;
    let scan = scan(number, &bytes);
    let file = OpenOptions::new().read(true).write(torn == TornEnd::Cut).open(path)?;
    let beyond = usize::try_from(scan.end).ok().and_then(|end| bytes.get(end..));
    let beyond = beyond.unwrap_or_default();
    if torn == TornEnd::Cut && !beyond.is_empty() {
        if beyond.iter().any(|byte| *byte != 0) {
            tracing::warn!(pack = number, end = scan.end, "cutting the torn end of a payload pack");
        }
        file.set_len(scan.end)?;
        file.sync_all()?;
    }
    if scan.damaged > 0 {
        tracing::warn!(pack = number, damaged = scan.damaged, "a payload pack has damaged records");
    }
    let records = scan.records.into_iter().collect();
    Ok(ActivePack { number, file: Arc::new(file), records, opened_at: scan.end })
}

fn sealed_pack(dir: &Path, number: u32, path: &Path) -> io::Result<SealedPack> {
    if let Some(pack) = SealedPack::open(dir, number)? {
        return Ok(pack);
    }
    tracing::warn!(pack = number, "rebuilding the index of a payload pack");
    let scan = scan(number, &std::fs::read(path)?);
    sealed::write(dir, number, File::open(path)?.metadata()?.len(), scan.records)?;
    SealedPack::open(dir, number)?.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Walks over the records of a pack. A damaged body is stepped over; behind a
/// damaged header the next sound one is looked for.
pub(crate) fn scan(pack: u32, bytes: &[u8]) -> PackScan {
    let mut found = PackScan::default();
    let mut offset = 0;
    let mut pending_damage = 0;
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        let header = Header::decode(rest);
        let body = header.and_then(|header| {
            Some((header, rest.get(HEADER_LENGTH..HEADER_LENGTH + header.length as usize)?))
        });
        if let Some((header, body)) = body {
            let at = Location { pack, offset: offset as u64, length: header.length };
            offset += HEADER_LENGTH + body.len();
            if crc32c::crc32c(body) == header.body_crc {
                found.records.push((header.id, at));
                found.end = offset as u64;
                found.damaged += std::mem::take(&mut pending_damage);
            } else {
                pending_damage += 1;
            }
            continue;
        }
        pending_damage += 1;
        let next = rest
            .get(1..)
            .and_then(|later| later.windows(MAGIC.len()).position(|window| window == MAGIC));
        match next {
            Some(distance) => offset += distance + 1,
            None => break,
        }
    }
    found
}
