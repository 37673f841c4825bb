//! Writes a store into an empty database, from commits that another store has
//! numbered.
//!
//! Until it is whole its life has no name: the head's incarnation is nil. Servers
//! refuse to open that, and one that was open already finds another store there and
//! stops. Commits go in by the same two round trips as a server's own.

use std::path::Path;
use std::time::Duration;

use backon::Retryable as _;
use deadpool_postgres::Object;
use tokio::time::timeout;
use uuid::Uuid;

use super::database::{Database, Question, pauses};
use super::group::{Group, Questions};
use super::rows::{Head, ReadHead, stored};
use super::session::Session;
use super::source::{self, RowsSource};
use super::trouble::Trouble;
use super::{random_id, schema};
use crate::store::damage::OpenError;
use crate::store::transfer::batch::{Batch, Commit};

/// How long one attempt to write a batch may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

const RENAME: &str = "\
    UPDATE head SET incarnation = $1 \
    WHERE id = 1 AND incarnation = $2 AND commit_number = $3";

/// Refuses a store whose copy was not finished.
pub(super) fn require_finished(head: &Head) -> Result<(), OpenError> {
    if head.incarnation.is_nil() {
        return Err(OpenError::Unfinished { place: "the database".to_owned() });
    }
    Ok(())
}

/// A store in the making.
pub(crate) struct RowsSink {
    database: Database,
    /// The life that the empty database has had.
    empty: Uuid,
}

// === impl RowsSink ===

impl RowsSink {
    /// Makes the tables, where they are not there, and makes sure that they are
    /// empty.
    pub(crate) async fn open(url: &str, ca_file: Option<&Path>) -> Result<Self, OpenError> {
        let database = source::database(url, ca_file)?;
        schema::migrate(&database, random_id()?).await?;
        database.ask(&schema::Durability).await?;
        let head = database.ask(&ReadHead).await?;
        require_finished(&head)?;
        if head.commit > 0 {
            let commits = head.commit;
            let message = format!("it holds a store of {commits} commits: name an empty one");
            return Err(OpenError::Database { message });
        }
        Ok(Self { database, empty: head.incarnation })
    }

    /// Marks the store as unfinished.
    pub(crate) async fn begin(&self) -> Result<(), OpenError> {
        self.rename(self.empty, Uuid::nil(), 0).await
    }

    /// Appends commits, as they are.
    pub(crate) async fn write(&self, batch: &Batch) -> Result<(), OpenError> {
        let id = random_id()?;
        let attempt = || async {
            let written = timeout(WRITE_TIMEOUT, self.attempt(id, &batch.commits)).await;
            written.unwrap_or_else(|_| Err(Trouble::timeout()))
        };
        Ok(attempt.retry(pauses()).when(Trouble::is_passing).await?)
    }

    /// Tries once. Where an earlier attempt had no answer, it finds that one's
    /// commits there.
    async fn attempt(&self, id: Uuid, commits: &[Commit]) -> Result<(), Trouble> {
        let number = |commit: &Commit| commit.frame.commit;
        let (first, last) = (commits.first().map(number), commits.last().map(number));
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        let session = Session::open(&self.database).await?;
        let (base, found) = session.begin(&Questions::default(), Some(first)).await?;
        let head = base.head;
        if head.incarnation.is_nil() && head.commit == last && found == Some(id) {
            return session.confirm().await;
        }
        if !head.incarnation.is_nil() || head.commit + 1 != first {
            return Err(Trouble::Refused("somebody else writes into it".to_owned()));
        }
        let group = Group::of_commits(id, commits, head)
            .map_err(|error| Trouble::Refused(error.to_string()))?;
        session.commit(&group).await
    }

    /// What was written, to be read back.
    pub(crate) async fn written(&self) -> Result<RowsSource, OpenError> {
        RowsSource::of(self.database.clone()).await
    }

    /// Gives the store its life.
    pub(crate) async fn finish(&self, commit: u64) -> Result<Uuid, OpenError> {
        let incarnation = random_id()?;
        self.rename(Uuid::nil(), incarnation, commit).await?;
        Ok(incarnation)
    }

    async fn rename(&self, from: Uuid, to: Uuid, commit: u64) -> Result<(), OpenError> {
        Ok(self.database.ask(&Rename { from, to, commit }).await?)
    }
}

/// Names another life, of a store that is where it is thought to be.
struct Rename {
    from: Uuid,
    to: Uuid,
    commit: u64,
}

impl Question for Rename {
    type Answer = ();

    async fn ask(&self, client: &Object) -> Result<(), Trouble> {
        let Self { from, to, commit } = self;
        let renamed = client.execute(RENAME, &[to, from, &stored(*commit)]).await?;
        // An attempt without an answer may have done it.
        if renamed == 0 && ReadHead.ask(client).await?.incarnation != *to {
            return Err(Trouble::Refused("somebody else writes into it".to_owned()));
        }
        Ok(())
    }
}
