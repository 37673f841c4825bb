//! Making a board from what is stored, and keeping it up with the journal.
//!
//! What is read at the start is bounded for each run and written into the board as if it
//! came by the journal, so that a server that was started anew shows what the one before
//! did. Without anybody who looks, nothing is read and nothing is kept.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Mutex as AsyncMutex;

use super::board::Board;
use super::{ACTIONS_LOADED, EVENTS_REPLAYED, MAX_RUNS};
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::message::Speaker;
use crate::domain::time::{Span, Timestamp};
use crate::engine::{Engine, limits, read_error};
use crate::store::{Direction, KeyRange, MAX_SCAN, TailFrom, keys};

/// For how long a board is kept that nobody looks at.
const KEPT_FOR: Span = Span::from_secs(60);
/// How many commits are read at once.
const COMMITS_PER_READ: usize = 512;

/// A board that several look at.
pub(super) type Shared = Arc<AsyncMutex<Board>>;

/// The boards that somebody looks at or did lately, by tenant.
#[derive(Default)]
pub(in crate::engine) struct Walls(Mutex<HashMap<String, (Shared, Timestamp)>>);

impl Walls {
    fn boards(&self) -> MutexGuard<'_, HashMap<String, (Shared, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The board of a tenant, which may be empty yet.
    fn of(&self, tenant: &str, now: Timestamp) -> Shared {
        let mut boards = self.boards();
        let (board, used) = boards.entry(tenant.to_owned()).or_insert_with(|| {
            let board = Board::new(tenant);
            (Arc::new(AsyncMutex::new(board)), now)
        });
        *used = now;
        Arc::clone(board)
    }

    /// Forgets the boards that nobody has looked at for a while.
    pub(in crate::engine) fn forget_unused(&self, now: Timestamp) {
        self.boards().retain(|_, (_, used)| now.since(*used) < KEPT_FOR);
    }
}

impl Engine {
    /// The board of a tenant with everything that is committed.
    pub(super) async fn board(&self, tenant: &str) -> Result<Shared, Error> {
        let shared = self.0.walls.of(tenant, self.now());
        let mut board = shared.lock().await;
        // Sequences begin at 1: before that nothing was loaded.
        if board.sequence == 0 {
            let mut new = Board::new(tenant);
            self.load_board(&mut new).await?;
            *board = new;
        }
        self.catch_up(&mut board).await?;
        board.prune(self.now());
        drop(board);
        Ok(shared)
    }

    async fn catch_up(&self, board: &mut Board) -> Result<(), Error> {
        let (store, tenant) = (&self.0.store, board.tenant.clone());
        loop {
            let from = TailFrom::Sequence { tenant: tenant.clone(), after: board.sequence };
            let commits = store.tail(from, COMMITS_PER_READ).await.map_err(read_error)?;
            if commits.is_empty() {
                return Ok(());
            }
            for commit in &commits {
                board.fold(commit)?;
            }
        }
    }

    async fn load_board(&self, board: &mut Board) -> Result<(), Error> {
        let tenant = board.tenant.clone();
        let newest = self.0.store.sequence(&tenant).await.map_err(read_error)?;
        self.load_all(board, keys::all_holds(&tenant)).await?;
        let runs = self.active_runs(board, &tenant).await?;
        for run in &runs {
            self.load_run(board, &tenant, *run).await?;
        }
        self.load_answers(board, &tenant).await?;
        self.load_ended(board, &tenant).await?;
        self.replay(board, &tenant, newest).await?;
        board.sequence = newest;
        Ok(())
    }

    /// The runs that go on, the newest if there are too many.
    async fn active_runs(&self, board: &mut Board, tenant: &str) -> Result<Vec<RunId>, Error> {
        let keys = self.keys_of(keys::runs_active(tenant, None)).await?;
        let mut runs: Vec<_> = keys.iter().filter_map(|key| keys::listed_run(key)).collect();
        runs.sort_unstable();
        let beyond = runs.len().saturating_sub(MAX_RUNS);
        board.unlisted = beyond as u64;
        Ok(runs.split_off(beyond))
    }

