//! Payloads as rows; those of a run in chunks, each stored once.

use std::collections::{HashMap, HashSet};

use bytes::{Bytes, BytesMut};
use deadpool_postgres::Object;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::Question;
use super::trouble::Trouble;
use crate::domain::ids::RunId;
use crate::domain::payload::{PayloadDraft, PayloadRef, SALT_LENGTH, commitment};
use crate::store::packs::chunks;

/// Stores payloads: ids, salts, bodies and lists of chunks.
pub(super) const INSERT: &str = "\
    INSERT INTO payload (id, salt, body, chunks) SELECT id, salt, body, chunks \
    FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) \
    AS new(id, salt, body, chunks) ON CONFLICT (id) DO NOTHING";
/// Stores chunks: ids and bodies.
pub(super) const INSERT_CHUNKS: &str = "\
    INSERT INTO payload_chunk (id, body) SELECT id, body \
    FROM unnest($1::uuid[], $2::bytea[]) AS new(id, body) ON CONFLICT (id) DO NOTHING";
const READ: &str = "SELECT id, salt, body, chunks FROM payload WHERE id = ANY($1)";
const READ_CHUNKS: &str = "SELECT id, body FROM payload_chunk WHERE id = ANY($1)";

/// The length of a chunk's id in a list.
const ID_LENGTH: usize = 16;

/// Payloads as columns, for [`INSERT`] and [`INSERT_CHUNKS`].
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) ids: Vec<Uuid>,
    pub(super) salts: Vec<&'a [u8]>,
    pub(super) bodies: Vec<Option<&'a [u8]>>,
    pub(super) lists: Vec<Option<Vec<u8>>>,
    pub(super) chunk_ids: Vec<Uuid>,
    pub(super) chunks: Vec<&'a [u8]>,
}

// === impl Columns ===

impl<'a> Columns<'a> {
    /// Lays out the payloads of a group.
    pub(super) fn new(payloads: &'a [PayloadDraft]) -> Self {
        let mut columns = Self::default();
        let mut seen = HashSet::new();
        for payload in payloads {
            columns.ids.push(payload.reference.id);
            columns.salts.push(&payload.salt);
            let run = payload.dedup_scope;
            let run = run.filter(|_| payload.bytes.len() > chunks::CHUNKED_ABOVE_BYTES);
            columns.bodies.push(run.is_none().then_some(payload.bytes.as_ref()));
            let list = run.map(|run| columns.chunk(run, &payload.bytes, &mut seen));
            columns.lists.push(list);
        }
        columns
    }

    /// Cuts a payload, adds the chunks that are new and answers the list of all.
    fn chunk(&mut self, run: RunId, bytes: &'a [u8], seen: &mut HashSet<Uuid>) -> Vec<u8> {
        let mut list = Vec::new();
        for chunk in chunks::cut(bytes) {
            let id = chunks::id(run, chunk);
            list.extend_from_slice(id.as_bytes());
            if seen.insert(id) {
                self.chunk_ids.push(id);
                self.chunks.push(chunk);
            }
        }
        list
    }
}

/// What is stored of a payload.
pub(super) struct Stored {
    salt: [u8; SALT_LENGTH],
    bytes: Bytes,
    /// Whether it is a list of chunks, as those of a run are.
    pub(super) is_chunked: bool,
}

// === impl Stored ===

impl Stored {
    /// The payload, if it is what the reference commits to.
    pub(super) fn check(self, reference: &PayloadRef) -> Result<PayloadDraft, Trouble> {
        let Self { salt, bytes, .. } = self;
        let is_same = bytes.len() as u64 == u64::from(reference.size)
            && commitment(&salt, &bytes) == reference.commitment;
        if !is_same {
            return Err(Trouble::damaged(format!("payload {}", reference.id)));
        }
        Ok(PayloadDraft { reference: *reference, salt, bytes, dedup_scope: None })
    }
}

/// Reads a payload; none if it is not there.
pub(super) struct ReadPayload(pub(super) Uuid);

impl Question for ReadPayload {
    type Answer = Option<Stored>;

    async fn ask(&self, client: &Object) -> Result<Option<Stored>, Trouble> {
        let found = ReadPayloads(&[self.0]).ask(client).await?.remove(&self.0);
        found.transpose()
    }
}

/// Reads payloads at once, each as far as it is there and whole.
pub(super) struct ReadPayloads<'a>(pub(super) &'a [Uuid]);

impl Question for ReadPayloads<'_> {
    type Answer = HashMap<Uuid, Result<Stored, Trouble>>;

    async fn ask(&self, client: &Object) -> Result<Self::Answer, Trouble> {
        let statement = client.prepare_cached(READ).await?;
        let rows = client.query(&statement, &[&self.0]).await?;
        let rows = rows.iter().map(Raw::of).collect::<Result<Vec<_>, _>>()?;
        let wanted: Vec<Uuid> = rows.iter().flat_map(|row| row.list.iter().copied()).collect();
        let mut found = Vec::new();
        if !wanted.is_empty() {
            let statement = client.prepare_cached(READ_CHUNKS).await?;
            found = client.query(&statement, &[&wanted]).await?;
        }
        let chunks = found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let chunks = chunks.collect::<Result<HashMap<Uuid, &[u8]>, Trouble>>()?;
        Ok(rows.into_iter().map(|row| (row.id, row.assemble(&chunks))).collect())
    }
}

/// A row of a payload.
struct Raw {
    id: Uuid,
    salt: Vec<u8>,
    body: Option<Vec<u8>>,
    /// The chunks, where there is no body.
    list: Vec<Uuid>,
    has_list: bool,
}

impl Raw {
    fn of(row: &Row) -> Result<Self, Trouble> {
        let list = row.try_get::<_, Option<&[u8]>>(3)?;
        let ids = list.unwrap_or_default().chunks(ID_LENGTH).map(Uuid::from_slice);
        Ok(Self {
            id: row.try_get(0)?,
            salt: row.try_get(1)?,
            body: row.try_get(2)?,
            // An id that is cut short is of no chunk.
            list: ids.map(|id| id.unwrap_or(Uuid::nil())).collect(),
            has_list: list.is_some(),
        })
    }

    fn assemble(self, chunks: &HashMap<Uuid, &[u8]>) -> Result<Stored, Trouble> {
        let Self { id, salt, body, list, has_list } = self;
        let damaged = || Trouble::damaged(format!("payload {id}"));
        let salt = salt.try_into().map_err(|_| damaged())?;
        if let Some(body) = body {
            return Ok(Stored { salt, bytes: body.into(), is_chunked: false });
        }
        if !has_list {
            return Err(damaged());
        }
        let mut bytes = BytesMut::new();
        for chunk in &list {
            bytes.extend_from_slice(chunks.get(chunk).ok_or_else(damaged)?);
        }
        Ok(Stored { salt, bytes: bytes.freeze(), is_chunked: true })
    }
}
