//! Gives the commits of a database, up to its head at some moment, checked as they
//! are read.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use backon::Retryable as _;
use deadpool_postgres::Object;
use tokio::sync::mpsc;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::{Database, Question, pauses};
use super::options::PostgresOptions;
use super::payloads::{ReadPayloads, Stored};
use super::rows::{self, Head, ReadHead, number, stored};
use super::trouble::Trouble;
use super::{schema, sink};
use crate::domain::digest::Digest;
use crate::domain::payload::{PayloadDraft, PayloadRef};
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::journal::frame::Frame;
use crate::store::ledger::Ledger;
use crate::store::transfer::batch::{Batch, Commit, Reading, scope_of};

/// The most frames fetched at once.
const PAGE: i64 = 256;
/// The most bytes of payloads fetched at once, beyond the last.
const PAYLOAD_BYTES: u64 = 4 * 1024 * 1024;
/// Connections of a copy: one reads, one writes.
const CONNECTIONS: usize = 2;

const READ: &str = "\
    SELECT commit_number, tenant, last_sequence, frame FROM journal \
    WHERE commit_number > $1 AND commit_number <= $2 ORDER BY commit_number LIMIT $3";
const SEQUENCES: &str = "SELECT tenant, sequence FROM tenant_sequence";
/// Everything in it is as of one moment, however long it takes.
const SNAPSHOT: &str = "\
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// How to reach a database for a copy.
pub(super) fn database(url: &str, ca_file: Option<&Path>) -> Result<Database, OpenError> {
    let clock: crate::store::Clock = Arc::new(Default::default);
    let options = PostgresOptions::new(url, "", clock);
    let ca_file = ca_file.map(Path::to_owned);
    Database::new(&PostgresOptions { ca_file, connections: CONNECTIONS, ..options })
}

/// A store in a database, up to a head.
#[derive(Clone)]
pub(crate) struct RowsSource {
    database: Database,
    head: Arc<Head>,
    tables: Option<Arc<Tables>>,
}

/// What beside the journal the tables held when the head was read.
struct Tables {
    state: Digest,
    sequences: HashMap<String, u64>,
}

// === impl RowsSource ===

impl RowsSource {
    /// Opens a finished store.
    pub(crate) async fn open(url: &str, ca_file: Option<&Path>) -> Result<Self, OpenError> {
        let database = database(url, ca_file)?;
        schema::check(&database).await?;
        let source = Self::of(database).await?;
        sink::require_finished(&source.head)?;
        Ok(source)
    }

    /// What is in a database now, finished or not.
    pub(super) async fn of(database: Database) -> Result<Self, OpenError> {
        let attempt = || snapshot(&database);
        let (head, tables) = attempt.retry(pauses()).when(Trouble::is_passing).await?;
        Ok(Self { database, head: Arc::new(head), tables: Some(Arc::new(tables)) })
    }

    /// The journal up to a head; state and sequences are not looked at.
    pub(super) fn up_to(database: Database, head: Head) -> Self {
        Self { database, head: Arc::new(head), tables: None }
    }

    /// Reads and checks everything up to the head; payloads only if they are wanted.
    /// Ends early if nobody receives.
    pub(crate) async fn read(
        &self,
        reading: Reading,
        batches: &mpsc::Sender<Batch>,
    ) -> Result<Ledger, OpenError> {
        let mut ledger = Ledger::default();
        let mut batch = Batch::default();
        while ledger.commit < self.head.commit {
            let page = ReadPage { after: ledger.commit, until: self.head.commit };
            let frames = self.database.ask(&page).await?;
            if frames.is_empty() {
                break;
            }
            let mut checked = Vec::with_capacity(frames.len());
            for row in frames {
                let frame = row.check(&ledger)?;
                ledger.enter(&frame);
                checked.push(frame);
            }
            let mut payloads = Payloads { database: &self.database, ahead: HashMap::new() };
            for at in 0..checked.len() {
                let rest = checked.get(at..).unwrap_or_default();
                let Some(frame) = rest.first() else { break };
                let payloads = match reading {
                    Reading::Payloads => payloads.of(rest).await?,
                    Reading::Frames => Vec::new(),
                };
                batch.push(Commit { frame: frame.clone(), payloads });
                if batch.is_full() {
                    send(batches, &mut batch).await?;
                }
            }
        }
        send(batches, &mut batch).await?;
        self.check_end(&ledger)?;
        Ok(ledger)
    }

    /// The journal must come to what the head and the sequences say.
    fn check_end(&self, end: &Ledger) -> Result<(), OpenError> {
        let Head { commit, time, frontier, .. } = &*self.head;
        if (end.commit, end.time) != (*commit, *time) {
            let what = format!("it ends at commit {}, but the head is at {commit}", end.commit);
            return Err(Damage::of_row("journal", what, end.commit + 1).into());
        }
        if end.frontier != *frontier {
            let what = "its tree is not the one that the journal gives";
            return Err(Damage::of_row("head", what, end.commit).into());
        }
        let Some(tables) = &self.tables else { return Ok(()) };
        let noted = |tenant: &str| tables.sequences.get(tenant).copied().unwrap_or(0);
        let known = end.sequences.keys().chain(tables.sequences.keys());
        for tenant in known {
            let sequence = end.sequences.get(tenant).copied().unwrap_or(0);
            if noted(tenant) != sequence {
                let noted = noted(tenant);
                let what =
                    format!("tenant `{tenant}` is at {sequence} in the journal, at {noted} here");
                return Err(Damage::of_row("tenant_sequence", what, end.commit).into());
            }
        }
        Ok(())
    }

