//! The tables, and the numbered steps that make them.
//!
//! Every step runs in one transaction with the note that it was done. Servers
//! that start at once try the same step; one wins and the others find it done.

use backon::Retryable as _;
use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::database::{Database, Question, pauses};
use super::trouble::Trouble;
use crate::store::damage::OpenError;

/// The steps, in order. A step that was released is never changed.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_journal_and_state.sql")];

const NOTES: &str = "\
    CREATE TABLE IF NOT EXISTS migration (number int PRIMARY KEY, create_time timestamptz NOT NULL DEFAULT now())";
const DONE: &str = "SELECT coalesce(max(number), 0) FROM migration";
const FSYNC: &str = "SELECT current_setting('fsync', true)";
const FIRST_HEAD: &str = "\
    INSERT INTO head (id, incarnation, commit_number, commit_time, leaves, peaks) \
    VALUES (1, $1, 0, 0, 0, '') ON CONFLICT (id) DO NOTHING";

/// What a migration found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The step the database was at; 0: it was empty.
    pub from: u32,
    /// The step it is at now.
    pub to: u32,
}

/// Brings the tables to this version's form.
pub(super) async fn migrate(database: &Database, incarnation: Uuid) -> Result<Migrated, OpenError> {
    let attempt = || async {
        let client = database.connection().await?;
        steps(&client, incarnation).await
    };
    let from_then = attempt.retry(pauses()).when(Trouble::is_passing).await?;
    require(from_then.to)?;
    Ok(from_then)
}

/// Makes sure that the tables have this version's form.
pub(super) async fn check(database: &Database) -> Result<(), OpenError> {
    require(database.ask(&Done).await?)
}

fn require(done: u32) -> Result<(), OpenError> {
    let known = MIGRATIONS.len() as u32;
    let message = match done {
        done if done == known => return Ok(()),
        done if done > known => format!(
            "its tables are of step {done}, and this version knows {known}: run a newer version"
        ),
        done => format!("its tables are at step {done} of {known}: run `pointsman migrate`"),
    };
    Err(OpenError::Database { message })
}

/// At which step the tables are.
struct Done;

impl Question for Done {
    type Answer = u32;

    async fn ask(&self, client: &Object) -> Result<u32, Trouble> {
        match client.query_one(DONE, &[]).await {
            Ok(row) => Ok(u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or(0)),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the database makes durable what it says is: a server that is told to
/// skip its syncs loses what was acknowledged.
pub(super) struct Durability;

impl Question for Durability {
    type Answer = ();

    async fn ask(&self, client: &Object) -> Result<(), Trouble> {
        let row = client.query_one(FSYNC, &[]).await?;
        match row.try_get::<_, Option<&str>>(0)? {
            Some("off") => Err(Trouble::Refused(
                "`fsync` is off: set it on, or use a database that has it".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

async fn steps(client: &Object, incarnation: Uuid) -> Result<Migrated, Trouble> {
    let from = Done.ask(client).await?;
    if from == 0 {
        step(client, NOTES).await?;
    }
    for (number, migration) in (1..).zip(MIGRATIONS).skip(from as usize) {
        let text =
            format!("BEGIN; INSERT INTO migration (number) VALUES ({number}); {migration}; COMMIT");
        step(client, &text).await?;
    }
    client.execute(FIRST_HEAD, &[&incarnation]).await?;
    Ok(Migrated { from, to: Done.ask(client).await? })
}

/// Does a step. That another server does it at the same time shows as a row, a
/// table or a type that is there already: looking again finds it done.
async fn step(client: &Object, text: &str) -> Result<(), Trouble> {
    let Err(error) = client.batch_execute(text).await else { return Ok(()) };
    client.batch_execute("ROLLBACK").await?;
    match error.code() {
        Some(code)
            if [
                SqlState::UNIQUE_VIOLATION,
                SqlState::DUPLICATE_TABLE,
                SqlState::DUPLICATE_OBJECT,
            ]
            .contains(code) =>
        {
            Err(Trouble::Passing(error.to_string()))
        }
        _ => Err(error.into()),
    }
}