    async fn load_run(&self, board: &mut Board, tenant: &str, run: RunId) -> Result<(), Error> {
        self.load_one(board, keys::run(tenant, run)).await?;
        let actions = self.last_of(keys::run_actions(tenant, run), ACTIONS_LOADED).await?;
        for id in actions.iter().rev().filter_map(|(key, _)| keys::listed_action(key)) {
            self.load_one(board, keys::action(tenant, id)).await?;
        }
        let opens = keys::run_opens(tenant, run);
        let found = self.0.store.scan(opens, Direction::Ascending, limits::MAX_CANCELLED_AT_ONCE);
        for (key, _) in found.await.map_err(read_error)?.rows {
            if let Some(id) = keys::listed_escalation(&key) {
                self.load_one(board, keys::escalation(tenant, id)).await?;
            }
        }
        for (key, _) in self.last_of(keys::run_waits(tenant, run), 1).await? {
            if let Some((_, until)) = keys::listed_wait(&key) {
                board.let_go_on(run, until);
            }
        }
        for (key, _) in self.last_of(keys::run_checkpoints(tenant, run), 1).await? {
            if let Some(id) = keys::listed_checkpoint(&key) {
                self.load_one(board, keys::checkpoint(tenant, id)).await?;
            }
        }
        self.load_one(board, keys::transcript(tenant, run)).await?;
        let said = [Speaker::User, Speaker::Tool].map(|by| keys::messages(tenant, run, by));
        let entries = keys::entries_from(tenant, run, 0);
        for range in said.into_iter().chain([entries]) {
            for (key, value) in self.last_of(range, 1).await? {
                board.write(&key, &value)?;
            }
        }
        Ok(())
    }

    /// Reads the answers that wait for the agents of the board.
    async fn load_answers(&self, board: &mut Board, tenant: &str) -> Result<(), Error> {
        let agents: BTreeSet<_> = board.runs.values().map(|it| it.run.agent.clone()).collect();
        for agent in agents {
            for key in self.keys_of(keys::resumes(tenant, &agent)).await? {
                if let Some(id) = keys::listed_escalation(&key) {
                    self.load_one(board, keys::resumption(tenant, id)).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads which of the newest runs ended lately.
    async fn load_ended(&self, board: &mut Board, tenant: &str) -> Result<(), Error> {
        let (mut range, mut read) = (keys::runs(tenant), 0);
        while read < MAX_RUNS {
            let store = &self.0.store;
            let found = store.scan(range.clone(), Direction::Descending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for (key, row) in &found.rows {
                // Those that go on are on the board already, as far as there is room.
                board.write_ended(key, &row.value)?;
            }
            read += found.rows.len();
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.end = last.clone(),
                _ => break,
            }
        }
        board.prune(self.now());
        Ok(())
    }

    /// Reads in the journal what tells how fast agents are.
    async fn replay(&self, board: &mut Board, tenant: &str, newest: u64) -> Result<(), Error> {
        let mut after = newest.saturating_sub(EVENTS_REPLAYED);
        while after < newest {
            let from = TailFrom::Sequence { tenant: tenant.to_owned(), after };
            let commits = self.0.store.tail(from, COMMITS_PER_READ).await.map_err(read_error)?;
            if commits.is_empty() {
                break;
            }
            for commit in &commits {
                after = commit.first_sequence + commit.events.len() as u64 - 1;
                // What is newer comes once more, with everything else.
                if after <= newest {
                    board.fold_pace(commit)?;
                }
            }
        }
        Ok(())
    }

    async fn load_one(&self, board: &mut Board, key: Bytes) -> Result<(), Error> {
        match self.0.store.read(&key).await.map_err(read_error)? {
            Some(found) => board.write(&key, &found.value),
            None => Ok(()),
        }
    }

    async fn load_all(&self, board: &mut Board, mut range: KeyRange) -> Result<(), Error> {
        loop {
            let store = &self.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for (key, row) in &found.rows {
                board.write(key, &row.value)?;
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => return Ok(()),
            }
        }
    }

    async fn keys_of(&self, mut range: KeyRange) -> Result<Vec<Bytes>, Error> {
        let mut keys = Vec::new();
        loop {
            let store = &self.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            keys.extend(found.rows.into_iter().map(|(key, _)| key));
            match keys.last() {
                Some(last) if found.has_more => range.start = keys::after(last),
                _ => return Ok(keys),
            }
        }
    }

    /// The last rows of a range, the last first.
    async fn last_of(&self, range: KeyRange, most: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let store = &self.0.store;
        let found = store.scan(range, Direction::Descending, most).await.map_err(read_error)?;
        Ok(found.rows.into_iter().map(|(key, row)| (key, row.value)).collect())
    }
}
