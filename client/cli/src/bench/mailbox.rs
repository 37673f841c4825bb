//! Where what a stream brings meets the task that waits for it, whoever is first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Values by key, each put once and taken once.
#[derive(Debug)]
pub(super) struct Mailbox<T>(Mutex<HashMap<String, Slot<T>>>);

#[derive(Debug)]
enum Slot<T> {
    Arrived(T),
    Wanted(oneshot::Sender<T>),
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Mailbox<T> {
    /// Brings a value.
    pub(super) fn put(&self, key: String, value: T) {
        let mut slots = self.slots();
        match slots.remove(&key) {
            // Whoever wanted it may have given up.
            Some(Slot::Wanted(wanted)) => drop(wanted.send(value)),
            Some(Slot::Arrived(_)) | None => {
                slots.insert(key, Slot::Arrived(value));
            }
        }
    }

    /// Waits for a value.
    pub(super) async fn take(&self, key: &str) -> anyhow::Result<T> {
        let coming = {
            let mut slots = self.slots();
            match slots.remove(key) {
                Some(Slot::Arrived(value)) => return Ok(value),
                Some(Slot::Wanted(_)) => anyhow::bail!("`{key}` is wanted twice"),
                None => {
                    let (wanted, coming) = oneshot::channel();
                    slots.insert(key.to_owned(), Slot::Wanted(wanted));
                    coming
                }
            }
        };
        Ok(coming.await?)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_orders_meet() {
        let mailbox = Mailbox::default();
        mailbox.put("a".to_owned(), 1);
        assert_eq!(mailbox.take("a").await.unwrap(), 1);
        let (taken, ()) = tokio::join!(mailbox.take("b"), async { mailbox.put("b".to_owned(), 2) });
        assert_eq!(taken.unwrap(), 2);
    }
}
