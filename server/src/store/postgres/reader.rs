//! Reads keys for many callers with one question.
//!
//! A few tasks each take whatever keys are wanted at the moment, and ask for all
//! of them at once. Under load a question then answers dozens of callers, and
//! costs the database hardly more than one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use deadpool_postgres::Object;
use tokio::sync::{Notify, oneshot};

use super::database::{Database, Question};
use super::rows::number;
use super::trouble::Trouble;
use crate::store::{Version, Versioned};

/// How many questions are under way at once.
pub(super) const TASKS: usize = 4;
/// The most keys of one question.
const MAX_KEYS: usize = 256;

const READ: &str = "SELECT key, value, version FROM state WHERE key = ANY($1)";

type Answer = oneshot::Sender<Result<Option<Versioned>, Trouble>>;

/// The keys that are wanted.
pub(super) struct Wanted {
    /// None after the end.
    keys: Mutex<Option<VecDeque<(Bytes, Answer)>>>,
    ready: Notify,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { keys: Mutex::new(Some(VecDeque::new())), ready: Notify::new() }
    }
}

// === impl Wanted ===

impl Wanted {
    /// Reads a key, as it is now or later.
    pub(super) async fn read(&self, key: &[u8]) -> Result<Option<Versioned>, Trouble> {
        let (answer, receiver) = oneshot::channel();
        if let Some(keys) = self.lock().as_mut() {
            keys.push_back((Bytes::copy_from_slice(key), answer));
        }
        self.ready.notify_one();
        receiver.await.unwrap_or_else(|_| Err(Trouble::Passing("the store is closed".to_owned())))
    }

    /// Answers nobody any more.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<(Bytes, Answer)>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<(Bytes, Answer)> {
        let mut keys = self.lock();
        let Some(keys) = keys.as_mut() else { return Vec::new() };
        let taken = keys.drain(..MAX_KEYS.min(keys.len())).collect();
        if !keys.is_empty() {
            self.ready.notify_one();
        }
        taken
    }
}

/// Reads what is wanted, for as long as the store lives.
pub(super) async fn run(database: Database, wanted: Arc<Wanted>) {
    loop {
        let taken = wanted.take();
        if taken.is_empty() {
            wanted.ready.notified().await;
            continue;
        }
        let keys = taken.iter().map(|(key, _)| key.clone()).collect();
        let found = database.ask(&ReadKeys(keys)).await;
        for (key, answer) in taken {
            let found = found.as_ref().map(|rows| rows.get(&key).cloned());
            // Whoever asked may have gone.
            let _ = answer.send(found.map_err(Trouble::clone));
        }
    }
}

/// Reads the keys that exist.
struct ReadKeys(Vec<Bytes>);

impl Question for ReadKeys {
    type Answer = HashMap<Bytes, Versioned>;

    async fn ask(&self, client: &Object) -> Result<HashMap<Bytes, Versioned>, Trouble> {
        let statement = client.prepare_cached(READ).await?;
        let keys: Vec<&[u8]> = self.0.iter().map(AsRef::as_ref).collect();
        let rows = client.query(&statement, &[&keys]).await?;
        rows.iter()
            .map(|row| {
                let key = Bytes::copy_from_slice(row.try_get(0)?);
                let value = Bytes::copy_from_slice(row.try_get(1)?);
                Ok((key, Versioned { value, version: Version(number(row.try_get(2)?)) }))
            })
            .collect()
    }
}
