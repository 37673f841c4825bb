//! Finds and reads payloads; shared by every reader and the writer.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use uuid::Uuid;

use super::chunks;
use super::record::{ChunkEntry, HEADER_LENGTH, Header, Kind};
use super::sealed::{self, SealedPack};
use super::{Location, PackEnd, Patience};
use crate::domain::payload::{PayloadRef, SALT_LENGTH, commitment};

/// Why a payload was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    /// There is no such payload.
    #[error("there is no such payload")]
    Missing,
    /// What is there is not what was committed to.
    #[error("the payload is damaged")]
    Damaged,
    /// The medium failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The newest pack, in memory.
#[derive(Debug)]
pub(super) struct ActivePack {
    pub(super) number: u32,
    pub(super) file: Arc<File>,
    pub(super) records: HashMap<Uuid, Location>,
    /// Where its records ended when it was opened.
    pub(super) opened_at: u64,
}

/// A place in a pack that cannot be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspect {
    pub(super) pack: u32,
    pub(super) offset: u64,
    /// Whose record it was, if its header can be read.
    pub(super) id: Option<Uuid>,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) sealed: Vec<Arc<SealedPack>>,
    pub(super) active: Option<ActivePack>,
    /// What was found damaged when the packs were opened.
    pub(super) suspects: Vec<Suspect>,
}

/// All packs of a store.
#[derive(Debug)]
pub(crate) struct Packs {
    pub(super) dir: PathBuf,
    pub(super) known: RwLock<Known>,
}

/// A payload as it is stored.
#[derive(Debug)]
pub(crate) struct StoredPayload {
    /// The salt of its commitment.
    pub(crate) salt: [u8; SALT_LENGTH],
    /// The payload itself.
    pub(crate) bytes: Bytes,
    /// Whether it was cut into chunks, as those of a run are.
    pub(crate) is_chunked: bool,
}

impl Packs {
    /// Reads a payload and checks it against its commitment.
    pub(crate) fn read(&self, reference: &PayloadRef) -> Result<Bytes, PayloadError> {
        Ok(self.stored_with(Patience::Wait, reference)?.bytes)
    }

    /// Reads a payload with its salt, and checks it against its commitment.
    pub(crate) fn stored(&self, reference: &PayloadRef) -> Result<StoredPayload, PayloadError> {
        self.stored_with(Patience::Wait, reference)
    }

    /// Reads a payload that is stored as a whole, and so is small, if that takes
    /// no waiting for the disk. `None` if it does, and if anything is wrong,
    /// which [`Packs::read`] finds out.
    pub(crate) fn read_at_once(&self, reference: &PayloadRef) -> Option<Bytes> {
        if reference.size as usize > chunks::CHUNKED_ABOVE_BYTES {
            return None;
        }
        Some(self.stored_with(Patience::None, reference).ok()?.bytes)
    }

    fn stored_with(
        &self,
        patience: Patience,
        reference: &PayloadRef,
    ) -> Result<StoredPayload, PayloadError> {
        let at = self.find(reference.id, patience)?.ok_or(PayloadError::Missing)?;
        let (header, body) = self.record(at, patience)?;
        let bytes = match header.kind {
            Kind::Whole => body,
            Kind::List => self.assemble(&body, header.size, patience)?,
            Kind::Chunk => return Err(PayloadError::Damaged),
        };
        let is_right = header.id == reference.id
            && bytes.len() == reference.size as usize
            && commitment(&header.salt, &bytes) == reference.commitment;
        if !is_right {
            return Err(PayloadError::Damaged);
        }
        let is_chunked = header.kind == Kind::List;
        Ok(StoredPayload { salt: header.salt, bytes: bytes.into(), is_chunked })
    }

    /// Where the newest pack's records ended when it was opened.
    pub(crate) fn end(&self) -> PackEnd {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let end = |newest: &ActivePack| PackEnd { pack: newest.number, offset: newest.opened_at };
        known.active.as_ref().map_or_else(PackEnd::default, end)
    }

