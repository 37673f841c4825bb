//! The questions that read.

use bytes::Bytes;
use deadpool_postgres::Object;
use futures::TryStreamExt as _;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::database::Question;
use super::trouble::Trouble;
use crate::domain::digest::Digest;
use crate::domain::time::Timestamp;
use crate::store::journal::frame::{self, Frame};
use crate::store::ledger::Ledger;
use crate::store::merkle::Frontier;
use crate::store::state::StateHasher;
use crate::store::{Direction, KeyRange, Scan, TailFrom, Version, Versioned};

/// Frames in a database carry no segment's seed.
pub(super) const SEED: u32 = 0;

const HEAD: &str = "\
    SELECT incarnation, commit_number, commit_time, leaves, peaks FROM head WHERE id = 1";
const SCAN_ASCENDING: &str = "\
    SELECT head.commit_number, found.key, found.value, found.version FROM head \
    LEFT JOIN (SELECT key, value, version FROM state WHERE key >= $1 AND key < $2 \
               ORDER BY key LIMIT $3) AS found ON true \
    WHERE head.id = 1 ORDER BY found.key";
const SCAN_DESCENDING: &str = "\
    SELECT head.commit_number, found.key, found.value, found.version FROM head \
    LEFT JOIN (SELECT key, value, version FROM state WHERE key >= $1 AND key < $2 \
               ORDER BY key DESC LIMIT $3) AS found ON true \
    WHERE head.id = 1 ORDER BY found.key DESC";
const TAIL_BY_COMMIT: &str = "\
    SELECT frame FROM journal WHERE commit_number > $1 ORDER BY commit_number LIMIT $2";
const TAIL_BY_SEQUENCE: &str = "\
    SELECT frame FROM journal WHERE tenant = $1 AND last_sequence > $2 \
    ORDER BY last_sequence LIMIT $3";
const SEQUENCE: &str = "SELECT sequence FROM tenant_sequence WHERE tenant = $1";
const STATE: &str = "SELECT key, value, version FROM state ORDER BY key";

/// How far the journal is, and which store it is.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Which life of a store.
    pub(super) incarnation: Uuid,
    /// The newest commit.
    pub(super) commit: u64,
    /// Its time.
    pub(super) time: Timestamp,
    /// The tree over all leaves.
    pub(super) frontier: Frontier,
}

// === impl Head ===

impl Head {
    /// Reads the row of [`HEAD`].
    pub(super) fn from_row(row: &Row) -> Result<Self, Trouble> {
        let leaves = number(row.try_get(3)?);
        let frontier = Frontier::from_peaks(leaves, row.try_get(4)?);
        Ok(Self {
            incarnation: row.try_get(0)?,
            commit: number(row.try_get(1)?),
            time: Timestamp::from_micros(row.try_get(2)?),
            frontier: frontier.ok_or_else(|| Trouble::damaged("the head of the journal"))?,
        })
    }

    /// The head after the commits of a ledger.
    pub(super) fn of(ledger: &Ledger, incarnation: Uuid) -> Self {
        let Ledger { commit, time, frontier, .. } = ledger;
        Self { incarnation, commit: *commit, time: *time, frontier: frontier.clone() }
    }

    /// The numbers that the next commit takes.
    pub(super) fn into_ledger(self) -> Ledger {
        let Self { commit, time, frontier, .. } = self;
        Ledger { commit, time, frontier, sequences: Default::default() }
    }
}

/// A number that is never negative; the database has no others.
pub(super) fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A number as the database stores it.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How far the journal is.
pub(super) struct ReadHead;

// === impl ReadHead ===

impl ReadHead {
    /// The statement, for [`Head::from_row`].
    pub(super) const TEXT: &str = HEAD;
}

impl Question for ReadHead {
    type Answer = Head;

