//! Appends payloads to the newest pack; one sync per group of commits.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use uuid::Uuid;

use super::chunks::{self, CHUNKED_ABOVE_BYTES, RecentChunks};
use super::locate::{ActivePack, Packs};
use super::record::{ChunkEntry, HEADER_LENGTH, Header, Kind};
use super::sealed::{self, SealedPack};
use super::{Location, PackEnd};
use crate::domain::ids::RunId;
use crate::domain::payload::{PayloadDraft, SALT_LENGTH};
use crate::store::ahead::{Ahead, Room};
use crate::store::files;

/// The end of the packs, open for appending.
pub(crate) struct PackWriter {
    packs: Arc<Packs>,
    seal_bytes: u64,
    file: Option<Arc<File>>,
    end: PackEnd,
    /// Up to where the newest pack was zeroed ahead; 0 if it grows.
    zeroed_until: u64,
    ahead: Ahead,
    chunks: RecentChunks,
    buffer: Vec<u8>,
    staged: Vec<(Uuid, Location)>,
}

impl PackWriter {
    /// Opens the packs at their end. Packs are full at `seal_bytes`; a busy
    /// store has them made ahead where there is `room`.
    pub(crate) fn open(packs: Arc<Packs>, seal_bytes: u64, room: Option<Room>) -> Self {
        let (file, end) = {
            let known = packs.known.read().unwrap_or_else(PoisonError::into_inner);
            known.active.as_ref().map_or((None, PackEnd::default()), |active| {
                let end = PackEnd { pack: active.number, offset: active.opened_at };
                (Some(Arc::clone(&active.file)), end)
            })
        };
        Self {
            ahead: Ahead::new(&packs.dir, seal_bytes, room),
            packs,
            seal_bytes,
            file,
            end,
            zeroed_until: 0,
            chunks: RecentChunks::default(),
            buffer: Vec::new(),
            staged: Vec::new(),
        }
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
        let is_full = self.end.offset >= self.seal_bytes;
        let grows = self.end.offset >= self.zeroed_until;
        if self.file.is_none() || is_full || (grows && self.ahead.is_ready()) {
            self.begin_pack()?;
        }
        for payload in payloads {
            self.stage(payload);
        }
        if let Some(file) = &self.file {
            file.write_all_at(&self.buffer, self.end.offset)?;
        }
        self.end.offset += self.buffer.len() as u64;
        self.ahead.note_written(self.buffer.len() as u64);
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
        let sealed = self.seal(&dir)?;
        let path = super::path(&dir, number);
        let file = match self.ahead.take() {
            Some(spare) => {
                self.zeroed_until = spare.bytes;
                spare.place(&path, &[])?
            }
            None => {
                self.zeroed_until = 0;
                let mut open = OpenOptions::new();
                let file = open.read(true).write(true).create_new(true).open(&path)?;
                files::sync_dir(&dir)?;
                file
            }
        };
        let file = Arc::new(file);
        let records = HashMap::new();
        let next = ActivePack { number, file: Arc::clone(&file), records, opened_at: 0 };
        let mut known = self.packs.known.write().unwrap_or_else(PoisonError::into_inner);
        known.sealed.extend(sealed.map(Arc::new));
        known.active = Some(next);
        drop(known);
        self.file = Some(file);
        self.end = PackEnd { pack: number, offset: 0 };
        Ok(())
    }

    /// Cuts the newest pack at its end and writes its index.
    fn seal(&self, dir: &Path) -> io::Result<Option<SealedPack>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        if self.zeroed_until > self.end.offset {
            file.set_len(self.end.offset)?;
        }
        file.sync_data()?;
        let records = {
            let known = self.packs.known.read().unwrap_or_else(PoisonError::into_inner);
            let records = known.active.as_ref().map(|active| active.records.iter());
            records.into_iter().flatten().map(|(id, at)| (*id, *at)).collect()
        };
        sealed::write(dir, self.end.pack, self.end.offset, records)?;
        SealedPack::open(dir, self.end.pack)
    }
}
