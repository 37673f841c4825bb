//! Finds and reads payloads; shared by every reader and the writer.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use uuid::Uuid;

use super::Location;
use super::record::{ChunkEntry, HEADER_LENGTH, Header, Kind};
use super::sealed::SealedPack;
use crate::domain::payload::{PayloadRef, commitment};

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

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) sealed: Vec<Arc<SealedPack>>,
    pub(super) active: Option<ActivePack>,
}

/// All packs of a store.
#[derive(Debug)]
pub(crate) struct Packs {
    pub(super) dir: PathBuf,
    pub(super) known: RwLock<Known>,
}

impl Packs {
    /// Reads a payload and checks it against its commitment.
    pub(crate) fn read(&self, reference: &PayloadRef) -> Result<Bytes, PayloadError> {
        let at = self.find(reference.id)?.ok_or(PayloadError::Missing)?;
        let (header, body) = self.record(at)?;
        let bytes = match header.kind {
            Kind::Whole => body,
            Kind::List => self.assemble(&body, header.size)?,
            Kind::Chunk => return Err(PayloadError::Damaged),
        };
        let is_right = header.id == reference.id
            && bytes.len() == reference.size as usize
            && commitment(&header.salt, &bytes) == reference.commitment;
        if is_right { Ok(bytes.into()) } else { Err(PayloadError::Damaged) }
    }

    fn assemble(&self, list: &[u8], size: u32) -> Result<Vec<u8>, PayloadError> {
        let entries = ChunkEntry::decode_all(list).ok_or(PayloadError::Damaged)?;
        let mut bytes = Vec::with_capacity(size as usize);
        for entry in entries {
            bytes.extend_from_slice(&self.chunk(entry)?);
            if bytes.len() > size as usize {
                return Err(PayloadError::Damaged);
            }
        }
        Ok(bytes)
    }

    fn chunk(&self, entry: ChunkEntry) -> Result<Vec<u8>, PayloadError> {
        let is_chunk = |header: &Header| header.kind == Kind::Chunk && header.id == entry.id;
        if let Ok((header, body)) = self.record(entry.at)
            && is_chunk(&header)
        {
            return Ok(body);
        }
        let at = self.find(entry.id)?.ok_or(PayloadError::Damaged)?;
        let (header, body) = self.record(at)?;
        if is_chunk(&header) { Ok(body) } else { Err(PayloadError::Damaged) }
    }

    /// Newest first: what is asked for was mostly written lately.
    fn find(&self, id: Uuid) -> io::Result<Option<Location>> {
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
            if let Some(at) = pack.find(id)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn record(&self, at: Location) -> Result<(Header, Vec<u8>), PayloadError> {
        let mut bytes = vec![0; HEADER_LENGTH + at.length as usize];
        self.read_at(at, &mut bytes)?;
        let header = Header::decode(&bytes).ok_or(PayloadError::Damaged)?;
        let body = bytes.split_off(HEADER_LENGTH);
        if header.length != at.length || crc32c::crc32c(&body) != header.body_crc {
            return Err(PayloadError::Damaged);
        }
        Ok((header, body))
    }

    fn read_at(&self, at: Location, bytes: &mut [u8]) -> Result<(), PayloadError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let active = known.active.as_ref().filter(|active| active.number == at.pack);
        if let Some(active) = active {
            let file = Arc::clone(&active.file);
            drop(known);
            return read_exact(&file, at, bytes);
        }
        let place = usize::try_from(at.pack).unwrap_or(usize::MAX).checked_sub(1);
        let sealed = place.and_then(|place| known.sealed.get(place)).cloned();
        drop(known);
        let sealed = sealed.ok_or(PayloadError::Missing)?;
        read_exact(&sealed.pack, at, bytes)
    }
}

fn read_exact(file: &File, at: Location, bytes: &mut [u8]) -> Result<(), PayloadError> {
    file.read_exact_at(bytes, at.offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => PayloadError::Damaged,
        _ => error.into(),
    })
}
