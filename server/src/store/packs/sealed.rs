//! The sorted index of a sealed pack, searched on disk.
//!
//! `packs/NNNN.idx`: magic `PMIX0001`, count (8), length of the pack (8),
//! CRC-32C of the entries (4), CRC-32C of the header before (4), then entries
//! of 28 bytes in order of id: id (16), offset (8), length (4). Numbers are
//! big-endian.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::Location;
use super::chunks::ID_PREFIX;
use crate::store::files;

const MAGIC: [u8; 8] = *b"PMIX0001";
const HEADER_LENGTH: usize = 32;
const ENTRY_LENGTH: usize = 28;

/// An open sealed pack.
#[derive(Debug)]
pub(crate) struct SealedPack {
    number: u32,
    index: File,
    count: u64,
    /// The least and the greatest id of its payloads.
    payloads: Option<(Uuid, Uuid)>,
    /// The pack's records.
    pub(crate) pack: File,
}

impl SealedPack {
    /// Opens a pack and its index; `None` if the index is not sound.
    pub(crate) fn open(dir: &Path, number: u32) -> io::Result<Option<Self>> {
        let pack = File::open(super::path(dir, number))?;
        let Some(bytes) = files::read_optional(&path(dir, number))? else {
            return Ok(None);
        };
        let Some(count) = check(&bytes, pack.metadata()?.len()) else {
            return Ok(None);
        };
        let index = File::open(path(dir, number))?;
        let payloads = payload_range(&bytes);
        Ok(Some(Self { number, index, count, payloads, pack }))
    }

    /// Finds a record by binary search.
    pub(crate) fn find(&self, id: Uuid) -> io::Result<Option<Location>> {
        let is_chunk = id.as_bytes().starts_with(&ID_PREFIX);
        if !is_chunk && self.payloads.is_none_or(|(least, most)| id < least || id > most) {
            return Ok(None);
        }
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut entry = [0; ENTRY_LENGTH];
            let at = HEADER_LENGTH as u64 + middle * ENTRY_LENGTH as u64;
            self.index.read_exact_at(&mut entry, at)?;
            let Some((found, location)) = decode_entry(self.number, &entry) else {
                return Ok(None);
            };
            match found.cmp(&id) {
                std::cmp::Ordering::Equal => return Ok(Some(location)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

/// Writes the index of a pack that is full.
pub(crate) fn write(
    dir: &Path,
    number: u32,
    pack_bytes: u64,
    mut entries: Vec<(Uuid, Location)>,
) -> io::Result<()> {
    // Of two records with one id the later one counts; a stable sort keeps
    // their order.
    entries.sort_by_key(|(id, _)| *id);
    entries.reverse();
    entries.dedup_by_key(|(id, _)| *id);
    entries.reverse();
    let mut body = Vec::with_capacity(entries.len() * ENTRY_LENGTH);
    for (id, at) in &entries {
        body.extend_from_slice(id.as_bytes());
        body.extend_from_slice(&at.offset.to_be_bytes());
        body.extend_from_slice(&at.length.to_be_bytes());
    }
    let mut bytes = Vec::with_capacity(HEADER_LENGTH + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&(entries.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&pack_bytes.to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.extend_from_slice(&body);
    files::replace(&path(dir, number), &bytes, files::SHARED)
}

/// The path of a pack's index.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:04}.idx"))
}

fn check(bytes: &[u8], pack_bytes: u64) -> Option<u64> {
    let long = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let short = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (count, body) = (long(8)?, bytes.get(HEADER_LENGTH..)?);
    let sound = bytes.starts_with(&MAGIC)
        && long(16)? == pack_bytes
        && short(24)? == crc32c::crc32c(body)
        && short(28)? == crc32c::crc32c(bytes.get(..28)?)
        && body.len() as u64 == count.checked_mul(ENTRY_LENGTH as u64)?;
    sound.then_some(count)
}

/// The ids of the payloads: all that do not begin as a chunk's does.
fn payload_range(bytes: &[u8]) -> Option<(Uuid, Uuid)> {
    let entries = bytes.get(HEADER_LENGTH..)?.as_chunks::<ENTRY_LENGTH>().0;
    let payloads = entries.partition_point(|entry| !entry.starts_with(&ID_PREFIX));
    let id = |entry: &[u8; ENTRY_LENGTH]| Uuid::from_slice(entry.get(..16)?).ok();
    let payloads = entries.get(..payloads)?;
    Some((id(payloads.first()?)?, id(payloads.last()?)?))
}

fn decode_entry(pack: u32, entry: &[u8]) -> Option<(Uuid, Location)> {
    let id = Uuid::from_slice(entry.get(..16)?).ok()?;
    let offset = u64::from_be_bytes(entry.get(16..24)?.try_into().ok()?);
    let length = u32::from_be_bytes(entry.get(24..28)?.try_into().ok()?);
    Some((id, Location { pack, offset, length }))
}
