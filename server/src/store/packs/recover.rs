//! Opens the packs at start: indexes the newest, checks the sealed ones.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use uuid::Uuid;

use super::Location;
use super::locate::{ActivePack, Known, Packs, Suspect};
use super::record::{HEADER_LENGTH, Header, MAGIC};
use super::sealed::{self, SealedPack};
use crate::store::damage::{Damage, DamageKind, OpenError};

/// The most places of a pack that are remembered as damaged.
const MAX_SUSPECTS: usize = 1_024;

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
    pub(crate) records: Vec<(Uuid, Location)>,
    /// Where the last sound record ends.
    pub(crate) end: u64,
    /// How many records or stretches cannot be read, the end apart.
    pub(crate) damaged: u64,
    /// Where they are, the end included.
    pub(crate) suspects: Vec<Suspect>,
}

impl Packs {
    /// Opens every pack in a directory. Whether something is missing at a torn
    /// end is for the journal to say.
    pub(crate) fn open(dir: PathBuf, torn: TornEnd) -> Result<Self, OpenError> {
        let found = super::list(&dir).map_err(OpenError::medium("list", &dir))?;
        let mut known = Known::default();
        for (place, (number, path)) in found.iter().enumerate() {
            if *number as usize != place + 1 {
                let missing = super::path(&dir, place as u32 + 1);
                return Err(Damage::of_file(DamageKind::Missing, missing).into());
            }
            let opened = if place + 1 == found.len() {
                known.open_newest(*number, path, torn)
            } else {
                known.open_sealed(&dir, *number, path, torn)
            };
            opened.map_err(OpenError::medium("open", path))?;
        }
        Ok(Self { dir, known: RwLock::new(known) })
    }
}

impl Known {
    fn open_newest(&mut self, number: u32, path: &Path, torn: TornEnd) -> io::Result<()> {
        let bytes = std::fs::read(path)?;
        let scan = scan(number, &bytes);
        let file = OpenOptions::new().read(true).write(torn == TornEnd::Cut).open(path)?;
        let beyond = usize::try_from(scan.end).ok().and_then(|end| bytes.get(end..));
        let beyond = beyond.unwrap_or_default();
        let end = scan.end;
        if torn == TornEnd::Cut && !beyond.is_empty() {
            if beyond.iter().any(|byte| *byte != 0) {
                tracing::warn!(pack = number, end, "cutting the torn end of a payload pack");
            }
            file.set_len(end)?;
            file.sync_all()?;
        }
        if scan.damaged > 0 {
            let damaged = scan.damaged;
            tracing::warn!(pack = number, damaged, "a payload pack has damaged records");
        }
        let records = scan.records.into_iter().collect();
        self.suspects.extend(scan.suspects);
        self.active = Some(ActivePack { number, file: Arc::new(file), records, opened_at: end });
        Ok(())
    }

    fn open_sealed(
        &mut self,
        dir: &Path,
        number: u32,
        path: &Path,
        torn: TornEnd,
    ) -> io::Result<()> {
        let pack = match SealedPack::open(dir, number)? {
            Some(pack) => pack,
            None => {
                tracing::warn!(pack = number, "rebuilding the index of a payload pack");
                let bytes = std::fs::read(path)?;
                let mut scan = scan(number, &bytes);
                if sealed::pack_bytes(dir, number).is_some_and(|was| was > bytes.len() as u64) {
                    scan.suspect(number, bytes.len(), None);
                }
                self.suspects.extend(scan.suspects);
                index_anew(dir, number, path, torn, scan.records)?
            }
        };
        self.sealed.push(Arc::new(pack));
        Ok(())
    }
}

fn index_anew(
    dir: &Path,
    number: u32,
    path: &Path,
    torn: TornEnd,
    records: Vec<(Uuid, Location)>,
) -> io::Result<SealedPack> {
    if torn == TornEnd::Keep {
        return SealedPack::look(dir, number, records);
    }
    sealed::write(dir, number, File::open(path)?.metadata()?.len(), records)?;
    SealedPack::open(dir, number)?.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

impl PackScan {
    fn suspect(&mut self, pack: u32, offset: usize, id: Option<Uuid>) {
        if self.suspects.len() < MAX_SUSPECTS {
            self.suspects.push(Suspect { pack, offset: offset as u64, id });
        }
    }
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
                found.suspect(pack, at.offset as usize, Some(header.id));
            }
            continue;
        }
        pending_damage += 1;
        found.suspect(pack, offset, header.map(|header| header.id));
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