    /// The state that is stored must be the one that the journal gives.
    pub(crate) fn compare_state(&self, folded: &Digest) -> Result<(), OpenError> {
        match &self.tables {
            Some(tables) if tables.state != *folded => {
                let what = "it is not what the writes of the journal give";
                Err(Damage::of_row("state", what, self.head.commit).into())
            }
            _ => Ok(()),
        }
    }
}

async fn send(batches: &mpsc::Sender<Batch>, batch: &mut Batch) -> Result<(), OpenError> {
    batches.send(std::mem::take(batch)).await.map_err(|_| Batch::unwanted())
}

/// Reads head, sequences and state as of one moment.
async fn snapshot(database: &Database) -> Result<(Head, Tables), Trouble> {
    // Its settings are others' no more: the connection is not given back.
    let client = Object::take(database.connection().await?);
    client.batch_execute(SNAPSHOT).await?;
    let head = client.query_opt(ReadHead::TEXT, &[]).await?;
    let head = Head::from_row(&head.ok_or_else(|| Trouble::damaged("the journal has no head"))?)?;
    let rows = client.query(SEQUENCES, &[]).await?;
    let sequences = rows.iter().map(|row| Ok((row.try_get(0)?, number(row.try_get(1)?))));
    let sequences = sequences.collect::<Result<_, Trouble>>()?;
    let state = rows::state_digest(&client).await?;
    client.batch_execute("COMMIT").await?;
    Ok((head, Tables { state, sequences }))
}

/// Reads the next frames.
struct ReadPage {
    after: u64,
    until: u64,
}

impl Question for ReadPage {
    type Answer = Vec<FrameRow>;

    async fn ask(&self, client: &Object) -> Result<Vec<FrameRow>, Trouble> {
        let statement = client.prepare_cached(READ).await?;
        let (after, until) = (stored(self.after), stored(self.until));
        let rows = client.query(&statement, &[&after, &until, &PAGE]).await?;
        rows.iter().map(FrameRow::of).collect()
    }
}

/// A row of the journal, not judged.
struct FrameRow {
    commit: u64,
    tenant: String,
    last_sequence: Option<u64>,
    frame: Result<Frame, Trouble>,
}

// === impl FrameRow ===

impl FrameRow {
    fn of(row: &Row) -> Result<Self, Trouble> {
        Ok(Self {
            commit: number(row.try_get(0)?),
            tenant: row.try_get(1)?,
            last_sequence: row.try_get::<_, Option<i64>>(2)?.map(number),
            frame: rows::decode(row.try_get(3)?),
        })
    }

    /// The frame, if it is sound and the one that must come next.
    fn check(self, before: &Ledger) -> Result<Frame, OpenError> {
        let expected = before.commit + 1;
        let damaged = |what: String| OpenError::from(Damage::of_row("journal", what, expected));
        if self.commit != expected {
            let found = self.commit;
            return Err(damaged(format!("commit {expected} is missing; {found} is next")));
        }
        let frame = self.frame.map_err(|trouble| damaged(trouble.to_string()))?;
        if !before.is_next(&frame) {
            return Err(damaged("the frame is not the one that must stand here".to_owned()));
        }
        let last_sequence = (!frame.events.is_empty()).then(|| frame.last_sequence());
        if self.tenant != frame.tenant || self.last_sequence != last_sequence {
            return Err(damaged("the row says other than its frame".to_owned()));
        }
        Ok(frame)
    }
}

/// Fetches payloads some commits ahead.
struct Payloads<'a> {
    database: &'a Database,
    ahead: HashMap<Uuid, Result<Stored, Trouble>>,
}

// === impl Payloads ===

impl Payloads<'_> {
    /// The payloads of the first of some commits.
    async fn of(&mut self, commits: &[Frame]) -> Result<Vec<PayloadDraft>, OpenError> {
        let Some(frame) = commits.first() else { return Ok(Vec::new()) };
        let mut drafts = Vec::with_capacity(frame.payloads.len());
        for reference in &frame.payloads {
            if !self.ahead.contains_key(&reference.id) {
                self.fetch(reference.id, commits).await?;
            }
            drafts.push(self.take(frame, reference)?);
        }
        Ok(drafts)
    }

    /// Fetches a payload of some commits, and those after it.
    async fn fetch(&mut self, first: Uuid, commits: &[Frame]) -> Result<(), OpenError> {
        let mut bytes = 0;
        let all = commits.iter().flat_map(|frame| &frame.payloads);
        let wanted = all.skip_while(|payload| payload.id != first).take_while(|payload| {
            let is_within = bytes < PAYLOAD_BYTES;
            bytes += u64::from(payload.size);
            is_within
        });
        let ids: Vec<Uuid> = wanted.map(|payload| payload.id).collect();
        self.ahead = self.database.ask(&ReadPayloads(&ids)).await?;
        Ok(())
    }

    fn take(&mut self, frame: &Frame, reference: &PayloadRef) -> Result<PayloadDraft, OpenError> {
        let damaged = || {
            let kind = DamageKind::Payload { id: reference.id };
            OpenError::from(Damage { kind, ..Damage::of_row("payload", "", frame.commit) })
        };
        let stored = self.ahead.remove(&reference.id).ok_or_else(damaged)?;
        let stored = stored.map_err(|_| damaged())?;
        let scope = scope_of(frame).filter(|_| stored.is_chunked);
        let draft = stored.check(reference).map_err(|_| damaged())?;
        Ok(PayloadDraft { dedup_scope: scope, ..draft })
    }
}