    async fn ask(&self, client: &Object) -> Result<Head, Trouble> {
        let statement = client.prepare_cached(HEAD).await?;
        let row = client.query_opt(&statement, &[]).await?;
        Head::from_row(&row.ok_or_else(|| Trouble::damaged("the journal has no head"))?)
    }
}

/// Reads a range, all of it as of one commit.
pub(super) struct ReadRange {
    /// The range.
    pub(super) range: KeyRange,
    /// From which end.
    pub(super) direction: Direction,
    /// How many rows at most.
    pub(super) limit: usize,
}

impl Question for ReadRange {
    type Answer = Scan;

    async fn ask(&self, client: &Object) -> Result<Scan, Trouble> {
        let text = match self.direction {
            Direction::Ascending => SCAN_ASCENDING,
            Direction::Descending => SCAN_DESCENDING,
        };
        let statement = client.prepare_cached(text).await?;
        // One more tells whether there are more.
        let limit = stored(self.limit as u64 + 1);
        let (start, end) = (self.range.start.as_ref(), self.range.end.as_ref());
        let found = client.query(&statement, &[&start, &end, &limit]).await?;
        let mut rows = Vec::with_capacity(found.len());
        let mut commit = 0;
        for row in &found {
            commit = number(row.try_get(0)?);
            let Some(key) = row.try_get::<_, Option<Vec<u8>>>(1)? else { continue };
            let value = Bytes::from(row.try_get::<_, Vec<u8>>(2)?);
            let version = Version(number(row.try_get(3)?));
            rows.push((Bytes::from(key), Versioned { value, version }));
        }
        let has_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        Ok(Scan { rows, has_more, commit })
    }
}

/// Reads frames in order.
pub(super) struct ReadTail<'a> {
    /// From where.
    pub(super) from: &'a TailFrom,
    /// How many at most.
    pub(super) limit: usize,
}

impl Question for ReadTail<'_> {
    type Answer = Vec<Frame>;

    async fn ask(&self, client: &Object) -> Result<Vec<Frame>, Trouble> {
        let limit = stored(self.limit as u64);
        let rows = match self.from {
            TailFrom::Commit(after) => {
                let statement = client.prepare_cached(TAIL_BY_COMMIT).await?;
                client.query(&statement, &[&stored(*after), &limit]).await?
            }
            TailFrom::Sequence { tenant, after } => {
                let statement = client.prepare_cached(TAIL_BY_SEQUENCE).await?;
                client.query(&statement, &[tenant, &stored(*after), &limit]).await?
            }
        };
        rows.iter().map(|row| decode(row.try_get(0)?)).collect()
    }
}

/// Reads a frame as the journal table has it.
pub(super) fn decode(bytes: &[u8]) -> Result<Frame, Trouble> {
    let decoded = frame::decode(SEED, bytes);
    let (frame, _) =
        decoded.map_err(|error| Trouble::damaged(format!("a frame of the journal: {error}")))?;
    Ok(frame)
}

/// Reads a tenant's newest sequence.
pub(super) struct ReadSequence<'a>(pub(super) &'a str);

impl Question for ReadSequence<'_> {
    type Answer = u64;

    async fn ask(&self, client: &Object) -> Result<u64, Trouble> {
        let statement = client.prepare_cached(SEQUENCE).await?;
        let row = client.query_opt(&statement, &[&self.0]).await?;
        row.map_or(Ok(0), |row| Ok(number(row.try_get(0)?)))
    }
}

/// Digests the whole state, row by row.
pub(super) async fn state_digest(client: &Client) -> Result<Digest, Trouble> {
    client.batch_execute("SET statement_timeout = 0").await?;
    let none: [&str; 0] = [];
    let rows = client.query_raw(STATE, none).await?;
    let mut rows = std::pin::pin!(rows);
    let mut hasher = StateHasher::default();
    while let Some(row) = rows.try_next().await? {
        hasher.record(row.try_get(0)?, Version(number(row.try_get(2)?)), row.try_get(1)?);
    }
    Ok(hasher.finish())
}
