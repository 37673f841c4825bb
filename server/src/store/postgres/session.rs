//! One group's transaction in the database: two round trips, and it is durable.

use std::future::Future;

use bytes::Bytes;
use deadpool_postgres::Object;
use futures::future::try_join_all;
use futures::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::database::Database;
use super::group::{Base, Group, Questions};
use super::payloads::{self, Columns};
use super::rows::{Head, number, stored};
use super::trouble::Trouble;
use crate::store::Version;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const LOCK: &str = "\
    SELECT incarnation, commit_number, commit_time, leaves, peaks \
    FROM head WHERE id = 1 FOR UPDATE";
const VERSIONS: &str = "SELECT key, version FROM state WHERE key = ANY($1)";
const SEQUENCES: &str = "SELECT tenant, sequence FROM tenant_sequence WHERE tenant = ANY($1)";
const RANGE: &str = "\
    SELECT key, version FROM state WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3";
const GROUP_OF: &str = "SELECT group_id FROM journal WHERE commit_number = $1";
const APPEND: &str = "\
    INSERT INTO journal (commit_number, tenant, last_sequence, group_id, frame) \
    SELECT commit_number, tenant, last_sequence, $4, frame \
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $5::bytea[]) \
    AS new(commit_number, tenant, last_sequence, frame)";
const PUT: &str = "\
    INSERT INTO state (key, value, version) SELECT key, value, version \
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS new(key, value, version) \
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version";
const REMOVE: &str = "DELETE FROM state WHERE key = ANY($1)";
const TAKE_SEQUENCES: &str = "\
    INSERT INTO tenant_sequence (tenant, sequence) SELECT tenant, sequence \
    FROM unnest($1::text[], $2::bigint[]) AS new(tenant, sequence) \
    ON CONFLICT (tenant) DO UPDATE SET sequence = excluded.sequence";
/// Fails on a head that has moved, because a commit number cannot be null: on a
/// database that does not keep the lock, this keeps the order.
const ADVANCE: &str = "\
    UPDATE head SET commit_time = $2, leaves = $3, peaks = $4, \
    commit_number = CASE WHEN commit_number = $5 THEN $1::bigint END WHERE id = 1";

/// A connection with a transaction in hand. Unless it ends well, the connection
/// is thrown away, and the transaction with it.
pub(super) struct Session(Option<Object>);

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

// === impl Session ===

impl Session {
    /// Takes a connection.
    pub(super) async fn open(database: &Database) -> Result<Self, Trouble> {
        Ok(Self(Some(database.connection().await?)))
    }

    fn client(&self) -> Result<&Object, Trouble> {
        self.0.as_ref().ok_or_else(|| Trouble::Passing("the session is over".to_owned()))
    }

    /// Locks the head and reads what the transactions rest on; `doubted` is a
    /// commit of which to say what group it is in.
    ///
    /// One round trip. Each statement after the lock sees all that was committed
    /// before the lock was had.
    pub(super) async fn begin(
        &self,
        questions: &Questions<'_>,
        doubted: Option<u64>,
    ) -> Result<(Base, Option<Uuid>), Trouble> {
        let client = self.client()?;
        let prepare = |text| client.prepare_cached(text);
        let (lock, versions, sequences, range, group_of) = try_join!(
            prepare(LOCK),
            prepare(VERSIONS),
            prepare(SEQUENCES),
            prepare(RANGE),
            prepare(GROUP_OF),
        )?;
        let keys: Vec<&[u8]> = questions.keys.iter().copied().collect();
        let tenants: Vec<&str> = questions.tenants.iter().copied().collect();
        let doubted = doubted.map_or(-1, stored);
        let ranges = questions.ranges.iter().map(|(wanted, limit)| async {
            let (start, end) = (wanted.start.as_ref(), wanted.end.as_ref());
            client.query(&range, &[&start, &end, &stored(*limit as u64)]).await
        });
        let (keys, tenants): (&Params<'_>, &Params<'_>) = (&[&keys], &[&tenants]);
        let doubted: &Params<'_> = &[&doubted];
        let (_, head, versions, sequences, group, ranges) = try_join!(
            client.batch_execute(BEGIN),
            client.query_one(&lock, &[]),
            client.query(&versions, keys),
            client.query(&sequences, tenants),
            client.query_opt(&group_of, doubted),
            try_join_all(ranges),
        )?;
        let base = Base {
            head: Head::from_row(&head)?,
            versions: versions.iter().map(version_of).collect::<Result<_, _>>()?,
            sequences: sequences.iter().map(sequence_of).collect::<Result<_, _>>()?,
            ranges: ranges
                .iter()
                .map(|rows| rows.iter().map(row_of).collect())
                .collect::<Result<_, _>>()?,
        };
        Ok((base, group.map(|row| row.try_get(0)).transpose()?))
    }

    /// Ends the transaction with nothing written, durably: whatever it has seen
    /// is then on every disk that it must be on.
    pub(super) async fn confirm(mut self) -> Result<(), Trouble> {
        self.client()?.batch_execute("COMMIT").await?;
        drop(self.0.take());
        Ok(())
    }

