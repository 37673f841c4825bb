//! Appends payloads to the newest pack; one sync per group of commits.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::sync::{Arc, PoisonError};

use uuid::Uuid;

use super::chunks::{self, CHUNKED_ABOVE_BYTES, RecentChunks};
use super::locate::{ActivePack, Packs};
use super::record::{ChunkEntry, HEADER_LENGTH, Header, Kind};
use super::sealed::{self, SealedPack};
use super::{Location, PackEnd};
use crate::domain::ids::RunId;
use crate::domain::payload::{PayloadDraft, SALT_LENGTH};
use crate::store::files;

/// The end of the packs, open for appending.
pub(crate) struct PackWriter {
    packs: Arc<Packs>,
    seal_bytes: u64,
    file: Option<Arc<File>>,
    end: PackEnd,
    chunks: RecentChunks,
    buffer: Vec<u8>,
    staged: Vec<(Uuid, Location)>,
}

impl PackWriter {
    /// Opens the packs at their end.
    pub(crate) fn open(packs: Arc<Packs>, seal_bytes: u64) -> io::Result<Self> {
        let end = packs.end()?;
        let file = {
            let known = packs.known.read().unwrap_or_else(PoisonError::into_inner);
            known.active.as_ref().map(|active| Arc::clone(&active.file))
        };
        let chunks = RecentChunks::default();
        Ok(Self { packs, seal_bytes, file, end, chunks, buffer: Vec::new(), staged: Vec::new() })
    }

    /// Where the packs end, once what was written is synced.
    pub(crate) fn end(&self) -> PackEnd {
        self.end
    }

    /// Writes the payloads of a group, without syncing them.
    pub(crate) fn append(&mut self, payloads: &[PayloadDraft]) -> io::Result<()> {
        if payloads.is_empty() {
            return Ok(());
        }
        if self.file.is_none() || self.end.offset >= self.seal_bytes {
            self.begin_pack()?;
        }
        for payload in payloads {
            self.stage(payload);
        }
        if let Some(file) = &self.file {
            file.as_ref().write_all(&self.buffer)?;
        }
        self.end.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Makes what was appended durable, and findable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        if let Some(file) = &self.file {
            file.sync_data()?;
        }
        let mut known = self.packs.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(active) = &mut known.active {
            active.records.extend(self.staged.drain(..));
        }
        Ok(())
    }

    fn stage(&mut self, payload: &PayloadDraft) {
        let PayloadDraft { reference, salt, bytes, dedup_scope } = payload;
        let size = reference.size;
        match dedup_scope.filter(|_| bytes.len() > CHUNKED_ABOVE_BYTES) {
            Some(run) => {
                let mut list = Vec::new();
                for chunk in chunks::cut(bytes) {
                    self.stage_chunk(run, chunk).encode(&mut list);
                }
                self.record(Kind::List, reference.id, *salt, size, &list);
            }
            None => {
                self.record(Kind::Whole, reference.id, *salt, size, bytes);
            }
        }
    }

    fn stage_chunk(&mut self, run: RunId, bytes: &[u8]) -> ChunkEntry {
        let id = chunks::id(run, bytes);
        let at = self.chunks.find(run, id).unwrap_or_else(|| {
            let at = self.record(Kind::Chunk, id, [0; SALT_LENGTH], bytes.len() as u32, bytes);
            self.chunks.remember(run, id, at);
            at
        });
        ChunkEntry { id, at }
    }

    fn record(
        &mut self,
        kind: Kind,
        id: Uuid,
        salt: [u8; SALT_LENGTH],
        size: u32,
        body: &[u8],
    ) -> Location {
        let length = body.len() as u32;
        let header = Header { kind, length, body_crc: crc32c::crc32c(body), id, salt, size };
        let offset = self.end.offset + self.buffer.len() as u64;
        let at = Location { pack: self.end.pack, offset, length };
        self.buffer.reserve(HEADER_LENGTH + body.len());
        self.buffer.extend_from_slice(&header.encode());
        self.buffer.extend_from_slice(body);
        self.staged.push((id, at));
        at
    }

    /// Seals the newest pack and begins the next.
    fn begin_pack(&mut self) -> io::Result<()> {
        let dir = self.packs.dir.clone();
        let number = self.end.pack + 1;
        let mut open = OpenOptions::new();
        let file = open.read(true).append(true).create_new(true).open(super::path(&dir, number))?;
        files::sync_dir(&dir)?;
        let file = Arc::new(file);
        let next = ActivePack { number, file: Arc::clone(&file), records: HashMap::new() };
        let former = {
            let known = self.packs.known.read().unwrap_or_else(PoisonError::into_inner);
            known
                .active
                .as_ref()
                .map(|active| active.records.iter().map(|(id, at)| (*id, *at)).collect::<Vec<_>>())
        };
        let sealed = match former {
            Some(records) => {
                sealed::write(&dir, self.end.pack, self.end.offset, records)?;
                SealedPack::open(&dir, self.end.pack)?
            }
            None => None,
        };
        let mut known = self.packs.known.write().unwrap_or_else(PoisonError::into_inner);
        known.sealed.extend(sealed.map(Arc::new));
        known.active = Some(next);
        drop(known);
        self.file = Some(file);
        self.end = PackEnd { pack: number, offset: 0 };
        Ok(())
    }
}