    /// Where a payload that cannot be read is damaged, as far as can be told: the
    /// file, and the byte in it.
    pub(crate) fn place_of_damage(&self, reference: &PayloadRef) -> (PathBuf, u64) {
        if let Ok(Some(at)) = self.find(reference.id, Patience::Wait) {
            let at = self.broken_chunk(at).unwrap_or(at);
            return (super::path(&self.dir, at.pack), at.offset);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let its_own = |suspect: &&Suspect| suspect.id == Some(reference.id);
        // A chunk of it, or what has lost its header.
        let any = |suspect: &&Suspect| suspect.id.is_none_or(chunks::is_id);
        let suspects = || known.suspects.iter();
        if let Some(suspect) = suspects().find(its_own).or_else(|| suspects().find(any)) {
            return (super::path(&self.dir, suspect.pack), suspect.offset);
        }
        match &known.active {
            // It is full, so another one followed.
            Some(newest) if sealed::path(&self.dir, newest.number).exists() => {
                (super::path(&self.dir, newest.number + 1), 0)
            }
            Some(newest) => (super::path(&self.dir, newest.number), newest.opened_at),
            None => (super::path(&self.dir, 1), 0),
        }
    }

    fn broken_chunk(&self, at: Location) -> Option<Location> {
        let (header, body) = self.record(at, Patience::Wait).ok()?;
        let entries = ChunkEntry::decode_all(&body).filter(|_| header.kind == Kind::List)?;
        let broken =
            entries.into_iter().find(|entry| self.chunk(*entry, Patience::Wait).is_err())?;
        Some(self.find(broken.id, Patience::Wait).ok().flatten().unwrap_or(broken.at))
    }

    fn assemble(
        &self,
        list: &[u8],
        size: u32,
        patience: Patience,
    ) -> Result<Vec<u8>, PayloadError> {
        let entries = ChunkEntry::decode_all(list).ok_or(PayloadError::Damaged)?;
        let mut bytes = Vec::with_capacity(size as usize);
        for entry in entries {
            bytes.extend_from_slice(&self.chunk(entry, patience)?);
            if bytes.len() > size as usize {
                return Err(PayloadError::Damaged);
            }
        }
        Ok(bytes)
    }

    fn chunk(&self, entry: ChunkEntry, patience: Patience) -> Result<Vec<u8>, PayloadError> {
        let is_chunk = |header: &Header| header.kind == Kind::Chunk && header.id == entry.id;
        if let Ok((header, body)) = self.record(entry.at, patience)
            && is_chunk(&header)
        {
            return Ok(body);
        }
        let at = self.find(entry.id, patience)?.ok_or(PayloadError::Damaged)?;
        let (header, body) = self.record(at, patience)?;
        if is_chunk(&header) { Ok(body) } else { Err(PayloadError::Damaged) }
    }

    /// Newest first: what is asked for was mostly written lately.
    fn find(&self, id: Uuid, patience: Patience) -> io::Result<Option<Location>> {
        let sealed = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(active) = &known.active
                && let Some(at) = active.records.get(&id)
            {
                return Ok(Some(*at));
            }
            known.sealed.clone()
        };
        for pack in sealed.iter().rev() {
            if let Some(at) = pack.find(id, patience)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn record(&self, at: Location, patience: Patience) -> Result<(Header, Vec<u8>), PayloadError> {
        let mut bytes = vec![0; HEADER_LENGTH + at.length as usize];
        self.read_at(at, &mut bytes, patience)?;
        let header = Header::decode(&bytes).ok_or(PayloadError::Damaged)?;
        let body = bytes.split_off(HEADER_LENGTH);
        if header.length != at.length || crc32c::crc32c(&body) != header.body_crc {
            return Err(PayloadError::Damaged);
        }
        Ok((header, body))
    }

    fn read_at(
        &self,
        at: Location,
        bytes: &mut [u8],
        patience: Patience,
    ) -> Result<(), PayloadError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let active = known.active.as_ref().filter(|active| active.number == at.pack);
        if let Some(active) = active {
            let file = Arc::clone(&active.file);
            drop(known);
            return read_exact(&file, at, bytes, patience);
        }
        let place = usize::try_from(at.pack).unwrap_or(usize::MAX).checked_sub(1);
        let sealed = place.and_then(|place| known.sealed.get(place)).cloned();
        drop(known);
        let sealed = sealed.ok_or(PayloadError::Missing)?;
        read_exact(&sealed.pack, at, bytes, patience)
    }
}

fn read_exact(
    file: &File,
    at: Location,
    bytes: &mut [u8],
    patience: Patience,
) -> Result<(), PayloadError> {
    patience.read_exact_at(file, bytes, at.offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => PayloadError::Damaged,
        _ => error.into(),
    })
}