    /// Ends the transaction as if it had not been.
    pub(super) async fn forget(mut self) -> Result<(), Trouble> {
        self.client()?.batch_execute("ROLLBACK").await?;
        drop(self.0.take());
        Ok(())
    }

    /// Writes a group and commits it: one round trip. Only if every part says
    /// that it went well is the group durable: a commit after a failed statement
    /// is a rollback, and no error.
    pub(super) async fn commit(mut self, group: &Group) -> Result<(), Trouble> {
        let client = self.client()?;
        let prepare = |text| client.prepare_cached(text);
        let (append, put, remove, take, advance, store, store_chunks) = try_join!(
            prepare(APPEND),
            prepare(PUT),
            prepare(REMOVE),
            prepare(TAKE_SEQUENCES),
            prepare(ADVANCE),
            prepare(payloads::INSERT),
            prepare(payloads::INSERT_CHUNKS),
        )?;
        let payloads = Columns::new(&group.payloads);
        let Appended { numbers, tenants, sequences, frames } = Appended::of(group);
        let Changed { keys, values, versions, removed } = Changed::of(group);
        let Taken { of, newest } = Taken::of(group);
        let ledger = &group.ledger;
        let [commit, leaves, after] =
            [ledger.commit, ledger.frontier.size(), group.after].map(stored);
        let (time, peaks) = (ledger.time.as_micros(), ledger.frontier.peaks());
        let chunked: &Params<'_> = &[&payloads.chunk_ids, &payloads.chunks];
        let stored: &Params<'_> =
            &[&payloads.ids, &payloads.salts, &payloads.bodies, &payloads.lists];
        let appended: &Params<'_> = &[&numbers, &tenants, &sequences, &group.id, &frames];
        let changed: &Params<'_> = &[&keys, &values, &versions];
        let gone: &Params<'_> = &[&removed];
        let taken: &Params<'_> = &[&of, &newest];
        let advanced: &Params<'_> = &[&commit, &time, &leaves, &peaks, &after];
        try_join!(
            unless(payloads.chunks.is_empty(), client.execute(&store_chunks, chunked)),
            unless(payloads.ids.is_empty(), client.execute(&store, stored)),
            client.execute(&append, appended),
            unless(keys.is_empty(), client.execute(&put, changed)),
            unless(removed.is_empty(), client.execute(&remove, gone)),
            client.execute(&take, taken),
            client.execute(&advance, advanced),
            client.batch_execute("COMMIT"),
        )?;
        drop(self.0.take());
        Ok(())
    }
}

type Params<'a> = [&'a (dyn ToSql + Sync)];

/// A statement that is left out if there is nothing for it to do.
async fn unless(
    is_idle: bool,
    statement: impl Future<Output = Result<u64, tokio_postgres::Error>>,
) -> Result<u64, tokio_postgres::Error> {
    if is_idle { Ok(0) } else { statement.await }
}

/// A group's commits as columns.
#[derive(Default)]
struct Appended<'a> {
    numbers: Vec<i64>,
    tenants: Vec<&'a str>,
    sequences: Vec<Option<i64>>,
    frames: Vec<&'a [u8]>,
}

impl<'a> Appended<'a> {
    fn of(group: &'a Group) -> Self {
        let mut columns = Self::default();
        for entry in &group.entries {
            columns.numbers.push(stored(entry.record.commit));
            columns.tenants.push(&entry.record.tenant);
            columns.sequences.push(entry.last_sequence.map(stored));
            columns.frames.push(&entry.frame);
        }
        columns
    }
}

/// A group's state changes as columns.
#[derive(Default)]
struct Changed<'a> {
    keys: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
    versions: Vec<i64>,
    removed: Vec<&'a [u8]>,
}

impl<'a> Changed<'a> {
    fn of(group: &'a Group) -> Self {
        let mut columns = Self::default();
        for (key, (value, version)) in &group.layer {
            match value {
                Some(value) => {
                    columns.keys.push(key);
                    columns.values.push(value);
                    columns.versions.push(stored(version.0));
                }
                None => columns.removed.push(key),
            }
        }
        columns
    }
}

/// The sequences after a group, of the tenants in it, as columns.
#[derive(Default)]
struct Taken<'a> {
    of: Vec<&'a str>,
    newest: Vec<i64>,
}

impl<'a> Taken<'a> {
    fn of(group: &'a Group) -> Self {
        let mut columns = Self::default();
        for (tenant, sequence) in &group.ledger.sequences {
            columns.of.push(tenant);
            columns.newest.push(stored(*sequence));
        }
        columns
    }
}

fn version_of(row: &Row) -> Result<(Vec<u8>, Version), Trouble> {
    Ok((row.try_get(0)?, Version(number(row.try_get(1)?))))
}

fn row_of(row: &Row) -> Result<(Bytes, Version), Trouble> {
    let (key, version) = version_of(row)?;
    Ok((key.into(), version))
}

fn sequence_of(row: &Row) -> Result<(String, u64), Trouble> {
    Ok((row.try_get(0)?, number(row.try_get(1)?)))
}
