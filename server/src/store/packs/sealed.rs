//! The sorted index of a sealed pack, searched on disk.
//!
//! `packs/NNNN.idx`: magic `PMIX0001`, count (8), length of the pack (8),
//! CRC-32C of the entries (4), CRC-32C of the header before (4), then entries
//! of 28 bytes in order of id: id (16), offset (8), length (4). Numbers are
//! big-endian.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::chunks::{ID_PREFIX, is_id};
use super::{Location, Patience};
use crate::store::files;

const MAGIC: [u8; 8] = *b"PMIX0001";
const HEADER_LENGTH: usize = 32;
const ENTRY_LENGTH: usize = 28;

/// The entries of an index, after its header.
#[derive(Debug)]
enum Index {
    OnDisk(File),
    /// Made for somebody who only looks, because the one on the disk is not
    /// sound.
    InMemory(Vec<u8>),
}

/// An open sealed pack.
#[derive(Debug)]
pub(crate) struct SealedPack {
    number: u32,
    index: Index,
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
        let index = Index::OnDisk(File::open(path(dir, number))?);
        let payloads = payload_range(&bytes);
        Ok(Some(Self { number, index, count, payloads, pack }))
    }

    /// Opens a pack with an index that is made of its records, and not kept.
    pub(crate) fn look(
        dir: &Path,
        number: u32,
        entries: Vec<(Uuid, Location)>,
    ) -> io::Result<Self> {
        let pack = File::open(super::path(dir, number))?;
        let bytes = encode(pack.metadata()?.len(), entries);
        let count = (bytes.len() - HEADER_LENGTH) / ENTRY_LENGTH;
        let payloads = payload_range(&bytes);
        let index = Index::InMemory(bytes);
        Ok(Self { number, index, count: count as u64, payloads, pack })
    }

    /// Finds a record by binary search.
    pub(crate) fn find(&self, id: Uuid, patience: Patience) -> io::Result<Option<Location>> {
        if !is_id(id) && self.payloads.is_none_or(|(least, most)| id < least || id > most) {
            return Ok(None);
        }
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut entry = [0; ENTRY_LENGTH];
            let at = HEADER_LENGTH as u64 + middle * ENTRY_LENGTH as u64;
            self.index.read_exact_at(&mut entry, at, patience)?;
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

impl Index {
    fn read_exact_at(&self, into: &mut [u8], at: u64, patience: Patience) -> io::Result<()> {
        match self {
            Self::OnDisk(file) => patience.read_exact_at(file, into, at),
            Self::InMemory(bytes) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                let from = start.checked_add(into.len()).and_then(|end| bytes.get(start..end));
                into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

/// Writes the index of a pack that is full.
pub(crate) fn write(
    dir: &Path,
    number: u32,
    pack_bytes: u64,
    entries: Vec<(Uuid, Location)>,
) -> io::Result<()> {
    files::replace(&path(dir, number), &encode(pack_bytes, entries), files::SHARED)
}

fn encode(pack_bytes: u64, mut entries: Vec<(Uuid, Location)>) -> Vec<u8> {
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
    bytes
}

/// The path of a pack's index.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:04}.idx"))
}

/// How long the pack was when its index was written; `None` if that cannot be
/// read.
pub(crate) fn pack_bytes(dir: &Path, number: u32) -> Option<u64> {
    let bytes = files::read_optional(&path(dir, number)).ok()??;
    header(&bytes).map(|header| header.pack_bytes)
}

struct Header {
    count: u64,
    pack_bytes: u64,
    body_crc: u32,
}

fn header(bytes: &[u8]) -> Option<Header> {
    let long = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let short = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let sound = bytes.starts_with(&MAGIC) && short(28)? == crc32c::crc32c(bytes.get(..28)?);
    let header = Header { count: long(8)?, pack_bytes: long(16)?, body_crc: short(24)? };
    sound.then_some(header)
}

fn check(bytes: &[u8], pack_bytes: u64) -> Option<u64> {
    let (header, body) = (header(bytes)?, bytes.get(HEADER_LENGTH..)?);
    let sound = header.pack_bytes == pack_bytes
        && header.body_crc == crc32c::crc32c(body)
        && body.len() as u64 == header.count.checked_mul(ENTRY_LENGTH as u64)?;
    sound.then_some(header.count)
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
